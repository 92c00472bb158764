//! What no integer operator took up.
//!
//! `QuantizeLinear` and `DequantizeLinear` with parameters along an axis, or computed at run time, and weights of float
//! operators stay as they are: [`crate::lower`] has ONNX's float arithmetic for them.

use dunlin_engine::op::Op as EngineOp;

use super::note::{Note, Reason};
use super::walk::op_name;
use crate::ir::{Graph, Op, ValueId};

/// Contractions of quantized operands that stayed float because nothing quantizes their result.
pub fn note_unquantized_products(graph: &Graph, notes: &mut Vec<Note>) {
    let makers = graph.makers();
    let made_by = |value: ValueId| makers[value.0].map(|index| graph.nodes[index].op);
    for node in &graph.nodes {
        let product = matches!(node.op, Op::Conv { .. } | Op::Engine(EngineOp::MatMul { .. }));
        let known = notes.iter().any(|note| note.node == node.name);
        if product
            && !known
            && made_by(node.inputs[0]) == Some(Op::Engine(EngineOp::Dequantize {}))
            && matches!(made_by(node.inputs[1]), Some(Op::DequantizeLinear { .. }))
        {
            notes.push(Note { node: node.name.clone(), op: op_name(&node.op), reason: Reason::FloatResult });
        }
    }
}
