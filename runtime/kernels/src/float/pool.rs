//! Pools of NHWC tensors.

use super::conv::Geometry;
use super::math;
use super::reduce::{Fold, fold_into};
use crate::Isa;

/// What a pool makes of its window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pool {
    /// Largest; NaN wins. A window without a tap inside the tensor gives -infinity.
    Max,
    /// Mean of the taps inside the tensor; 0 when there is none.
    Avg,
    /// Mean with padding counted as zeros; `after` is the padding at the bottom and right, beyond which a
    /// partial window's taps don't count.
    AvgPadded {
        /// Bottom and right.
        after: [usize; 2],
    },
    /// p-norm.
    Lp {
        /// p.
        p: f32,
    },
}

/// Pools x, `[n, h, w, c]`.
///
/// # Panics
/// When a slice is shorter than the geometry demands.
pub fn pool(isa: Isa, kind: Pool, geometry: &Geometry, x: &[f32], y: &mut [f32]) {
    match kind {
        Pool::Max => folded(geometry, x, y, f32::NEG_INFINITY, &|y, x| fold_into(isa, y, x, Fold::Max)),
        Pool::Avg | Pool::AvgPadded { .. } => {
            folded(geometry, x, y, 0.0, &|y, x| fold_into(isa, y, x, Fold::Sum));
            divide(geometry, kind, y);
        }
        Pool::Lp { p } => norms(p, geometry, x, y),
    }
}

/// One body for all of them and for every instruction set: no common model has such a pool.
fn norms(p: f32, geometry: &Geometry, x: &[f32], y: &mut [f32]) {
    type Function = fn(f32, f32) -> f32;
    let (power, root): (Function, Function) = match p {
        1.0 => (|v, _| v, |sum, _| sum),
        2.0 => (|v, _| v * v, |sum, _| math::sqrt(sum)),
        _ => (math::pow, |sum, p| math::pow(sum, 1.0 / p)),
    };
    folded(geometry, x, y, 0.0, &|y, x| y.iter_mut().zip(x).for_each(|(y, v)| *y += power(v.abs(), p)));
    y.iter_mut().for_each(|y| *y = root(*y, p));
}

/// Each window begins with `first` in all channels, and takes in those of the taps inside the tensor by `fold`, in order.
#[inline(never)]
fn folded(geometry: &Geometry, x: &[f32], y: &mut [f32], first: f32, fold: &dyn Fn(&mut [f32], &[f32])) {
    let channels = geometry.input[3];
    for (window, y) in y.chunks_exact_mut(channels.max(1)).enumerate() {
        let [image, row, column] = geometry.place(window);
        y.fill(first);
        for ky in 0..geometry.kernel[0] {
            let Some(line) = geometry.tap(0, row, ky) else { continue };
            for kx in 0..geometry.kernel[1] {
                let Some(at) = geometry.tap(1, column, kx) else { continue };
                fold(y, &x[geometry.pixel(image, line, at)..][..channels]);
            }
        }
    }
}

/// Turns sums into means.
fn divide(geometry: &Geometry, kind: Pool, y: &mut [f32]) {
    for (window, y) in y.chunks_exact_mut(geometry.input[3].max(1)).enumerate() {
        let [_, row, column] = geometry.place(window);
        let taps = counted(geometry, kind, 0, row) * counted(geometry, kind, 1, column);
        if taps > 0 {
            y.iter_mut().for_each(|y| *y /= taps as f32);
        }
    }
}

/// Taps of a window that count, along one axis.
fn counted(geometry: &Geometry, kind: Pool, axis: usize, window: usize) -> usize {
    let counts = |&tap: &usize| match kind {
        Pool::AvgPadded { after } => {
            let end = geometry.pads[axis] + geometry.input[axis + 1] + after[axis];
            window * geometry.stride[axis] + tap * geometry.dilation[axis] < end
        }
        _ => geometry.tap(axis, window, tap).is_some(),
    };
    (0..geometry.kernel[axis]).filter(counts).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1x3x3x1 with the numbers 1 to 9, a 2x2 window of stride 2, padded by 1 before.
    const CORNERS: Geometry = Geometry {
        input: [1, 3, 3, 1],
        output: [2, 2],
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        pads: [1, 1],
    };
    const X: [f32; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

    #[test]
    fn each_kind_pools_its_window() {
        let cases = [
            ("max", Pool::Max, [1.0, 3.0, 7.0, 9.0]),
            ("mean of taps inside", Pool::Avg, [1.0, 2.5, 5.5, 7.0]),
            ("mean of all taps", Pool::AvgPadded { after: [0, 0] }, [0.25, 1.25, 2.75, 7.0]),
            ("p = 1", Pool::Lp { p: 1.0 }, [1.0, 5.0, 11.0, 28.0]),
            ("p = 2", Pool::Lp { p: 2.0 }, [1.0, 13.0_f32.sqrt(), 65.0_f32.sqrt(), 206.0_f32.sqrt()]),
        ];
        for (name, kind, expected) in cases {
            for isa in Isa::supported() {
                let mut y = [0.0; 4];
                pool(isa, kind, &CORNERS, &X, &mut y);
                assert_eq!(y, expected, "{name} {isa}");
            }
        }
    }

    #[test]
    fn any_p_is_a_norm() {
        let mut y = [0.0; 4];
        pool(Isa::best(), Pool::Lp { p: 3.0 }, &CORNERS, &X, &mut y);
        assert!((y[1] - 35.0_f32.cbrt()).abs() < 1e-5);
    }

    #[test]
    fn taps_beyond_the_padding_do_not_count() {
        // ceil mode: the last window reaches one past the end.
        let geometry = Geometry { pads: [0, 0], ..CORNERS };
        let mut y = [0.0; 4];
        pool(Isa::best(), Pool::AvgPadded { after: [0, 0] }, &geometry, &X, &mut y);
        assert_eq!(y, [3.0, 4.5, 7.5, 9.0]);
    }

    #[test]
    fn a_window_of_padding_alone_gives_the_identity() {
        let geometry = Geometry { output: [1, 1], kernel: [1, 1], ..CORNERS };
        for (kind, expected) in [(Pool::Max, f32::NEG_INFINITY), (Pool::Avg, 0.0)] {
            let mut y = [5.0];
            pool(Isa::best(), kind, &geometry, &X, &mut y);
            assert_eq!(y, [expected]);
        }
    }
}
