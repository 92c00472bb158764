//! Pools, one output point at a time, averages of 64 channels at a time.

use super::simd::{Quanta, Simd};
use crate::panel::PANEL;
use crate::pool::AvgPoolParams;
use crate::taps::{PAD, Taps};

/// Panels that are summed together.
const PANELS: usize = 4;

/// # Safety
/// The CPU has the instruction set, and the arguments have passed the checks of `AvgPool::run`.
#[inline(always)]
pub(crate) unsafe fn avg<S: Simd>(p: &AvgPoolParams, input: &[u8], taps: &Taps<'_>, scale: &[f32], out: &mut [u8]) {
    let points = out.chunks_exact_mut(taps.shape().run).take(taps.points());
    for ((point, out), &scale) in points.enumerate().zip(scale) {
        let whole = out.len() / (PANELS * PANEL) * (PANELS * PANEL);
        let (blocks, rest) = out.split_at_mut(whole);
        // SAFETY: the caller's promise; the chunks lie one after the other.
        unsafe {
            for (i, out) in blocks.chunks_exact_mut(PANELS * PANEL).enumerate() {
                let sums = sums::<S, PANELS>(input, taps, point, i * PANELS * PANEL, p.a_zero);
                let bytes = averages::<S, PANELS>(p, sums, scale);
                S::store_pair(out.as_mut_ptr(), bytes, 0, 2 * PANEL);
                S::store_pair(out[2 * PANEL..].as_mut_ptr(), bytes, 2, 2 * PANEL);
            }
            for (i, out) in rest.chunks_mut(PANEL).enumerate() {
                let sums = sums::<S, 1>(input, taps, point, whole + i * PANEL, p.a_zero);
                S::store_u8(out.as_mut_ptr(), averages::<S, 1>(p, sums, scale), 0, out.len());
            }
        }
    }
}

/// Scales sums and quantizes them; where there are fewer than four, the last fill the other places.
///
/// # Safety
/// The CPU has the instruction set.
#[inline(always)]
unsafe fn averages<S: Simd, const P: usize>(p: &AvgPoolParams, sums: [S::I32; P], scale: f32) -> S::Bytes {
    // SAFETY: the caller's promise.
    unsafe {
        let mut reals = [S::splat_f32(0.0); 4];
        for (i, real) in reals.iter_mut().enumerate() {
            *real = S::mul_f32(S::to_f32(sums[i.min(P - 1)]), S::splat_f32(scale));
        }
        Quanta::<S>::new(p.zero, p.lo, p.hi).quantize(reals)
    }
}

/// The sums of `q - zero` over the taps inside the image, for P panels from `channel` on.
///
/// # Safety
/// As for [`avg`]; the panels are whole, unless there is one.
#[inline(always)]
unsafe fn sums<S: Simd, const P: usize>(
    input: &[u8],
    taps: &Taps<'_>,
    point: usize,
    channel: usize,
    zero: u8,
) -> [S::I32; P] {
    let len = (taps.shape().run - channel).min(P * PANEL);
    let (rows, cols) = taps.entries(point);
    // SAFETY: the caller's promise; `load` takes no more than there is.
    unsafe {
        let mut sums = [S::splat_i32(0); P];
        let mut count = 0_i32;
        for &row in rows.iter().filter(|&&row| row != PAD) {
            for &col in cols.iter().filter(|&&col| col != PAD) {
                let from = &input[row as usize + col as usize + channel..];
                if P == 1 {
                    sums[0] = S::add(sums[0], load::<S>(from, len));
                } else {
                    let from = &from[..P * PANEL];
                    for (p, sum) in sums.iter_mut().enumerate() {
                        *sum = S::add(*sum, S::load_u8(from.as_ptr().add(p * PANEL)));
                    }
                }
                count = count.wrapping_add(1);
            }
        }
        let zeros = S::splat_i32(count.wrapping_mul(i32::from(zero)));
        for sum in &mut sums {
            *sum = S::sub(*sum, zeros);
        }
        sums
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
