//! Why a model can't be compiled: one sentence with the culprit and, where there is one, the remedy.

use std::fmt;

use dunlin_engine::ModelError;
use dunlin_engine::error::{InferError, RunError};

use crate::feed::FeedError;

/// A model that can't be compiled. The culprit is the model file unless a variant says otherwise.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CompileError {
    /// The bytes aren't an ONNX model.
    Parse {
        /// What the protobuf reader says.
        what: String,
    },
    /// The graph isn't well formed: a missing or doubly defined tensor, a cycle, no outputs.
    Graph {
        /// What is wrong, with the names concerned.
        what: String,
    },
    /// An operator, or a use of it, that Dunlin doesn't have.
    Unsupported {
        /// The ONNX operator.
        op: String,
        /// The node's name.
        node: String,
        /// Which use of it, and what would do instead.
        why: String,
    },
    /// An attribute or operand that ONNX doesn't allow.
    Invalid {
        /// The ONNX operator.
        op: String,
        /// The node's name.
        node: String,
        /// What is wrong.
        what: String,
    },
    /// Operands that don't fit an operator.
    Operands {
        /// The node's name.
        node: String,
        /// What the engine's rule says.
        source: InferError,
    },
    /// A shape that isn't static, or too large.
    Shape {
        /// The tensor's name.
        tensor: String,
        /// What is wrong.
        what: String,
    },
    /// An element type that Dunlin doesn't have.
    Type {
        /// The tensor's name.
        tensor: String,
        /// The type's name in ONNX.
        found: String,
    },
    /// An initializer whose data doesn't match its declaration.
    Initializer {
        /// Its name.
        tensor: String,
        /// What is wrong.
        what: String,
    },
    /// A weight that is NaN or infinite: training diverged, or the file is damaged.
    NotFinite {
        /// The initializer's name.
        initializer: String,
    },
    /// A constant whose 64-bit value doesn't fit in 32 bits where its exact value matters.
    TooWide {
        /// The tensor's name.
        tensor: String,
        /// The node that reads it.
        node: String,
    },
    /// Computing a constant, or evaluating the graph on a sample, failed.
    Evaluate {
        /// The node's name.
        node: String,
        /// What the engine says.
        source: RunError,
    },
    /// The caller's own input or option doesn't fit the model.
    Input {
        /// The input's name.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A float model that is to become int8 without calibration samples (the caller).
    NoCalibration,
    /// Operators that leave int8 although the caller allows none to.
    NotInt8 {
        /// Operator, node and reason of each.
        operators: Vec<String>,
    },
    /// The model's input isn't what the task gives (the caller).
    Task {
        /// What is wrong.
        why: String,
    },
    /// What was asked about text can't be done (the caller).
    Text {
        /// Which option, or which file.
        option: String,
        /// What is wrong.
        why: String,
    },
    /// Another number of labels than the model has classes (the caller).
    Labels {
        /// How many there are.
        found: usize,
        /// How many the model has.
        classes: usize,
    },
    /// An output that can't be the classifier that it is to be (the caller).
    Head {
        /// What the caller calls it.
        output: String,
        /// What is wrong, with the outputs that there are.
        what: String,
    },
    /// A calibration sample that doesn't fit the model (the caller).
    Sample(FeedError),
    /// An operator that can't take a shorter input, though axes were asked to vary (the caller).
    Vary {
        /// The node's name.
        node: String,
        /// What stands in the way.
        why: String,
    },
    /// An operator that no pass brought down to the engine's: a defect of the compiler.
    NotLowered {
        /// The node's name.
        node: String,
    },
    /// An operator with more operands than the engine takes.
    TooManyOperands {
        /// The node's name.
        node: String,
        /// How many it has.
        found: usize,
    },
    /// The compiled model can't be loaded: it needs too much memory, or the compiler has a defect.
    Model(ModelError),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse { what } => write!(f, "this isn't a readable ONNX model: {what}"),
            Self::Graph { what } => write!(f, "the model's graph is broken: {what}"),
            Self::Unsupported { op, node, why } => write!(f, "operator {op} of node '{node}' isn't supported: {why}"),
            Self::Invalid { op, node, what } => write!(f, "operator {op} of node '{node}' is malformed: {what}"),
            Self::Operands { node, source } => write!(f, "the operands of node '{node}' don't fit: {source}"),
            Self::Shape { tensor, what } => write!(f, "the shape of '{tensor}' can't be used: {what}"),
            Self::Type { tensor, found } => {
                write!(f, "'{tensor}' has elements of type {found}, which Dunlin doesn't have: export with float32")
            }
            Self::Initializer { tensor, what } => write!(f, "the initializer '{tensor}' is damaged: {what}"),
            Self::NotFinite { initializer } => {
                write!(
                    f,
                    "the weights '{initializer}' hold NaN or infinity: export the model again from a sound checkpoint"
                )
            }
            Self::TooWide { tensor, node } => {
                write!(f, "the constant '{tensor}' has values beyond 32 bits and node '{node}' needs them exactly")
            }
            Self::Evaluate { node, source } => write!(f, "node '{node}' can't be computed: {source}"),
            Self::Input { name, what } => write!(f, "the input '{name}' doesn't fit the model: {what}"),
            Self::NoCalibration => {
                f.write_str("this model is float: give samples to calibrate it for int8, or ask for f16 or f32")
            }
            Self::NotInt8 { operators } => {
                write!(
                    f,
                    "{} operators leave int8, which --strict-int8 forbids: {}",
                    operators.len(),
                    operators.join("; ")
                )
            }
            Self::Task { why } => write!(f, "the task doesn't fit the model: {why}"),
            Self::Text { option, why } => write!(f, "{option}: {why}"),
            Self::Labels { found, classes } => write!(f, "{found} labels for a model with {classes} classes"),
            Self::Head { output, what } => write!(f, "the output '{output}' can't be a head: {what}"),
            Self::Sample(source) => write!(f, "a calibration sample doesn't fit: {source}"),
            Self::Vary { node, why } => write!(f, "the length can't vary, because of node '{node}': {why}"),
            Self::NotLowered { node } => {
                write!(f, "node '{node}' was not lowered; please report this model as a defect of Dunlin")
            }
            Self::TooManyOperands { node, found } => {
                write!(f, "node '{node}' has {found} operands, more than the engine takes")
            }
            Self::Model(source) => write!(f, "the compiled model can't be loaded: {source}"),
        }
    }
}

impl std::error::Error for CompileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Operands { source, .. } => Some(source),
            Self::Evaluate { source, .. } => Some(source),
            Self::Sample(source) => Some(source),
            Self::Model(source) => Some(source),
            _ => None,
        }
    }
}

/// What every step of the compiler gives.
pub type Result<T> = std::result::Result<T, CompileError>;
