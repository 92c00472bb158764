//! Pools, one output point at a time.

use super::simd::{Quanta, Simd};
use crate::panel::PANEL;
use crate::pool::AvgPoolParams;
use crate::taps::{PAD, Taps};

/// # Safety
/// The CPU has the instruction set, and the arguments have passed the checks of `AvgPool::run`.
#[inline(always)]
pub(crate) unsafe fn avg<S: Simd>(p: &AvgPoolParams, input: &[u8], taps: &Taps<'_>, scale: &[f32], out: &mut [u8]) {
    let points = out.chunks_exact_mut(taps.shape().run).take(taps.points());
    for ((point, out), &scale) in points.enumerate().zip(scale) {
        for (i, out) in out.chunks_mut(PANEL).enumerate() {
            // SAFETY: the caller's promise; the chunk lies at channel `16 * i`.
            unsafe {
                let quanta = Quanta::<S>::new(p.zero, p.lo, p.hi);
                let sum = sum::<S>(input, taps, point, i * PANEL, i32::from(p.a_zero));
                let real = S::mul_f32(S::to_f32(sum), S::splat_f32(scale));
                S::store_u8(out.as_mut_ptr(), quanta.quantize([real; 4]), 0, out.len());
            }
        }
    }
}

/// The sum of `q - zero` over the taps inside the image, for the 16 channels from `channel` on.
///
/// # Safety
/// As for [`avg`].
#[inline(always)]
unsafe fn sum<S: Simd>(input: &[u8], taps: &Taps<'_>, point: usize, channel: usize, zero: i32) -> S::I32 {
    let len = (taps.shape().run - channel).min(PANEL);
    let (rows, cols) = taps.entries(point);
    // SAFETY: the caller's promise.
    unsafe {
        let mut sum = S::splat_i32(0);
        let mut count = 0_i32;
        for &row in rows.iter().filter(|&&row| row != PAD) {
            for &col in cols.iter().filter(|&&col| col != PAD) {
                sum = S::add(sum, load::<S>(&input[row as usize + col as usize + channel..], len));
                count = count.wrapping_add(1);
            }
        }
        S::sub(sum, S::splat_i32(count.wrapping_mul(zero)))
    }
}

/// Reads `len` bytes and, where there are that many, 16.
///
/// # Safety
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn load<S: Simd>(from: &[u8], len: usize) -> S::I32 {
    let mut copy = [0; PANEL];
    // SAFETY: 16 bytes in either case.
    unsafe {
        if from.len() >= PANEL {
            return S::load_u8(from.as_ptr());
        }
        copy[..len].copy_from_slice(&from[..len]);
        S::load_u8(copy.as_ptr())
    }
}

/// Safe code that the compiler turns into the caller's vector instructions.
#[inline(always)]
pub(crate) fn max(input: &[u8], taps: &Taps<'_>, out: &mut [u8]) {
    for (point, out) in out.chunks_exact_mut(taps.shape().run).take(taps.points()).enumerate() {
        let (rows, cols) = taps.entries(point);
        out.fill(0);
        for &row in rows.iter().filter(|&&row| row != PAD) {
            for &col in cols.iter().filter(|&&col| col != PAD) {
                for (out, &q) in out.iter_mut().zip(&input[row as usize + col as usize..]) {
                    *out = (*out).max(q);
                }
            }
        }
    }
}
