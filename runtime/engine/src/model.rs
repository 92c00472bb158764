//! The graph of an artifact, checked.
//!
//! A [`Model`] that exists is sound: operands come before the operators that read them, every shape and element
//! type is what its operator makes of its operands, constants lie inside the weights and computed tensors inside
//! the arena, and no operator writes over what it reads.

use crate::artifact::{ALIGN, Artifact, ArtifactError, SectionKind};
use crate::error::{Code, InferError};
use crate::op::Op;
use crate::op::infer::{Info, MAX_OUTPUTS};
use crate::tensor::{DType, Quant, Shape};
use crate::wire::{Take, Words};
use alloc::vec::Vec;
use core::ops::Range;
use dunlin_kernels::OutOfMemory;
use dunlin_kernels::float::Fusion;

/// The most operands that an operator has.
pub const MAX_OPERANDS: usize = 16;

/// What a model may ask of the device.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the arena, of the scratch memory and of offset tables, each.
    pub memory: usize,
    /// Multiplications, or elements moved, of one run. A bound for hostile files, not for slow models.
    pub work: u64,
}

impl Default for Limits {
    /// 1 GiB, and 10^11 steps: five times the largest classifiers of phones.
    fn default() -> Self {
        Self { memory: 1 << 30, work: 100_000_000_000 }
    }
}

/// Where a tensor's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A constant, at this offset in the file.
    File(usize),
    /// Computed or given by the caller, at this offset in the arena.
    Arena(usize),
}

/// A tensor of the graph.
#[derive(Clone, Copy, Debug)]
pub struct TensorDef {
    /// Element type.
    pub dtype: DType,
    /// Dimensions, at the planned maximum when some vary.
    pub shape: Shape,
    /// Quantization of a quantized tensor.
    pub quant: Option<Quant>,
    /// Where its bytes are.
    pub place: Place,
}

impl TensorDef {
    /// Element type and dimensions.
    pub fn info(&self) -> Info {
        Info { dtype: self.dtype, shape: self.shape }
    }

    /// Bytes that it takes.
    pub fn len(&self) -> usize {
        self.shape.count() * self.dtype.size()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An operator with its operands and results, by their indices in [`Model::tensors`].
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Operands; at most [`MAX_OPERANDS`].
    pub inputs: Vec<usize>,
    /// Results.
    pub outputs: Vec<usize>,
}

/// A dimension that varies from call to call: the length of a text, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaryingAxis {
    /// Index in [`Model::inputs`].
    pub input: usize,
    /// The axis; its dimension in the tensor's shape is the maximum.
    pub axis: usize,
}

/// A checked graph.
#[derive(Clone, Debug)]
pub struct Model {
    /// All tensors.
    pub tensors: Vec<TensorDef>,
    /// All operators, in the order in which they run.
    pub nodes: Vec<Node>,
    /// What the caller gives, by tensor.
    pub inputs: Vec<usize>,
    /// What the caller gets, by tensor.
    pub outputs: Vec<usize>,
    /// Dimensions that all vary together.
    pub varying: Vec<VaryingAxis>,
    /// Bytes of the arena.
    pub arena: usize,
}

/// A graph that can't be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The file is no sound artifact.
    Artifact(ArtifactError),
    /// An operator's operands don't fit it (the artifact is wrong).
    Infer {
        /// The operator's place in the graph.
        node: usize,
        /// What doesn't fit.
        error: InferError,
    },
    /// The graph contradicts itself (the artifact is wrong).
    Graph {
        /// The operator's place in the graph, where it is one.
        node: Option<usize>,
        /// What is wrong.
        why: &'static str,
    },
    /// The model needs more memory than the caller allows.
    Memory {
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that it may have.
        limit: usize,
    },
    /// A run would take more arithmetic than the caller allows.
    Work {
        /// Steps that it would take.
        needed: u64,
        /// Steps that it may take.
        limit: u64,
    },
    /// The model takes text, and this build leaves that out (the application that was built with too few features).
    #[cfg(not(feature = "text"))]
    NoText,
    /// The system hasn't the memory that the model needs and may have.
    OutOfMemory(OutOfMemory),
}

impl ModelError {
    /// Its stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Artifact(error) => error.code(),
            Self::Infer { error: InferError::LeftOut { .. }, .. } => Code::Version,
            #[cfg(not(feature = "text"))]
            Self::NoText => Code::Version,
            Self::Infer { .. } | Self::Graph { .. } => Code::Artifact,
            Self::Memory { .. } | Self::Work { .. } | Self::OutOfMemory(_) => Code::Memory,
        }
    }
}

impl core::fmt::Display for ModelError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Artifact(error) => error.fmt(f),
            Self::Infer { node, error } => write!(f, "operator {node} of the artifact's graph: {error}"),
            Self::Graph { node: Some(node), why } => write!(f, "operator {node} of the artifact's graph {why}"),
            #[cfg(not(feature = "text"))]
            Self::NoText => f.write_str("the model takes text, which needs dunlin-engine's feature text"),
            Self::Graph { node: None, why } => write!(f, "the artifact's graph {why}"),
            Self::Memory { needed, limit } => {
                write!(
                    f,
                    "the model needs {needed} bytes of memory and may have {limit}; raise the limit or compile a smaller model"
                )
            }
            Self::Work { needed, limit } => {
                write!(
                    f,
                    "a run of the model takes {needed} steps and may take {limit}; raise the limit if you trust the file"
                )
            }
            Self::OutOfMemory(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ModelError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Artifact(error) => Some(error),
            Self::Infer { error, .. } => Some(error),
            Self::OutOfMemory(error) => Some(error),
            _ => None,
        }
    }
}

impl From<OutOfMemory> for ModelError {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}

impl From<ArtifactError> for ModelError {
    fn from(error: ArtifactError) -> Self {
        Self::Artifact(error)
    }
}

impl Model {
    /// Reads and checks the graph with its quantization and memory plan.
    ///
    /// # Errors
    /// [`ModelError`] when the graph isn't sound or needs more than `limits` allows.
    pub fn parse(artifact: &Artifact<'_>, limits: Limits) -> Result<Self, ModelError> {
        let weights = artifact.required(SectionKind::Weights)?;
        let graph = artifact.required(SectionKind::Graph)?;
        let mut model = read_graph(graph.bytes, weights.offset).ok_or(ArtifactError::Section { section: "graph" })?;
        let quantization = artifact.required(SectionKind::Quantization)?;
        model.read_quantization(quantization.bytes).ok_or(ArtifactError::Section { section: "quantization" })?;
        let memory = artifact.required(SectionKind::Memory)?;
        let arena = model.read_memory(memory.bytes).ok_or(ArtifactError::Section { section: "memory" })?;
        model.arena = usize::try_from(arena)
            .ok()
            .filter(|&arena| arena <= limits.memory)
            .ok_or(ModelError::Memory { needed: arena, limit: limits.memory })?;
        model.check(weights.offset..weights.offset + weights.bytes.len())?;
        Ok(model)
    }

    /// Bytes that the graph takes.
    pub(crate) fn heap_len(&self) -> usize {
        let lists = [&self.inputs, &self.outputs];
        let of_nodes = self.nodes.iter().flat_map(|node| [&node.inputs, &node.outputs]);
        let indices: usize = lists.into_iter().chain(of_nodes).map(Vec::capacity).sum();
        self.tensors.capacity() * size_of::<TensorDef>()
            + self.nodes.capacity() * size_of::<Node>()
            + self.varying.capacity() * size_of::<VaryingAxis>()
            + indices * size_of::<usize>()
    }

    /// A line for each quantized tensor: its index, scale and zero point.
    fn read_quantization(&mut self, bytes: &[u8]) -> Option<()> {
        let mut words = Words::new(bytes);
        for _ in 0..words.count(3)? {
            let tensor = self.tensors.get_mut(words.next()? as usize)?;
            let quant = Quant::new(words.read()?, words.read()?)?;
            // A second line for the same tensor would be a contradiction.
            (tensor.dtype == DType::U8 && tensor.quant.replace(quant).is_none()).then_some(())?;
        }
        words.end()
    }

    /// The arena's length, then the offset of each tensor that isn't a constant, in units of [`ALIGN`].
    fn read_memory(&mut self, bytes: &[u8]) -> Option<u64> {
        let mut words = Words::new(bytes);
        let arena = u64::from(words.next()?) | u64::from(words.next()?) << 32;
        for tensor in &mut self.tensors {
            if let Place::Arena(offset) = &mut tensor.place {
                *offset = (words.next()? as usize).checked_mul(ALIGN)?;
            }
        }
        words.end()?;
        Some(arena)
    }

    fn check(&self, weights: Range<usize>) -> Result<(), ModelError> {
        let fault = |why| ModelError::Graph { node: None, why };
        for tensor in &self.tensors {
            let (offset, bounds) = match tensor.place {
                Place::File(offset) => (offset, weights.clone()),
                Place::Arena(offset) => (offset, 0..self.arena),
            };
            let end = offset.checked_add(tensor.len());
            if offset < bounds.start || end.is_none_or(|end| end > bounds.end) {
                return Err(fault("has a tensor outside of its section or arena"));
            }
        }
        let mut known: Vec<bool> = self.tensors.iter().map(|t| matches!(t.place, Place::File(_))).collect();
        for &input in &self.inputs {
            if core::mem::replace(&mut known[input], true) {
                return Err(fault("has an input twice, or a constant as input"));
            }
        }
        for varying in &self.varying {
            let input = self.inputs.get(varying.input).map(|&t| self.tensors[t].shape);
            if input.is_none_or(|shape| varying.axis >= shape.rank() || shape.dim(varying.axis) == 0) {
                return Err(fault("has a varying axis that no input has"));
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            self.check_node(index, node, &mut known)?;
        }
        if self.outputs.iter().any(|&t| !known[t]) {
            return Err(fault("has an output that nothing computes"));
        }
        Ok(())
    }

    fn check_node(&self, index: usize, node: &Node, known: &mut [bool]) -> Result<(), ModelError> {
        let fault = |why| Err(ModelError::Graph { node: Some(index), why });
        if node.inputs.iter().any(|&t| !known[t]) {
            return fault("reads what isn't computed yet");
        }
        let mut infos = [Info { dtype: DType::U8, shape: Shape::default() }; MAX_OPERANDS];
        for (info, &input) in infos.iter_mut().zip(&node.inputs) {
            *info = self.tensors[input].info();
        }
        let results =
            node.op.infer(&infos[..node.inputs.len()]).map_err(|error| ModelError::Infer { node: index, error })?;
        if results.iter().flatten().count() != node.outputs.len() {
            return fault("has another number of results than its operator");
        }
        for (&output, result) in node.outputs.iter().zip(results.iter().flatten()) {
            if self.tensors[output].info() != *result {
                return fault("has a result of another shape or type than its operator makes");
            }
            if core::mem::replace(&mut known[output], true) {
                return fault("computes what is there already");
            }
        }
        if !self.is_view(node) && self.overlaps(node) {
            return fault("writes over its own operands");
        }
        Ok(())
    }

    /// How the model's float sums are rounded. One with int8 operators promises its bits, so the floats between them are
    /// never fused; a model of floats alone promises a bound, and is.
    pub fn fusion(&self) -> Fusion {
        if self.nodes.iter().any(|node| node.op.is_int8()) { Fusion::Never } else { Fusion::Allowed }
    }

    /// A tensor's dimensions among those of a call; the planned ones when these are empty.
    pub(crate) fn shape(&self, tensor: usize, shapes: &[Shape]) -> Shape {
        shapes.get(tensor).copied().unwrap_or(self.tensors[tensor].shape)
    }

    /// Type and dimensions of some tensors, N at most, in a call.
    pub(crate) fn infos<const N: usize>(&self, tensors: &[usize], shapes: &[Shape]) -> [Info; N] {
        let mut infos = [Info { dtype: DType::U8, shape: Shape::EMPTY }; N];
        for (info, &tensor) in infos.iter_mut().zip(tensors) {
            *info = Info { dtype: self.tensors[tensor].dtype, shape: self.shape(tensor, shapes) };
        }
        infos
    }

    /// Whether the node only gives its operand's bytes another shape, where they are.
    pub(crate) fn is_view(&self, node: &Node) -> bool {
        matches!(node.op, Op::Reshape { .. })
            && self.tensors[node.inputs[0]].place == self.tensors[node.outputs[0]].place
    }

    fn overlaps(&self, node: &Node) -> bool {
        let range = |&t: &usize| match self.tensors[t].place {
            Place::Arena(offset) => offset..offset + self.tensors[t].len(),
            Place::File(_) => 0..0,
        };
        let crosses = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
        node.outputs.iter().enumerate().any(|(i, output)| {
            let written = range(output);
            let others = node.inputs.iter().chain(&node.outputs[..i]);
            others.map(range).any(|other| crosses(&written, &other))
        })
    }
}

/// Tensors, inputs, outputs, varying axes, operators: see docs/formats/artifact.md.
fn read_graph(bytes: &[u8], weights: usize) -> Option<Model> {
    let words = &mut Words::new(bytes);
    let tensors = words.list(3, |words| read_tensor(words, weights));
    let id = |words: &mut Words<'_>| match words.word() as usize {
        tensor if tensor < tensors.len() => tensor,
        _ => words.reject(0),
    };
    let inputs = words.list(1, id);
    let outputs = words.list(1, id);
    let varying = words.list(2, |words| VaryingAxis { input: words.word() as usize, axis: words.word() as usize });
    let nodes = words.list(3, |words| {
        let node = Node { op: Op::take(words), inputs: words.list(1, id), outputs: words.list(1, id) };
        let is_computed = |&t: &usize| tensors.get(t).is_some_and(|tensor| matches!(tensor.place, Place::Arena(_)));
        let counts_fit = node.inputs.len() <= MAX_OPERANDS && (1..=MAX_OUTPUTS).contains(&node.outputs.len());
        if counts_fit && node.outputs.iter().all(is_computed) { node } else { words.reject(node) }
    });
    words.end().map(|()| Model { tensors, nodes, inputs, outputs, varying, arena: 0 })
}

fn read_tensor(words: &mut Words<'_>, weights: usize) -> TensorDef {
    let (dtype, shape) = (DType::take(words), Shape::take(words));
    let place = match words.word() {
        0 => Place::Arena(0),
        1 => {
            let offset = (words.word() as usize).checked_mul(ALIGN).and_then(|at| at.checked_add(weights));
            Place::File(offset.unwrap_or_else(|| words.reject(0)))
        }
        _ => words.reject(Place::Arena(0)),
    };
    TensorDef { dtype, shape, quant: None, place }
}
