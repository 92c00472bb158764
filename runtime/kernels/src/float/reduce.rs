//! Reductions with a fixed order of operations.

use super::{LANES, math, multiversion};

/// How values are brought together, and what is done to each before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// Sum.
    Sum,
    /// Sum of absolute values.
    SumAbs,
    /// Sum of squares.
    SumSquare,
    /// Product.
    Prod,
    /// Largest; NaN wins.
    Max,
    /// Smallest; NaN wins.
    Min,
}

impl Fold {
    /// The result for no values.
    pub const fn identity(self) -> f32 {
        match self {
            Self::Sum | Self::SumAbs | Self::SumSquare => 0.0,
            Self::Prod => 1.0,
            Self::Max => f32::NEG_INFINITY,
            Self::Min => f32::INFINITY,
        }
    }

    /// Brings two partial results together.
    #[inline(always)]
    pub fn join(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Sum | Self::SumAbs | Self::SumSquare => a + b,
            Self::Prod => a * b,
            Self::Max => math::max(a, b),
            Self::Min => math::min(a, b),
        }
    }
}

multiversion! {
    /// The fold of contiguous elements.
    pub fn fold(x: &[f32], fold: Fold) -> f32 {
        any: fold_body, avx2: fold_body,
    }
}

#[inline(always)]
fn fold_body(x: &[f32], fold: Fold) -> f32 {
    match fold {
        Fold::Sum => sum(x, |v| v),
        Fold::SumAbs => sum(x, f32::abs),
        Fold::SumSquare => sum(x, |v| v * v),
        Fold::Prod => in_lanes(x, 1.0, |a, v| a * v, |a, b| a * b),
        Fold::Max => in_lanes(x, f32::NEG_INFINITY, math::max, math::max),
        Fold::Min => in_lanes(x, f32::INFINITY, math::min, math::min),
    }
}

multiversion! {
    /// The smallest and the largest of the elements and 0; a NaN is passed over.
    pub fn range(x: &[f32]) -> [f32; 2] {
        range_body
    }
}

#[inline(always)]
fn range_body(x: &[f32]) -> [f32; 2] {
    let (mut low, mut high) = ([0.0; 2 * LANES], [0.0; 2 * LANES]);
    let (chunks, tail) = x.as_chunks();
    for chunk in chunks {
        widen(&mut low, &mut high, chunk);
    }
    let mut rest = [0.0; 2 * LANES];
    rest[..tail.len()].copy_from_slice(tail);
    widen(&mut low, &mut high, &rest);
    [low.into_iter().fold(0.0, math::min), high.into_iter().fold(0.0, math::max)]
}

#[inline(always)]
fn widen<const N: usize>(low: &mut [f32; N], high: &mut [f32; N], x: &[f32; N]) {
    for ((low, high), &v) in low.iter_mut().zip(high).zip(x) {
        *low = if v < *low { v } else { *low };
        *high = if v > *high { v } else { *high };
    }
}

multiversion! {
    /// `acc[i] = join(acc[i], x[i])`: one step of folds that lie side by side.
    pub fn fold_into(acc: &mut [f32], x: &[f32], fold: Fold) {
        any: fold_into_body, avx2: fold_into_body,
    }
}

#[inline(always)]
fn fold_into_body(acc: &mut [f32], x: &[f32], fold: Fold) {
    match fold {
        Fold::Sum => step(acc, x, |a, v| a + v),
        Fold::SumAbs => step(acc, x, |a, v| a + v.abs()),
        Fold::SumSquare => step(acc, x, |a, v| a + v * v),
        Fold::Prod => step(acc, x, |a, v| a * v),
        Fold::Max => step(acc, x, math::max),
        Fold::Min => step(acc, x, math::min),
    }
}

#[inline(always)]
fn step(acc: &mut [f32], x: &[f32], f: impl Fn(f32, f32) -> f32) {
    for (acc, &v) in acc.iter_mut().zip(x) {
        *acc = f(*acc, v);
    }
}

multiversion! {
    /// Sum of `e^(x - shift)`.
    pub fn sum_exp(x: &[f32], shift: f32) -> f32 {
        any: sum_exp_body, avx2: sum_exp_body,
    }
}

#[inline(always)]
fn sum_exp_body(x: &[f32], shift: f32) -> f32 {
    sum(x, |v| math::exp(v - shift))
}

multiversion! {
    /// `acc[i] += e^(x[i] - shift[i])`.
    pub fn sum_exp_into(acc: &mut [f32], x: &[f32], shift: &[f32]) {
        any: sum_exp_into_body, avx2: sum_exp_into_body,
    }
}

#[inline(always)]
fn sum_exp_into_body(acc: &mut [f32], x: &[f32], shift: &[f32]) {
    for ((acc, &v), &shift) in acc.iter_mut().zip(x).zip(shift) {
        *acc += math::exp(v - shift);
    }
}

multiversion! {
    /// `y[i] = sum over k of w[i][k] * x[k]`, rows of `x.len()` elements; up to the shorter of `y` and the rows.
    pub fn dots(w: &[f32], x: &[f32], y: &mut [f32]) {
        dots_body
    }
}

#[inline(always)]
fn dots_body(w: &[f32], x: &[f32], y: &mut [f32]) {
    if x.is_empty() {
        return y.fill(0.0);
    }
    for (y, w) in y.iter_mut().zip(w.chunks_exact(x.len())) {
        *y = dot(w, x);
    }
}

/// Sum of products in [`LANES`] partial sums.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut acc = [0.0; LANES];
    let (a, a_tail) = a.as_chunks::<LANES>();
    let (b, b_tail) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for (acc, (&a, &b)) in acc.iter_mut().zip(a.iter().zip(b)) {
            *acc += a * b;
        }
    }
    for (acc, (&a, &b)) in acc.iter_mut().zip(a_tail.iter().zip(b_tail)) {
        *acc += a * b;
    }
    tree(acc, |a, b| a + b)
}

/// Sum of `f` of each element.
#[inline(always)]
pub(super) fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    in_lanes(x, 0.0, |acc, v| acc + f(v), |a, b| a + b)
}

/// Element i goes to lane i mod [`LANES`]; the lanes are joined by halves.
#[inline(always)]
pub(super) fn in_lanes(
    x: &[f32],
    identity: f32,
    step: impl Fn(f32, f32) -> f32,
    join: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut acc = [identity; LANES];
    let (chunks, tail) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (acc, &v) in acc.iter_mut().zip(chunk) {
            *acc = step(*acc, v);
        }
    }
    for (acc, &v) in acc.iter_mut().zip(tail) {
        *acc = step(*acc, v);
    }
    tree(acc, join)
}

#[inline(always)]
fn tree(mut acc: [f32; LANES], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            acc[i] = join(acc[i], acc[i + width]);
        }
        width /= 2;
    }
    acc[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use alloc::vec;
    use alloc::vec::Vec;

    const ALL: [Fold; 6] = [Fold::Sum, Fold::SumAbs, Fold::SumSquare, Fold::Prod, Fold::Max, Fold::Min];

    fn ramp(len: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect()
    }

    #[test]
    fn every_isa_gives_the_same_bits() {
        for len in [0, 1, 15, 16, 17, 100] {
            let x = ramp(len);
            for isa in Isa::supported() {
                for kind in ALL {
                    assert_eq!(
                        fold(isa, &x, kind).to_bits(),
                        fold(Isa::REFERENCE, &x, kind).to_bits(),
                        "{isa} {kind:?}"
                    );
                }
                assert_eq!(sum_exp(isa, &x, 0.5).to_bits(), sum_exp(Isa::REFERENCE, &x, 0.5).to_bits());
            }
        }
    }

    #[test]
    fn folds_equal_plain_loops_on_exact_numbers() {
        let x: Vec<f32> = (0..53).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
        let expected = [
            x.iter().sum::<f32>(),
            x.iter().map(|v| v.abs()).sum(),
            x.iter().map(|v| v * v).sum(),
            x.iter().product(),
            5.0,
            -5.0,
        ];
        for (kind, expected) in ALL.into_iter().zip(expected) {
            assert_eq!(fold(Isa::best(), &x, kind), expected, "{kind:?}");
            let mut acc = [kind.identity()];
            x.iter().for_each(|&v| fold_into(Isa::best(), &mut acc, &[v], kind));
            assert_eq!(acc[0], expected, "{kind:?} in steps");
        }
    }

    #[test]
    fn no_values_give_the_identity() {
        for kind in ALL {
            assert_eq!(fold(Isa::best(), &[], kind), kind.identity());
        }
    }

    #[test]
    fn nan_wins_wherever_it_lies() {
        for at in [0, 3, 20, 32] {
            let mut x = vec![1.0; 33];
            x[at] = f32::NAN;
            assert!(fold(Isa::best(), &x, Fold::Max).is_nan() && fold(Isa::best(), &x, Fold::Min).is_nan());
        }
    }

    #[test]
    fn a_range_holds_zero_and_no_nan() {
        for isa in Isa::supported() {
            assert_eq!(range(isa, &[]), [0.0, 0.0]);
            assert_eq!(range(isa, &[2.0, f32::NAN, 3.0]), [0.0, 3.0]);
            for at in [0, 31, 32, 69] {
                let mut x = vec![-0.5; 70];
                x[at] = -2.0;
                x[69 - at] = 7.0;
                assert_eq!(range(isa, &x), [-2.0, 7.0], "{isa} {at}");
            }
        }
    }

    #[test]
    fn dots_are_rows_times_vector() {
        let mut y = [9.0; 2];
        dots(Isa::best(), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[1.0, 10.0, 100.0], &mut y);
        assert_eq!(y, [321.0, 654.0]);
        dots(Isa::best(), &[], &[], &mut y);
        assert_eq!(y, [0.0, 0.0]);
    }
}
