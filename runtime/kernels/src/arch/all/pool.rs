//! Pools.

use crate::arch::PoolFns;
use crate::epilogue::requantize;
use crate::pool::AvgPoolParams;
use crate::taps::Taps;

pub(crate) const POOL: PoolFns = PoolFns { avg, max };

fn avg(p: &AvgPoolParams, input: &[u8], taps: &Taps<'_>, scale: &[f32], out: &mut [u8]) {
    for (point, out) in out.chunks_exact_mut(taps.shape().run).take(taps.points()).enumerate() {
        for (c, out) in out.iter_mut().enumerate() {
            let centred = inside(taps, point).map(|at| i32::from(input[at + c]) - i32::from(p.a_zero));
            let acc = centred.fold(0_i32, i32::wrapping_add);
            *out = requantize(acc as f32 * scale[point], p.zero, p.lo, p.hi);
        }
    }
}

fn max(input: &[u8], taps: &Taps<'_>, out: &mut [u8]) {
    for (point, out) in out.chunks_exact_mut(taps.shape().run).take(taps.points()).enumerate() {
        for (c, out) in out.iter_mut().enumerate() {
            *out = inside(taps, point).map(|at| input[at + c]).max().unwrap_or(0);
        }
    }
}

/// Where the taps of an output point lie that are not padding.
fn inside<'a>(taps: &'a Taps<'_>, point: usize) -> impl Iterator<Item = usize> + 'a {
    let [kh, kw] = taps.shape().kernel;
    let (oy, ox) = (point / taps.shape().out[1], point % taps.shape().out[1]);
    (0..kh).flat_map(move |ky| (0..kw).filter_map(move |kx| taps.at(oy, ox, ky, kx)))
}
