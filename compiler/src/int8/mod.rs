//! Integer lowering: quantized ONNX becomes the engine's quantized operators.
//!
//! **In**: a graph whose quantized forms are `DequantizeLinear -> float operator -> QuantizeLinear` on I8 or U8
//! tensors in ONNX's layout (NCHW), plus ONNX's own integer operators. **Out**: a graph where each such form is one
//! integer operator on U8 tensors that carry their [`Quant`](dunlin_engine::tensor::Quant); what has no integer form
//! stays float between an engine `Dequantize` and `Quantize`. Scales are kept exactly; an int8 tensor becomes u8
//! with its zero point raised by 128, and `FlipSign` stands where ONNX's int8 is still needed (the graph's borders).
//!
//! The lowering is one walk over the nodes, in order, and it only adds: float values get a *view*, a u8 tensor that
//! stands for the same numbers, which moves forward through operators that only move data; each
//! `QuantizeLinear` then asks backward for its operand in integers. What nobody reads any more goes at the end.
//! Rounding commutes with data movement and with clamps, therefore none of this changes a result.
//!
//! Between here and [`crate::pack`] the contractions hold plain weights and no tables of offsets:
//!
//! | operator | operands before packing |
//! |---|---|
//! | `QConv` | x, weights i8 `[oc, kh, kw, c/groups]`, bias i32, scale f32, maybe w_zero i32 |
//! | `QDepthwise` | x, weights i8 `[c, kh, kw]`, bias i32, scale f32, maybe w_zero i32 |
//! | `QGemm` | x, weights i8 `[n, k]`, then as the engine's operator |
//!
//! Their images are NHWC already: a `Transpose` stands before and behind each, for the layout pass to cancel.
//! `bias` has the input's zero point folded in; see `sums`.

mod dynamic;
mod graph;
mod leftovers;
mod literal;
pub(crate) mod moves;
mod note;
mod products;
mod reduce;
mod sums;
mod table;
mod walk;
mod weights;

#[cfg(test)]
mod tests;

pub use note::{Note, Reason};
pub use walk::op_name;

use crate::ir::Graph;

/// Lowers every quantized form of `graph`; returns why operators that stand between quantized tensors stay float.
pub fn lower(graph: &mut Graph) -> Vec<Note> {
    let mut notes = walk::Walk::run(graph);
    graph::sweep(graph);
    leftovers::note_unquantized_products(graph, &mut notes);
    graph::keep_quantization(graph);
    notes
}
