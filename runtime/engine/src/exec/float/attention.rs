//! Attention.

use dunlin_kernels::Isa;
use dunlin_kernels::float::attention::{self, Attention, Mask};

use crate::error::RunError;
use crate::exec::walk::{broadcast_steps, scratch_of};
use crate::exec::{View, ViewMut};
use crate::tensor::Shape;

pub(super) fn run(
    heads: usize,
    scale: f32,
    inputs: &[View<'_>],
    y: &mut ViewMut<'_>,
    scratch: &mut [u8],
    isa: Isa,
) -> Result<(), RunError> {
    let [q, k, v, mask @ ..] = inputs else { return Err(RunError::Plan) };
    let columns = |x: &View<'_>| x.shape.last().checked_div(heads).ok_or(RunError::Plan);
    let [batch, queries, keys] = [q.shape.dim(0), q.shape.dim(1), k.shape.dim(1)];
    let mask = mask.first().map(|mask| added(mask, [batch, heads, queries, keys])).transpose()?;
    let sizes = Attention { batch, heads, queries, keys, depth: columns(q)?, width: columns(v)?, scale, mask };
    let scratch = scratch_of(scratch, attention::scratch_len(keys, sizes.depth, sizes.width))?;
    attention::attention(isa, &sizes, [q.f32s()?, k.f32s()?, v.f32s()?], y.f32s()?, scratch);
    Ok(())
}

/// Elements of scratch that [`run`] needs.
pub(super) fn scratch_len([q, k, v]: [&Shape; 3], heads: usize) -> usize {
    let keys = if k.rank() == 3 { k.dim(1) } else { 0 };
    let columns = |x: &Shape| x.last().checked_div(heads).unwrap_or(0);
    attention::scratch_len(keys, columns(q), columns(v))
}

fn added<'a>(mask: &View<'a>, scores: [usize; 4]) -> Result<Mask<'a>, RunError> {
    let scores = Shape::new(&scores).ok_or(RunError::Plan)?;
    let steps = broadcast_steps(&mask.shape, &scores);
    Ok(Mask { values: mask.f32s()?, steps: [0, 1, 2, 3].map(|axis| steps[axis] as usize) })
}
