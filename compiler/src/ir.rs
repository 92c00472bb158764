//! The compiler's graph: operators on values, in topological order.
//!
//! Import makes it from ONNX with ONNX's layout (NCHW) and ONNX's element types mapped to the engine's;
//! passes rewrite it in place until only [`Op::Engine`] operators are left.

use dunlin_engine::op::infer::{Info, Outputs};
use dunlin_engine::op::{Op as EngineOp, PoolKind, Window};
use dunlin_engine::tensor::{DType, Quant, Shape};
use dunlin_kernels::AlignedBytes;

/// Index of a value in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub usize);

/// A constant.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Element type.
    pub dtype: DType,
    /// Dimensions.
    pub shape: Shape,
    /// Row-major, little-endian; `shape.count() * dtype.size()` bytes.
    pub bytes: AlignedBytes,
}

/// A tensor of the graph: an input, a constant, or a node's result.
#[derive(Clone, Debug)]
pub struct Value {
    /// As in the ONNX file, or derived from it.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Dimensions, at the planned maximum when some vary.
    pub shape: Shape,
    /// Quantization, once int8 lowering has given it one.
    pub quant: Option<Quant>,
    /// The elements of a constant.
    pub data: Option<Tensor>,
}

/// An operator with its operands and results.
#[derive(Clone, Debug)]
pub struct Node {
    /// The ONNX node's name (or its first output's), for messages and reports.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Operands.
    pub inputs: Vec<ValueId>,
    /// Results.
    pub outputs: Vec<ValueId>,
}

/// An operator of the graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Op {
    /// One that the engine has, with the engine's semantics.
    Engine(EngineOp),
    /// ONNX Conv in two dimensions: x `[n,c,h,w]`, weights `[oc,c/groups,kh,kw]`, maybe bias `[oc]`.
    Conv {
        /// Geometry over H and W.
        window: Window,
        /// Groups.
        groups: u32,
    },
    /// A pool of `[n,c,h,w]`.
    Pool {
        /// Which.
        kind: PoolKind,
        /// Geometry over H and W.
        window: Window,
        /// Of the p-norm.
        p: f32,
    },
    /// ONNX LRN of `[n,c,h,w]`.
    Lrn {
        /// Channels in the sum.
        size: u32,
        /// As in ONNX.
        alpha: f32,
        /// As in ONNX.
        beta: f32,
        /// As in ONNX.
        bias: f32,
    },
    /// ONNX BatchNormalization (inference) along axis 1. Operands: x, scale, bias, mean, variance.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// ONNX QuantizeLinear. Operands: x f32, scale f32, zero point of the result's type. Scalar scale, or one per index of `axis`.
    QuantizeLinear {
        /// Meaningful when the scale isn't a scalar.
        axis: u32,
        /// `U8` or `I8`.
        to: DType,
    },
    /// ONNX DequantizeLinear. Operands: x u8, i8 or i32, scale f32, maybe zero point.
    DequantizeLinear {
        /// Meaningful when the scale isn't a scalar.
        axis: u32,
    },
    /// ONNX MatMulInteger. Operands: a, b (u8 or i8), maybe a's and b's zero point (b's: scalar or one a column). Result i32.
    MatMulInteger,
    /// ONNX ConvInteger. Operands: x, w, maybe x's and w's zero points. Result i32.
    ConvInteger {
        /// Geometry over H and W.
        window: Window,
        /// Groups.
        groups: u32,
    },
}

/// A whole model.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// All tensors.
    pub values: Vec<Value>,
    /// All operators, each after those that make its operands.
    pub nodes: Vec<Node>,
    /// What the caller gives.
    pub inputs: Vec<ValueId>,
    /// What the caller gets.
    pub outputs: Vec<ValueId>,
}

impl Graph {
    /// A value by its id.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// The elements of a constant, `None` for what is only known at run time.
    pub fn constant(&self, id: ValueId) -> Option<&Tensor> {
        self.values[id.0].data.as_ref()
    }

    /// Adds a value.
    pub fn push_value(&mut self, name: impl Into<String>, info: Info, data: Option<Tensor>) -> ValueId {
        self.values.push(Value { name: name.into(), dtype: info.dtype, shape: info.shape, quant: None, data });
        ValueId(self.values.len() - 1)
    }

    /// Adds a constant.
    pub fn push_constant(&mut self, name: impl Into<String>, tensor: Tensor) -> ValueId {
        self.push_value(name, Info { dtype: tensor.dtype, shape: tensor.shape }, Some(tensor))
    }

    /// What a value is for an operator that takes it.
    pub fn info(&self, id: ValueId) -> Info {
        let value = self.value(id);
        Info { dtype: value.dtype, shape: value.shape }
    }

    /// Which nodes read each value; the graph's outputs aren't counted.
    pub fn readers(&self) -> Vec<Vec<usize>> {
        let mut readers = vec![Vec::new(); self.values.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for input in &node.inputs {
                readers[input.0].push(index);
            }
        }
        readers
    }

    /// Which node makes each value.
    pub fn makers(&self) -> Vec<Option<usize>> {
        let mut makers = vec![None; self.values.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for output in &node.outputs {
                makers[output.0] = Some(index);
            }
        }
        makers
    }
}

/// Shorthand for passes that compute with results of [`EngineOp::infer`].
pub type Inferred = Outputs;
