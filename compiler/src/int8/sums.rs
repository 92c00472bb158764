//! Sums of products with constant weights: Conv, Gemm, MatMul.
//!
//! ONNX means `y = s_x s_w[c] * (sum (a - z_x)(w - z_w[c]) + bias[c])`. With weights stored as `w' = w - z_w[c]` where
//! that fits i8, and else as `w'` with a zero point `z'` so that `w - z_w = w' - z'`, the sum is
//!
//! ```text
//! sum a w'  -  z' sum a  +  bias - z_x sum (w' - z')
//! ```
//!
//! The last two terms are constant and become the bias of the file; the second needs the activations' sum and is
//! there for weights with zero points only (Jacob et al., 2018, section 2.3). Padding counts as `a = z_x` throughout.

use dunlin_engine::op::{BinaryKind, Epilogue, Op as EngineOp, Window};
use dunlin_engine::tensor::{DType, Quant, Shape};

use super::literal::{self, shape as shape_of, vector};
use super::note::Reason;
use super::products::{Want, last_of};
use super::walk::Walk;
use super::weights::{self, Bias, Constant};
use crate::ir::{Node, ValueId};

/// Weights and what the epilogue needs, one row per output channel.
pub struct Folded {
    /// `[n][k]`.
    pub weights: Vec<i8>,
    /// With the input's zero point folded in.
    pub bias: Vec<i32>,
    /// `s_x * s_w[c] / s_y`.
    pub scale: Vec<f32>,
    /// Zero points of the stored weights; empty when all are 0.
    pub zero: Vec<i32>,
}

/// Weights `[n][k]` with one zero point per row, as i8.
pub struct Stored {
    /// `w'`.
    pub weights: Vec<i8>,
    /// `z'`; empty when all are 0.
    pub zero: Vec<i32>,
}

/// Brings weights of `rows` channels into i8.
pub fn store(quanta: &[i32], zero: &[i32], dtype: DType) -> Stored {
    let k = quanta.len() / zero.len().max(1);
    let row_of = |index: usize| index / k.max(1);
    let shifted = quanta.iter().enumerate().map(|(index, &q)| i8::try_from(q - zero[row_of(index)]).ok());
    if let Some(weights) = shifted.collect() {
        return Stored { weights, zero: Vec::new() };
    }
    let lift = if dtype == DType::U8 { 128 } else { 0 };
    let weights = quanta.iter().map(|&q| (q - lift) as i8).collect();
    Stored { weights, zero: zero.iter().map(|&z| z - lift).collect() }
}

/// Folds weights, bias and quantization of one contraction.
///
/// # Errors
/// When a bias or a sum could leave 32 bits.
pub(super) fn fold(constant: &Constant, axis: usize, x: Quant, bias: Option<Bias>, y: Quant) -> Result<Folded, Reason> {
    let (scale, zero) = constant.along(axis).ok_or(Reason::WeightAxis)?;
    let quanta = constant.channels(axis);
    let (n, k) = (scale.len(), quanta.len() / scale.len().max(1));
    let products: Vec<f64> = scale.iter().map(|&s| f64::from(x.scale) * f64::from(s)).collect();
    let bias = bias.map_or_else(|| vec![0; n], |bias| in_quanta(&bias, &products));
    let mut folded = Vec::with_capacity(n);
    for (row, (&zero, &bias)) in quanta.chunks(k.max(1)).zip(zero.iter().zip(&bias)) {
        folded.push(fold_bias(row, zero, bias, x.zero)?);
    }
    let stored = store(&quanta, &zero, constant.dtype);
    let scale = products.iter().map(|&product| (product / f64::from(y.scale)) as f32).collect();
    Ok(Folded { weights: stored.weights, bias: folded, scale, zero: stored.zero })
}

/// `bias - z_x sum (w - z)`, when it and every possible sum fit 32 bits.
fn fold_bias(row: &[i32], zero: i32, bias: i64, x_zero: i32) -> Result<i32, Reason> {
    let centered = row.iter().map(|&w| i64::from(w - zero));
    let (sum, reach) = centered.fold((0, 0), |(sum, reach), w| (sum + w, reach + w.abs()));
    let largest = i64::from(x_zero.max(255 - x_zero));
    let worst = bias.checked_abs().and_then(|bias| bias.checked_add(reach * largest));
    if worst.is_none_or(|worst| worst > i64::from(i32::MAX)) {
        return Err(Reason::TooLarge);
    }
    i32::try_from(bias - i64::from(x_zero) * sum).map_err(|_| Reason::TooLarge)
}

/// A bias in quanta of `s_x * s_w[c]`: as it is where it has that scale, else rounded to it. A bias of no more than
/// f32's rounding away from the product has that scale.
fn in_quanta(bias: &Bias, products: &[f64]) -> Vec<i64> {
    let round = |real: f64, product: f64| if real == 0.0 { 0 } else { (real / product).round_ties_even() as i64 };
    match bias {
        Bias::Real(real) => real.iter().zip(products).map(|(&b, &p)| round(f64::from(b), p)).collect(),
        Bias::Quantized { quanta, scale } => {
            let each = quanta.iter().zip(scale).zip(products);
            each.map(|((&q, &scale), &p)| {
                let scale = f64::from(scale);
                let same = (scale - p).abs() <= p * 1e-6;
                if same { q } else { round(q as f64 * scale, p) }
            })
            .collect()
        }
    }
}

/// A convolution of `[n,c,h,w]` with constant weights `[oc,c/groups,kh,kw]`.
pub(super) fn conv(
    walk: &mut Walk<'_>,
    node: &Node,
    window: Window,
    groups: u32,
    want: Want,
) -> Result<ValueId, Reason> {
    let (x, quant) = walk.view(node.inputs[0]).ok_or(Reason::FloatOperand)?;
    let constant = weights::constant(walk, node.inputs[1]).ok_or(Reason::FloatWeights)?;
    let shape = constant.shape;
    if shape.rank() != 4 {
        return Err(Reason::Shape);
    }
    let bias = node.inputs.get(2).map(|&bias| weights::bias(walk, bias, shape.dim(0))).transpose()?;
    let folded = fold(&constant, 0, quant, bias, want.quant)?;
    let [oc, ic, kh, kw] = [0, 1, 2, 3].map(|axis| shape.dim(axis));
    let depthwise = ic == 1 && oc == groups as usize && groups > 1;
    let (op, dims) = if depthwise {
        (EngineOp::QDepthwise { window, clamp: want.clamp }, vec![oc, kh, kw])
    } else {
        let op = EngineOp::QConv { window, groups, out_channels: oc as u32, clamp: want.clamp };
        (op, vec![oc, kh, kw, ic])
    };
    let weights = channels_inside(&folded.weights, ic, kh * kw);
    let x = walk.channels_last(x).ok_or(Reason::Shape)?;
    let result = last_of(walk.graph.value(node.outputs[0]).shape).ok_or(Reason::Shape)?;
    let mut inputs = vec![x];
    inputs.extend(requant_operands(walk, node, shape_of(&dims), &weights, &folded));
    let result = walk.emit_u8(&node.name, op, inputs, result, want.quant);
    walk.channels_first(result).ok_or(Reason::Shape)
}

/// Weights `[oc][c][taps]` as `[oc][taps][c]`.
fn channels_inside(weights: &[i8], channels: usize, taps: usize) -> Vec<i8> {
    let mut inside = Vec::with_capacity(weights.len());
    for filter in weights.chunks(channels * taps) {
        for tap in 0..taps {
            inside.extend(filter.iter().skip(tap).step_by(taps));
        }
    }
    inside
}

fn requant_operands(walk: &mut Walk<'_>, node: &Node, shape: Shape, weights: &[i8], folded: &Folded) -> Vec<ValueId> {
    let n = vector(folded.bias.len());
    let mut operands = vec![
        walk.constant(format!("{}/weights", node.name), literal::i8s(shape, weights)),
        walk.constant(format!("{}/bias", node.name), literal::i32s(n, &folded.bias)),
        walk.constant(format!("{}/scale", node.name), literal::f32s(n, &folded.scale)),
    ];
    if !folded.zero.is_empty() {
        operands.push(walk.constant(format!("{}/w_zero", node.name), literal::i32s(n, &folded.zero)));
    }
    operands
}

/// A product of two tensors: with constant weights of two dimensions `QGemm`, else `QMatMul`.
pub(super) fn matmul(walk: &mut Walk<'_>, node: &Node, trans_b: bool, want: Want) -> Result<ValueId, Reason> {
    let bias = node.inputs.get(2).copied();
    gemm(walk, node, trans_b, bias, want)
}

/// `Add` of a constant to a product that nothing else reads in float.
pub(super) fn biased_matmul(walk: &mut Walk<'_>, node: &Node, kind: BinaryKind, want: Want) -> Result<ValueId, Reason> {
    if kind != BinaryKind::Add {
        return Err(Reason::NoIntegerForm);
    }
    for (product, bias) in [(0, 1), (1, 0)] {
        let Some(maker) = walk.maker(node.inputs[product]).cloned() else { continue };
        let crate::ir::Op::Engine(EngineOp::MatMul { trans_b, lo, hi }) = maker.op else { continue };
        if maker.inputs.len() == 2 && lo == f32::NEG_INFINITY && hi == f32::INFINITY {
            return gemm(walk, &maker, trans_b, Some(node.inputs[bias]), want);
        }
    }
    Err(Reason::NoIntegerForm)
}

fn gemm(walk: &mut Walk<'_>, node: &Node, trans_b: bool, bias: Option<ValueId>, want: Want) -> Result<ValueId, Reason> {
    let (x, quant) = walk.view(node.inputs[0]).ok_or(Reason::FloatOperand)?;
    let constant = weights::constant(walk, node.inputs[1]).filter(|constant| constant.shape.rank() == 2);
    let Some(constant) = constant else { return product(walk, node, trans_b, bias, want) };
    let axis = usize::from(!trans_b);
    let n = constant.shape.dim(axis);
    let bias = bias.map(|bias| weights::bias(walk, bias, n)).transpose()?;
    let folded = fold(&constant, axis, quant, bias, want.quant)?;
    let shape = shape_of(&[n, constant.shape.dim(1 - axis)]);
    let mut inputs = vec![x];
    inputs.extend(requant_operands(walk, node, shape, &folded.weights, &folded));
    let op = EngineOp::QGemm { n: n as u32, epilogue: Epilogue::Requant, clamp: want.clamp };
    let result = walk.graph.value(node.outputs[0]).shape;
    Ok(walk.emit_u8(&node.name, op, inputs, result, want.quant))
}

/// Two activations, or weights with batch dimensions.
fn product(
    walk: &mut Walk<'_>,
    node: &Node,
    trans_b: bool,
    bias: Option<ValueId>,
    want: Want,
) -> Result<ValueId, Reason> {
    if bias.is_some() {
        return Err(Reason::DynamicBias);
    }
    let (a, _) = walk.view(node.inputs[0]).ok_or(Reason::FloatOperand)?;
    let (b, _) = walk.view(node.inputs[1]).ok_or(Reason::FloatOperand)?;
    let b = if trans_b { transposed(walk, b).ok_or(Reason::Shape)? } else { b };
    let op = EngineOp::QMatMul { raw: false, clamp: want.clamp };
    let result = walk.graph.value(node.outputs[0]).shape;
    Ok(walk.emit_u8(&node.name, op, vec![a, b], result, want.quant))
}

/// The last two axes exchanged.
fn transposed(walk: &mut Walk<'_>, value: ValueId) -> Option<ValueId> {
    let (shape, quant) = (walk.graph.value(value).shape, walk.graph.value(value).quant?);
    let rank = shape.rank();
    let mut perm: Vec<i32> = (0..rank as i32).collect();
    perm.swap(rank.checked_sub(2)?, rank - 1);
    let dims: Vec<usize> = perm.iter().map(|&axis| shape.dim(axis as usize)).collect();
    let name = format!("{}/transposed", walk.graph.value(value).name);
    let op = EngineOp::Transpose { perm: dunlin_engine::tensor::Ints::new(&perm)? };
    Some(walk.emit_u8(&name, op, vec![value], Shape::new(&dims)?, quant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constant(quanta: Vec<i32>, zero: i32, dtype: DType, shape: &[usize]) -> Constant {
        Constant { shape: shape_of(shape), quanta, dtype, scale: vec![0.5], zero: vec![zero], axis: 0 }
    }

    #[test]
    fn folds_the_inputs_zero_point_into_the_bias() {
        let weights = constant(vec![1, -2, 3, 4], 0, DType::I8, &[2, 2]);
        let x = Quant { scale: 2.0, zero: 10 };
        let bias = Bias::Quantized { quanta: vec![100, 200], scale: vec![1.0; 2] };
        let folded = fold(&weights, 0, x, Some(bias), Quant { scale: 4.0, zero: 0 }).expect("small numbers");
        assert_eq!(folded.weights, [1, -2, 3, 4]);
        assert_eq!(folded.bias, [100 + 10, 200 - 70]);
        assert_eq!(folded.scale, [0.25; 2]);
        assert!(folded.zero.is_empty());
    }

    #[test]
    fn shifts_unsigned_weights_that_fit_and_keeps_a_zero_point_for_others() {
        assert_eq!(store(&[100, 130], &[120], DType::U8).weights, [-20, 10]);
        let stored = store(&[0, 255], &[120], DType::U8);
        assert_eq!((stored.weights, stored.zero), (vec![-128, 127], vec![-8]));
    }

    #[test]
    fn rounds_a_bias_of_another_scale() {
        let foreign = Bias::Quantized { quanta: vec![3, -5], scale: vec![0.125; 2] };
        assert_eq!(in_quanta(&foreign, &[0.25, 0.25]), [2, -2]);
        assert_eq!(in_quanta(&Bias::Real(vec![0.26, 0.0]), &[0.2, 0.0]), [1, 0]);
    }

    #[test]
    fn refuses_sums_that_could_leave_32_bits() {
        let weights = constant(vec![1], 0, DType::I8, &[1, 1]);
        let bias = Bias::Quantized { quanta: vec![i64::from(i32::MAX)], scale: vec![1.0] };
        let x = Quant { scale: 2.0, zero: 0 };
        assert_eq!(fold(&weights, 0, x, Some(bias), x).err(), Some(Reason::TooLarge));
    }
}
