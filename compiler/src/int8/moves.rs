//! Operators that move data without computing: quantization passes through them unchanged.

use std::ops::RangeFrom;

use dunlin_engine::op::{Op as EngineOp, PadMode, PoolKind, ScatterKind};
use dunlin_engine::tensor::Quant;

use super::products::quantum;
use crate::ir::Op;

/// Which operands an operator moves, `None` for one that computes. A max pool counts as movement: the largest quantum
/// stands for the largest number.
pub fn operands(op: &Op) -> Option<Places> {
    let places = |start, step, end| Some(Places { start, step, end });
    match op {
        Op::Pool { kind: PoolKind::Max, .. } => places(0, 1, 1),
        Op::Engine(op) => match op {
            EngineOp::Reshape { .. }
            | EngineOp::Transpose { .. }
            | EngineOp::Slice { .. }
            | EngineOp::Pad { .. }
            | EngineOp::Expand { .. }
            | EngineOp::Tile { .. }
            | EngineOp::Gather { .. }
            | EngineOp::GatherElements { .. }
            | EngineOp::GatherNd { .. } => places(0, 1, 1),
            EngineOp::QPool { kind: PoolKind::Max, .. } => places(0, 1, 1),
            EngineOp::Concat { .. } => places(0, 1, usize::MAX),
            EngineOp::Where {} => places(1, 1, 3),
            EngineOp::ScatterElements { kind: ScatterKind::Set, .. }
            | EngineOp::ScatterNd { kind: ScatterKind::Set } => places(0, 2, 3),
            _ => None,
        },
        _ => None,
    }
}

/// Places of the moved operands among all.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// The first.
    pub start: usize,
    step: usize,
    end: usize,
}

impl Places {
    /// Whether the operand at `place` is moved.
    pub fn contains(&self, place: usize) -> bool {
        (self.start..self.end).contains(&place) && (place - self.start).is_multiple_of(self.step)
    }

    /// The places among `count` operands.
    pub fn among(self, count: usize) -> impl Iterator<Item = usize> {
        let all: RangeFrom<usize> = self.start..;
        all.step_by(self.step).take_while(move |&place| place < self.end.min(count))
    }
}

/// The operator for quanta in place of numbers, rounding what it brings in itself as `QuantizeLinear` would.
pub fn quantized(op: &Op, quant: Quant) -> Op {
    match *op {
        Op::Engine(EngineOp::Pad { before, after, mode, value }) => {
            Op::Engine(EngineOp::Pad { before, after, mode, value: f32::from(quantum(value, quant)) })
        }
        other => other,
    }
}

/// Whether numbers that the operator brings in itself are whole quanta.
pub fn brings_whole_quanta(op: &Op, quant: Quant) -> bool {
    match *op {
        Op::Engine(EngineOp::Pad { mode: PadMode::Constant, value, .. }) => {
            let q = i32::from(quantum(value, quant));
            quant.scale * (q - quant.zero) as f32 == value
        }
        _ => true,
    }
}

/// The operator for bytes whose sign bit was flipped.
pub fn flipped(op: &Op) -> Op {
    match *op {
        Op::Engine(EngineOp::Pad { before, after, mode, value }) => {
            Op::Engine(EngineOp::Pad { before, after, mode, value: value + 128.0 })
        }
        other => other,
    }
}
