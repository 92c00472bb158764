//! Softmax and its logarithm.

use super::reduce::{in_lanes, sum};
use super::{LANES, math, multiversion};

multiversion! {
    /// Softmax of each row of `n` contiguous elements: `e^(x - max) / sum of e^(x - max)`; with `log` its
    /// logarithm. A row with a NaN or +infinity, or with nothing but -infinity, becomes NaN.
    pub fn rows(x: &[f32], y: &mut [f32], n: usize, log: bool) {
        rows_body
    }
}

#[inline(always)]
fn rows_body(x: &[f32], y: &mut [f32], n: usize, log: bool) {
    for (x, y) in x.chunks_exact(n.max(1)).zip(y.chunks_exact_mut(n.max(1))) {
        let top = in_lanes(x, f32::NEG_INFINITY, larger, larger);
        y.iter_mut().zip(x).for_each(|(y, &v)| *y = math::exp(v - top));
        let total = sum(y, |v| v);
        if log {
            let shift = math::ln(total);
            y.iter_mut().zip(x).for_each(|(y, &v)| *y = v - top - shift);
        } else {
            y.iter_mut().for_each(|y| *y /= total);
        }
    }
}

multiversion! {
    /// As [`rows`], along the middle axis of `[outer, n, inner]`; `outer` follows from the lengths.
    pub fn strided(x: &[f32], y: &mut [f32], n: usize, inner: usize, log: bool) {
        any: strided_body::<PORTABLE_COLUMNS>, avx2: strided_body::<LANES>,
    }
}

/// Columns that the portable body takes together; one on the web, where code is fetched before it runs.
const PORTABLE_COLUMNS: usize = if cfg!(target_family = "wasm") { 1 } else { LANES };

#[inline(always)]
fn strided_body<const N: usize>(x: &[f32], y: &mut [f32], n: usize, inner: usize, log: bool) {
    let block = (n * inner).max(1);
    for (x, y) in x.chunks_exact(block).zip(y.chunks_exact_mut(block)) {
        for start in (0..inner).step_by(N) {
            columns::<N>(x, y, inner, start..(start + N).min(inner), log);
        }
    }
}

/// Softmax of up to N neighbouring columns of `[n, inner]`.
#[inline(always)]
fn columns<const N: usize>(x: &[f32], y: &mut [f32], inner: usize, range: core::ops::Range<usize>, log: bool) {
    let mut top = [f32::NEG_INFINITY; N];
    for row in x.chunks_exact(inner) {
        top.iter_mut().zip(&row[range.clone()]).for_each(|(top, &v)| *top = larger(*top, v));
    }
    let mut total = [0.0; N];
    for (row, out) in x.chunks_exact(inner).zip(y.chunks_exact_mut(inner)) {
        for (((out, &v), &top), total) in
            out[range.clone()].iter_mut().zip(&row[range.clone()]).zip(&top).zip(&mut total)
        {
            let e = math::exp(v - top);
            *out = if log { v - top } else { e };
            *total += e;
        }
    }
    if log {
        total.iter_mut().for_each(|total| *total = math::ln(*total));
    }
    for out in y.chunks_exact_mut(inner) {
        for (out, &total) in out[range.clone()].iter_mut().zip(&total) {
            *out = if log { *out - total } else { *out / total };
        }
    }
}

/// The larger; a NaN reaches the result by the sum.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use alloc::vec;
    use alloc::vec::Vec;

    fn exact(x: &[f32], log: bool) -> Vec<f32> {
        let top = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let e: Vec<f64> = x.iter().map(|&v| f64::from(v - top).exp()).collect();
        let total: f64 = e.iter().sum();
        e.iter().map(|v| if log { (v / total).ln() as f32 } else { (v / total) as f32 }).collect()
    }

    fn ramp(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) / 9.0).collect()
    }

    #[test]
    fn rows_are_accurate_and_equal_on_every_isa() {
        for n in [1, 2, 10, 16, 33, 1000] {
            for log in [false, true] {
                let (x, floor) = (ramp(n), if log { 1.0 } else { 1e-3 });
                let mut reference = vec![0.0; n];
                rows(Isa::REFERENCE, &x, &mut reference, n, log);
                for (found, expected) in reference.iter().zip(exact(&x, log)) {
                    assert!(
                        (found - expected).abs() <= 1e-6 * expected.abs().max(floor),
                        "{n} {log}: {found} {expected}"
                    );
                }
                for isa in Isa::supported() {
                    let mut y = vec![0.0; n];
                    rows(isa, &x, &mut y, n, log);
                    assert_eq!(y, reference, "{isa}");
                }
            }
        }
    }

    #[test]
    fn strided_softmax_is_rows_of_the_transpose() {
        let (n, inner) = (7, 19);
        for log in [false, true] {
            let (x, floor) = (ramp(2 * n * inner), if log { 1.0 } else { 1e-3 });
            let mut y = vec![0.0; x.len()];
            strided(Isa::best(), &x, &mut y, n, inner, log);
            for (block, x) in x.chunks(n * inner).enumerate() {
                for column in 0..inner {
                    let values: Vec<f32> = (0..n).map(|i| x[i * inner + column]).collect();
                    for (i, expected) in exact(&values, log).into_iter().enumerate() {
                        let found = y[block * n * inner + i * inner + column];
                        assert!((found - expected).abs() <= 2e-6 * expected.abs().max(floor));
                    }
                }
            }
        }
    }

    #[test]
    fn rows_without_a_number_become_nan() {
        for x in [[f32::NEG_INFINITY; 2], [f32::NAN, 0.0], [f32::INFINITY, 0.0]] {
            let mut y = [0.0; 2];
            rows(Isa::best(), &x, &mut y, 2, false);
            assert!(y[0].is_nan());
        }
        let mut y = [0.0; 2];
        rows(Isa::best(), &[f32::NEG_INFINITY, 0.0], &mut y, 2, false);
        assert_eq!(y, [0.0, 1.0]);
    }
}
