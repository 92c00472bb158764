//! Outputs that are classifiers: what they hold, and those after the first one.

use dunlin_engine::op::{Op as EngineOp, UnaryKind};
use dunlin_engine::task::Scoring;
use dunlin_engine::tensor::DType;

use crate::error::{CompileError, Result};
use crate::ir::{Graph, Op, Value};

/// An output after the first one that is to be a classifier of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadRequest {
    /// The output's name.
    pub output: String,
    /// Names of its classes; empty for none.
    pub labels: Vec<String>,
}

/// Such an output in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its place among the outputs.
    pub output: usize,
    /// What it holds.
    pub scoring: Scoring,
    /// Names of its classes; empty for none.
    pub labels: Vec<String>,
}

/// Finds the outputs; they are in the order of the graph then.
///
/// # Errors
/// [`CompileError::Head`] when one isn't there, is asked for twice, is the first one, or can't be a classifier.
pub fn heads(graph: &Graph, requests: &[HeadRequest]) -> Result<Vec<Head>> {
    let mut heads = requests.iter().map(|request| head(graph, request)).collect::<Result<Vec<_>>>()?;
    heads.sort_by_key(|head| head.output);
    match heads.windows(2).find(|pair| pair[0].output == pair[1].output) {
        Some(pair) => Err(fault(&output(graph, pair[0].output).name, "it is asked for twice".to_owned())),
        None => Ok(heads),
    }
}

/// The place of the output that is asked for.
///
/// # Errors
/// [`CompileError::Head`] when it isn't there, or is the first one.
pub fn place(graph: &Graph, request: &HeadRequest) -> Result<usize> {
    let names = || (0..graph.outputs.len()).map(|index| &output(graph, index).name[..]);
    match names().position(|name| name == request.output) {
        Some(0) => Err(fault(&request.output, "it is the first output, which is a classifier anyway".to_owned())),
        Some(place) => Ok(place),
        None => Err(fault(&request.output, unknown(names().skip(1)))),
    }
}

fn head(graph: &Graph, request: &HeadRequest) -> Result<Head> {
    let fault = |what| fault(&request.output, what);
    let index = place(graph, request)?;
    let Value { dtype, quant, shape, .. } = output(graph, index);
    if !matches!((dtype, quant), (DType::F32, _) | (DType::U8, Some(_))) {
        return Err(fault(format!("its elements are {}, which are no scores", dtype.name())));
    }
    let (found, classes) = (request.labels.len(), shape.count());
    if found != 0 && found != classes {
        return Err(fault(format!("{found} labels for an output with {classes} classes")));
    }
    Ok(Head { output: index, scoring: scoring(graph, index), labels: request.labels.clone() })
}

fn unknown<'a>(others: impl Iterator<Item = &'a str>) -> String {
    let others: Vec<String> = others.map(|name| format!("'{name}'")).collect();
    match &others[..] {
        [] => "the model has no output after the first one".to_owned(),
        others => format!("the model has no such output; after the first one it has {}", others.join(", ")),
    }
}

fn fault(output: &str, what: String) -> CompileError {
    CompileError::Head { output: output.to_owned(), what }
}

fn output(graph: &Graph, index: usize) -> &Value {
    graph.value(graph.outputs[index])
}

/// Probabilities when an output is made by softmax or sigmoid, maybe quantized after it.
pub fn scoring(graph: &Graph, output: usize) -> Scoring {
    let makers = graph.makers();
    let mut value = graph.outputs.get(output).copied();
    while let Some(node) = value.and_then(|id| makers[id.0]).map(|index| &graph.nodes[index]) {
        match node.op {
            Op::Engine(EngineOp::Softmax { log: false, .. } | EngineOp::QSoftmax { log: false }) => {
                return Scoring::Probabilities;
            }
            Op::Engine(EngineOp::Unary { f }) if f.kind == UnaryKind::Sigmoid => return Scoring::Probabilities,
            Op::Engine(
                EngineOp::Dequantize {} | EngineOp::Quantize {} | EngineOp::FlipSign {} | EngineOp::Reshape { .. },
            ) => {
                value = node.inputs.first().copied();
            }
            _ => return Scoring::Logits,
        }
    }
    Scoring::Logits
}
