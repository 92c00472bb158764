//! The kernel of a step: picked once, when the plan is built.

use super::float::packed;
use super::{Lines, View, ViewMut, int8};
use crate::error::RunError;
use crate::op::infer::{Info, Misfit};
use crate::op::{BinaryKind, Epilogue, Op, PoolKind, Window};
use crate::tensor::DType;
use crate::tensor::Quant;
use alloc::vec::Vec;
use dunlin_kernels::float::Fusion;
use dunlin_kernels::float::{depthwise, packed::Packed};
use dunlin_kernels::{
    Add, AddParams, AvgPool, AvgPoolParams, Conv, Depthwise, Dequantize, DequantizeParams, Gemm, Isa, KernelName,
    Lookup, MaxPool, Mul, MulParams, PAD, Quantize, QuantizeParams, Requant, Taps, TapsBuf, TapsShape,
};

/// What is known of an operand or a result when a kernel is picked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'a> {
    pub info: Info,
    pub quant: Option<Quant>,
    pub constant: Option<&'a [u8]>,
}

/// A kernel with the parameters that follow from its operands' quantization.
#[derive(Clone, Debug)]
pub(crate) enum Kernel {
    /// An operator that needs nothing picked.
    Generic(Isa),
    /// Floats with packed weights, and how these are stored.
    Packed(Packed, DType),
    /// Floats, one filter per channel.
    FloatDepthwise(depthwise::Depthwise, DType),
    Conv {
        kernel: Conv,
        taps: TapsBuf,
        a_zero: u8,
        zero: u8,
    },
    Depthwise {
        kernel: Depthwise,
        taps: TapsBuf,
        a_zero: u8,
        zero: u8,
    },
    Gemm {
        kernel: Gemm,
        zero: u8,
    },
    MatMul {
        kernel: Gemm,
        params: int8::MatMulParams,
    },
    Add {
        kernel: Add,
        params: AddParams,
    },
    Mul {
        kernel: Mul,
        params: MulParams,
    },
    Lookup(Lookup),
    AvgPool {
        kernel: AvgPool,
        taps: TapsBuf,
        params: AvgPoolParams,
        ratio: f64,
        scale: Vec<f32>,
    },
    MaxPool {
        kernel: MaxPool,
        taps: TapsBuf,
    },
    Softmax {
        isa: Isa,
        input: DequantizeParams,
        output: QuantizeParams,
        from: Dequantize,
        to: Quantize,
    },
    Quantize {
        kernel: Quantize,
        params: QuantizeParams,
    },
    Dequantize {
        kernel: Dequantize,
        params: DequantizeParams,
    },
}

/// The name of the kernel that does a step: `operation/tile/isa`, or the operator's name with `/reference`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelLabel {
    /// A kernel of an instruction set.
    Kernel(KernelName),
    /// An operator that has one implementation for all.
    Generic(&'static str),
}

impl core::fmt::Display for KernelLabel {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Kernel(name) => name.fmt(f),
            Self::Generic(op) => write!(f, "{op}/generic"),
        }
    }
}

impl Kernel {
    /// Picks the kernel for an operator whose operands have passed [`Op::infer`].
    pub fn select(
        op: &Op,
        operands: &[Operand<'_>],
        results: &[Operand<'_>],
        isa: Isa,
        fusion: Fusion,
    ) -> Result<Self, Misfit> {
        Select { op, operands, results, isa, fusion }.select()
    }

    /// The kernel's name.
    pub fn label(&self, op: &Op) -> KernelLabel {
        KernelLabel::Kernel(match self {
            Self::Generic(_) => return KernelLabel::Generic(op.name()),
            Self::Packed(kernel, weights) => kernel.name(match (op, weights) {
                (Op::MatMulPanels { .. }, DType::F16) => "gemm_f32_f16w",
                (Op::MatMulPanels { .. }, _) => "gemm_f32_f32w",
                (_, DType::F16) => "conv_f32_f16w",
                _ => "conv_f32_f32w",
            }),
            Self::FloatDepthwise(kernel, weights) => kernel.name(match weights {
                DType::F16 => "depthwise_f32_f16w",
                _ => "depthwise_f32_f32w",
            }),
            Self::Conv { kernel, .. } => kernel.name(),
            Self::Depthwise { kernel, .. } => kernel.name(),
            Self::Gemm { kernel, .. } | Self::MatMul { kernel, .. } => kernel.name(),
            Self::Add { kernel, .. } => kernel.name(),
            Self::Mul { kernel, .. } => kernel.name(),
            Self::Lookup(kernel) => kernel.name(),
            Self::AvgPool { kernel, .. } => kernel.name(),
            Self::MaxPool { kernel, .. } => kernel.name(),
            Self::Softmax { from, .. } => return KernelLabel::Kernel(from.name()),
            Self::Quantize { kernel, .. } => kernel.name(),
            Self::Dequantize { kernel, .. } => kernel.name(),
        })
    }

    /// Bytes of scratch memory that a run needs.
    pub fn scratch_len(&self, op: &Op, operands: &[Info], results: &[Info]) -> usize {
        match self {
            Self::Generic(_) => super::scratch_len(op, operands, results),
            Self::Packed(kernel, _) => packed::packed_scratch(*kernel, op, operands, results),
            Self::FloatDepthwise(..) => packed::depthwise_scratch(operands),
            Self::Conv { kernel, .. } => kernel.scratch_len(),
            Self::Depthwise { kernel, .. } => kernel.scratch_len(),
            Self::Gemm { kernel, .. } => kernel.scratch_len(),
            Self::MatMul { kernel, .. } => int8::matmul_scratch(kernel, operands),
            Self::Softmax { .. } => results.first().map_or(0, |r| 2 * 4 * r.shape.last()),
            _ => 0,
        }
    }

    /// Bytes of the tables that it keeps.
    pub fn heap_len(&self) -> usize {
        match self {
            Self::Conv { taps, .. } | Self::Depthwise { taps, .. } | Self::MaxPool { taps, .. } => taps.heap_len(),
            Self::AvgPool { taps, scale, .. } => taps.heap_len() + scale.capacity() * size_of::<f32>(),
            _ => 0,
        }
    }

    /// Lines of results by its tables of windows, if it has such.
    pub fn lines(&self) -> Option<usize> {
        match self {
            Self::Conv { taps, .. } | Self::Depthwise { taps, .. } => Some(taps.taps().shape().out[0]),
            _ => None,
        }
    }

    /// Carries the operator out, or the part of it that has some of [`Kernel::lines`].
    ///
    /// `scratch` has at least `scratch_len` bytes and begins at a multiple of 64.
    pub fn run(
        &self,
        op: &Op,
        lines: Lines,
        inputs: &[View<'_>],
        outputs: &mut [ViewMut<'_>],
        scratch: &mut [u8],
    ) -> Result<(), RunError> {
        let code = op.code().map_err(|_| RunError::Plan)?;
        (code.run)(self, op, lines, inputs, outputs, scratch)
    }

    /// The instruction set for an operator without a picked kernel.
    pub fn isa(&self) -> Result<Isa, RunError> {
        match self {
            Self::Generic(isa) => Ok(*isa),
            _ => Err(RunError::Plan),
        }
    }

    /// Makes the offset tables anew for other dimensions of the first operand, no larger than those that the
    /// kernel was picked for.
    pub fn resize(&mut self, op: &Op, input: &Info) -> Option<()> {
        let (taps, window) = match (self, op) {
            (
                Self::Conv { taps, .. } | Self::Depthwise { taps, .. },
                Op::QConv { window, .. } | Op::QDepthwise { window, .. },
            ) => (taps, window),
            (Self::MaxPool { taps, .. }, Op::QPool { window, .. }) => (taps, window),
            (Self::AvgPool { taps, scale, ratio, .. }, op) => {
                *taps = pool_taps(op, input)?;
                *scale = average_scales(op, &taps.taps(), input, *ratio);
                return Some(());
            }
            _ => return Some(()),
        };
        let &[_, h, w, c] = input.shape.dims() else { return None };
        let run = taps.taps().shape().run;
        *taps = buffer(window, [h, w, c].map(|d| d as usize), run)?;
        Some(())
    }
}

struct Select<'a> {
    op: &'a Op,
    operands: &'a [Operand<'a>],
    results: &'a [Operand<'a>],
    isa: Isa,
    fusion: Fusion,
}

impl Select<'_> {
    fn select(&self) -> Result<Kernel, Misfit> {
        let isa = self.isa;
        Ok(match *self.op {
            Op::ConvPanels { .. } | Op::MatMulPanels { .. } => {
                Kernel::Packed(Packed::select(isa, self.fusion), self.operands[1].info.dtype)
            }
            Op::DepthwisePanels { .. } => {
                let kernel = depthwise::Depthwise::select(isa, self.fusion);
                Kernel::FloatDepthwise(kernel, self.operands[1].info.dtype)
            }
            Op::QConv { groups, out_channels, .. } => {
                let taps = self.conv_taps(groups as usize)?;
                let isa = self.requantizing(taps.taps().depth(), [4, 5]);
                let kernel = Conv::select(isa, (out_channels / groups) as usize, &taps.taps());
                Kernel::Conv { kernel, taps, a_zero: self.zero_of(0)?, zero: self.result()?.zero as u8 }
            }
            Op::QDepthwise { .. } => {
                let taps = self.conv_taps(1)?;
                let kernel = Depthwise::select(self.requantizing(taps.taps().depth(), [4, 5]), &taps.taps());
                Kernel::Depthwise { kernel, taps, a_zero: self.zero_of(0)?, zero: self.result()?.zero as u8 }
            }
            Op::QGemm { n, epilogue, .. } => {
                let shape = self.operands[0].info.shape;
                let (isa, zero) = match epilogue {
                    Epilogue::Requant => (self.requantizing(shape.last(), [2, 3]), self.result()?.zero as u8),
                    _ => (isa, 0),
                };
                let isa = isa.for_weights(self.operands[1].constant);
                Kernel::Gemm {
                    kernel: Gemm::select(isa, shape.span(0, shape.rank() - 1), n as usize, shape.last()),
                    zero,
                }
            }
            Op::QMatMul { raw, .. } => self.matmul(raw)?,
            Op::QBinary { kind, clamp } => self.binary(kind, clamp.lo, clamp.hi)?,
            Op::QLookup {} => Kernel::Lookup(Lookup::select(isa)),
            Op::QPool { kind: PoolKind::Max, .. } => {
                Kernel::MaxPool { kernel: MaxPool::select(isa), taps: self.pool()? }
            }
            Op::QPool { .. } | Op::QMean { .. } => self.average()?,
            Op::QSoftmax { .. } => {
                let (from, to) = (Dequantize::select(isa), Quantize::select(isa));
                let (input, output) = (self.quant(0)?, self.result()?);
                Kernel::Softmax { isa, from, to, input: dequantize(input), output: quantize(output) }
            }
            Op::Quantize {} => Kernel::Quantize { kernel: Quantize::select(isa), params: quantize(self.result()?) },
            Op::Dequantize {} => {
                Kernel::Dequantize { kernel: Dequantize::select(isa), params: dequantize(self.quant(0)?) }
            }
            _ => Kernel::Generic(isa),
        })
    }

    /// The instruction set for sums over `depth` products whose bias and scale are these operands: not that of the plan
    /// where scales are so large that only the reference clamps before it converts, as no real model has them.
    fn requantizing(&self, depth: usize, [bias, scale]: [usize; 2]) -> Isa {
        let [Some(bias), Some(scale)] = [bias, scale].map(|operand| self.operands[operand].constant) else {
            return Isa::REFERENCE;
        };
        let bias = bias.as_chunks().0.iter().map(|&word| i32::from_le_bytes(word));
        let scale = scale.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word));
        let isa = self.isa.for_weights(self.operands[1].constant);
        if Requant::fits(depth, bias.zip(scale)) { isa } else { Isa::REFERENCE }
    }

    fn quant(&self, operand: usize) -> Result<Quant, Misfit> {
        self.operands[operand].quant.ok_or(Misfit::Parameter("operand has no quantization"))
    }

    fn zero_of(&self, operand: usize) -> Result<u8, Misfit> {
        Ok(self.quant(operand)?.zero as u8)
    }

    fn result(&self) -> Result<Quant, Misfit> {
        self.results[0].quant.ok_or(Misfit::Parameter("result has no quantization"))
    }

    /// The tables of a convolution, from the file; they are small and copied, so that a file which changes under
    /// the session can't lead a kernel out of its input.
    fn conv_taps(&self, groups: usize) -> Result<TapsBuf, Misfit> {
        let fault = Misfit::Parameter("offset tables don't fit the input");
        let (Op::QConv { window, .. } | Op::QDepthwise { window, .. }) = self.op else { return Err(fault) };
        let input = self.operands[0].info.shape;
        let table = |operand: usize| {
            let bytes = self.operands[operand].constant.ok_or(Misfit::Parameter("offset tables aren't constant"))?;
            Ok(bytes.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect::<Vec<_>>())
        };
        let run = input.dim(3) / groups;
        let out = window.output(input.dim(1), input.dim(2)).ok_or(fault)?;
        let shape = TapsShape { out, kernel: window.kernel.map(|k| k as usize), run };
        let input_len = input.span(1, 4) - (groups - 1) * run;
        laid_out(table(2)?, table(3)?, shape, input_len).ok_or(fault)
    }

    fn pool(&self) -> Result<TapsBuf, Misfit> {
        pool_taps(self.op, &self.operands[0].info).ok_or(Misfit::Parameter("window doesn't fit the input"))
    }

    fn average(&self) -> Result<Kernel, Misfit> {
        let (input, output) = (self.quant(0)?, self.result()?);
        let taps = self.pool()?;
        let ratio = f64::from(input.scale) / f64::from(output.scale);
        let params = AvgPoolParams { a_zero: input.zero as u8, zero: output.zero as u8, lo: 0, hi: 255 };
        let scale = average_scales(self.op, &taps.taps(), &self.operands[0].info, ratio);
        Ok(Kernel::AvgPool { kernel: AvgPool::select(self.isa), taps, params, ratio, scale })
    }

    fn matmul(&self, raw: bool) -> Result<Kernel, Misfit> {
        let (a, b) = (self.operands[0].info.shape, self.operands[1].info.shape);
        let params = if raw {
            int8::MatMulParams { a_zero: 0, b_zero: 0, zero: 0, scale: 1.0 }
        } else {
            let (qa, qb, qy) = (self.quant(0)?, self.quant(1)?, self.result()?);
            let scale = (f64::from(qa.scale) * f64::from(qb.scale) / f64::from(qy.scale)) as f32;
            int8::MatMulParams { a_zero: qa.zero as u8, b_zero: qb.zero as u8, zero: qy.zero as u8, scale }
        };
        let m = if a.rank() < 2 { 1 } else { a.dim(a.rank() - 2) };
        let n = if b.rank() < 2 { 1 } else { b.last() };
        // The bias follows from the operands' values.
        let fits = Requant::fits(a.last(), [(i32::MAX, params.scale)]);
        let isa = if raw || fits { self.isa.for_weights(None) } else { Isa::REFERENCE };
        Ok(Kernel::MatMul { kernel: Gemm::select(isa, m, n, a.last()), params })
    }

    fn binary(&self, kind: BinaryKind, lo: u8, hi: u8) -> Result<Kernel, Misfit> {
        let (a, b, y) = (self.quant(0)?, self.quant(1)?, self.result()?);
        let (a_zero, b_zero, zero) = (a.zero as u8, b.zero as u8, y.zero as u8);
        let ratio = |q: Quant| (f64::from(q.scale) / f64::from(y.scale)) as f32;
        if kind == BinaryKind::Mul {
            let scale = (f64::from(a.scale) * f64::from(b.scale) / f64::from(y.scale)) as f32;
            return Ok(Kernel::Mul {
                kernel: Mul::select(self.isa),
                params: MulParams { a_zero, b_zero, scale, zero, lo, hi },
            });
        }
        let sign = if kind == BinaryKind::Sub { -1.0 } else { 1.0 };
        let params = AddParams { a_zero, a_ratio: ratio(a), b_zero, b_ratio: sign * ratio(b), zero, lo, hi };
        Ok(Kernel::Add { kernel: Add::select(self.isa), params })
    }
}

fn quantize(quant: Quant) -> QuantizeParams {
    QuantizeParams { scale: quant.scale, zero: quant.zero as u8 }
}

fn dequantize(quant: Quant) -> DequantizeParams {
    DequantizeParams { scale: quant.scale, zero: quant.zero as u8 }
}

fn buffer(window: &Window, [h, w, c]: [usize; 3], run: usize) -> Option<TapsBuf> {
    let (rows, cols, shape) = window.tables([h, w, c], run)?;
    laid_out(rows, cols, shape, h * w * c - (c - run))
}

/// Offset tables as kernels like them: a window over one column of pixels lies down, for its points then have neighbours
/// on their line.
fn laid_out(rows: Vec<u32>, cols: Vec<u32>, shape: TapsShape, input_len: usize) -> Option<TapsBuf> {
    let TapsShape { out: [oh, ow], kernel: [kh, kw], run } = shape;
    if [ow, kw, cols.len()] == [1; 3] && cols[0] != PAD {
        let lying = TapsShape { out: [1, oh], kernel: [1, kh], run };
        return TapsBuf::new(cols, rows, lying, input_len).ok();
    }
    TapsBuf::new(rows, cols, shape, input_len).ok()
}

/// Tables of a pool, or of a mean seen as one: the reduced axes are the height, those after them the channels.
fn pool_taps(op: &Op, input: &Info) -> Option<TapsBuf> {
    let shape = input.shape;
    match op {
        Op::QPool { window, .. } => buffer(window, [shape.dim(1), shape.dim(2), shape.dim(3)], shape.dim(3)),
        Op::QMean { axes } => {
            let (start, end) = crate::op::infer::int8::mean_span(axes, &shape)?;
            let (height, channels) = (shape.span(start, end), shape.span(end, shape.rank()));
            let window = Window {
                kernel: [u32::try_from(height).ok()?, 1],
                stride: [1, 1],
                dilation: [1, 1],
                pads: [0; 4],
                ceil: false,
            };
            buffer(&window, [height, 1, channels], channels)
        }
        _ => None,
    }
}

/// For each point of an average: the ratio of the scales over the number of taps that count.
fn average_scales(op: &Op, taps: &Taps<'_>, input: &Info, ratio: f64) -> Vec<f32> {
    let TapsShape { out: [oh, ow], kernel: [kh, kw], .. } = taps.shape();
    let Op::QPool { kind, window } = op else { return alloc::vec![(ratio / (kh * kw) as f64) as f32; oh * ow] };
    let padded = *kind == PoolKind::AvgIncludePad;
    let counts = |axis: usize, outputs: usize| -> Vec<usize> {
        (0..outputs).map(|output| counted_taps(window, axis, output, input.shape.dim(1 + axis), padded)).collect()
    };
    let (rows, cols) = (counts(0, oh), counts(1, ow));
    let scale = |row: usize, col: usize| (ratio / (row * col).max(1) as f64) as f32;
    rows.iter().flat_map(|&row| cols.iter().map(move |&col| scale(row, col))).collect()
}

/// Taps along one axis that lie in the input of `len` positions, or also in its stated padding; never in what `ceil` adds
/// behind it.
fn counted_taps(window: &Window, axis: usize, output: usize, len: usize, padded: bool) -> usize {
    let [stride, dilation, kernel] = [window.stride, window.dilation, window.kernel].map(|v| v[axis] as usize);
    let [before, after] = [window.pads[axis], window.pads[axis + 2]].map(|pad| pad as usize);
    let counted = if padded { 0..before + len + after } else { before..before + len };
    (0..kernel).filter(|tap| counted.contains(&(output * stride + tap * dilation))).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Clamp;
    use crate::tensor::Shape;

    /// The kernel of a product with one channel, 4 deep.
    fn picked(scale: f32) -> KernelLabel {
        let info = |dtype, dims: &[usize]| Info { dtype, shape: Shape::new(dims).expect("a small shape") };
        let (panels, bias, scale) = ([0; 64], 7_i32.to_le_bytes(), scale.to_le_bytes());
        let quant = Some(Quant { scale: 1.0, zero: 0 });
        let operands = [
            Operand { info: info(DType::U8, &[1, 4]), quant, constant: None },
            Operand { info: info(DType::I8, &[64]), quant: None, constant: Some(&panels) },
            Operand { info: info(DType::I32, &[1]), quant: None, constant: Some(&bias) },
            Operand { info: info(DType::F32, &[1]), quant: None, constant: Some(&scale) },
        ];
        let results = [Operand { info: info(DType::U8, &[1, 1]), quant, constant: None }];
        let op = Op::QGemm { n: 1, epilogue: Epilogue::Requant, clamp: Clamp { lo: 0, hi: 255 } };
        Kernel::select(&op, &operands, &results, Isa::best(), Fusion::Never).expect("a sound product").label(&op)
    }

    #[test]
    fn scales_that_a_sum_could_exceed_an_integer_with_take_the_reference() {
        use alloc::string::ToString;
        assert!(picked(0.01).to_string().ends_with(&Isa::best().to_string()));
        for scale in [1e30, f32::NAN, f32::INFINITY] {
            assert!(picked(scale).to_string().ends_with("/reference"), "{scale}");
        }
    }
}
