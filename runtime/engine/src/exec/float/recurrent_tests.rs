//! Recurrent layers against results of ONNX Runtime 1.32 on the same operands.

use alloc::vec::Vec;

use super::tests::INF;
use crate::error::RunError;
use crate::exec::fixtures::{eval, integers, reals};
use crate::exec::{EvaluateError, OwnedTensor};
use crate::op::infer::float::{directions, gates};
use crate::op::{Activation, CellKind, Direction, Op, UnaryKind};

const SEQ: usize = 3;
const BATCH: usize = 2;
const INPUT: usize = 3;
const HIDDEN: usize = 2;

/// A layer's parameters; the activations are ONNX's default ones unless `relu`.
#[derive(Clone, Copy)]
struct Layer {
    cell: CellKind,
    direction: Direction,
    mask: u32,
    clip: f32,
    linear: bool,
    coupled: bool,
    relu: bool,
}

impl Layer {
    const PLAIN: Self = Self {
        cell: CellKind::Rnn,
        direction: Direction::Forward,
        mask: 7,
        clip: 0.0,
        linear: false,
        coupled: false,
        relu: false,
    };

    fn op(self) -> Op {
        let plain = |kind| Activation { kind, alpha: 0.0, beta: 0.0 };
        let (sigmoid, tanh) = (plain(UnaryKind::Sigmoid), plain(UnaryKind::Tanh));
        let three = match self.cell {
            _ if self.relu => [Activation { kind: UnaryKind::Clip, alpha: 0.0, beta: INF }; 3],
            CellKind::Rnn => [tanh; 3],
            CellKind::Gru | CellKind::Lstm => [sigmoid, tanh, tanh],
        };
        let [f, g, h] = three;
        Op::Recurrent {
            cell: self.cell,
            direction: self.direction,
            hidden: HIDDEN as u32,
            mask: self.mask,
            clip: self.clip,
            linear_before_reset: self.linear,
            input_forget: self.coupled,
            activations: [f, g, h, f, g, h],
        }
    }

    /// Operands that all cases share, as far as the mask has them.
    fn operands(self) -> Vec<OwnedTensor> {
        let (dirs, rows) = (directions(self.direction), gates(self.cell) * HIDDEN);
        let all = [
            ramp(&[SEQ, BATCH, INPUT], 1),
            ramp(&[dirs, rows, INPUT], 2),
            ramp(&[dirs, rows, HIDDEN], 3),
            ramp(&[dirs, 2 * rows], 4),
            integers(&[BATCH], &[3, 1]),
            ramp(&[dirs, BATCH, HIDDEN], 5),
            ramp(&[dirs, BATCH, HIDDEN], 6),
            ramp(&[dirs, 3 * HIDDEN], 7),
        ];
        all.into_iter().enumerate().filter(|(bit, _)| self.mask >> bit & 1 == 1).map(|(_, operand)| operand).collect()
    }

    fn eval(self, operands: &[OwnedTensor]) -> Result<Vec<OwnedTensor>, EvaluateError> {
        eval(self.op(), &operands.iter().collect::<Vec<_>>())
    }
}

fn ramp(dims: &[usize], seed: usize) -> OwnedTensor {
    let values: Vec<f32> =
        (0..dims.iter().product()).map(|i: usize| ((i + seed) * 37 % 101) as f32 / 64.0 - 50.0 / 64.0).collect();
    reals(dims, &values)
}

struct Case {
    name: &'static str,
    layer: Layer,
    /// y, the last h, and for LSTM the last c.
    results: &'static [&'static [f32]],
}

#[rustfmt::skip]
const CASES: [Case; 9] = [
        Case {
            name: "rnn",
            layer: Layer { cell: CellKind::Rnn, direction: Direction::Forward, mask: 0xf, ..Layer::PLAIN },
            results: &[&[-0.662286, 0.280822, -0.687533, 0.305369, -0.45333, -0.140259, 0.434708, 0.537401, 0.28564, 0.74457, -0.326909, 0.814962], &[0.28564, 0.74457, -0.326909, 0.814962]],
        },
        Case {
            name: "rnn, backwards, relu",
            layer: Layer { cell: CellKind::Rnn, direction: Direction::Reverse, mask: 0x2f, relu: true, ..Layer::PLAIN },
            results: &[&[0.0, 0.288574, 0.0, 0.0, 0.0, 0.0, 0.008179, 0.687744, 0.0, 1.637695, 0.0, 0.898438], &[0.0, 0.288574, 0.0, 0.0]],
        },
        Case {
            name: "gru",
            layer: Layer { cell: CellKind::Gru, direction: Direction::Forward, mask: 0xf, ..Layer::PLAIN },
            results: &[&[-0.068947, -0.353322, -0.070494, -0.316734, -0.081062, -0.358236, -0.075102, -0.394342, -0.080501, -0.392702, -0.076064, -0.388077], &[-0.080501, -0.392702, -0.076064, -0.388077]],
        },
        Case {
            name: "gru, linear before reset, both directions, lengths",
            layer: Layer { cell: CellKind::Gru, direction: Direction::Both, mask: 0x3f, linear: true, ..Layer::PLAIN },
            results: &[&[0.363791, -0.410415, 0.129999, -0.229906, -0.165269, 0.423225, -0.637539, 0.156772, 0.292038, -0.340819, 0.0, 0.0, -0.093022, 0.496835, 0.0, 0.0, 0.236555, -0.357719, 0.0, 0.0, 0.056161, 0.625703, 0.0, 0.0], &[0.236555, -0.357719, 0.129999, -0.229906, -0.165269, 0.423225, -0.637539, 0.156772]],
        },
        Case {
            name: "gru, clipped",
            layer: Layer { cell: CellKind::Gru, direction: Direction::Forward, mask: 0x7, clip: 0.3, ..Layer::PLAIN },
            results: &[&[-0.136293, -0.167342, -0.137391, -0.136068, -0.165707, -0.15762, -0.153464, -0.202134, -0.163932, -0.201805, -0.158035, -0.192921], &[-0.163932, -0.201805, -0.158035, -0.192921]],
        },
        Case {
            name: "lstm",
            layer: Layer { cell: CellKind::Lstm, direction: Direction::Forward, mask: 0x7, ..Layer::PLAIN },
            results: &[&[0.089945, 0.09035, 0.080386, 0.084425, 0.119233, 0.111537, -0.004617, -0.048556, -0.017392, -0.04106, -0.153895, -0.10824], &[-0.017392, -0.04106, -0.153895, -0.10824], &[-0.02733, -0.092856, -0.248868, -0.260711]],
        },
        Case {
            name: "lstm, all operands, both directions",
            layer: Layer { cell: CellKind::Lstm, direction: Direction::Both, mask: 0xff, ..Layer::PLAIN },
            results: &[&[-0.024219, 0.089941, 0.152405, 0.105214, -0.038717, 0.208626, -0.059914, 0.30069, 0.029563, 0.170574, 0.0, 0.0, -0.003249, 0.21025, 0.0, 0.0, 0.081615, -0.073207, 0.0, 0.0, 0.112931, 0.182639, 0.0, 0.0], &[0.081615, -0.073207, 0.152405, 0.105214, -0.038717, 0.208626, -0.059914, 0.30069], &[0.223281, -0.156658, 0.715705, 0.206564, -0.080898, 0.552455, -0.13593, 0.649675]],
        },
        Case {
            name: "lstm, backwards, clipped, peepholes",
            layer: Layer { cell: CellKind::Lstm, direction: Direction::Reverse, mask: 0x8f, clip: 0.25, ..Layer::PLAIN },
            results: &[&[0.082341, 0.083722, 0.074978, 0.0234, 0.064253, 0.034463, 0.050954, -0.092447, 0.031558, -0.063404, 0.007148, -0.060919], &[0.082341, 0.083722, 0.074978, 0.0234], &[0.190334, 0.171577, 0.172955, 0.051011]],
        },
        Case {
            name: "lstm, forget gate coupled to the input gate",
            layer: Layer { cell: CellKind::Lstm, direction: Direction::Forward, mask: 0x6f, coupled: true, ..Layer::PLAIN },
            results: &[&[-0.018647, 0.080936, 0.18551, 0.086377, 0.0393, 0.159916, 0.159069, -0.115987, 0.075905, -0.079305, 0.072471, -0.156898], &[0.075905, -0.079305, 0.072471, -0.156898], &[0.198961, -0.166736, 0.19923, -0.378233]],
        },
];

#[test]
fn layers_equal_onnx_runtime() {
    for Case { name, layer, results } in &CASES {
        let found = layer.eval(&layer.operands()).expect("operands fit");
        assert_eq!(found.len(), results.len(), "{name}");
        for (found, expected) in found.iter().zip(*results) {
            let found = found.view().f32s().expect("f32");
            assert_eq!(found.len(), expected.len(), "{name}");
            for (found, expected) in found.iter().zip(*expected) {
                assert!((found - expected).abs() < 2e-6, "{name}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn a_sequence_of_no_steps_keeps_its_state() {
    let layer = Layer { mask: 0x37, ..Layer::PLAIN };
    let mut operands = layer.operands();
    operands[3] = integers(&[BATCH], &[0, 3]);
    let found = layer.eval(&operands).expect("operands fit");
    let (initial, last) = (operands[4].view().f32s(), found[1].view().f32s());
    assert_eq!(initial.map(|h| &h[..HIDDEN]), last.map(|h| &h[..HIDDEN]));
}

#[test]
fn rejects_lengths_beyond_the_sequence() {
    let layer = Layer { mask: 0x17, ..Layer::PLAIN };
    for length in [-1, 4] {
        let mut operands = layer.operands();
        operands[3] = integers(&[BATCH], &[1, length]);
        let error = layer.eval(&operands).expect_err("no such length");
        assert_eq!(error, EvaluateError::Run(RunError::Index { index: length, len: SEQ + 1 }));
    }
}

#[test]
fn rejects_operands_that_do_not_fit() {
    let plain = Layer::PLAIN;
    for (name, layer, operands) in [
        ("no weights", Layer { mask: 1, ..plain }, plain.operands()),
        ("peepholes of a gru", Layer { cell: CellKind::Gru, mask: 0x87, ..plain }, plain.operands()),
        ("an operand too few", Layer { mask: 0xf, ..plain }, plain.operands()),
        ("weights of another cell", Layer { cell: CellKind::Gru, ..plain }, plain.operands()),
        ("weights of one direction", Layer { direction: Direction::Both, ..plain }, plain.operands()),
    ] {
        assert!(matches!(layer.eval(&operands), Err(EvaluateError::Infer(_))), "{name}");
    }
}
