//! Recurrent layers: RNN, GRU and LSTM as ONNX defines them.
//!
//! Each direction of each sequence of the batch is worked off by itself, step by step, with its state in scratch
//! memory: two sets of gate sums (from the operand and from the state), then the state h, then the cell state c.

use core::ops::Range;

use dunlin_kernels::Isa;
use dunlin_kernels::float::math;
use dunlin_kernels::float::reduce::dots;

use super::unary;
use crate::error::RunError;
use crate::exec::walk::{part, part_mut, scratch_of};
use crate::exec::{View, ViewMut};
use crate::op::infer::float::{directions, gates};
use crate::op::{Activation, CellKind, Direction, Op};

/// Elements of scratch.
pub(super) fn scratch_len(cell: CellKind, hidden: usize) -> usize {
    (2 * gates(cell) + 2) * hidden
}

pub(super) fn run(
    op: &Op,
    inputs: &[View<'_>],
    outputs: &mut [ViewMut<'_>],
    scratch: &mut [u8],
    isa: Isa,
) -> Result<(), RunError> {
    let &Op::Recurrent { cell, direction, hidden, mask, activations, .. } = op else { return Err(RunError::Plan) };
    let operands = Operands::of(mask, inputs)?;
    let [y, states @ ..] = outputs else { return Err(RunError::Plan) };
    let &[seq, batch, input] = inputs[0].shape.dims() else { return Err(RunError::Plan) };
    let (seq, batch, input, hidden) = (seq as usize, batch as usize, input as usize, hidden as usize);
    let dirs = directions(direction);
    let scratch = scratch_of::<f32>(scratch, scratch_len(cell, hidden))?;
    let y = y.f32s()?;
    y.fill(0.0);
    for (dir, b) in (0..dirs).flat_map(|dir| (0..batch).map(move |b| (dir, b))) {
        let weights = operands.weights(dir, gates(cell) * hidden, [input, hidden]);
        let mut layer = Layer {
            op,
            weights,
            activations: part(&activations, 3 * dir, 3),
            state: State::of(cell, hidden, scratch),
            isa,
        };
        let row = dir * batch + b;
        operands.start(row, hidden, &mut layer.state);
        let steps = operands.steps(b, seq)?;
        let backward = direction == Direction::Reverse || dir == 1;
        for step in 0..steps {
            let t = if backward { steps - 1 - step } else { step };
            layer.step(part(operands.x, (t * batch + b) * input, input));
            part_mut(y, ((t * dirs + dir) * batch + b) * hidden, hidden).copy_from_slice(layer.state.h);
        }
        let ends = [&*layer.state.h, &*layer.state.c];
        for (output, state) in states.iter_mut().zip(ends) {
            part_mut(output.f32s()?, row * hidden, hidden).copy_from_slice(state);
        }
    }
    Ok(())
}

/// The layer's operands; absent ones are empty.
struct Operands<'a> {
    x: &'a [f32],
    w: &'a [f32],
    r: &'a [f32],
    bias: &'a [f32],
    lengths: &'a [i32],
    h: &'a [f32],
    c: &'a [f32],
    peepholes: &'a [f32],
}

impl<'a> Operands<'a> {
    fn of(mask: u32, inputs: &[View<'a>]) -> Result<Self, RunError> {
        let mut rest = inputs.iter();
        let mut next = |bit: u32| if mask >> bit & 1 == 1 { rest.next() } else { None };
        let mut float = |bit: u32| next(bit).map_or(Ok(&[][..]), View::f32s);
        let (x, w, r, bias) = (float(0)?, float(1)?, float(2)?, float(3)?);
        let lengths = next(4).map_or(Ok(&[][..]), View::i32s)?;
        let mut float = |bit: u32| next(bit).map_or(Ok(&[][..]), View::f32s);
        Ok(Self { x, w, r, bias, lengths, h: float(5)?, c: float(6)?, peepholes: float(7)? })
    }

    /// The weights of one direction, with `rows` rows of gates.
    fn weights(&self, dir: usize, rows: usize, [input, hidden]: [usize; 2]) -> Weights<'a> {
        let bias = if self.bias.is_empty() { self.bias } else { part(self.bias, dir * 2 * rows, 2 * rows) };
        let (input_bias, state_bias) = bias.split_at(bias.len() / 2);
        let peepholes = self.peepholes;
        Weights {
            w: part(self.w, dir * rows * input, rows * input),
            r: part(self.r, dir * rows * hidden, rows * hidden),
            input_bias,
            state_bias,
            peepholes: if peepholes.is_empty() { peepholes } else { part(peepholes, dir * 3 * hidden, 3 * hidden) },
        }
    }

    /// Steps of a sequence of the batch.
    fn steps(&self, b: usize, seq: usize) -> Result<usize, RunError> {
        match self.lengths.get(b) {
            None => Ok(seq),
            Some(&length) => usize::try_from(length)
                .ok()
                .filter(|&steps| steps <= seq)
                .ok_or(RunError::Index { index: length, len: seq + 1 }),
        }
    }

    /// Sets the state before the first step.
    fn start(&self, row: usize, hidden: usize, state: &mut State<'_>) {
        for (initial, state) in [(self.h, &mut *state.h), (self.c, &mut *state.c)] {
            match initial.get(row * hidden..(row + 1) * hidden) {
                Some(initial) => state.copy_from_slice(initial),
                None => state.fill(0.0),
            }
        }
    }
}

/// The weights of one direction.
struct Weights<'a> {
    w: &'a [f32],
    r: &'a [f32],
    input_bias: &'a [f32],
    state_bias: &'a [f32],
    peepholes: &'a [f32],
}

/// What a step reads and writes.
struct State<'a> {
    /// Gate sums, first those of the operand, in the end the gates.
    gates: &'a mut [f32],
    /// Gate sums of the state.
    recurrent: &'a mut [f32],
    h: &'a mut [f32],
    /// The cell state; what is reset of h, in a GRU.
    c: &'a mut [f32],
}

impl<'a> State<'a> {
    fn of(cell: CellKind, hidden: usize, scratch: &'a mut [f32]) -> Self {
        let (gates, rest) = scratch.split_at_mut(gates(cell) * hidden);
        let (recurrent, rest) = rest.split_at_mut(gates.len());
        let (h, c) = rest.split_at_mut(hidden);
        Self { gates, recurrent, h, c }
    }
}

/// One direction of a recurrent layer at work on one sequence.
struct Layer<'a, 's> {
    op: &'a Op,
    weights: Weights<'a>,
    activations: &'a [Activation],
    state: State<'s>,
    isa: Isa,
}

impl Layer<'_, '_> {
    fn step(&mut self, x: &[f32]) {
        let &Op::Recurrent { cell, input_forget, linear_before_reset, .. } = self.op else { return };
        dots(self.isa, self.weights.w, x, self.state.gates);
        add(self.state.gates, self.weights.input_bias);
        dots(self.isa, self.weights.r, self.state.h, self.state.recurrent);
        add(self.state.recurrent, self.weights.state_bias);
        match cell {
            CellKind::Rnn => {
                add(self.state.gates, self.state.recurrent);
                self.activate(0, 0..1);
                self.state.h.copy_from_slice(self.state.gates);
            }
            CellKind::Gru => self.gru(linear_before_reset),
            CellKind::Lstm => self.lstm(input_forget),
        }
    }

    /// Gates z (update), r (reset) and h (candidate).
    fn gru(&mut self, linear_before_reset: bool) {
        let hidden = self.state.h.len();
        add(&mut self.state.gates[..2 * hidden], &self.state.recurrent[..2 * hidden]);
        self.activate(0, 0..2);
        let State { gates, recurrent, h, c } = &mut self.state;
        let reset = &gates[hidden..2 * hidden];
        if linear_before_reset {
            recurrent[2 * hidden..].iter_mut().zip(reset).for_each(|(sum, r)| *sum *= r);
        } else {
            c.iter_mut().zip(reset).zip(&**h).for_each(|((c, r), h)| *c = r * h);
            let sums = &mut recurrent[2 * hidden..];
            dots(self.isa, &self.weights.r[2 * hidden * hidden..], c, sums);
            if let Some(bias) = self.weights.state_bias.get(2 * hidden..) {
                add(sums, bias);
            }
        }
        add(&mut gates[2 * hidden..], &recurrent[2 * hidden..]);
        self.activate(1, 2..3);
        let (z, candidate) = (&self.state.gates[..hidden], &self.state.gates[2 * hidden..]);
        for ((h, z), candidate) in self.state.h.iter_mut().zip(z).zip(candidate) {
            *h = (1.0 - z) * candidate + z * *h;
        }
    }

    /// Gates i (input), o (output), f (forget) and c (candidate).
    fn lstm(&mut self, input_forget: bool) {
        let hidden = self.state.h.len();
        add(self.state.gates, self.state.recurrent);
        self.peep(0, 0);
        self.peep(2, 2);
        self.activate(0, 0..1);
        self.activate(0, 2..3);
        self.activate(1, 3..4);
        let State { gates, c, .. } = &mut self.state;
        for (unit, c) in c.iter_mut().enumerate() {
            let (input, candidate) = (gates[unit], gates[3 * hidden + unit]);
            let forget = if input_forget { 1.0 - input } else { gates[2 * hidden + unit] };
            *c = forget * *c + input * candidate;
        }
        self.peep(1, 1);
        self.activate(0, 1..2);
        let State { gates, recurrent, h, c } = &mut self.state;
        let out = &mut recurrent[..hidden];
        out.copy_from_slice(c);
        unary::apply(self.activations[2], out, self.isa);
        let output = &gates[hidden..2 * hidden];
        h.iter_mut().zip(output).zip(&*out).for_each(|((h, o), c)| *h = o * c);
    }

    /// Adds what a gate sees of the cell state; peepholes lie in the order i, o, f.
    fn peep(&mut self, gate: usize, peephole: usize) {
        let hidden = self.state.h.len();
        if let Some(weights) = self.weights.peepholes.get(peephole * hidden..(peephole + 1) * hidden) {
            let gate = part_mut(self.state.gates, gate * hidden, hidden);
            gate.iter_mut().zip(weights).zip(&*self.state.c).for_each(|((gate, w), c)| *gate += w * c);
        }
    }

    /// Clips gates, where the layer clips, and applies an activation to them.
    fn activate(&mut self, activation: usize, gates: Range<usize>) {
        let &Op::Recurrent { clip, .. } = self.op else { return };
        let hidden = self.state.h.len();
        let gates = &mut self.state.gates[gates.start * hidden..gates.end * hidden];
        if clip > 0.0 {
            gates.iter_mut().for_each(|gate| *gate = math::clamp(*gate, -clip, clip));
        }
        unary::apply(self.activations[activation], gates, self.isa);
    }
}

fn add(sums: &mut [f32], more: &[f32]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}
