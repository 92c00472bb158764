//! The last step: a graph of engine operators becomes an artifact.

use dunlin_engine::artifact::{ALIGN, Golden, NewHead, SectionKind, Writer};
use dunlin_engine::model::{MAX_OPERANDS, VaryingAxis};
use dunlin_engine::task::Task;
use dunlin_engine::wire::{Put, put_text};
use dunlin_kernels::AlignedBytes;

use crate::error::CompileError;
use crate::heads::Head;
use crate::ir::{Graph, Op, ValueId};
use crate::memory::MemoryPlan;

/// The language of labels.
const LOCALE: &str = "en";

/// What goes into the artifact besides the graph.
#[derive(Clone, Debug)]
pub struct Extras {
    /// Axes that vary from call to call.
    pub varying: Vec<VaryingAxis>,
    /// Names of the classes; empty for none.
    pub labels: Vec<String>,
    /// What an app gives and gets.
    pub task: Task,
    /// Outputs after the first one that are classifiers.
    pub heads: Vec<Head>,
    /// How text becomes ids, for a model that takes text.
    pub text: Option<Vec<u8>>,
    /// The card, JSON.
    pub card: String,
    /// Golden inputs with their outputs' digests.
    pub golden: Vec<Golden>,
}

/// Writes a graph in which every operator is the engine's and every value is used.
///
/// # Errors
/// [`CompileError`] when an operator isn't the engine's or has too many operands.
pub fn emit(graph: &Graph, extras: &Extras) -> Result<AlignedBytes, CompileError> {
    let memory = MemoryPlan::new(graph);
    let (weights, places) = weights(graph);
    let mut writer = Writer::default();
    writer.words(SectionKind::Graph, &graph_words(graph, &places, &extras.varying)?);
    writer.words(SectionKind::Quantization, &quantization_words(graph));
    writer.words(SectionKind::Memory, &memory_words(graph, &memory));
    writer.words(SectionKind::Names, &name_words(graph));
    if !extras.labels.is_empty() {
        let labels: Vec<&str> = extras.labels.iter().map(String::as_str).collect();
        writer.labels(&[(LOCALE, &labels)]);
    }
    write_heads(&extras.heads, &mut writer);
    let mut task = Vec::new();
    extras.task.put(&mut task);
    writer.words(SectionKind::Task, &task);
    if let Some(text) = &extras.text {
        writer.bytes(SectionKind::Text, text.clone());
    }
    if !extras.golden.is_empty() {
        writer.golden(&extras.golden);
    }
    writer.bytes(SectionKind::Card, extras.card.clone().into_bytes());
    writer.bytes(SectionKind::Weights, weights);
    Ok(AlignedBytes::from_slice(&writer.finish()))
}

fn write_heads(heads: &[Head], writer: &mut Writer) {
    let labels = heads.iter().map(|head| head.labels.iter().map(String::as_str).collect());
    let labels: Vec<Vec<&str>> = labels.collect();
    let locales: Vec<[(&str, &[&str]); 1]> = labels.iter().map(|labels| [(LOCALE, &labels[..])]).collect();
    let new = heads.iter().zip(&locales).map(|(head, locales)| NewHead {
        output: head.output,
        scoring: head.scoring,
        labels: if head.labels.is_empty() { &[] } else { locales },
    });
    let new: Vec<NewHead<'_>> = new.collect();
    if !new.is_empty() {
        writer.heads(&new);
    }
}

/// All constants, each at an aligned offset, equal ones once; and each constant's offset in units of [`ALIGN`].
fn weights(graph: &Graph) -> (Vec<u8>, Vec<Option<u32>>) {
    let mut bytes: Vec<u8> = Vec::new();
    let mut known: std::collections::HashMap<&[u8], u32> = std::collections::HashMap::new();
    let places = graph.values.iter().map(|value| {
        let data = &value.data.as_ref()?.bytes;
        Some(*known.entry(data).or_insert_with(|| {
            bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
            let place = (bytes.len() / ALIGN) as u32;
            bytes.extend_from_slice(data);
            place
        }))
    });
    let places = places.collect();
    (bytes, places)
}

fn graph_words(graph: &Graph, places: &[Option<u32>], varying: &[VaryingAxis]) -> Result<Vec<u32>, CompileError> {
    let mut words = vec![graph.values.len() as u32];
    for (value, place) in graph.values.iter().zip(places) {
        value.dtype.put(&mut words);
        value.shape.put(&mut words);
        match place {
            None => words.push(0),
            Some(place) => words.extend([1, *place]),
        }
    }
    put_ids(&graph.inputs, &mut words);
    put_ids(&graph.outputs, &mut words);
    words.push(varying.len() as u32);
    words.extend(varying.iter().flat_map(|v| [v.input as u32, v.axis as u32]));
    words.push(graph.nodes.len() as u32);
    for node in &graph.nodes {
        let Op::Engine(op) = &node.op else {
            return Err(CompileError::NotLowered { node: node.name.clone() });
        };
        if node.inputs.len() > MAX_OPERANDS {
            return Err(CompileError::TooManyOperands { node: node.name.clone(), found: node.inputs.len() });
        }
        op.put(&mut words);
        put_ids(&node.inputs, &mut words);
        put_ids(&node.outputs, &mut words);
    }
    Ok(words)
}

fn put_ids(ids: &[ValueId], words: &mut Vec<u32>) {
    words.push(ids.len() as u32);
    words.extend(ids.iter().map(|id| id.0 as u32));
}

fn quantization_words(graph: &Graph) -> Vec<u32> {
    let quantized = graph.values.iter().enumerate().filter_map(|(id, value)| Some((id as u32, value.quant?)));
    let lines: Vec<_> = quantized.collect();
    let mut words = vec![lines.len() as u32];
    for (id, quant) in lines {
        words.push(id);
        quant.scale.put(&mut words);
        quant.zero.put(&mut words);
    }
    words
}

fn memory_words(graph: &Graph, memory: &MemoryPlan) -> Vec<u32> {
    let mut words = vec![memory.arena as u32, (memory.arena as u64 >> 32) as u32];
    let computed = graph.values.iter().zip(&memory.offsets).filter(|(value, _)| value.data.is_none());
    words.extend(computed.map(|(_, offset)| (offset / ALIGN) as u32));
    words
}

/// Names of inputs and outputs, then of operators: people's names, not needed to run.
fn name_words(graph: &Graph) -> Vec<u32> {
    let mut words = Vec::new();
    let ids = graph.inputs.iter().chain(&graph.outputs);
    let values: Vec<&str> = ids.map(|&id| graph.value(id).name.as_str()).collect();
    let nodes: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    for names in [values, nodes] {
        words.push(names.len() as u32);
        names.iter().for_each(|name| put_text(name, &mut words));
    }
    words
}
