//! Channels of an image side by side.

use crate::arch;
use crate::error::{ShapeError, exactly};
use crate::isa::Isa;

/// `out[3 * i + c] = planes[c][i]`: an image of three channels, one after the other, as pixels. The planes have one length, the
/// result three times that.
///
/// # Errors
/// [`ShapeError`] when a length is another.
pub fn interleave3(isa: Isa, planes: [&[u8]; 3], out: &mut [u8]) -> Result<(), ShapeError> {
    let pixels = planes[0].len();
    planes.iter().try_for_each(|plane| exactly("planes", pixels, plane.len()))?;
    exactly("out", pixels.saturating_mul(3), out.len())?;
    arch::interleave3(isa, planes, out);
    Ok(())
}

/// `out[4 * i + c] = planes[c][i]`: as [`interleave3`], of four channels.
///
/// # Errors
/// [`ShapeError`] when a length is another.
pub fn interleave4(isa: Isa, planes: [&[u8]; 4], out: &mut [u8]) -> Result<(), ShapeError> {
    let pixels = planes[0].len();
    planes.iter().try_for_each(|plane| exactly("planes", pixels, plane.len()))?;
    exactly("out", pixels.saturating_mul(4), out.len())?;
    arch::interleave4(isa, planes, out);
    Ok(())
}
