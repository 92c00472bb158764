use core::arch::aarch64::*;

use crate::arch::all;

/// Pixels at a time: a register of each channel.
const PIXELS: usize = 16;

/// See [`crate::interleave3`].
#[target_feature(enable = "neon")]
pub(crate) fn interleave3(planes: [&[u8]; 3], out: &mut [u8]) {
    let pixels = planes.iter().map(|plane| plane.len()).fold(out.len() / 3, usize::min);
    let whole = pixels / PIXELS * PIXELS;
    for first in (0..whole).step_by(PIXELS) {
        // SAFETY: each plane has 16 bytes more, and 48 are left at the first of these pixels.
        unsafe {
            let [a, b, c] = planes.map(|plane| vld1q_u8(plane.as_ptr().add(first)));
            vst3q_u8(out.as_mut_ptr().add(3 * first), uint8x16x3_t(a, b, c));
        }
    }
    all::interleave3(planes.map(|plane| &plane[whole..]), &mut out[3 * whole..]);
}
