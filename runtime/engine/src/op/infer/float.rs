//! Rules of the float operators and their relatives on integers and bools.

use core::ops::RangeInclusive;

use dunlin_kernels::float::panels::CHANNELS as PANEL;

use super::{Info, Operands, Outputs, broadcast, one};
use crate::error::InferError;
use crate::op::{Activation, BinaryKind, CellKind, Direction, Op, ReduceKind, UnaryKind, Window};
use crate::tensor::{DType, Ints, MAX_RANK, Shape};

/// Convolutions.
pub(crate) fn filters(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Conv { window, groups, .. } => rules.conv(window, groups as usize),
        Op::ConvPanels { window, groups, .. } => rules.conv_panels(window, groups as usize),
        Op::DepthwisePanels { window, .. } => rules.depthwise_panels(window),
        _ => Err(rules.0.stranger()),
    }
}

/// Products.
pub(crate) fn products(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::MatMul { trans_b, .. } => rules.matmul(trans_b, operands.len() == 3),
        Op::MatMulPanels { n, .. } => rules.matmul_panels(n as usize, operands.len() == 3),
        _ => Err(rules.0.stranger()),
    }
}

/// Functions of one element, or of two.
pub(crate) fn elementwise(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Unary { f } => rules.unary(f),
        Op::Binary { kind } => rules.binary(kind),
        Op::Where {} => rules.choose(),
        _ => Err(rules.0.stranger()),
    }
}

/// Reductions, orders and running sums.
pub(crate) fn reductions(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Reduce { kind, axes, keep } => rules.reduce(kind, axes, keep),
        Op::ArgReduce { axis, keep, .. } => rules.arg_reduce(axis, keep),
        Op::TopK { axis, k, .. } => rules.top_k(axis, k as usize),
        Op::CumSum { axis, .. } => {
            rules.0.axis(0, axis)?;
            rules.same(&[DType::F32, DType::I32])
        }
        _ => Err(rules.0.stranger()),
    }
}

/// Normalizations.
pub(crate) fn norms(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Softmax { axis, .. } => {
            rules.0.axis(0, axis)?;
            one(DType::F32, rules.float(0)?)
        }
        Op::LayerNorm { axis, .. } => rules.layer_norm(axis, operands.len()),
        Op::Lrn { size, .. } => rules.lrn(size),
        _ => Err(rules.0.stranger()),
    }
}

/// Pools and resampling.
pub(crate) fn pools(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Pool { window, .. } => rules.pool(window),
        Op::Interpolate { axis } => rules.interpolate(axis),
        _ => Err(rules.0.stranger()),
    }
}

/// Attention.
pub(crate) fn attention(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Attention { heads, .. } => rules.attention(heads as usize),
        _ => Err(rules.0.stranger()),
    }
}

/// Recurrent layers.
pub(crate) fn recurrences(op: &Op, operands: &[Info]) -> Result<Outputs, InferError> {
    let rules = Rules::new(op, operands)?;
    match *op {
        Op::Recurrent { cell, direction, hidden, mask, .. } => {
            Recurrence { rules, cell, directions: directions(direction), hidden: hidden as usize, mask }.infer()
        }
        _ => Err(rules.0.stranger()),
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

#[derive(Clone, Copy)]
struct Rules<'a>(Operands<'a>);

impl<'a> Rules<'a> {
    fn new(op: &Op, operands: &'a [Info]) -> Result<Self, InferError> {
        Operands::new(op, operands, arity(op)).map(Self)
    }

    fn float(&self, operand: usize) -> Result<Shape, InferError> {
        self.0.typed(operand, &[DType::F32])
    }

    /// A result of the first operand's shape and type.
    fn same(&self, dtypes: &[DType]) -> Result<Outputs, InferError> {
        let shape = self.0.typed(0, dtypes)?;
        one(self.0.dtype(0), shape)
    }

    /// The shape of an image whose window steps are counted.
    fn image(&self, window: Window) -> Result<([usize; 4], [usize; 2]), InferError> {
        let shape = self.0.ranked(0, &[DType::F32], 4)?;
        let image = [0, 1, 2, 3].map(|axis| shape.dim(axis));
        let steps = window.output(image[1], image[2]).ok_or(self.0.parameter("the window doesn't fit the image"))?;
        Ok((image, steps))
    }

    fn conv(&self, window: Window, groups: usize) -> Result<Outputs, InferError> {
        let ([n, _, _, c], [h, w]) = self.image(window)?;
        let weights = self.0.ranked(1, &[DType::F32, DType::F16], 4)?;
        let out_channels = weights.last();
        if groups == 0 || c % groups != 0 || out_channels % groups != 0 {
            return Err(self.0.parameter("the groups don't divide the channels"));
        }
        let expected = [window.kernel[0], window.kernel[1]].map(|k| k as usize);
        if [weights.dim(0), weights.dim(1), weights.dim(2)] != [expected[0], expected[1], c / groups] {
            return Err(self.0.misfit(1));
        }
        self.0.exact(2, DType::F32, &[out_channels])?;
        one(DType::F32, self.0.sized(&[n, h, w, out_channels])?)
    }

    fn conv_panels(&self, window: Window, groups: usize) -> Result<Outputs, InferError> {
        let ([n, _, _, c], [h, w]) = self.image(window)?;
        let weights = self.0.ranked(1, &[DType::F32, DType::F16], 4)?;
        let out_channels = self.0.ranked(2, &[DType::F32], 1)?.last();
        if groups == 0 || c % groups != 0 || out_channels % groups != 0 {
            return Err(self.0.parameter("the groups don't divide the channels"));
        }
        let k = window.taps().and_then(|taps| taps.checked_mul(c / groups)).ok_or(self.0.misfit(1))?;
        if [0, 1, 2, 3].map(|axis| weights.dim(axis)) != [groups, panels(out_channels / groups), k, PANEL] {
            return Err(self.0.misfit(1));
        }
        one(DType::F32, self.0.sized(&[n, h, w, out_channels])?)
    }

    fn depthwise_panels(&self, window: Window) -> Result<Outputs, InferError> {
        let ([n, _, _, c], [h, w]) = self.image(window)?;
        let weights = self.0.ranked(1, &[DType::F32, DType::F16], 3)?;
        let taps = window.taps().ok_or(self.0.misfit(1))?;
        if [0, 1, 2].map(|axis| weights.dim(axis)) != [panels(c), taps, PANEL] {
            return Err(self.0.misfit(1));
        }
        self.0.exact(2, DType::F32, &[c])?;
        one(DType::F32, self.0.sized(&[n, h, w, c])?)
    }

    fn matmul_panels(&self, n: usize, bias: bool) -> Result<Outputs, InferError> {
        let a = self.float(0)?;
        let weights = self.0.ranked(1, &[DType::F32, DType::F16], 3)?;
        let rank = a.rank().checked_sub(1).ok_or(self.0.misfit(0))?;
        if [0, 1, 2].map(|axis| weights.dim(axis)) != [panels(n), a.last(), PANEL] {
            return Err(self.0.misfit(1));
        }
        if bias {
            self.0.exact(2, DType::F32, &[n])?;
        }
        let mut dims = [0; MAX_RANK];
        for (slot, &dim) in dims.iter_mut().zip(a.dims()) {
            *slot = dim as usize;
        }
        dims[rank] = n;
        one(DType::F32, self.0.sized(&dims[..=rank])?)
    }

    fn pool(&self, window: Window) -> Result<Outputs, InferError> {
        let ([n, _, _, c], [h, w]) = self.image(window)?;
        one(DType::F32, self.0.sized(&[n, h, w, c])?)
    }

    fn lrn(&self, size: u32) -> Result<Outputs, InferError> {
        if size == 0 {
            return Err(self.0.parameter("the window has no channels"));
        }
        one(DType::F32, self.0.ranked(0, &[DType::F32], 4)?)
    }

    fn matmul(&self, trans_b: bool, bias: bool) -> Result<Outputs, InferError> {
        let (a, b) = (self.float(0)?, self.0.typed(1, &[DType::F32, DType::F16])?);
        let (batch_a, [m, k]) = split(a).ok_or(self.0.misfit(0))?;
        let (batch_b, rows) = split(b).ok_or(self.0.misfit(1))?;
        let [depth, n] = if trans_b { [rows[1], rows[0]] } else { rows };
        if depth != k {
            return Err(self.0.misfit(1));
        }
        if bias {
            self.0.exact(2, DType::F32, &[n])?;
        }
        let batch = broadcast(batch_a, batch_b).ok_or(self.0.misfit(1))?;
        let mut dims = [0; MAX_RANK];
        let rank = batch.rank() + 2;
        for (slot, &dim) in dims.iter_mut().zip(batch.dims()) {
            *slot = dim as usize;
        }
        dims[rank - 2] = m;
        dims[rank - 1] = n;
        one(DType::F32, self.0.sized(&dims[..rank])?)
    }

    fn unary(&self, f: Activation) -> Result<Outputs, InferError> {
        match f.kind {
            UnaryKind::Neg | UnaryKind::Abs | UnaryKind::Sign | UnaryKind::Clip => self.same(&[DType::F32, DType::I32]),
            UnaryKind::Not => self.same(&[DType::Bool]),
            UnaryKind::BitNot => self.same(&[DType::I32, DType::U8, DType::I8]),
            UnaryKind::IsNan | UnaryKind::IsInf => one(DType::Bool, self.float(0)?),
            _ => self.same(&[DType::F32]),
        }
    }

    fn binary(&self, kind: BinaryKind) -> Result<Outputs, InferError> {
        use BinaryKind as B;
        let (dtypes, compares): (&[DType], bool) = match kind {
            B::Equal => (&[DType::F32, DType::I32, DType::Bool, DType::U8, DType::I8], true),
            B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual => {
                (&[DType::F32, DType::I32, DType::U8, DType::I8], true)
            }
            B::And | B::Or | B::Xor => (&[DType::Bool], false),
            B::BitAnd | B::BitOr | B::BitXor | B::Shl | B::Shr => (&[DType::I32, DType::U8, DType::I8], false),
            _ => (&[DType::F32, DType::I32], false),
        };
        let shape = self.0.typed(0, dtypes)?;
        let dtype = self.0.dtype(0);
        let other = self.0.typed(1, &[dtype])?;
        let shape = broadcast(shape, other).ok_or(self.0.misfit(1))?;
        one(if compares { DType::Bool } else { dtype }, shape)
    }

    fn choose(&self) -> Result<Outputs, InferError> {
        let condition = self.0.typed(0, &[DType::Bool])?;
        let dtype = self.0.dtype(1);
        let (a, b) = (self.0.shape(1), self.0.typed(2, &[dtype])?);
        let shape = broadcast(condition, a).ok_or(self.0.misfit(1))?;
        one(dtype, broadcast(shape, b).ok_or(self.0.misfit(2))?)
    }

    fn reduce(&self, kind: ReduceKind, axes: Ints, keep: bool) -> Result<Outputs, InferError> {
        let shape = match kind {
            ReduceKind::Max | ReduceKind::Min => self.0.typed(0, &[DType::F32, DType::I32, DType::Bool])?,
            ReduceKind::L2 | ReduceKind::LogSum | ReduceKind::LogSumExp => self.float(0)?,
            _ => self.0.typed(0, &[DType::F32, DType::I32])?,
        };
        let reduced = reduced(shape, &axes).ok_or(self.0.parameter("no such axis, or one twice"))?;
        let mut dims = [0; MAX_RANK];
        let mut rank = 0;
        for (axis, &dim) in shape.dims().iter().enumerate() {
            if !reduced[axis] || keep {
                dims[rank] = if reduced[axis] { 1 } else { dim as usize };
                rank += 1;
            }
        }
        one(self.0.dtype(0), self.0.sized(&dims[..rank])?)
    }

    fn arg_reduce(&self, axis: u32, keep: bool) -> Result<Outputs, InferError> {
        let shape = self.0.typed(0, &[DType::F32, DType::I32, DType::U8, DType::I8])?;
        let axis = self.0.axis(0, axis)?;
        if shape.dim(axis) == 0 {
            return Err(self.0.misfit(0));
        }
        let mut dims = [0; MAX_RANK];
        let mut rank = 0;
        for (at, &dim) in shape.dims().iter().enumerate() {
            if at != axis || keep {
                dims[rank] = if at == axis { 1 } else { dim as usize };
                rank += 1;
            }
        }
        one(DType::I32, self.0.sized(&dims[..rank])?)
    }

    fn top_k(&self, axis: u32, k: usize) -> Result<Outputs, InferError> {
        let shape = self.0.typed(0, &[DType::F32, DType::I32, DType::U8, DType::I8])?;
        let axis = self.0.axis(0, axis)?;
        if k > shape.dim(axis) {
            return Err(self.0.parameter("k exceeds the axis"));
        }
        let shape = shape.with(axis, k).ok_or(self.0.misfit(0))?;
        let info = |dtype| Some(Info { dtype, shape });
        Ok([info(self.0.dtype(0)), info(DType::I32), None])
    }

    fn layer_norm(&self, axis: u32, operands: usize) -> Result<Outputs, InferError> {
        let shape = self.float(0)?;
        let axis = self.0.axis(0, axis)?;
        let row = &shape.dims()[axis..];
        for operand in 1..operands {
            let dims = self.float(operand)?;
            // Leading ones change nothing: [1, 1, c] scales rows of c.
            let ones = dims.rank().saturating_sub(row.len());
            let (ones, dims) = dims.dims().split_at(ones);
            if dims != row || ones.iter().any(|&one| one != 1) {
                return Err(self.0.misfit(operand));
            }
        }
        one(DType::F32, shape)
    }

    /// Every head has columns and there is a key, so that no sum is empty and the work is what the operands' sizes say.
    fn attention(&self, heads: usize) -> Result<Outputs, InferError> {
        let ranked = |operand| self.0.ranked(operand, &[DType::F32], 3);
        let (q, k, v) = (ranked(0)?, ranked(1)?, ranked(2)?);
        if [q, v].iter().any(|x| x.last() == 0 || x.last().checked_rem(heads) != Some(0)) {
            return Err(self.0.parameter("the heads don't divide the columns"));
        }
        let ([batch, queries], keys) = ([q.dim(0), q.dim(1)], k.dim(1));
        if keys == 0 {
            return Err(self.0.misfit(1));
        }
        self.0.exact(1, DType::F32, &[batch, keys, q.last()])?;
        self.0.exact(2, DType::F32, &[batch, keys, v.last()])?;
        if self.0.len() == 4 {
            let scores = self.0.sized(&[batch, heads, queries, keys])?;
            if broadcast(self.float(3)?, scores) != Some(scores) {
                return Err(self.0.misfit(3));
            }
        }
        one(DType::F32, self.0.sized(&[batch, queries, v.last()])?)
    }

    fn interpolate(&self, axis: u32) -> Result<Outputs, InferError> {
        let shape = self.float(0)?;
        let axis = self.0.axis(0, axis)?;
        let index = self.0.ranked(1, &[DType::I32], 2)?;
        let weight = self.float(2)?;
        if weight != index || index.dim(1) == 0 {
            return Err(self.0.misfit(2));
        }
        one(DType::F32, shape.with(axis, index.dim(0)).ok_or(self.0.parameter("the result is too large"))?)
    }
}

/// The batch dimensions of a matrix product's operand, and the last two.
fn split(shape: Shape) -> Option<(Shape, [usize; 2])> {
    let mut dims = [0; MAX_RANK];
    for (slot, &dim) in dims.iter_mut().zip(shape.dims()) {
        *slot = dim as usize;
    }
    let batch = shape.rank().checked_sub(2)?;
    Some((Shape::new(&dims[..batch])?, [dims[batch], dims[batch + 1]]))
}

/// Which axes a reduction takes away: all when none is named. `None` when there is no such axis, or one is named twice.
pub(crate) fn reduced(shape: Shape, axes: &Ints) -> Option<[bool; MAX_RANK]> {
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
    rules: Rules<'a>,
    cell: CellKind,
    directions: usize,
    hidden: usize,
    mask: u32,
}

impl Recurrence<'_> {
    fn infer(&self) -> Result<Outputs, InferError> {
        let ops = &self.rules.0;
        // x, w and r are always there; only an LSTM has a cell state and peepholes.
        let allowed = if self.cell == CellKind::Lstm { 0xff } else { 0x3f };
        if self.mask & 7 != 7 || self.mask & !allowed != 0 {
            return Err(ops.parameter("the mask doesn't fit the cell"));
        }
        if self.hidden == 0 || self.hidden > i32::MAX as usize / 8 {
            return Err(ops.parameter("the number of hidden units is out of range"));
        }
        let x = ops.ranked(0, &[DType::F32], 3)?;
        let [seq, batch, input] = [x.dim(0), x.dim(1), x.dim(2)];
        let (dirs, hidden) = (self.directions, self.hidden);
        let rows = gates(self.cell) * hidden;
        ops.exact(1, DType::F32, &[dirs, rows, input])?;
        ops.exact(2, DType::F32, &[dirs, rows, hidden])?;
        let optional: [(u32, DType, &[usize]); 5] = [
            (3, DType::F32, &[dirs, 2 * rows]),
            (4, DType::I32, &[batch]),
            (5, DType::F32, &[dirs, batch, hidden]),
            (6, DType::F32, &[dirs, batch, hidden]),
            (7, DType::F32, &[dirs, 3 * hidden]),
        ];
        let mut operand = 3;
        for (bit, dtype, dims) in optional {
            if self.mask >> bit & 1 == 1 {
                ops.exact(operand, dtype, dims)?;
                operand += 1;
            }
        }
        let info = |shape| Some(Info { dtype: DType::F32, shape });
        let state = info(ops.sized(&[dirs, batch, hidden])?);
        let cell_state = if self.cell == CellKind::Lstm { state } else { None };
        Ok([info(ops.sized(&[seq, dirs, batch, hidden])?), state, cell_state])
    }
}
