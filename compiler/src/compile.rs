//! The whole way: ONNX bytes in, artifact and report out.

use dunlin_engine::artifact::Golden;
use dunlin_engine::model::{Limits, VaryingAxis};
use dunlin_engine::task::{Task, TaskSpec};
use dunlin_engine::{AlignedBytes, Isa, Session};
use serde_json::{Value as Json, json};

use crate::emit::{Extras, emit};
use crate::error::{CompileError, Result};
use crate::eval::Evaluator;
use crate::feed::feed;
use crate::heads::{self, HeadRequest};
use crate::import::{ImportOptions, import};
use crate::int8::{self, Note};
use crate::ir::{Graph, Op, Tensor};
use crate::picture::{ImageRequest, take_pictures};
use crate::report::Report;
use crate::text::{self, TextRequest};
use crate::{lower, pack, passes, ptq, vary};

/// In what numbers a model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Integers: of a model that is quantized already, or of a float model and calibration samples.
    #[default]
    Int8,
    /// Floats, with the weights of convolutions and products stored in 16 bits.
    F16,
    /// Floats.
    F32,
}

/// What the compiled model takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum TaskRequest {
    /// Tensors as in the ONNX model.
    #[default]
    Tensor,
    /// A picture.
    Image(ImageRequest),
    /// A text.
    Text(Box<TextRequest>),
}

/// Inputs as the ONNX model takes them, to calibrate and to compare with.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// For each sample one tensor per input, in order.
    pub rows: Vec<Vec<Tensor>>,
    /// The right class of each sample, where it is known.
    pub classes: Option<Vec<usize>>,
}

/// How to compile.
#[derive(Clone, Debug)]
pub struct Options {
    /// In what numbers.
    pub precision: Precision,
    /// Whether an operator that leaves int8 is an error.
    pub strict_int8: bool,
    /// What the compiled model takes.
    pub task: TaskRequest,
    /// Names of the classes; empty for none.
    pub labels: Vec<String>,
    /// Outputs after the first one that are classifiers too.
    pub heads: Vec<HeadRequest>,
    /// Inputs to calibrate with and to measure on.
    pub calibration: Option<Samples>,
    /// How a float model is quantized.
    pub ptq: ptq::Options,
    /// Sizes of symbolic dimensions; see [`ImportOptions`].
    pub dims: Vec<(String, usize)>,
    /// Axes that vary from call to call, as `input.axis`; they all have the same length in a call.
    pub vary: Vec<String>,
    /// What the author says of the model: an object whose entries the card takes over.
    pub card: Json,
    /// How many golden inputs the artifact gets.
    pub golden: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            precision: Precision::default(),
            strict_int8: false,
            task: TaskRequest::default(),
            labels: Vec::new(),
            heads: Vec::new(),
            calibration: None,
            ptq: ptq::Options::default(),
            dims: Vec::new(),
            vary: Vec::new(),
            card: json!({}),
            golden: 2,
        }
    }
}

/// How far a long compilation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: &'static str,
    /// How much of it is done.
    pub done: usize,
    /// How much there is.
    pub total: usize,
}

/// A compiled model.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The file.
    pub artifact: AlignedBytes,
    /// What became of the model.
    pub report: Report,
}

/// The most samples on which the model is compared before and after.
const COMPARED: usize = 500;

/// Compiles an ONNX model.
///
/// # Errors
/// [`CompileError`], one sentence with the culprit, when the model isn't sound, has an operator that Dunlin lacks, or
/// can't be compiled as asked.
pub fn compile(onnx: &[u8], options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Compiled> {
    let mut stage = |stage| progress(Progress { stage, done: 0, total: 1 });
    stage("import");
    let mut graph = import(onnx, &ImportOptions { freeze: Vec::new(), dims: options.dims.clone() })?;
    // Before what takes long.
    options.heads.iter().try_for_each(|request| heads::place(&graph, request).map(drop))?;
    stage("simplify");
    passes::simplify(&mut graph)?;
    let before = graph.clone();
    // What is float in a quantized model stays as it is; what post-training quantization leaves float becomes f16.
    let was_quantized = is_quantized(&graph);
    passes::embedding::run(&mut graph, options.precision == Precision::Int8 && !was_quantized)?;
    let (notes, weights) = match options.precision {
        Precision::Int8 if was_quantized => (Vec::new(), Precision::F32),
        Precision::Int8 => (quantize(&mut graph, options, progress)?, Precision::F16),
        float => (Vec::new(), float),
    };
    let Lowered { graph, task, varying, notes } = to_engine(graph, options, weights, notes)?;
    let report = Report::new(&graph, &notes);
    if options.strict_int8 {
        report.strict()?;
    }
    let text = match &options.task {
        TaskRequest::Text(request) => Some(text::section(request, &text::feed(request, &graph, &varying)?)?),
        _ => None,
    };
    let (labels, heads) = (options.labels.clone(), heads::heads(&graph, &options.heads)?);
    let extras = Extras { varying, labels, task, heads, text, card: String::new(), golden: Vec::new() };
    finish(&graph, &before, extras, report, onnx, options, progress)
}

/// A graph of engine operators with what the artifact says of it.
struct Lowered {
    graph: Graph,
    task: Task,
    varying: Vec<VaryingAxis>,
    notes: Vec<Note>,
}

fn quantize(graph: &mut Graph, options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Vec<Note>> {
    let samples = options.calibration.as_ref().filter(|samples| !samples.rows.is_empty());
    if samples.is_none() && !ptq::concerns(graph) {
        return Ok(Vec::new());
    }
    let samples = samples.ok_or(CompileError::NoCalibration)?;
    ptq::quantize(graph, &samples.rows, &options.ptq, &mut |done, total| {
        progress(Progress { stage: "calibrate", done, total });
    })
}

/// Everything becomes the engine's: integers, floats, layout, packing. `weights` is how those of float operators are stored.
fn to_engine(mut graph: Graph, options: &Options, weights: Precision, mut notes: Vec<Note>) -> Result<Lowered> {
    notes.extend(int8::lower(&mut graph));
    lower::lower(&mut graph)?;
    let spec = match &options.task {
        TaskRequest::Tensor => TaskSpec::Tensor,
        TaskRequest::Image(request) => TaskSpec::Image(take_pictures(&mut graph, request)?),
        TaskRequest::Text(_) => TaskSpec::Text,
    };
    lower::layout::run(&mut graph)?;
    passes::finish(&mut graph)?;
    if weights == Precision::F16 {
        lower::half::run(&mut graph)?;
    }
    let varying = varying_axes(&graph, &options.vary)?;
    pack::pack(&mut graph)?;
    vary::vary(&mut graph, &varying)?;
    passes::compact(&mut graph);
    let task = Task { scoring: heads::scoring(&graph, 0), spec };
    Ok(Lowered { graph, task, varying, notes })
}

fn varying_axes(graph: &Graph, names: &[String]) -> Result<Vec<VaryingAxis>> {
    let axis = |name: &String| {
        let (input, axis) = name.rsplit_once('.')?;
        let input = graph.inputs.iter().position(|&id| graph.value(id).name == input)?;
        Some(VaryingAxis { input, axis: axis.parse().ok()? })
    };
    let unknown = |name: &String| CompileError::Input {
        name: name.clone(),
        what: "no such input and axis; write INPUT.AXIS".to_owned(),
    };
    names.iter().map(|name| axis(name).ok_or_else(|| unknown(name))).collect()
}

/// Whether a model has quantized operators already.
fn is_quantized(graph: &Graph) -> bool {
    graph.nodes.iter().any(|node| {
        matches!(
            node.op,
            Op::QuantizeLinear { .. } | Op::DequantizeLinear { .. } | Op::MatMulInteger | Op::ConvInteger { .. }
        )
    })
}

/// Writes the artifact once to run it, then again with golden digests, measured accuracy and kernels.
fn finish(
    graph: &Graph,
    before: &Graph,
    mut extras: Extras,
    mut report: Report,
    onnx: &[u8],
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Result<Compiled> {
    progress(Progress { stage: "write", done: 0, total: 1 });
    let draft = emit(graph, &extras)?;
    let mut session = Session::load(&draft[..], Isa::best(), Limits::default()).map_err(CompileError::Model)?;
    check_labels(&session, &options.labels)?;
    for seed in 0..options.golden as u64 {
        let outputs = session
            .expected(seed)
            .map_err(|source| CompileError::Evaluate { node: "golden input".to_owned(), source })?;
        extras.golden.push(Golden { seed, outputs });
    }
    report.bind(session.plan(), &extras.golden);
    if let Some(samples) = &options.calibration {
        report.accuracy = Some(compare(before, &mut session, samples, progress)?);
    }
    extras.card = card(options, onnx, &report);
    let artifact = emit(graph, &extras)?;
    report.bytes = artifact.len();
    Ok(Compiled { artifact, report })
}

fn check_labels<B: AsRef<[u8]>>(session: &Session<B>, labels: &[String]) -> Result<()> {
    let classes = session.output(0).map_or(0, |output| output.shape.count());
    if labels.is_empty() || labels.len() == classes {
        return Ok(());
    }
    Err(CompileError::Labels { found: labels.len(), classes })
}

fn compare<B: AsRef<[u8]>>(
    before: &Graph,
    session: &mut Session<B>,
    samples: &Samples,
    progress: &mut dyn FnMut(Progress),
) -> Result<crate::report::Accuracy> {
    let total = samples.rows.len().min(COMPARED);
    let reference = Evaluator::new(before)?;
    let mut accuracy = crate::report::Accuracy { samples: total, ..Default::default() };
    for (index, row) in samples.rows.iter().take(total).enumerate() {
        progress(Progress { stage: "compare", done: index, total });
        let class = samples.classes.as_ref().and_then(|classes| classes.get(index).copied());
        let then = reference.run(row, &mut |_, _| {})?;
        let now = run(session, row)?;
        accuracy.count(best(then.first().and_then(Tensor::as_f32s).unwrap_or_default()), best(&now), class);
    }
    Ok(accuracy)
}

/// The first output for one sample, as reals.
fn run<B: AsRef<[u8]>>(session: &mut Session<B>, row: &[Tensor]) -> Result<Vec<f32>> {
    for (index, tensor) in row.iter().enumerate() {
        feed(session, index, tensor).map_err(CompileError::Sample)?;
    }
    session.run().map_err(|source| CompileError::Evaluate { node: "calibration sample".to_owned(), source })?;
    let output = session.output(0).expect("a graph has outputs");
    Ok(match output.quant {
        Some(quant) => output.bytes.iter().map(|&q| quant.scale * (i32::from(q) - quant.zero) as f32).collect(),
        None => output.f32s().map(<[f32]>::to_vec).unwrap_or_default(),
    })
}

fn best(scores: &[f32]) -> usize {
    let best = scores.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(0, |(class, _)| class)
}

/// The author's entries, and what the compiler knows under `dunlin`.
fn card(options: &Options, onnx: &[u8], report: &Report) -> String {
    use sha2::{Digest as _, Sha256};
    let mut card = options.card.clone();
    let source: String = Sha256::digest(onnx).iter().map(|byte| format!("{byte:02x}")).collect();
    if let Json::Object(entries) = &mut card {
        let known = json!({
            "compiler": env!("CARGO_PKG_VERSION"),
            "source_sha256": source,
            "accuracy": report.accuracy,
            "macs": report.macs,
        });
        entries.insert("dunlin".to_owned(), known);
    }
    card.to_string()
}
