//! From ONNX to the compiler's graph.
//!
//! tract reads the protobuf; shapes and constants come from the engine's own operator rules, so that there is one
//! semantics (docs/adr/0002). Everything is static: what can be computed from shapes and constants is computed here.

mod attention;
mod context;
mod conv;
mod einsum;
mod element;
mod index;
mod logic;
mod math;
mod matmul;
mod microsoft;
mod node;
mod norm;
mod pool;
mod quant;
mod recurrent;
mod reduce;
mod resize;
mod shape;
mod slice;
mod spatial;
mod table;
mod tensor;
mod walk;

use prost::Message;
use tract_onnx::pb::{ModelProto, TensorProto};

pub use element::Element;

use crate::build::Builder;
use crate::error::{CompileError, Result};
use crate::ir::{Graph, Tensor};
use context::Importer;
use walk::Walk;

/// What the caller knows beyond the file.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Inputs that become constants.
    pub freeze: Vec<(String, Tensor)>,
    /// Sizes of symbolic dimensions by their name, by `input.axis`, or by the input's name for all of its
    /// unknown dimensions but the first. A first dimension that nothing names is 1.
    pub dims: Vec<(String, usize)>,
}

/// A graph with what its borders were in ONNX.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The graph.
    pub graph: Graph,
    /// ONNX types of the inputs.
    pub inputs: Vec<Element>,
    /// ONNX types of the outputs.
    pub outputs: Vec<Element>,
}

/// The graph of an ONNX model.
///
/// # Errors
/// When the bytes aren't a sound model or use what Dunlin doesn't have.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Graph> {
    import_typed(bytes, options).map(|imported| imported.graph)
}

/// As [`import`], with the ONNX types of inputs and outputs.
///
/// # Errors
/// As [`import`].
pub fn import_typed(bytes: &[u8], options: &ImportOptions) -> Result<Imported> {
    let model = ModelProto::decode(bytes).map_err(|e| CompileError::Parse { what: e.to_string() })?;
    let proto = model.graph.as_ref().ok_or_else(|| CompileError::Parse { what: "it has no graph".to_string() })?;
    let mut graph = Graph::default();
    let budget = FOLD_FLOOR + 8 * bytes.len();
    let mut walk = Walk::new(&model, Importer::new(Builder::new(&mut graph, budget)))?;
    walk.initializers(proto, options)?;
    let inputs = walk.inputs(proto, options)?;
    walk.nodes(proto)?;
    let outputs = walk.outputs(proto)?;
    Ok(Imported { graph, inputs, outputs })
}

/// A tensor of a `.pb` file, as the node tests have them, held as the graph holds it; with its ONNX type.
///
/// # Errors
/// When the bytes aren't a TensorProto that Dunlin reads.
pub fn read_tensor(bytes: &[u8]) -> Result<(Tensor, Element)> {
    let proto = TensorProto::decode(bytes).map_err(|e| CompileError::Parse { what: e.to_string() })?;
    let decoded = tensor::decode(&proto, &proto.name)?;
    if decoded.saturated {
        return Err(CompileError::TooWide { tensor: proto.name, node: "the tensor file".to_string() });
    }
    Ok((decoded.tensor, decoded.element))
}

/// Bytes of constants that any model may compute, however small its file.
const FOLD_FLOOR: usize = 64 << 20;
