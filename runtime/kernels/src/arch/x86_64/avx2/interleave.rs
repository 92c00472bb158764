use core::arch::x86_64::*;

use crate::arch::all;

/// Pixels at a time: a register of each channel, three of the result.
const PIXELS: usize = 16;

/// For each register of the result and each channel, the pixel whose byte goes to each place; 0x80 leaves a zero.
const PLACES: [[[u8; PIXELS]; 3]; 3] = {
    let mut places = [[[0x80; PIXELS]; 3]; 3];
    let mut at = 0;
    while at < 3 * PIXELS {
        places[at / PIXELS][at % 3][at % PIXELS] = (at / 3) as u8;
        at += 1;
    }
    places
};

/// See [`crate::interleave3`].
#[target_feature(enable = "avx2")]
pub(crate) fn interleave3(planes: [&[u8]; 3], out: &mut [u8]) {
    let pixels = planes.iter().map(|plane| plane.len()).fold(out.len() / 3, usize::min);
    let whole = pixels / PIXELS * PIXELS;
    for first in (0..whole).step_by(PIXELS) {
        // SAFETY: each plane has 16 bytes more.
        let channels = planes.map(|plane| unsafe { _mm_loadu_si128(plane.as_ptr().add(first).cast()) });
        for (register, places) in PLACES.iter().enumerate() {
            let mut bytes = _mm_setzero_si128();
            for (channel, places) in channels.iter().zip(places) {
                // SAFETY: a row of places has 16 bytes.
                let places = unsafe { _mm_loadu_si128(places.as_ptr().cast()) };
                bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(*channel, places));
            }
            // SAFETY: 48 bytes are left at the first of these pixels.
            unsafe { _mm_storeu_si128(out.as_mut_ptr().add(3 * first + PIXELS * register).cast(), bytes) };
        }
    }
    all::interleave3(planes.map(|plane| &plane[whole..]), &mut out[3 * whole..]);
}

/// See [`crate::interleave4`].
#[target_feature(enable = "avx2")]
pub(crate) fn interleave4(planes: [&[u8]; 4], out: &mut [u8]) {
    all::interleave4(planes, out);
}
