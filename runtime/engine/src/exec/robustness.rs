//! Whatever the operands are: rules and operators answer with a result or an error, never with a panic.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::fixtures::{bytes, eval, ints};
use super::{EvaluateError, OwnedTensor};
use crate::op::infer::Info;
use crate::op::infer::float::{directions, gates};
use crate::op::*;
use crate::tensor::{DType, Ints};
use crate::wire::Words;

/// Choices made from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        // Knuth's MMIX generator; its high bits are good enough here.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A dimension: small, seldom 0.
    fn dim(&mut self) -> usize {
        if self.one_in(12) { 0 } else { 1 + self.below(4) }
    }

    fn dims(&mut self, rank: usize) -> Vec<usize> {
        (0..rank).map(|_| self.dim()).collect()
    }

    /// `lo..=hi` for each of `rank` axes, once in a while something wild.
    fn ints(&mut self, rank: usize, lo: i32, hi: i32) -> Ints {
        let value = |dice: &mut Self| match dice.below(40) {
            0 => dice.pick(&[i32::MIN, i32::MAX, -100, 100]),
            _ => lo + dice.below((hi - lo + 1) as usize) as i32,
        };
        ints(&(0..rank).map(|_| value(self)).collect::<Vec<_>>())
    }

    /// Small numbers, so that indices among them are often in range.
    fn tensor(&mut self, dtype: DType, dims: &[usize]) -> OwnedTensor {
        let mut elements = Vec::new();
        for _ in 0..dims.iter().product() {
            let small = if self.one_in(200) { i32::MIN } else { self.below(5) as i32 - 2 };
            match dtype {
                DType::F32 if self.one_in(50) => elements.extend(f32::NAN.to_le_bytes()),
                DType::F32 => elements.extend((small as f32).to_le_bytes()),
                DType::I32 => elements.extend(small.to_le_bytes()),
                DType::F16 => elements.extend(half::f16::from_f32(small as f32).to_le_bytes()),
                DType::Bool => elements.push(u8::from(small > 0)),
                DType::U8 | DType::I8 => elements.push(small as u8),
            }
        }
        bytes(dtype, dims, &elements)
    }

    fn reals(&mut self, dims: &[usize]) -> OwnedTensor {
        self.tensor(DType::F32, dims)
    }

    fn indices(&mut self, dims: &[usize]) -> OwnedTensor {
        self.tensor(DType::I32, dims)
    }

    fn window(&mut self) -> Window {
        let mut pair = |lo, n| [lo + self.below(n) as u32, lo + self.below(n) as u32];
        let (kernel, stride, dilation, [top, left], [bottom, right]) =
            (pair(1, 3), pair(1, 3), pair(1, 2), pair(0, 3), pair(0, 3));
        Window { kernel, stride, dilation, pads: [top, left, bottom, right], ceil: self.one_in(2) }
    }

    fn activation(&mut self) -> Activation {
        let mut parameter = || self.pick(&[-1.0, 0.0, 0.5, 1.0, 2.0, f32::INFINITY]);
        let (alpha, beta) = (parameter(), parameter());
        Activation { kind: self.pick(UnaryKind::ALL), alpha, beta }
    }
}

/// An operator of any of the families, with operands that fit it more often than not.
fn fitting(dice: &mut Dice) -> (Op, Vec<OwnedTensor>) {
    let rank = 1 + dice.below(4);
    let dims = dice.dims(rank);
    let axis = dice.below(rank) as u32;
    let dtype = if dice.one_in(2) { DType::F32 } else { dice.pick(DType::ALL) };
    let (lo, hi) = (-1.0, f32::INFINITY);
    match dice.below(4) {
        0 => windows(dice, lo, hi),
        1 => reductions(dice, &dims, axis),
        2 => indexed(dice, &dims, axis, dtype),
        _ => {
            let x = dice.tensor(dtype, &dims);
            let perm: Vec<i32> = (0..rank).map(|a| ((a + axis as usize) % rank) as i32).collect();
            let op = match dice.below(10) {
                0 => Op::Transpose { perm: ints(&perm) },
                1 => {
                    let (starts, ends) = (dice.ints(rank, -2, 2), dice.ints(rank, -1, 4));
                    Op::Slice { starts, ends, steps: dice.ints(rank, 1, 2) }
                }
                2 => {
                    let (before, after) = (dice.ints(rank, -1, 2), dice.ints(rank, -1, 2));
                    Op::Pad { before, after, mode: dice.pick(PadMode::ALL), value: 1.5 }
                }
                3 => Op::Tile { repeats: dice.ints(rank, 0, 3) },
                4 => Op::Expand { dims: dice.ints(rank + 1, 1, 1) },
                5 => Op::Cast { to: dice.pick(DType::ALL) },
                6 => Op::Trilu { upper: dice.one_in(2), k: dice.below(5) as i32 - 2 },
                7 => Op::Reshape { dims: ints(&[0, -1]) },
                8 => {
                    let like = dice.reals(&[dims[axis as usize].min(2)]);
                    return (Op::SliceLike { axis, like_axis: 0 }, [x, like].into());
                }
                _ => {
                    let parts = (0..dice.below(3) + 1).map(|_| dice.tensor(dtype, &dims)).collect();
                    return (Op::Concat { axis }, parts);
                }
            };
            (op, [x].into())
        }
    }
}

fn windows(dice: &mut Dice, lo: f32, hi: f32) -> (Op, Vec<OwnedTensor>) {
    let window = dice.window();
    let (groups, depth, columns) = (1 + dice.below(3), 1 + dice.below(3), 1 + dice.below(3));
    let image = [dice.dim(), dice.dim() + 2, dice.dim() + 2, groups * depth];
    let x = dice.reals(&image);
    match dice.below(6) {
        5 => attention(dice),
        0 => (Op::Pool { kind: dice.pick(PoolKind::ALL), window, p: 3.0 }, [x].into()),
        1 => (Op::Lrn { size: 1 + dice.below(9) as u32, alpha: 1.0, beta: 0.75, bias: 1.0 }, [x].into()),
        2 => recurrent(dice),
        3 => {
            let (batch, m, k, n) = (dice.dim(), dice.dim(), dice.dim(), dice.dim());
            let trans_b = dice.one_in(2);
            let factor = if trans_b { [n, k] } else { [k, n] };
            let dtype = dice.pick(&[DType::F32, DType::F16]);
            let b = if dice.one_in(2) {
                dice.tensor(dtype, &factor)
            } else {
                dice.tensor(dtype, &[batch, factor[0], factor[1]])
            };
            let a = dice.reals(&[batch, m, k]);
            if dice.one_in(3) {
                let b = dice.tensor(dtype, &[n.div_ceil(16), k, 16]);
                return (Op::MatMulPanels { n: n as u32, lo, hi }, [a, b].into());
            }
            (Op::MatMul { trans_b, lo, hi }, [a, b].into())
        }
        _ => {
            let out = groups * columns;
            let [kh, kw] = window.kernel.map(|k| k as usize);
            let dtype = dice.pick(&[DType::F32, DType::F16]);
            let w = dice.tensor(dtype, &[kh, kw, depth, out]);
            let bias = dice.reals(&[out]);
            if dice.one_in(2) {
                let panels = [groups, columns.div_ceil(16), kh * kw * depth, 16];
                let w = dice.tensor(dtype, &panels);
                return (Op::ConvPanels { window, groups: groups as u32, lo, hi }, [x, w, bias].into());
            }
            if depth == 1 && columns == 1 && dice.one_in(2) {
                let w = dice.tensor(dtype, &[groups.div_ceil(16), kh * kw, 16]);
                return (Op::DepthwisePanels { window, lo, hi }, [x, w, bias].into());
            }
            (Op::Conv { window, groups: groups as u32, lo, hi }, [x, w, bias].into())
        }
    }
}

fn attention(dice: &mut Dice) -> (Op, Vec<OwnedTensor>) {
    let [batch, queries, keys] = [dice.dim(), dice.dim(), dice.dim()];
    let [heads, depth, width] = [1 + dice.below(3), dice.dim(), dice.dim()];
    let mut operands = Vec::from([
        dice.reals(&[batch, queries, heads * depth]),
        dice.reals(&[batch, keys, heads * depth]),
        dice.reals(&[batch, keys, heads * width]),
    ]);
    if dice.one_in(2) {
        let dims = [batch, heads, queries, keys].map(|d| if dice.one_in(2) { 1 } else { d });
        let skipped = dice.below(4);
        operands.push(dice.reals(&dims[skipped..]));
    }
    (Op::Attention { heads: heads as u32, scale: 0.5 }, operands)
}

fn recurrent(dice: &mut Dice) -> (Op, Vec<OwnedTensor>) {
    let (cell, direction) = (dice.pick(CellKind::ALL), dice.pick(Direction::ALL));
    let (seq, batch, input, hidden) = (dice.dim(), dice.dim(), dice.dim(), 1 + dice.below(3));
    let (dirs, rows) = (directions(direction), gates(cell) * hidden);
    let mask = 7 | if cell == CellKind::Lstm { 0xf8 } else { 0x38 } & dice.below(256) as u32;
    let all = [
        dice.reals(&[seq, batch, input]),
        dice.reals(&[dirs, rows, input]),
        dice.reals(&[dirs, rows, hidden]),
        dice.reals(&[dirs, 2 * rows]),
        dice.indices(&[batch]),
        dice.reals(&[dirs, batch, hidden]),
        dice.reals(&[dirs, batch, hidden]),
        dice.reals(&[dirs, 3 * hidden]),
    ];
    let op = Op::Recurrent {
        cell,
        direction,
        hidden: hidden as u32,
        mask,
        clip: dice.pick(&[0.0, 1.0]),
        linear_before_reset: dice.one_in(2),
        input_forget: dice.one_in(2),
        activations: core::array::from_fn(|_| dice.activation()),
    };
    (op, all.into_iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, operand)| operand).collect())
}

fn reductions(dice: &mut Dice, dims: &[usize], axis: u32) -> (Op, Vec<OwnedTensor>) {
    let dtype = dice.pick(&[DType::F32, DType::F32, DType::I32, DType::Bool]);
    let x = dice.tensor(dtype, dims);
    let row: Vec<usize> = dims.iter().map(|&d| if dice.one_in(3) { 1 } else { d }).collect();
    let flag = dice.one_in(2);
    let op = match dice.below(10) {
        0 => Op::Unary { f: dice.activation() },
        1 => Op::Softmax { axis, log: flag },
        2 => Op::CumSum { axis, exclusive: flag, reverse: dice.one_in(2) },
        3 => Op::ArgReduce { max: flag, axis, keep: dice.one_in(2), last: dice.one_in(2) },
        4 => Op::TopK { axis, k: dice.below(4) as u32, largest: flag },
        5 => Op::Reduce { kind: dice.pick(ReduceKind::ALL), axes: ints(&[axis as i32]), keep: flag },
        6 => Op::Reduce { kind: dice.pick(ReduceKind::ALL), axes: ints(&[]), keep: flag },
        7 => {
            let condition = dice.tensor(DType::Bool, &row);
            return (Op::Where {}, [condition, x.clone(), x].into());
        }
        8 => {
            let scale = dice.reals(&dims[axis as usize..]);
            return (Op::LayerNorm { axis, epsilon: 0.1, rms: flag }, [x, scale].into());
        }
        _ => {
            let other = dice.tensor(dtype, &row);
            return (Op::Binary { kind: dice.pick(BinaryKind::ALL) }, [x, other].into());
        }
    };
    (op, [x].into())
}

fn indexed(dice: &mut Dice, dims: &[usize], axis: u32, dtype: DType) -> (Op, Vec<OwnedTensor>) {
    let x = dice.tensor(dtype, dims);
    let kind = dice.pick(ScatterKind::ALL);
    let fewer: Vec<usize> = dims.iter().map(|&d| d.min(dice.dim())).collect();
    let depth = 1 + dice.below(dims.len());
    let tuples = [dice.dim(), depth];
    match dice.below(9) {
        8 => {
            let table = dice.tensor(DType::I8, &[4 + tuples[0], tuples[1]]);
            (Op::EmbeddingBag {}, [table, dice.indices(&fewer), dice.reals(&tuples[1..])].into())
        }
        0 => (Op::Gather { axis }, [x, dice.indices(&fewer[..dims.len() / 2])].into()),
        1 => (Op::GatherElements { axis }, [x, dice.indices(&fewer)].into()),
        2 => (Op::GatherNd { batch_dims: 0 }, [x, dice.indices(&tuples)].into()),
        3 => (Op::GatherNd { batch_dims: 1 }, [x, dice.indices(&[dims[0], depth - 1])].into()),
        4 => {
            let (index, updates) = (dice.indices(&fewer), dice.tensor(dtype, &fewer));
            (Op::ScatterElements { axis, kind }, [x, index, updates].into())
        }
        5 => {
            let slices: Vec<usize> = core::iter::once(tuples[0]).chain(dims[depth..].iter().copied()).collect();
            let (index, updates) = (dice.indices(&tuples), dice.tensor(dtype, &slices));
            (Op::ScatterNd { kind }, [x, index, updates].into())
        }
        6 => {
            let op = Op::OneHot { axis: dice.below(dims.len() + 1) as u32, depth: dice.below(4) as u32 };
            (op, [dice.indices(dims), dice.tensor(dtype, &[2])].into())
        }
        _ => {
            let taps = [dice.dim(), dice.dim()];
            let (x, index, weight) = (dice.reals(dims), dice.indices(&taps), dice.reals(&taps));
            (Op::Interpolate { axis }, [x, index, weight].into())
        }
    }
}

/// Runs an operator whose results are small: a hostile file may ask for much, but not of this test.
fn attempt(op: Op, operands: &[OwnedTensor]) -> Option<Result<Vec<OwnedTensor>, EvaluateError>> {
    let infos: Vec<_> = operands.iter().map(|o| Info { dtype: o.dtype, shape: o.shape }).collect();
    let small =
        |results: crate::op::infer::Outputs| results.iter().flatten().all(|result| result.shape.count() < 1 << 16);
    (!op.infer(&infos).is_ok_and(|results| !small(results))).then(|| eval(op, &operands.iter().collect::<Vec<_>>()))
}

#[test]
fn most_chosen_operators_run() {
    let mut dice = Dice(1);
    let mut ran = Vec::new();
    for _ in 0..20_000 {
        let (op, operands) = fitting(&mut dice);
        if attempt(op, &operands).is_some_and(|results| results.is_ok()) {
            ran.push(op.name());
        }
    }
    ran.sort_unstable();
    assert!(ran.len() > 8_000, "only {} of 20000", ran.len());
    ran.dedup();
    assert_eq!(ran.len(), 36, "{ran:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Operands that fit, some of them not quite.
    #[test]
    fn no_operator_panics(seed in any::<u64>(), misfit in any::<bool>()) {
        let mut dice = Dice(seed);
        let (op, mut operands) = fitting(&mut dice);
        if misfit {
            let at = dice.below(operands.len());
            let (other, rank) = (dice.pick(DType::ALL), dice.below(5));
            let dims = dice.dims(rank);
            operands[at] = dice.tensor(other, &dims);
        }
        attempt(op, &operands);
    }

    /// Parameters as a hostile file may have them.
    #[test]
    fn no_parameter_panics(tag in 20_u32..66, seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut words = alloc::vec![tag];
        words.extend((0..64).map(|_| match dice.below(12) {
            0 => dice.pick(&[i32::MIN, i32::MAX, -1, -2, 0x10000]) as u32,
            1 => 1.5_f32.to_bits(),
            _ => dice.below(5) as u32,
        }));
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let (_, operands) = fitting(&mut dice);
        if let Some(op) = Words::new(&bytes).read() {
            attempt(op, &operands);
        }
    }
}
