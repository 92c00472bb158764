//! Rules of the int8 operators.

use super::{Dims, Info, Misfit, Operands, Outputs, TOO_LARGE, broadcast, one, parameter, sized, stranger};
use crate::op::{BinaryKind, Epilogue, Op, PoolKind, Window};
use crate::tensor::{DType, Ints, Shape};
use core::ops::RangeInclusive;
use dunlin_kernels::packed_len;

/// Conversions between floats and bytes, and between bytes.
pub(crate) fn conversions(op: &Op, operands: &[Info]) -> Result<Info, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    match *op {
        Op::Quantize {} => rules.unary(DType::F32, DType::U8),
        Op::Dequantize {} => rules.unary(DType::U8, DType::F32),
        Op::FlipSign {} => rules.flip_sign(),
        _ => stranger(),
    }
}

/// Convolutions.
pub(crate) fn filters(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::QConv { window, groups, out_channels, .. } => rules.conv(window, groups as usize, out_channels as usize),
        Op::QDepthwise { window, .. } => rules.depthwise(window),
        _ => stranger(),
    };
    result.map(one)
}

/// Products, and what quantizes their rows.
pub(crate) fn products(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    match *op {
        Op::QGemm { n, epilogue, .. } => rules.gemm(n as usize, epilogue).map(one),
        Op::QMatMul { raw, .. } => rules.matmul(raw).map(one),
        Op::DynamicQuantize {} => rules.dynamic_quantize(),
        _ => stranger(),
    }
}

/// Functions of one element, or of two.
pub(crate) fn elementwise(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::QBinary { kind, .. } => rules.binary(kind),
        Op::QLookup {} => rules.lookup(),
        Op::QSoftmax { .. } => rules.unary(DType::U8, DType::U8),
        _ => stranger(),
    };
    result.map(one)
}

/// Pools and means.
pub(crate) fn pools(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::QPool { kind, window } => rules.pool(kind, window),
        Op::QMean { axes } => rules.mean(axes),
        _ => stranger(),
    };
    result.map(one)
}

/// Means of rows that ids pick.
pub(crate) fn bags(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, 3..=3)?);
    match *op {
        Op::EmbeddingBag {} => rules.bag().map(one),
        _ => stranger(),
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
    fn typed(&self, operand: usize, dtype: DType) -> Result<&'a Shape, Misfit> {
        self.0.typed(operand, &[dtype])
    }

    /// An operand of a certain type and number of elements, whatever its shape.
    fn counted(&self, operand: usize, dtype: DType, count: Option<usize>) -> Result<(), Misfit> {
        let shape = self.typed(operand, dtype)?;
        (count == Some(shape.count())).then_some(()).ok_or(Misfit::Shape(operand))
    }

    fn image(&self) -> Result<[usize; 4], Misfit> {
        let shape = self.typed(0, DType::U8)?;
        match *shape.dims() {
            [n, h, w, c] if h > 0 && w > 0 && c > 0 => Ok([n, h, w, c].map(|d| d as usize)),
            _ => Err(Misfit::Shape(0)),
        }
    }

    fn output(&self, window: &Window, h: usize, w: usize) -> Result<[usize; 2], Misfit> {
        window.output(h, w).ok_or(Misfit::Parameter("window doesn't fit its input"))
    }

    fn conv(&self, window: Window, groups: usize, out_channels: usize) -> Result<Info, Misfit> {
        let [n, h, w, c] = self.image()?;
        if groups == 0 || out_channels == 0 || !c.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
            return parameter("groups don't divide the channels");
        }
        let depth = window.taps().and_then(|taps| taps.checked_mul(c / groups));
        let panels = depth.and_then(|k| packed_len(out_channels / groups, k)?.checked_mul(groups));
        self.filters(&window, panels, out_channels, [n, h, w])
    }

    fn depthwise(&self, window: Window) -> Result<Info, Misfit> {
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
    ) -> Result<Info, Misfit> {
        let [oh, ow] = self.output(window, h, w)?;
        self.counted(1, DType::I8, panels)?;
        self.table(2, oh.checked_mul(window.kernel[0] as usize))?;
        self.table(3, ow.checked_mul(window.kernel[1] as usize))?;
        self.counted(4, DType::I32, Some(channels))?;
        self.counted(5, DType::F32, Some(channels))?;
        if self.0.len() > 6 {
            self.counted(6, DType::I32, Some(channels))?;
        }
        sized(&[n, oh, ow, channels]).map(bytes)
    }

    /// Offsets for at least this many taps: a shorter input has fewer than the tables of the longest one.
    fn table(&self, operand: usize, needed: Option<usize>) -> Result<(), Misfit> {
        let found = self.typed(operand, DType::I32)?.count();
        needed.filter(|&needed| needed <= found).map(|_| ()).ok_or(Misfit::Shape(operand))
    }

    fn gemm(&self, n: usize, epilogue: Epilogue) -> Result<Info, Misfit> {
        let x = self.typed(0, DType::U8)?;
        let k = x.last();
        if x.rank() == 0 || k == 0 || n == 0 {
            return Err(Misfit::Shape(0));
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
        let shape = x.with(x.rank() - 1, n).ok_or(TOO_LARGE)?;
        Ok(Info { dtype, shape })
    }

    fn matmul(&self, raw: bool) -> Result<Info, Misfit> {
        let (a, b) = (self.typed(0, DType::U8)?, self.typed(1, DType::U8)?);
        if raw {
            self.counted(2, DType::U8, Some(1))?;
            self.counted(3, DType::U8, Some(1))?;
        }
        let shape = matmul(a, b).ok_or(Misfit::Shape(1))?;
        let dtype = if raw { DType::I32 } else { DType::U8 };
        Ok(Info { dtype, shape })
    }

    fn binary(&self, kind: BinaryKind) -> Result<Info, Misfit> {
        if !matches!(kind, BinaryKind::Add | BinaryKind::Sub | BinaryKind::Mul) {
            return parameter("has no quantized form of this function");
        }
        let shape = broadcast(self.typed(0, DType::U8)?, self.typed(1, DType::U8)?).ok_or(Misfit::Shape(1))?;
        Ok(bytes(shape))
    }

    fn lookup(&self) -> Result<Info, Misfit> {
        self.counted(1, DType::U8, Some(256))?;
        let shape = self.typed(0, DType::U8)?;
        Ok(bytes(*shape))
    }

    fn pool(&self, kind: PoolKind, window: Window) -> Result<Info, Misfit> {
        if kind == PoolKind::Lp {
            return parameter("has no quantized form of this pool");
        }
        let [n, h, w, c] = self.image()?;
        let [oh, ow] = self.output(&window, h, w)?;
        sized(&[n, oh, ow, c]).map(bytes)
    }

    fn mean(&self, axes: Ints) -> Result<Info, Misfit> {
        let mut shape = *self.typed(0, DType::U8)?;
        let (start, end) = mean_span(&axes, &shape).ok_or(Misfit::Parameter("axes don't follow each other"))?;
        if shape.count() == 0 {
            return Err(Misfit::Shape(0));
        }
        for axis in start..end {
            shape = shape.with(axis, 1).ok_or(Misfit::Shape(0))?;
        }
        Ok(bytes(shape))
    }

    /// Sums of bytes fit in 32 bits when there are less than 2^24.
    fn bag(&self) -> Result<Info, Misfit> {
        let table = self.0.ranked(0, &[DType::I8], 2)?;
        if self.typed(1, DType::I32)?.count() >= 1 << 24 {
            return Err(Misfit::Shape(1));
        }
        self.counted(2, DType::F32, Some(table.last()))?;
        let shape = table.with(0, 1).ok_or(TOO_LARGE)?;
        Ok(Info { dtype: DType::F32, shape })
    }

    fn unary(&self, from: DType, to: DType) -> Result<Info, Misfit> {
        self.typed(0, from).map(|&shape| Info { dtype: to, shape })
    }

    fn dynamic_quantize(&self) -> Result<Outputs, Misfit> {
        let shape = self.typed(0, DType::F32)?;
        Ok([Some(bytes(*shape)), Some(Info { dtype: DType::F32, shape: Shape::SCALAR }), Some(bytes(Shape::SCALAR))])
    }

    fn flip_sign(&self) -> Result<Info, Misfit> {
        self.unary(DType::U8, DType::I8).or_else(|_| self.unary(DType::I8, DType::U8))
    }
}

/// A result of bytes.
fn bytes(shape: Shape) -> Info {
    Info { dtype: DType::U8, shape }
}

/// Dimensions of a product of matrices, the leading ones broadcast; a vector's missing dimension is missing in the result.
fn matmul(a: &Shape, b: &Shape) -> Option<Shape> {
    let (k, n) = match *b.dims() {
        [k] => (k, None),
        [.., k, n] => (k, Some(n as usize)),
        [] => return None,
    };
    (a.rank() > 0 && a.last() == k as usize).then_some(())?;
    let lead = |shape: &Shape| shape.leading(shape.rank().saturating_sub(2));
    let batch = broadcast(&lead(a), &lead(b))?;
    let m = (a.rank() > 1).then(|| a.dim(a.rank() - 2));
    let mut dims = Dims::default();
    dims.extend(batch.dims());
    m.into_iter().chain(n).for_each(|dim| dims.push(dim));
    dims.shape().ok()
}
