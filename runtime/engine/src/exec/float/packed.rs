//! Products of floats whose kernels are picked when the plan is built.

use dunlin_kernels::float::depthwise::{self, Depthwise};
use dunlin_kernels::float::gemm::Finish;
use dunlin_kernels::float::packed::{Packed, PackedConv};
use dunlin_kernels::float::panels::Panels;

use super::{geometry, matrix};
use crate::error::RunError;
use crate::exec::walk::scratch_of;
use crate::exec::{View, ViewMut};
use crate::op::Op;
use crate::op::infer::Info;
use crate::tensor::DType;

/// Convolution or product with packed weights.
pub(in crate::exec) fn packed(
    kernel: Packed,
    op: &Op,
    inputs: &[View<'_>],
    y: &mut ViewMut<'_>,
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let done = match (*op, inputs) {
        (Op::ConvPanels { window, groups, lo, hi }, [x, w, bias]) => {
            let bias = bias.f32s()?;
            let (geometry, groups, half) =
                (geometry(window, &x.shape, &y.shape)?, groups as usize, w.dtype == DType::F16);
            let scratch = scratch_of(scratch, kernel.convolve_scratch(&geometry, [groups, bias.len()], half))?;
            let finish = Finish { bias: Some(bias), lo, hi };
            let layer = PackedConv { geometry, groups, out_channels: bias.len(), weights: matrix(w)?, finish };
            kernel.convolve(&layer, x.f32s()?, y.f32s()?, scratch)
        }
        (Op::MatMulPanels { n, lo, hi }, [a, b, bias @ ..]) => {
            let finish = Finish { bias: bias.first().map(View::f32s).transpose()?, lo, hi };
            let panels = Panels::new(matrix(b)?, n as usize, a.shape.last()).ok_or(RunError::Plan)?;
            let rows = a.shape.span(0, a.shape.rank() - 1);
            let scratch = scratch_of(scratch, kernel.multiply_scratch([rows, panels.k()], b.dtype == DType::F16))?;
            kernel.multiply((a.f32s()?, rows), panels, finish, y.f32s()?, scratch)
        }
        _ => return Err(RunError::Plan),
    };
    done.map_err(|_| RunError::Plan)
}

/// A convolution with one filter per channel.
pub(in crate::exec) fn depthwise(
    kernel: Depthwise,
    op: &Op,
    inputs: &[View<'_>],
    y: &mut ViewMut<'_>,
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let (Op::DepthwisePanels { window, lo, hi }, [x, w, bias]) = (*op, inputs) else { return Err(RunError::Plan) };
    let (geometry, weights) = (geometry(window, &x.shape, &y.shape)?, matrix(w)?);
    let panels = Panels::new(weights, x.shape.last(), w.shape.dim(1)).ok_or(RunError::Plan)?;
    let scratch = scratch_of(scratch, depthwise::scratch_len(weights))?;
    let finish = Finish { bias: Some(bias.f32s()?), lo, hi };
    kernel.run(&geometry, panels, finish, x.f32s()?, y.f32s()?, scratch).map_err(|_| RunError::Plan)
}

/// Bytes of scratch that [`packed`] needs.
pub(in crate::exec) fn packed_scratch(kernel: Packed, op: &Op, operands: &[Info], results: &[Info]) -> usize {
    let floats = match (op, operands, results) {
        (Op::ConvPanels { window, groups, .. }, [x, w, ..], [y]) => {
            let channels = [*groups as usize, y.shape.last()];
            geometry(*window, &x.shape, &y.shape)
                .map_or(0, |geometry| kernel.convolve_scratch(&geometry, channels, w.dtype == DType::F16))
        }
        (_, [a, b, ..], _) => {
            let rows = a.shape.span(0, a.shape.rank().saturating_sub(1));
            kernel.multiply_scratch([rows, a.shape.last()], b.dtype == DType::F16)
        }
        _ => 0,
    };
    floats.saturating_mul(size_of::<f32>())
}

/// Bytes of scratch that [`depthwise`] needs.
pub(in crate::exec) fn depthwise_scratch(operands: &[Info]) -> usize {
    match operands {
        [_, w, ..] if w.dtype == DType::F16 => w.shape.count() * size_of::<f32>(),
        _ => 0,
    }
}
