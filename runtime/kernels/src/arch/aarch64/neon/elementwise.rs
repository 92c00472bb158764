//! Operations on one element at a time.

use core::arch::aarch64::*;

use super::Neon;

crate::arch::instantiate::elementwise!(Neon, "neon", lookup);

/// Bytes of a step of [`lookup`].
const STEP: usize = 16;

/// A table of 256 bytes is four of 64; an index beyond one of them leaves what the others gave.
#[target_feature(enable = "neon")]
unsafe fn lookup(table: &[u8; 256], input: &[u8], out: &mut [u8]) {
    let (steps, rest) = input.as_chunks::<STEP>();
    let (out_steps, out_rest) = out.as_chunks_mut::<STEP>();
    // SAFETY: four quarters of 64 bytes, and arrays of 16.
    unsafe {
        let quarter = |i: usize| vld1q_u8_x4(table[i * 64..].as_ptr());
        let quarters = [quarter(0), quarter(1), quarter(2), quarter(3)];
        for (input, out) in steps.iter().zip(out_steps) {
            vst1q_u8(out.as_mut_ptr(), lookup_step(quarters, vld1q_u8(input.as_ptr())));
        }
    }
    for (out, &q) in out_rest.iter_mut().zip(rest) {
        *out = table[usize::from(q)];
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn lookup_step(quarters: [uint8x16x4_t; 4], q: uint8x16_t) -> uint8x16_t {
    let below = |quarter: u8| vsubq_u8(q, vdupq_n_u8(64 * quarter));
    let first = vqtbl4q_u8(quarters[0], q);
    let second = vqtbx4q_u8(first, quarters[1], below(1));
    let third = vqtbx4q_u8(second, quarters[2], below(2));
    vqtbx4q_u8(third, quarters[3], below(3))
}
