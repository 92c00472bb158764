//! The float operators and their relatives on integers and bools.

mod attention;
mod binary;
mod order;
pub(super) mod packed;
mod recurrent;
#[cfg(test)]
mod recurrent_tests;
mod reduce;
#[cfg(test)]
mod tests;
mod unary;

use dunlin_kernels::Isa;
use dunlin_kernels::float::conv::{self, Conv, Geometry};
use dunlin_kernels::float::gemm::{self, Finish, Matrix, Product};
use dunlin_kernels::float::interpolate::{Picks, interpolate};
use dunlin_kernels::float::norm::{Affine, layer_norm, local_response};
use dunlin_kernels::float::pool::{Pool, pool};
use dunlin_kernels::float::softmax;

use super::pairs::batches;
use super::walk::{Walk, around, broadcast_steps, elements, part, resolve, scratch_of};
use super::{Kernel, Lines, View, ViewMut};
use crate::error::RunError;
use crate::op::infer::Info;
use crate::op::{Op, PoolKind, Window};
use crate::tensor::{DType, Shape};

/// Carries out convolutions.
pub(crate) fn filter(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let [y] = outputs else { return Err(RunError::Plan) };
    match (kernel, *op, inputs) {
        (Kernel::Packed(kernel, _), op, _) => packed::packed(*kernel, &op, inputs, y, scratch),
        (Kernel::FloatDepthwise(kernel, _), op, _) => packed::depthwise(*kernel, &op, inputs, y, scratch),
        (_, Op::Conv { window, groups, lo, hi }, [x, w, bias]) => {
            let finish = Finish { bias: Some(bias.f32s()?), lo, hi };
            convolve(window, groups as usize, [x, w], finish, y, scratch, kernel.isa()?)
        }
        _ => Err(RunError::Plan),
    }
}

/// Carries out products.
pub(crate) fn products(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let [y] = outputs else { return Err(RunError::Plan) };
    match (kernel, *op, inputs) {
        (Kernel::Packed(kernel, _), op, _) => packed::packed(*kernel, &op, inputs, y, scratch),
        (_, Op::MatMul { trans_b, lo, hi }, [a, b, bias @ ..]) => {
            let bias = bias.first().map(View::f32s).transpose()?;
            multiply(trans_b, [a, b], Finish { bias, lo, hi }, y, scratch, kernel.isa()?)
        }
        _ => Err(RunError::Plan),
    }
}

/// Carries out functions of one element, or of two.
pub(crate) fn elementwise(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let ([y], isa) = (outputs, kernel.isa()?) else { return Err(RunError::Plan) };
    match (*op, inputs) {
        (Op::Unary { f }, [x]) => unary::run(f, x, y, isa),
        (Op::Binary { kind }, &[a, b]) => binary::Call { a, b, y, isa }.run(kind),
        (Op::Where {}, [condition, a, b]) => choose(condition, [a, b], y),
        _ => Err(RunError::Plan),
    }
}

/// Carries out reductions, orders and running sums.
pub(crate) fn reductions(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let isa = kernel.isa()?;
    match (*op, inputs, outputs) {
        (Op::Reduce { kind, axes, .. }, &[x], [y]) => reduce::Reduction { kind, axes, x, y, isa }.run(scratch),
        (Op::ArgReduce { max, axis, last, .. }, [x], [y]) => {
            order::Order { axis: axis as usize, largest: max }.arg(last, x, y)
        }
        (Op::TopK { axis, largest, .. }, [x], [values, indices]) => {
            order::Order { axis: axis as usize, largest }.top(x, [values, indices], scratch)
        }
        (Op::CumSum { axis, exclusive, reverse }, [x], [y]) => {
            reduce::cumulate(axis as usize, exclusive, reverse, x, y)
        }
        _ => Err(RunError::Plan),
    }
}

/// Carries out normalizations.
pub(crate) fn normalize(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let ([y], isa) = (outputs, kernel.isa()?) else { return Err(RunError::Plan) };
    match (*op, inputs) {
        (Op::Softmax { axis, log }, [x]) => {
            let [_, n, inner] = around(&x.shape, axis as usize)?;
            match inner {
                1 => softmax::rows(isa, x.f32s()?, y.f32s()?, n, log),
                _ => softmax::strided(isa, x.f32s()?, y.f32s()?, n, inner, log),
            }
        }
        (Op::LayerNorm { epsilon, rms, .. }, [x, scale, bias @ ..]) => {
            let affine = Affine { scale: scale.f32s()?, bias: bias.first().map(View::f32s).transpose()? };
            layer_norm(isa, x.f32s()?, y.f32s()?, affine, epsilon, rms);
        }
        (Op::Lrn { size, alpha, beta, bias }, [x]) => {
            local_response(x.f32s()?, y.f32s()?, x.shape.last(), size as usize, [alpha, beta, bias]);
        }
        _ => return Err(RunError::Plan),
    }
    Ok(())
}

/// Carries out pools and resampling.
pub(crate) fn pools(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let ([y], isa) = (outputs, kernel.isa()?) else { return Err(RunError::Plan) };
    match (*op, inputs) {
        (Op::Pool { kind, window, p }, [x]) => pool_windows(kind, window, p, x, y, isa),
        (Op::Interpolate { axis }, [x, index, weight]) => resample(axis as usize, [x, index, weight], y, isa),
        _ => Err(RunError::Plan),
    }
}

/// Carries out attention.
pub(crate) fn attend(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let (&Op::Attention { heads, scale }, [y]) = (op, outputs) else { return Err(RunError::Plan) };
    attention::run(heads as usize, scale, inputs, y, scratch, kernel.isa()?)
}

/// Carries out recurrent layers.
pub(crate) fn recur(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    recurrent::run(op, inputs, outputs, scratch, kernel.isa()?)
}

/// Bytes of scratch that an operator without a picked kernel needs.
pub(super) fn scratch_len(op: &Op, operands: &[Info], outputs: &[Info]) -> usize {
    let shape = |infos: &[Info], at: usize| infos.get(at).map_or(Shape::default(), |info| info.shape);
    let x = shape(operands, 0);
    let floats = match *op {
        Op::Conv { .. } => {
            let weights = shape(operands, 1);
            conv::scratch_len(weights.count().checked_div(weights.last()).unwrap_or(0))
        }
        Op::MatMul { .. } => gemm::scratch_len(x.last()),
        Op::Reduce { kind, .. } => return reduce::scratch_len(kind, shape(outputs, 0).count()),
        Op::TopK { axis, .. } if (axis as usize) < x.rank() => x.dim(axis as usize),
        Op::Attention { heads, .. } => {
            attention::scratch_len([&x, &shape(operands, 1), &shape(operands, 2)], heads as usize)
        }
        Op::Recurrent { cell, hidden, .. } => recurrent::scratch_len(cell, hidden as usize),
        _ => 0,
    };
    floats * size_of::<f32>()
}

/// Weights or another second factor.
fn matrix<'a>(b: &View<'a>) -> Result<Matrix<'a>, RunError> {
    match b.dtype {
        DType::F16 => Ok(Matrix::F16(elements(b.bytes)?)),
        _ => Ok(Matrix::F32(b.f32s()?)),
    }
}

fn geometry(window: Window, x: &Shape, y: &Shape) -> Result<Geometry, RunError> {
    let (&[n, h, w, c], &[_, rows, columns, _]) = (x.dims(), y.dims()) else { return Err(RunError::Plan) };
    Ok(Geometry {
        input: [n, h, w, c].map(|d| d as usize),
        output: [rows, columns].map(|d| d as usize),
        kernel: window.kernel.map(|k| k as usize),
        stride: window.stride.map(|s| s as usize),
        dilation: window.dilation.map(|d| d as usize),
        pads: [window.pads[0], window.pads[1]].map(|p| p as usize),
    })
}

fn convolve(
    window: Window,
    groups: usize,
    [x, w]: [&View<'_>; 2],
    finish: Finish<'_>,
    y: &mut ViewMut<'_>,
    scratch: &mut [u8],
    isa: Isa,
) -> Result<(), RunError> {
    let geometry = geometry(window, &x.shape, &y.shape)?;
    let out_channels = w.shape.last();
    let layer = Conv { geometry, groups, out_channels, weights: matrix(w)?, finish };
    let depth = w.shape.count().checked_div(out_channels).unwrap_or(0);
    let scratch = scratch_of(scratch, conv::scratch_len(depth))?;
    conv::conv(isa, &layer, x.f32s()?, y.f32s()?, scratch);
    Ok(())
}

fn multiply(
    trans_b: bool,
    [a, b]: [&View<'_>; 2],
    finish: Finish<'_>,
    y: &mut ViewMut<'_>,
    scratch: &mut [u8],
    isa: Isa,
) -> Result<(), RunError> {
    let (rank, out) = (y.shape.rank(), y.shape);
    let (Some(batch_rank), Some(a_batch), Some(b_batch)) =
        (rank.checked_sub(2), a.shape.rank().checked_sub(2), b.shape.rank().checked_sub(2))
    else {
        return Err(RunError::Plan);
    };
    let (m, n, k) = (out.dim(batch_rank), out.dim(batch_rank + 1), a.shape.last());
    let scratch = scratch_of(scratch, gemm::scratch_len(k))?;
    let (a_all, b_all, y_all) = (a.f32s()?, matrix(b)?, y.f32s()?);
    let mut product = Product { m, n, k, b: b_all, trans_b, finish };
    // All rows of the batch meet the same second factor.
    if b.shape.span(0, b_batch) == 1 && a.shape.span(0, a_batch) == out.span(0, batch_rank) {
        product.m = m * out.span(0, batch_rank);
        gemm::gemm(isa, &product, a_all, y_all, scratch);
        return Ok(());
    }
    let batch = out.leading(batch_rank);
    for ([a, b], y) in batches(&batch, [&a.shape, &b.shape]).zip(y_all.chunks_exact_mut((m * n).max(1))) {
        product.b = match b_all {
            Matrix::F32(all) => Matrix::F32(part(all, b * n * k, n * k)),
            Matrix::F16(all) => Matrix::F16(part(all, b * n * k, n * k)),
        };
        gemm::gemm(isa, &product, part(a_all, a * m * k, m * k), y, scratch);
    }
    Ok(())
}

fn pool_windows(
    kind: PoolKind,
    window: Window,
    p: f32,
    x: &View<'_>,
    y: &mut ViewMut<'_>,
    isa: Isa,
) -> Result<(), RunError> {
    let kind = match kind {
        PoolKind::Max => Pool::Max,
        PoolKind::Avg => Pool::Avg,
        PoolKind::AvgIncludePad => Pool::AvgPadded { after: [window.pads[2], window.pads[3]].map(|p| p as usize) },
        PoolKind::Lp => Pool::Lp { p },
    };
    pool(isa, kind, &geometry(window, &x.shape, &y.shape)?, x.f32s()?, y.f32s()?);
    Ok(())
}

fn resample(axis: usize, [x, index, weight]: [&View<'_>; 3], y: &mut ViewMut<'_>, isa: Isa) -> Result<(), RunError> {
    let [_, len, inner] = around(&x.shape, axis)?;
    let (taps, picks) = (index.shape.last(), index.i32s()?);
    for &pick in picks {
        // The loop takes no negative indices.
        resolve(if pick < 0 { i32::MIN } else { pick }, len)?;
    }
    let picks = Picks { len, inner, taps, index: picks, weight: weight.f32s()? };
    interpolate(isa, x.f32s()?, y.f32s()?, picks);
    Ok(())
}

fn choose(condition: &View<'_>, [a, b]: [&View<'_>; 2], y: &mut ViewMut<'_>) -> Result<(), RunError> {
    match y.dtype.size() {
        1 => chosen::<u8>(condition, [a, b], y),
        2 => chosen::<u16>(condition, [a, b], y),
        _ => chosen::<u32>(condition, [a, b], y),
    }
}

fn chosen<T: bytemuck::Pod>(
    condition: &View<'_>,
    operands: [&View<'_>; 2],
    y: &mut ViewMut<'_>,
) -> Result<(), RunError> {
    let [c, a, b] = [condition, operands[0], operands[1]].map(|view| broadcast_steps(&view.shape, &y.shape));
    let walk = Walk::new(&y.shape, &[&c, &a, &b], 0);
    let (len, steps) = walk.row();
    let [a, b] = [elements::<T>(operands[0].bytes)?, elements::<T>(operands[1].bytes)?];
    let mut rows = super::walk::elements_mut::<T>(y.bytes)?.chunks_exact_mut(len.max(1));
    for (offsets, y) in walk.zip(&mut rows) {
        for (i, y) in y.iter_mut().enumerate() {
            let [at_c, at_a, at_b] = [0, 1, 2].map(|operand| offsets[operand] + i * steps[operand] as usize);
            *y = if condition.bytes[at_c] != 0 { a[at_a] } else { b[at_b] };
        }
    }
    Ok(())
}
