//! One-dimensional interpolation: each result is a weighted sum of picked elements.

use super::multiversion;

/// What to pick along the middle axis of `[outer, len, inner]`, with `taps` indices and weights per result.
#[derive(Clone, Copy, Debug)]
pub struct Picks<'a> {
    /// Length of the axis.
    pub len: usize,
    /// Elements between neighbours on the axis.
    pub inner: usize,
    /// Taps of each result; not 0.
    pub taps: usize,
    /// Indices below `len`.
    pub index: &'a [i32],
    /// A weight for each index.
    pub weight: &'a [f32],
}

multiversion! {
    /// `y[o, i, ..] = sum over t of weight[i, t] * x[o, index[i, t], ..]`; `outer` follows from the lengths.
    ///
    /// # Panics
    /// When an index is out of range.
    pub fn interpolate(x: &[f32], y: &mut [f32], picks: Picks<'_>) {
        interpolate_body
    }
}

#[inline(always)]
fn interpolate_body(x: &[f32], y: &mut [f32], picks: Picks<'_>) {
    let Picks { len, inner, taps, index, weight } = picks;
    let block = (index.len() / taps.max(1) * inner).max(1);
    for (x, y) in x.chunks_exact((len * inner).max(1)).zip(y.chunks_exact_mut(block)) {
        let rows = y.chunks_exact_mut(inner.max(1));
        for ((y, index), weight) in rows.zip(index.chunks_exact(taps)).zip(weight.chunks_exact(taps)) {
            y.fill(0.0);
            for (&index, &weight) in index.iter().zip(weight) {
                let x = &x[index as usize * inner..][..inner];
                y.iter_mut().zip(x).for_each(|(y, &v)| *y += weight * v);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn sums_picked_rows_by_their_weights() {
        let x = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
        let index = [0, 1, 1, 0, 1, 1];
        let weight = [0.5, 0.5, 1.0, 0.0, 2.0, -1.0];
        for isa in Isa::supported() {
            let mut y = [0.0; 12];
            interpolate(isa, &x, &mut y, Picks { len: 2, inner: 2, taps: 2, index: &index, weight: &weight });
            assert_eq!(y, [1.5, 15.0, 2.0, 20.0, 2.0, 20.0, 3.5, 35.0, 4.0, 40.0, 4.0, 40.0]);
        }
    }
}
