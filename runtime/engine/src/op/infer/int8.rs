//! Rules of the int8 operators.

use super::{Info, Operands, Outputs, broadcast, one};
use crate::error::InferError;
use crate::op::{BinaryKind, Epilogue, Op, PoolKind, Window};
use crate::tensor::{DType, Ints, MAX_RANK, Shape};
use core::ops::RangeInclusive;
use dunlin_kernels::packed_len;

/// Conversions between floats and bytes, and between bytes.
pub(crate) fn conversions(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Quantize {} => rules.unary(DType::F32, DType::U8),
        Op::Dequantize {} => rules.unary(DType::U8, DType::F32),
        Op::FlipSign {} => rules.flip_sign(),
        _ => Err(rules.0.stranger()),
    }
}

/// Convolutions.
pub(crate) fn filters(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::QConv { window, groups, out_channels, .. } => rules.conv(window, groups as usize, out_channels as usize),
        Op::QDepthwise { window, .. } => rules.depthwise(window),
        _ => Err(rules.0.stranger()),
    }
}

/// Products, and what quantizes their rows.
pub(crate) fn products(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::QGemm { n, epilogue, .. } => rules.gemm(n as usize, epilogue),
        Op::QMatMul { raw, .. } => rules.matmul(raw),
        Op::DynamicQuantize {} => rules.dynamic_quantize(),
        _ => Err(rules.0.stranger()),
    }
}

/// Functions of one element, or of two.
pub(crate) fn elementwise(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::QBinary { kind, .. } => rules.binary(kind),
        Op::QLookup {} => rules.lookup(),
        Op::QSoftmax { .. } => rules.unary(DType::U8, DType::U8),
        _ => Err(rules.0.stranger()),
    }
}

/// Pools and means.
pub(crate) fn pools(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::QPool { kind, window } => rules.pool(kind, window),
        Op::QMean { axes } => rules.mean(axes),
        _ => Err(rules.0.stranger()),
    }
}

/// The axes of a mean, which have to follow each other: `start..end`.
pub(crate) fn mean_span(axes: &Ints, shape: &Shape) -> Option<(usize, usize)> {
    let start = shape.axis(*axes.first()?)?;
    let mut end = start;
    for &axis in axes.iter() {
        (shape.axis(axis)? == end).then(|| end += 1)?;
    }
    Some((start, end))
}

fn arity(op: &Op) -> RangeInclusive<usize> {
    match op {
        Op::QConv { .. } | Op::QDepthwise { .. } => 6..=7,
        Op::QGemm { epilogue: Epilogue::Requant, .. } => 4..=5,
        Op::QGemm { epilogue: Epilogue::Dynamic, .. } => 7..=7,
        Op::QGemm { epilogue: Epilogue::Raw, .. } | Op::QMatMul { raw: true, .. } => 4..=4,
        Op::QMatMul { .. } | Op::QBinary { .. } | Op::QLookup {} => 2..=2,
        _ => 1..=1,
    }
}

struct Rules<'a>(Operands<'a>);

impl<'a> Rules<'a> {
    fn new(op: &Op, operands: &'a [Info]) -> Result<Self, InferError> {
        Operands::new(op, operands, arity(op)).map(Self)
    }

    fn typed(&self, operand: usize, dtype: DType) -> Result<Shape, InferError> {
        self.0.typed(operand, &[dtype])
    }

    /// An operand of a certain type and number of elements, whatever its shape.
    fn counted(&self, operand: usize, dtype: DType, count: Option<usize>) -> Result<(), InferError> {
        let shape = self.typed(operand, dtype)?;
        (count == Some(shape.count())).then_some(()).ok_or(self.0.misfit(operand))
    }

    fn image(&self) -> Result<[usize; 4], InferError> {
        let shape = self.typed(0, DType::U8)?;
        match *shape.dims() {
            [n, h, w, c] if h > 0 && w > 0 && c > 0 => Ok([n, h, w, c].map(|d| d as usize)),
            _ => Err(self.0.misfit(0)),
        }
    }

    fn output(&self, window: &Window, h: usize, w: usize) -> Result<[usize; 2], InferError> {
        window.output(h, w).ok_or_else(|| self.0.parameter("window doesn't fit its input"))
    }

    fn conv(&self, window: Window, groups: usize, out_channels: usize) -> Result<Outputs, InferError> {
        let [n, h, w, c] = self.image()?;
        if groups == 0 || out_channels == 0 || !c.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
            return Err(self.0.parameter("groups don't divide the channels"));
        }
        let depth = window.taps().and_then(|taps| taps.checked_mul(c / groups));
        let panels = depth.and_then(|k| packed_len(out_channels / groups, k)?.checked_mul(groups));
        self.filters(&window, panels, out_channels, [n, h, w])
    }

    fn depthwise(&self, window: Window) -> Result<Outputs, InferError> {
        let [n, h, w, c] = self.image()?;
        let panels = window.taps().and_then(|taps| packed_len(c, taps));
        self.filters(&window, panels, c, [n, h, w])
    }

    fn filters(
        &self,
        window: &Window,
        panels: Option<usize>,
        channels: usize,
        [n, h, w]: [usize; 3],
    ) -> Result<Outputs, InferError> {
        let [oh, ow] = self.output(window, h, w)?;
        self.counted(1, DType::I8, panels)?;
        self.table(2, oh.checked_mul(window.kernel[0] as usize))?;
        self.table(3, ow.checked_mul(window.kernel[1] as usize))?;
        self.counted(4, DType::I32, Some(channels))?;
        self.counted(5, DType::F32, Some(channels))?;
        if self.0.len() > 6 {
            self.counted(6, DType::I32, Some(channels))?;
        }
        self.sized(&[n, oh, ow, channels])
    }

    /// Offsets for at least this many taps: a shorter input has fewer than the tables of the longest one.
    fn table(&self, operand: usize, needed: Option<usize>) -> Result<(), InferError> {
        let found = self.typed(operand, DType::I32)?.count();
        needed.filter(|&needed| needed <= found).map(|_| ()).ok_or(self.0.misfit(operand))
    }

    fn gemm(&self, n: usize, epilogue: Epilogue) -> Result<Outputs, InferError> {
        let x = self.typed(0, DType::U8)?;
        let k = x.last();
        if x.rank() == 0 || k == 0 || n == 0 {
            return Err(self.0.misfit(0));
        }
        let per_channel = |operand, dtype| self.counted(operand, dtype, Some(n));
        let dtype = match epilogue {
            Epilogue::Requant => {
                per_channel(2, DType::I32)?;
                per_channel(3, DType::F32)?;
                if self.0.len() > 4 {
                    per_channel(4, DType::I32)?;
                }
                DType::U8
            }
            Epilogue::Dynamic => {
                self.counted(2, DType::F32, Some(1))?;
                self.counted(3, DType::U8, Some(1))?;
                per_channel(4, DType::I32)?;
                per_channel(5, DType::F32)?;
                per_channel(6, DType::F32)?;
                DType::F32
            }
            Epilogue::Raw => {
                self.counted(2, DType::U8, Some(1))?;
                per_channel(3, DType::I32)?;
                DType::I32
            }
        };
        self.counted(1, DType::I8, packed_len(n, k))?;
        let shape = x.with(x.rank() - 1, n).ok_or_else(|| self.0.parameter("result is too large"))?;
        one(dtype, shape)
    }

    fn matmul(&self, raw: bool) -> Result<Outputs, InferError> {
        let (a, b) = (self.typed(0, DType::U8)?, self.typed(1, DType::U8)?);
        if raw {
            self.counted(2, DType::U8, Some(1))?;
            self.counted(3, DType::U8, Some(1))?;
        }
        let shape = matmul(a, b).ok_or_else(|| self.0.misfit(1))?;
        let dtype = if raw { DType::I32 } else { DType::U8 };
        one(dtype, shape)
    }

    fn binary(&self, kind: BinaryKind) -> Result<Outputs, InferError> {
        if !matches!(kind, BinaryKind::Add | BinaryKind::Sub | BinaryKind::Mul) {
            return Err(self.0.parameter("has no quantized form of this function"));
        }
        let shape = broadcast(self.typed(0, DType::U8)?, self.typed(1, DType::U8)?).ok_or_else(|| self.0.misfit(1))?;
        one(DType::U8, shape)
    }

    fn lookup(&self) -> Result<Outputs, InferError> {
        self.counted(1, DType::U8, Some(256))?;
        let shape = self.typed(0, DType::U8)?;
        one(DType::U8, shape)
    }

    fn pool(&self, kind: PoolKind, window: Window) -> Result<Outputs, InferError> {
        if kind == PoolKind::Lp {
            return Err(self.0.parameter("has no quantized form of this pool"));
        }
        let [n, h, w, c] = self.image()?;
        let [oh, ow] = self.output(&window, h, w)?;
        self.sized(&[n, oh, ow, c])
    }

    fn mean(&self, axes: Ints) -> Result<Outputs, InferError> {
        let mut shape = self.typed(0, DType::U8)?;
        let (start, end) = mean_span(&axes, &shape).ok_or_else(|| self.0.parameter("axes don't follow each other"))?;
        if shape.count() == 0 {
            return Err(self.0.misfit(0));
        }
        for axis in start..end {
            shape = shape.with(axis, 1).ok_or_else(|| self.0.misfit(0))?;
        }
        one(DType::U8, shape)
    }

    fn unary(&self, from: DType, to: DType) -> Result<Outputs, InferError> {
        one(to, self.typed(0, from)?)
    }

    fn dynamic_quantize(&self) -> Result<Outputs, InferError> {
        let shape = self.typed(0, DType::F32)?;
        let scalar = Shape::default();
        Ok([
            Some(Info { dtype: DType::U8, shape }),
            Some(Info { dtype: DType::F32, shape: scalar }),
            Some(Info { dtype: DType::U8, shape: scalar }),
        ])
    }

    fn flip_sign(&self) -> Result<Outputs, InferError> {
        self.unary(DType::U8, DType::I8).or_else(|_| self.unary(DType::I8, DType::U8))
    }

    fn sized(&self, dims: &[usize]) -> Result<Outputs, InferError> {
        one(DType::U8, self.0.sized(dims)?)
    }
}

/// Dimensions of a product of matrices, the leading ones broadcast; a vector's missing dimension is missing in the result.
fn matmul(a: Shape, b: Shape) -> Option<Shape> {
    let (k, n) = match *b.dims() {
        [k] => (k, None),
        [.., k, n] => (k, Some(n as usize)),
        [] => return None,
    };
    (a.rank() > 0 && a.last() == k as usize).then_some(())?;
    let lead = |shape: Shape| shape.leading(shape.rank().saturating_sub(2));
    let batch = broadcast(lead(a), lead(b))?;
    let m = (a.rank() > 1).then(|| a.dim(a.rank() - 2));
    let mut dims = [0; MAX_RANK];
    let mut rank = 0;
    for dim in batch.dims().iter().map(|&d| d as usize).chain(m).chain(n) {
        *dims.get_mut(rank)? = dim;
        rank += 1;
    }
    Shape::new(&dims[..rank])
}
