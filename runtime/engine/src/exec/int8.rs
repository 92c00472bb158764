//! The int8 operators: operands to kernels.

use super::movement::copied;
use super::{Kernel, Lines, View, ViewMut};
use crate::error::RunError;
use crate::exec::pairs::{Rows, batches};
use crate::exec::walk::{part, part_mut, scratch_of};
use crate::op::infer::Info;
use crate::op::{Clamp, Epilogue, Op};
use crate::tensor::Shape;
use dunlin_kernels::float::{bag, reduce, softmax};
use dunlin_kernels::{
    ConvInput, DepthwiseInput, Dynamic, Gemm, GemmInput, Isa, PANEL, Panels, Quantize, QuantizeParams, Raw, Requant,
    ShapeError, Taps, TapsBuf, pack_u8_panels, packed_len,
};

/// Quantization of a product of two tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatMulParams {
    pub a_zero: u8,
    pub b_zero: u8,
    pub zero: u8,
    pub scale: f32,
}

/// Carries out conversions between floats and bytes, and between bytes.
pub(crate) fn convert(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let Some(output) = filled(outputs) else { return Ok(()) };
    match (kernel, op) {
        (Kernel::Quantize { kernel, params }, _) => Ok(kernel.run(*params, inputs[0].f32s()?, output.bytes)?),
        (Kernel::Dequantize { kernel, params }, _) => Ok(kernel.run(*params, inputs[0].bytes, output.f32s()?)?),
        (_, Op::FlipSign {}) => {
            flip_sign(inputs, output);
            Ok(())
        }
        (_, Op::Reshape { .. }) => copied(&inputs[0], output),
        _ => Err(RunError::Plan),
    }
}

/// Carries out convolutions.
pub(crate) fn filter(
    kernel: &Kernel,
    op: &Op,
    lines: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let Some(output) = filled(outputs) else { return Ok(()) };
    match kernel {
        Kernel::Conv { .. } => conv(kernel, op, lines, inputs, output, scratch),
        Kernel::Depthwise { .. } => depthwise(kernel, op, lines, inputs, output, scratch),
        _ => Err(RunError::Plan),
    }
}

/// Carries out products, and what quantizes their rows.
pub(crate) fn multiply(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    if let Op::DynamicQuantize {} = op {
        return dynamic_quantize(inputs, outputs, kernel.isa()?);
    }
    let Some(output) = filled(outputs) else { return Ok(()) };
    match kernel {
        Kernel::Gemm { kernel, zero } => gemm(*kernel, *zero, op, inputs, output, scratch),
        Kernel::MatMul { kernel, params } => matmul(*kernel, params, op, inputs, output, scratch),
        _ => Err(RunError::Plan),
    }
}

/// Carries out functions of one element, or of two, and softmax.
pub(crate) fn elementwise(
    kernel: &Kernel,
    op: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let Some(output) = filled(outputs) else { return Ok(()) };
    let x = inputs[0].bytes;
    match kernel {
        Kernel::Add { kernel, params } => {
            let mut rows = Rows::new(&inputs[0], &inputs[1], output);
            while let Some((a, b, out)) = rows.next() {
                kernel.run(*params, a, b, out)?;
            }
            Ok(())
        }
        Kernel::Mul { kernel, params } => {
            let mut rows = Rows::new(&inputs[0], &inputs[1], output);
            while let Some((a, b, out)) = rows.next() {
                kernel.run(*params, a, b, out)?;
            }
            Ok(())
        }
        Kernel::Lookup(kernel) => {
            let table = inputs[1].bytes.try_into().map_err(|_| RunError::Plan)?;
            Ok(kernel.run(table, x, output.bytes)?)
        }
        Kernel::Softmax { isa, from, to, input, output: quantize } => {
            let Op::QSoftmax { log } = *op else { return Err(RunError::Plan) };
            let row = inputs[0].shape.last().max(1);
            let floats = scratch_of::<f32>(scratch, 2 * row)?;
            let (real, soft) = floats.split_at_mut(row);
            for (x, out) in x.chunks_exact(row).zip(output.bytes.chunks_exact_mut(row)) {
                from.run(*input, x, real)?;
                softmax::rows(*isa, real, soft, row, log);
                to.run(*quantize, soft, out)?;
            }
            Ok(())
        }
        _ => Err(RunError::Plan),
    }
}

/// Carries out pools and means.
pub(crate) fn pool(
    kernel: &Kernel,
    _: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let Some(output) = filled(outputs) else { return Ok(()) };
    match kernel {
        Kernel::AvgPool { kernel, taps, params, scale, .. } => {
            let taps = taps.taps();
            let (image, result) = (taps.input_len(), taps.points() * taps.shape().run);
            images(inputs[0].bytes, image, output.bytes, result, |x, out| kernel.run(*params, x, &taps, scale, out))
        }
        Kernel::MaxPool { kernel, taps } => {
            let taps = taps.taps();
            let (image, result) = (taps.input_len(), taps.points() * taps.shape().run);
            images(inputs[0].bytes, image, output.bytes, result, |x, out| kernel.run(x, &taps, out))
        }
        _ => Err(RunError::Plan),
    }
}

/// Carries out means of rows that ids pick.
pub(crate) fn bag(
    kernel: &Kernel,
    _: &Op,
    _: Lines,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    _: &mut [u8],
) -> Result<(), RunError> {
    let ([table, ids, scale], [output]) = (inputs, outputs) else { return Err(RunError::Plan) };
    let ids = ids.i32s()?;
    let sums: &mut [i32] = bytemuck::try_cast_slice_mut(output.bytes).map_err(|_| RunError::Plan)?;
    bag::sum(kernel.isa()?, table.i8s()?, ids, sums)
        .map_err(|index| RunError::Index { index, len: table.shape.dim(0) })?;
    // The sums lie where the means will.
    let count = ids.len().max(1) as f32;
    for (mean, &scale) in sums.iter_mut().zip(scale.f32s()?) {
        *mean = (*mean as f32 * scale / count).to_bits().cast_signed();
    }
    Ok(())
}

/// The result, unless it has no elements.
fn filled<'o, 'v>(outputs: &'o mut [ViewMut<'v>]) -> Option<&'o mut ViewMut<'v>> {
    outputs.first_mut().filter(|output| !output.bytes.is_empty())
}

/// Added and taken away again, it rounds a small f32 to the nearest integer, ties to even: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;

/// Every byte xor 0x80.
fn flip_sign(inputs: &[View<'_>], output: &mut ViewMut<'_>) {
    for (out, &x) in output.bytes.iter_mut().zip(inputs[0].bytes) {
        *out = x ^ 0x80;
    }
}

/// Scale and zero point from the smallest and largest value (0 included), then the elements: ONNX
/// DynamicQuantizeLinear. All equal to 0 gives scale 1.
fn dynamic_quantize(inputs: &[View<'_>], outputs: &mut [ViewMut<'_>], isa: Isa) -> Result<(), RunError> {
    let x = inputs[0].f32s()?;
    let [q, scale, zero] = outputs else { return Err(RunError::Plan) };
    let [min, max] = reduce::range(isa, x);
    let step = if max > min { (max - min) / 255.0 } else { 1.0 };
    let offset = (((0.0 - min / step) + ROUND) - ROUND).clamp(0.0, 255.0) as u8;
    scale.f32s()?[0] = step;
    zero.bytes[0] = offset;
    let quantize = Quantize::select(isa);
    Ok(quantize.run(QuantizeParams { scale: step, zero: offset }, x, q.bytes)?)
}

/// Runs `one` for each image of a batch.
fn images(
    x: &[u8],
    image: usize,
    out: &mut [u8],
    result: usize,
    mut one: impl FnMut(&[u8], &mut [u8]) -> Result<(), ShapeError>,
) -> Result<(), RunError> {
    for (x, out) in x.chunks_exact(image.max(1)).zip(out.chunks_exact_mut(result.max(1))) {
        one(x, out)?;
    }
    Ok(())
}

/// The parts of a convolution's operands that belong to `count` output channels from `first` on.
#[inline]
fn requant<'a>(
    inputs: &[View<'a>],
    first: usize,
    count: usize,
    zero: u8,
    clamp: Clamp,
) -> Result<Requant<'a>, RunError> {
    let range = first..first + count;
    let bias = inputs[0].i32s()?.get(range.clone()).ok_or(RunError::Plan)?;
    let scale = inputs[1].f32s()?.get(range).ok_or(RunError::Plan)?;
    Ok(Requant { bias, scale, zero, lo: clamp.lo, hi: clamp.hi })
}

fn weight_zeros<'a>(inputs: &[View<'a>], operand: usize, first: usize, count: usize) -> Result<&'a [i32], RunError> {
    match inputs.get(operand) {
        None => Ok(&[]),
        Some(zeros) => zeros.i32s()?.get(first..first + count).ok_or(RunError::Plan),
    }
}

/// The tables of some lines, or of all.
fn lines_of(taps: &TapsBuf, lines: Lines) -> Result<Taps<'_>, RunError> {
    match lines {
        None => Ok(taps.taps()),
        Some(lines) => taps.taps().lines(lines).ok_or(RunError::Plan),
    }
}

fn conv(
    kernel: &Kernel,
    op: &Op,
    lines: Lines,
    inputs: &[View<'_>],
    output: &mut ViewMut<'_>,
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let (Kernel::Conv { kernel, taps, a_zero, zero }, Op::QConv { groups, out_channels, clamp, .. }) = (kernel, op)
    else {
        return Err(RunError::Plan);
    };
    let (groups, channels) = (*groups as usize, *out_channels as usize);
    let taps = lines_of(taps, lines)?;
    let n = channels / groups;
    let panels = inputs[1].i8s()?;
    let panel_len = panels.len() / groups;
    let run = taps.shape().run;
    let image = taps.input_len() + (groups - 1) * run;
    let result = taps.points() * channels;
    for (x, out) in inputs[0].bytes.chunks_exact(image).zip(output.bytes.chunks_exact_mut(result)) {
        for group in 0..groups {
            let panels =
                Panels::new(part(panels, group * panel_len, panel_len), n, taps.depth()).map_err(|_| RunError::Plan)?;
            let w_zero = weight_zeros(inputs, 6, group * n, n)?;
            let input = ConvInput { input: &x[group * run..], zero: *a_zero, taps, panels, w_zero };
            let epilogue = requant(&inputs[4..], group * n, n, *zero, *clamp)?;
            kernel.run(input, epilogue, &mut out[group * n..], channels, scratch)?;
        }
    }
    Ok(())
}

fn depthwise(
    kernel: &Kernel,
    op: &Op,
    lines: Lines,
    inputs: &[View<'_>],
    output: &mut ViewMut<'_>,
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let (Kernel::Depthwise { kernel, taps, a_zero, zero }, Op::QDepthwise { clamp, .. }) = (kernel, op) else {
        return Err(RunError::Plan);
    };
    let taps = lines_of(taps, lines)?;
    let channels = taps.shape().run;
    let panels = Panels::new(inputs[1].i8s()?, channels, taps.window()).map_err(|_| RunError::Plan)?;
    let w_zero = weight_zeros(inputs, 6, 0, channels)?;
    let epilogue = requant(&inputs[4..], 0, channels, *zero, *clamp)?;
    images(inputs[0].bytes, taps.input_len(), output.bytes, taps.points() * channels, |input, out| {
        kernel.run(DepthwiseInput { input, zero: *a_zero, taps, panels, w_zero }, epilogue, out, scratch)
    })
}

fn gemm(
    kernel: Gemm,
    zero: u8,
    op: &Op,
    inputs: &[View<'_>],
    output: &mut ViewMut<'_>,
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let Op::QGemm { n, epilogue, clamp } = op else { return Err(RunError::Plan) };
    let n = *n as usize;
    let x = inputs[0];
    let k = x.shape.last();
    let panels = Panels::new(inputs[1].i8s()?, n, k).map_err(|_| RunError::Plan)?;
    let mut input = GemmInput { a: x.bytes, m: x.shape.span(0, x.shape.rank() - 1), lda: k, panels, w_zero: &[] };
    match epilogue {
        Epilogue::Requant => {
            input.w_zero = weight_zeros(inputs, 4, 0, n)?;
            kernel.run(input, requant(&inputs[2..], 0, n, zero, *clamp)?, output.bytes, n, scratch)?;
        }
        Epilogue::Dynamic => {
            let [_, _, a_scale, a_zero, wsum, scale, bias] = inputs else { return Err(RunError::Plan) };
            let epilogue = Dynamic {
                a_zero: a_zero.bytes[0],
                wsum: wsum.i32s()?,
                a_scale: a_scale.f32s()?[0],
                scale: scale.f32s()?,
                bias: bias.f32s()?,
            };
            kernel.run(input, epilogue, output.f32s()?, n, scratch)?;
        }
        Epilogue::Raw => {
            let [_, _, a_zero, wsum] = inputs else { return Err(RunError::Plan) };
            let epilogue = Raw { a_zero: a_zero.bytes[0], wsum: wsum.i32s()? };
            kernel.run(input, epilogue, output.i32s()?, n, scratch)?;
        }
    }
    Ok(())
}

/// Rows, columns and depth of one product.
fn matmul_dims(a: &Shape, b: &Shape) -> (usize, usize, usize) {
    let m = if a.rank() < 2 { 1 } else { a.dim(a.rank() - 2) };
    let n = if b.rank() < 2 { 1 } else { b.last() };
    (m, n, a.last())
}

/// Packed second operand, then scale, bias and weight zero points per column, then the kernel's scratch.
pub(super) fn matmul_scratch(kernel: &Gemm, operands: &[Info]) -> usize {
    let [a, b, ..] = operands else { return 0 };
    let (_, n, k) = matmul_dims(&a.shape, &b.shape);
    packed_len(n, k).unwrap_or(0) + 3 * 4 * n + kernel.scratch_len()
}

/// Packs each second operand and multiplies. With `b' = b - 128` and `w = b_zero - 128`,
/// `sum (a - za)(b - zb) = sum a b' - za sum b' - w sum a + k za w`.
#[inline(never)]
fn matmul(
    kernel: Gemm,
    params: &MatMulParams,
    op: &Op,
    inputs: &[View<'_>],
    output: &mut ViewMut<'_>,
    scratch: &mut [u8],
) -> Result<(), RunError> {
    let Op::QMatMul { raw, clamp } = op else { return Err(RunError::Plan) };
    let (a, b) = (inputs[0], inputs[1]);
    let (m, n, k) = matmul_dims(&a.shape, &b.shape);
    let (a_zero, b_zero) = if *raw { (inputs[2].bytes[0], inputs[3].bytes[0]) } else { (params.a_zero, params.b_zero) };
    let (packed, rest) = scratch.split_at_mut_checked(packed_len(n, k).ok_or(RunError::Plan)?).ok_or(RunError::Plan)?;
    let packed: &mut [i8] = bytemuck::cast_slice_mut(packed);
    let (integers, rest) = rest.split_at_mut_checked(2 * 4 * n).ok_or(RunError::Plan)?;
    let (bias, w_zero) = scratch_of::<i32>(integers, 2 * n)?.split_at_mut(n);
    let (scale, scratch) = rest.split_at_mut_checked(4 * n).ok_or(RunError::Plan)?;
    let scale = scratch_of::<f32>(scale, n)?;
    scale.fill(params.scale);
    w_zero.fill(i32::from(b_zero) - 128);
    let constant = (k as i32).wrapping_mul(i32::from(b_zero) - 128);
    let lead = output.shape.leading(a.shape.rank().max(b.shape.rank()).saturating_sub(2));
    for (index, [at, bt]) in batches(&lead, [&a.shape, &b.shape]).enumerate() {
        pack_u8_panels(part(b.bytes, bt * k * n, k * n), n, k, false, packed).map_err(|_| RunError::Plan)?;
        let panels = Panels::new(packed, n, k).map_err(|_| RunError::Plan)?;
        let input = GemmInput { a: part(a.bytes, at * m * k, m * k), m, lda: k, panels, w_zero };
        column_sums(packed, n, k, bias);
        if *raw {
            bias.iter_mut().for_each(|sum| *sum = sum.wrapping_sub(constant));
            let out = part_mut(output.i32s()?, index * m * n, m * n);
            kernel.run(input, Raw { a_zero, wsum: bias }, out, n, scratch)?;
        } else {
            bias.iter_mut().for_each(|sum| *sum = i32::from(a_zero).wrapping_mul(constant.wrapping_sub(*sum)));
            let epilogue = Requant { bias, scale, zero: params.zero, lo: clamp.lo, hi: clamp.hi };
            kernel.run(input, epilogue, part_mut(output.bytes, index * m * n, m * n), n, scratch)?;
        }
    }
    Ok(())
}

/// Sum of each column's packed values.
fn column_sums(packed: &[i8], n: usize, k: usize, sums: &mut [i32]) {
    let panel_len = k.div_ceil(4) * 4 * PANEL;
    for (column, sum) in sums.iter_mut().enumerate().take(n) {
        let panel = part(packed, column / PANEL * panel_len, panel_len);
        let groups = panel.chunks_exact(4 * PANEL).map(|group| part(group, column % PANEL * 4, 4));
        *sum = groups.flatten().map(|&w| i32::from(w)).sum();
    }
}
