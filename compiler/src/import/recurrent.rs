//! RNN, GRU and LSTM.

use dunlin_engine::op::{Activation, CellKind, Direction, Op, UnaryKind};

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::ValueId;

/// A recurrent layer; with `layout` 1 the batch comes first, which transposes bring about.
pub fn recurrent(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let batch_first = node.flag("layout", false)?;
    let mut operands = Vec::new();
    let mut mask = 0;
    for index in 0..node.inputs.len().min(OPERANDS) {
        let Some(mut x) = node.optional(index) else { continue };
        // x, initial_h and initial_c have the batch among their first two axes.
        if batch_first && matches!(index, 0 | 5 | 6) {
            x = importer.transpose(x, &[1, 0, 2])?;
        }
        mask |= 1 << index;
        operands.push(x);
    }
    let op = layer(importer, node, mask)?;
    let mut results = importer.engine_all(op, &operands)?;
    if batch_first {
        results[0] = importer.transpose(results[0], &[2, 0, 1, 3])?;
        for last in &mut results[1..] {
            *last = importer.transpose(*last, &[1, 0, 2])?;
        }
    }
    Ok(results)
}

/// Operands of an LSTM, which has the most.
const OPERANDS: usize = 8;

fn layer(importer: &Importer<'_>, node: &OnnxNode<'_>, mask: u32) -> Result<Op> {
    let cell = match node.proto.op_type.as_str() {
        "RNN" => CellKind::Rnn,
        "GRU" => CellKind::Gru,
        _ => CellKind::Lstm,
    };
    let direction = match node.text_or("direction", "forward")? {
        "forward" => Direction::Forward,
        "reverse" => Direction::Reverse,
        "bidirectional" => Direction::Both,
        other => return Err(node.invalid(format!("direction '{other}'"))),
    };
    let recurrence = importer.dims(node.input(2)?);
    let hidden = recurrence.last().copied().unwrap_or(0) as u32;
    if node.int("hidden_size")?.is_some_and(|declared| declared != i64::from(hidden)) {
        return Err(node.invalid("hidden_size differs from the weights' shape"));
    }
    Ok(Op::Recurrent {
        cell,
        direction,
        hidden,
        mask,
        clip: node.float_or("clip", f32::INFINITY)?,
        linear_before_reset: node.flag("linear_before_reset", false)?,
        input_forget: node.flag("input_forget", false)?,
        activations: activations(node, cell, direction)?,
    })
}

fn activations(node: &OnnxNode<'_>, cell: CellKind, direction: Direction) -> Result<[Activation; 6]> {
    let defaults: &[&str] = match cell {
        CellKind::Rnn => &["Tanh"],
        CellKind::Gru => &["Sigmoid", "Tanh"],
        CellKind::Lstm => &["Sigmoid", "Tanh", "Tanh"],
    };
    let directions = if direction == Direction::Both { 2 } else { 1 };
    let names = node.texts("activations")?.unwrap_or_else(|| defaults.repeat(directions));
    if names.len() != defaults.len() * directions {
        return Err(node.invalid(format!("{} activations", names.len())));
    }
    let mut alphas = node.floats("activation_alpha")?.unwrap_or(&[]).iter().copied();
    let mut betas = node.floats("activation_beta")?.unwrap_or(&[]).iter().copied();
    let mut filled = [Activation { kind: UnaryKind::Tanh, alpha: 0.0, beta: 0.0 }; 6];
    for (index, name) in names.iter().enumerate() {
        let slot = index / defaults.len() * 3 + index % defaults.len();
        filled[slot] = activation(node, name, &mut alphas, &mut betas)?;
    }
    Ok(filled)
}

/// A function by its ONNX name; those with parameters take the next ones.
fn activation(
    node: &OnnxNode<'_>,
    name: &str,
    alphas: &mut impl Iterator<Item = f32>,
    betas: &mut impl Iterator<Item = f32>,
) -> Result<Activation> {
    let with = |kind, alpha, beta| Activation { kind, alpha, beta };
    Ok(match name.to_ascii_lowercase().as_str() {
        "tanh" => with(UnaryKind::Tanh, 0.0, 0.0),
        "sigmoid" => with(UnaryKind::Sigmoid, 0.0, 0.0),
        "relu" => with(UnaryKind::Clip, 0.0, f32::INFINITY),
        "softsign" => with(UnaryKind::Softsign, 0.0, 0.0),
        "softplus" => with(UnaryKind::Softplus, 0.0, 0.0),
        "leakyrelu" => with(UnaryKind::LeakyRelu, alphas.next().unwrap_or(0.01), 0.0),
        "thresholdedrelu" => with(UnaryKind::ThresholdedRelu, alphas.next().unwrap_or(1.0), 0.0),
        "elu" => with(UnaryKind::Elu, alphas.next().unwrap_or(1.0), 0.0),
        "hardsigmoid" => with(UnaryKind::HardSigmoid, alphas.next().unwrap_or(0.2), betas.next().unwrap_or(0.5)),
        _ => return Err(node.unsupported(format!("activation '{name}'"))),
    })
}
