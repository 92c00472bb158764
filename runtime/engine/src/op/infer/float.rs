//! Rules of the float operators and their relatives on integers and bools.

use core::ops::RangeInclusive;

use dunlin_kernels::float::panels::CHANNELS as PANEL;

use super::{Dims, Info, Misfit, Operands, Outputs, TOO_LARGE, broadcast, one, parameter, sized, stranger};
use crate::op::{Activation, BinaryKind, CellKind, Direction, Op, ReduceKind, UnaryKind, Window};
use crate::tensor::{DType, Ints, MAX_RANK, Shape};

/// Convolutions.
pub(crate) fn filters(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::Conv { window, groups, .. } => rules.conv(window, groups as usize),
        Op::ConvPanels { window, groups, .. } => rules.conv_panels(window, groups as usize),
        Op::DepthwisePanels { window, .. } => rules.depthwise_panels(window),
        _ => stranger(),
    };
    result.map(one)
}

/// Products.
pub(crate) fn products(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::MatMul { trans_b, .. } => rules.matmul(trans_b),
        Op::MatMulPanels { n, .. } => rules.matmul_panels(n as usize),
        _ => stranger(),
    };
    result.map(one)
}

/// Functions of one element, or of two.
pub(crate) fn elementwise(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::Unary { f } => rules.unary(f),
        Op::Binary { kind } => rules.binary(kind),
        Op::Where {} => rules.choose(),
        _ => stranger(),
    };
    result.map(one)
}

/// Reductions, orders and running sums.
pub(crate) fn reductions(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    match *op {
        Op::Reduce { kind, axes, keep } => rules.reduce(kind, &axes, keep).map(one),
        Op::ArgReduce { axis, keep, .. } => rules.arg_reduce(axis, keep).map(one),
        Op::TopK { axis, k, .. } => rules.top_k(axis, k as usize),
        Op::CumSum { axis, .. } => {
            rules.0.axis(0, axis)?;
            rules.same(NUMBER).map(one)
        }
        _ => stranger(),
    }
}

/// Normalizations.
pub(crate) fn norms(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::Softmax { axis, .. } => {
            rules.0.axis(0, axis)?;
            rules.same(FLOAT)
        }
        Op::LayerNorm { axis, .. } => rules.layer_norm(axis),
        Op::Lrn { size, .. } => rules.lrn(size),
        _ => stranger(),
    };
    result.map(one)
}

/// Pools and resampling.
pub(crate) fn pools(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::Pool { window, .. } => rules.image(&window, None).map(|(_, result)| result),
        Op::Interpolate { axis } => rules.interpolate(axis),
        _ => stranger(),
    };
    result.map(one)
}

/// Attention.
pub(crate) fn attention(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let rules = Rules(Operands::new(operands, arity(op))?);
    let result = match *op {
        Op::Attention { heads, .. } => rules.attention(heads as usize),
        _ => stranger(),
    };
    result.map(one)
}

/// Recurrent layers.
pub(crate) fn recurrences(op: &Op, operands: &[Info]) -> Result<Outputs, Misfit> {
    let operands = Operands::new(operands, arity(op))?;
    match *op {
        Op::Recurrent { cell, direction, hidden, mask, .. } => {
            Recurrence { operands, cell, directions: directions(direction), hidden: hidden as usize, mask }.infer()
        }
        _ => stranger(),
    }
}

/// Panels that some output channels take.
const fn panels(channels: usize) -> usize {
    channels.div_ceil(PANEL)
}

/// Directions of a recurrent layer's results.
pub(crate) const fn directions(direction: Direction) -> usize {
    match direction {
        Direction::Forward | Direction::Reverse => 1,
        Direction::Both => 2,
    }
}

/// Gates of a recurrent cell: rows of its weights per hidden unit.
pub(crate) const fn gates(cell: CellKind) -> usize {
    match cell {
        CellKind::Rnn => 1,
        CellKind::Gru => 3,
        CellKind::Lstm => 4,
    }
}

fn arity(op: &Op) -> RangeInclusive<usize> {
    match op {
        Op::Conv { .. }
        | Op::ConvPanels { .. }
        | Op::DepthwisePanels { .. }
        | Op::Where {}
        | Op::Interpolate { .. } => 3..=3,
        Op::MatMul { .. } | Op::MatMulPanels { .. } | Op::LayerNorm { .. } => 2..=3,
        Op::Binary { .. } => 2..=2,
        Op::Attention { .. } => 3..=4,
        Op::Recurrent { mask, .. } => {
            let present = mask.count_ones() as usize;
            present..=present
        }
        _ => 1..=1,
    }
}

const FLOAT: &[DType] = &[DType::F32];
const NUMBER: &[DType] = &[DType::F32, DType::I32];
const ORDERED: &[DType] = &[DType::F32, DType::I32, DType::U8, DType::I8];
/// Weights.
const STORED: &[DType] = &[DType::F32, DType::F16];

#[derive(Clone, Copy)]
struct Rules<'a>(Operands<'a>);

impl<'a> Rules<'a> {
    fn float(&self, operand: usize) -> Result<&'a Shape, Misfit> {
        self.0.typed(operand, FLOAT)
    }

    /// A result of the first operand's shape and type.
    fn same(&self, dtypes: &[DType]) -> Result<Info, Misfit> {
        self.0.typed(0, dtypes).map(|&shape| self.0.alike(shape))
    }

    /// An image's channels, and what a window makes of it for so many of them, or for as many.
    fn image(&self, window: &Window, channels: Option<usize>) -> Result<(usize, Info), Misfit> {
        let x = self.0.ranked(0, FLOAT, 4)?;
        let Some([h, w]) = window.output(x.dim(1), x.dim(2)) else {
            return parameter("the window doesn't fit the image");
        };
        let c = x.last();
        Ok((c, float(sized(&[x.dim(0), h, w, channels.unwrap_or(c)])?)))
    }

    /// The input channels of each group.
    fn grouped(&self, groups: usize, out_channels: usize) -> Result<usize, Misfit> {
        let c = self.0.shape(0).last();
        if groups == 0 || !c.is_multiple_of(groups) || !out_channels.is_multiple_of(groups) {
            return parameter("the groups don't divide the channels");
        }
        Ok(c / groups)
    }

    fn conv(&self, window: Window, groups: usize) -> Result<Info, Misfit> {
        let out_channels = self.0.ranked(1, STORED, 4)?.last();
        let (_, result) = self.image(&window, Some(out_channels))?;
        let c = self.grouped(groups, out_channels)?;
        self.0.exact(1, STORED, &[window.kernel[0] as usize, window.kernel[1] as usize, c, out_channels])?;
        self.0.exact(2, FLOAT, &[out_channels])?;
        Ok(result)
    }

    fn conv_panels(&self, window: Window, groups: usize) -> Result<Info, Misfit> {
        let out_channels = self.0.ranked(2, FLOAT, 1)?.last();
        let (_, result) = self.image(&window, Some(out_channels))?;
        let c = self.grouped(groups, out_channels)?;
        let k = window.taps().and_then(|taps| taps.checked_mul(c)).ok_or(Misfit::Shape(1))?;
        self.0.exact(1, STORED, &[groups, panels(out_channels / groups), k, PANEL])?;
        Ok(result)
    }

    fn depthwise_panels(&self, window: Window) -> Result<Info, Misfit> {
        let (c, result) = self.image(&window, None)?;
        let taps = window.taps().ok_or(Misfit::Shape(1))?;
        self.0.exact(1, STORED, &[panels(c), taps, PANEL])?;
        self.0.exact(2, FLOAT, &[c])?;
        Ok(result)
    }

    /// Checks the bias, where there is one.
    fn bias(&self, n: usize) -> Result<(), Misfit> {
        if self.0.len() == 3 { self.0.exact(2, FLOAT, &[n]) } else { Ok(()) }
    }

    fn matmul_panels(&self, n: usize) -> Result<Info, Misfit> {
        let a = self.float(0)?;
        let rank = a.rank().checked_sub(1).ok_or(Misfit::Shape(0))?;
        self.0.exact(1, STORED, &[panels(n), a.last(), PANEL])?;
        self.bias(n)?;
        a.with(rank, n).map(float).ok_or(TOO_LARGE)
    }

    fn lrn(&self, size: u32) -> Result<Info, Misfit> {
        if size == 0 {
            return parameter("the window has no channels");
        }
        self.0.ranked(0, FLOAT, 4).copied().map(float)
    }

    fn matmul(&self, trans_b: bool) -> Result<Info, Misfit> {
        let (a, b) = (self.float(0)?, self.0.typed(1, STORED)?);
        let (batch_a, [m, k]) = split(a).ok_or(Misfit::Shape(0))?;
        let (batch_b, rows) = split(b).ok_or(Misfit::Shape(1))?;
        let [depth, n] = if trans_b { [rows[1], rows[0]] } else { rows };
        if depth != k {
            return Err(Misfit::Shape(1));
        }
        self.bias(n)?;
        let batch = broadcast(&batch_a, &batch_b).ok_or(Misfit::Shape(1))?;
        let mut dims = Dims::default();
        dims.extend(batch.dims());
        dims.push(m);
        dims.push(n);
        dims.shape().map(float)
    }

    fn unary(&self, f: Activation) -> Result<Info, Misfit> {
        match f.kind {
            UnaryKind::Neg | UnaryKind::Abs | UnaryKind::Sign | UnaryKind::Clip => self.same(NUMBER),
            UnaryKind::Not => self.same(&[DType::Bool]),
            UnaryKind::BitNot => self.same(&[DType::I32, DType::U8, DType::I8]),
            UnaryKind::IsNan | UnaryKind::IsInf => self.float(0).map(|&shape| Info { dtype: DType::Bool, shape }),
            _ => self.same(FLOAT),
        }
    }

    fn binary(&self, kind: BinaryKind) -> Result<Info, Misfit> {
        use BinaryKind as B;
        let (dtypes, compares): (&[DType], bool) = match kind {
            B::Equal => (&[DType::F32, DType::I32, DType::Bool, DType::U8, DType::I8], true),
            B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual => (ORDERED, true),
            B::And | B::Or | B::Xor => (&[DType::Bool], false),
            B::BitAnd | B::BitOr | B::BitXor | B::Shl | B::Shr => (&[DType::I32, DType::U8, DType::I8], false),
            _ => (NUMBER, false),
        };
        let shape = self.0.typed(0, dtypes)?;
        let dtype = self.0.dtype(0);
        let other = self.0.typed(1, &[dtype])?;
        let shape = broadcast(shape, other).ok_or(Misfit::Shape(1))?;
        Ok(Info { dtype: if compares { DType::Bool } else { dtype }, shape })
    }

    fn choose(&self) -> Result<Info, Misfit> {
        let condition = self.0.typed(0, &[DType::Bool])?;
        let dtype = self.0.dtype(1);
        let (a, b) = (self.0.shape(1), self.0.typed(2, &[dtype])?);
        let shape = broadcast(condition, a).ok_or(Misfit::Shape(1))?;
        let shape = broadcast(&shape, b).ok_or(Misfit::Shape(2))?;
        Ok(Info { dtype, shape })
    }

    fn reduce(&self, kind: ReduceKind, axes: &Ints, keep: bool) -> Result<Info, Misfit> {
        let dtypes: &[DType] = match kind {
            ReduceKind::Max | ReduceKind::Min => &[DType::F32, DType::I32, DType::Bool],
            ReduceKind::L2 | ReduceKind::LogSum | ReduceKind::LogSumExp => FLOAT,
            _ => NUMBER,
        };
        let shape = self.0.typed(0, dtypes)?;
        let reduced = reduced(shape, axes).ok_or(Misfit::Parameter("no such axis, or one twice"))?;
        remaining(shape, &reduced, keep).map(|shape| self.0.alike(shape))
    }

    fn arg_reduce(&self, axis: u32, keep: bool) -> Result<Info, Misfit> {
        let shape = self.0.typed(0, ORDERED)?;
        let axis = self.0.axis(0, axis)?;
        if shape.dim(axis) == 0 {
            return Err(Misfit::Shape(0));
        }
        let mut reduced = [false; MAX_RANK];
        reduced[axis] = true;
        Ok(Info { dtype: DType::I32, shape: remaining(shape, &reduced, keep)? })
    }

    fn top_k(&self, axis: u32, k: usize) -> Result<Outputs, Misfit> {
        let shape = self.0.typed(0, ORDERED)?;
        let axis = self.0.axis(0, axis)?;
        if k > shape.dim(axis) {
            return parameter("k exceeds the axis");
        }
        let shape = shape.with(axis, k).ok_or(Misfit::Shape(0))?;
        Ok([Some(self.0.alike(shape)), Some(Info { dtype: DType::I32, shape }), None])
    }

    fn layer_norm(&self, axis: u32) -> Result<Info, Misfit> {
        let shape = self.float(0)?;
        let axis = self.0.axis(0, axis)?;
        let row = &shape.dims()[axis..];
        for operand in 1..self.0.len() {
            let dims = self.float(operand)?;
            // Leading ones change nothing: [1, 1, c] scales rows of c.
            let ones = dims.rank().saturating_sub(row.len());
            let (ones, dims) = dims.dims().split_at(ones);
            if dims != row || ones.iter().any(|&one| one != 1) {
                return Err(Misfit::Shape(operand));
            }
        }
        Ok(float(*shape))
    }

    /// Every head has columns and there is a key, so that no sum is empty and the work is what the operands' sizes say.
    fn attention(&self, heads: usize) -> Result<Info, Misfit> {
        let ranked = |operand| self.0.ranked(operand, FLOAT, 3);
        let (q, k, v) = (ranked(0)?, ranked(1)?, ranked(2)?);
        if [q, v].iter().any(|x| x.last() == 0 || x.last().checked_rem(heads) != Some(0)) {
            return parameter("the heads don't divide the columns");
        }
        let (batch, queries, keys) = (q.dim(0), q.dim(1), k.dim(1));
        if keys == 0 {
            return Err(Misfit::Shape(1));
        }
        self.0.exact(1, FLOAT, &[batch, keys, q.last()])?;
        self.0.exact(2, FLOAT, &[batch, keys, v.last()])?;
        if self.0.len() == 4 {
            let scores = sized(&[batch, heads, queries, keys])?;
            if broadcast(self.float(3)?, &scores) != Some(scores) {
                return Err(Misfit::Shape(3));
            }
        }
        sized(&[batch, queries, v.last()]).map(float)
    }

    fn interpolate(&self, axis: u32) -> Result<Info, Misfit> {
        let shape = self.float(0)?;
        let axis = self.0.axis(0, axis)?;
        let index = self.0.ranked(1, &[DType::I32], 2)?;
        if self.float(2)? != index || index.dim(1) == 0 {
            return Err(Misfit::Shape(2));
        }
        shape.with(axis, index.dim(0)).map(float).ok_or(TOO_LARGE)
    }
}

/// A result of floats.
fn float(shape: Shape) -> Info {
    Info { dtype: DType::F32, shape }
}

/// What is left of a shape without the reduced axes, or with one index of each if `keep`.
fn remaining(shape: &Shape, reduced: &[bool; MAX_RANK], keep: bool) -> Result<Shape, Misfit> {
    let mut dims = Dims::default();
    for (&dim, &reduced) in shape.dims().iter().zip(reduced) {
        if !reduced || keep {
            dims.push(if reduced { 1 } else { dim as usize });
        }
    }
    dims.shape()
}

/// The batch dimensions of a matrix product's operand, and the last two.
fn split(shape: &Shape) -> Option<(Shape, [usize; 2])> {
    let batch = shape.rank().checked_sub(2)?;
    Some((shape.leading(batch), [shape.dim(batch), shape.dim(batch + 1)]))
}

/// Which axes a reduction takes away: all when none is named. `None` when there is no such axis, or one is named twice.
pub(crate) fn reduced(shape: &Shape, axes: &Ints) -> Option<[bool; MAX_RANK]> {
    let mut reduced = [axes.is_empty(); MAX_RANK];
    for &axis in axes.iter() {
        let axis = shape.axis(axis)?;
        if core::mem::replace(&mut reduced[axis], true) {
            return None;
        }
    }
    Some(reduced)
}

/// A recurrent layer with its operands.
struct Recurrence<'a> {
    operands: Operands<'a>,
    cell: CellKind,
    directions: usize,
    hidden: usize,
    mask: u32,
}

impl Recurrence<'_> {
    fn infer(&self) -> Result<Outputs, Misfit> {
        let ops = &self.operands;
        // x, w and r are always there; only an LSTM has a cell state and peepholes.
        let allowed = if self.cell == CellKind::Lstm { 0xff } else { 0x3f };
        if self.mask & 7 != 7 || self.mask & !allowed != 0 {
            return parameter("the mask doesn't fit the cell");
        }
        if self.hidden == 0 || self.hidden > i32::MAX as usize / 8 {
            return parameter("the number of hidden units is out of range");
        }
        let x = ops.ranked(0, FLOAT, 3)?;
        let (seq, batch, input) = (x.dim(0), x.dim(1), x.dim(2));
        let (dirs, hidden) = (self.directions, self.hidden);
        let rows = gates(self.cell) * hidden;
        ops.exact(1, FLOAT, &[dirs, rows, input])?;
        ops.exact(2, FLOAT, &[dirs, rows, hidden])?;
        let optional: [(&[DType], &[usize]); 5] = [
            (FLOAT, &[dirs, 2 * rows]),
            (&[DType::I32], &[batch]),
            (FLOAT, &[dirs, batch, hidden]),
            (FLOAT, &[dirs, batch, hidden]),
            (FLOAT, &[dirs, 3 * hidden]),
        ];
        let mut operand = 3;
        for (bit, (dtypes, dims)) in optional.into_iter().enumerate() {
            if self.mask >> (3 + bit) & 1 == 1 {
                ops.exact(operand, dtypes, dims)?;
                operand += 1;
            }
        }
        let state = Some(float(sized(&[dirs, batch, hidden])?));
        let cell_state = if self.cell == CellKind::Lstm { state } else { None };
        Ok([Some(float(sized(&[seq, dirs, batch, hidden])?)), state, cell_state])
    }
}
