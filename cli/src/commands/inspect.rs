//! `dunlin inspect`: what is in an artifact.

use std::io::Write;
use std::process::ExitCode;

use dunlin_engine::artifact::{Artifact, ArtifactError, Expected, Golden, Names};
use dunlin_engine::model::{Model, Place, TensorDef};
use dunlin_engine::task::{Task, TaskSpec};
use dunlin_engine::{Family, Plan, Session};
use dunlin_protocol::summary::Baseline;
use serde::Serialize;

use crate::args::{InspectArgs, ThreadArgs};
use crate::baseline;
use crate::commands::kernels;
use crate::error::CliError;
use crate::inspection::{HeadInfo, PolicyInfo};
use crate::model::Source;
use crate::output::{self, bytes, hex};
use crate::table::{Align, Table};

/// Everything that is shown.
#[derive(Debug, Serialize)]
struct Inspection {
    model: String,
    bytes: usize,
    kernels: String,
    verified: bool,
    sections: Vec<Section>,
    task: TaskInfo,
    labels: Vec<String>,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
    operators: Vec<Operator>,
    /// Those of `dunlin-engine` that a build for this model needs.
    features: Vec<&'static str>,
    quantization: Vec<Quantized>,
    memory: Memory,
    golden: Vec<GoldenInfo>,
    /// `null` for a model that wasn't calibrated.
    policy: Option<PolicyInfo>,
    /// `null` for a model that wasn't calibrated.
    baseline: Option<Baseline>,
    /// Outputs after the first one that are classifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    heads: Vec<HeadInfo>,
    card: serde_json::Value,
}

/// An entry of the section table.
#[derive(Debug, Serialize)]
struct Section {
    kind: &'static str,
    offset: usize,
    bytes: usize,
    sha256: String,
}

/// What an app gives and gets.
#[derive(Debug, Serialize)]
struct TaskInfo {
    kind: &'static str,
    scoring: String,
    /// Of an image task.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Image>,
}

/// How pixels become a tensor.
#[derive(Debug, Serialize)]
struct Image {
    width: u32,
    height: u32,
    color: String,
    fit: String,
    filter: String,
    scale: [f32; 3],
    offset: [f32; 3],
}

/// An input or output.
#[derive(Debug, Serialize)]
struct Tensor {
    name: String,
    #[serde(rename = "type")]
    dtype: &'static str,
    shape: Vec<u32>,
    quantization: Option<Quant>,
}

/// Of a quantized tensor.
#[derive(Clone, Copy, Debug, Serialize)]
struct Quant {
    scale: f32,
    zero: i32,
}

/// The quantization of a tensor of the graph.
#[derive(Debug, Serialize)]
struct Quantized {
    tensor: usize,
    scale: f32,
    zero: i32,
}

/// A step of the plan.
#[derive(Debug, Serialize)]
struct Operator {
    node: usize,
    name: String,
    op: &'static str,
    kernel: String,
    #[serde(rename = "type")]
    dtype: &'static str,
    shape: Vec<u32>,
    constant_bytes: usize,
    macs: u64,
}

/// Bytes that a session takes.
#[derive(Debug, Serialize)]
struct Memory {
    arena_bytes: usize,
    scratch_bytes: usize,
    /// With a second thread; `null` for a model that is too little work for one.
    two_threads: Option<TwoThreads>,
    /// Lists and tables of the plan.
    plan_bytes: usize,
    /// All that the session takes from the allocator.
    session_bytes: usize,
    weight_bytes: usize,
    tensors: Vec<Placed>,
}

/// What a second thread changes.
#[derive(Clone, Copy, Debug, Serialize)]
struct TwoThreads {
    /// Steps that are done in halves.
    halved_steps: usize,
    scratch_bytes: usize,
}

/// Where a computed tensor lies in the arena.
#[derive(Debug, Serialize)]
struct Placed {
    tensor: usize,
    offset: usize,
    bytes: usize,
}

/// An input by its seed with the digest of its outputs.
#[derive(Debug, Serialize)]
struct GoldenInfo {
    seed: u64,
    /// `null` where numbers are compared.
    outputs_sha256: Option<String>,
    /// How many numbers are compared, and how far they may be off; `null` where all bytes are.
    values: Option<usize>,
    tolerance: Option<f32>,
}

/// Shows an artifact, and with `--verify` proves that it is whole and computes what it should.
pub fn run(args: &InspectArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = args.model.as_deref().map(Source::open).transpose()?;
    if args.kernels {
        kernels::run(source.as_ref(), args.json, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let source = source.unwrap_or_else(Source::built_in);
    let mut session = source.session(ThreadArgs { count: 1 })?;
    if args.verify {
        verify(&source, &mut session)?;
    }
    let fault = |error| CliError::artifact(&source.path, error);
    let inspection = Inspection::new(args, &source, &source.artifact()?, &session).map_err(fault)?;
    if args.json {
        output::json(&inspection, out)?;
    } else {
        inspection.show(out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(source: &Source, session: &mut Session<&[u8]>) -> Result<(), CliError> {
    let fault = |error| CliError::artifact(&source.path, error);
    let artifact = source.artifact()?;
    artifact.verify_weights().map_err(fault)?;
    for golden in artifact.golden().map_err(fault)? {
        if !session.is_golden(&golden).map_err(|error| CliError::run(&source.path, error))? {
            return Err(CliError::Golden { path: source.path.clone(), isa: session.plan().isa().to_string() });
        }
    }
    Ok(())
}

impl Inspection {
    fn new(
        args: &InspectArgs,
        source: &Source,
        artifact: &Artifact<'_>,
        session: &Session<&[u8]>,
    ) -> Result<Self, ArtifactError> {
        let plan = session.plan();
        let (names, model) = (artifact.names()?, plan.model());
        let mut heads = HeadInfo::all(artifact, model)?.into_iter();
        let (labels, policy) = heads.next().map(|first| (first.labels, first.policy)).unwrap_or_default();
        let name = |index: usize| names.value(index).to_owned();
        let inputs = model.inputs.iter().enumerate().map(|(i, &t)| Tensor::new(name(i), &model.tensors[t]));
        let outputs = model.outputs.iter().enumerate();
        let outputs = outputs.map(|(i, &t)| Tensor::new(name(model.inputs.len() + i), &model.tensors[t]));
        let card = artifact.card()?.unwrap_or("null");
        Ok(Self {
            model: source.path.display().to_string(),
            bytes: artifact.bytes().len(),
            kernels: plan.isa().to_string(),
            verified: args.verify,
            sections: sections(artifact),
            task: TaskInfo::new(&artifact.task()?),
            labels,
            inputs: inputs.collect(),
            outputs: outputs.collect(),
            operators: operators(plan, &names),
            features: Family::of(model).filter_map(Family::feature).collect(),
            quantization: quantization(model),
            memory: Memory::new(artifact, session),
            golden: golden(artifact)?,
            policy,
            baseline: baseline::read(artifact)?,
            heads: heads.collect(),
            card: serde_json::from_str(card).map_err(|_| ArtifactError::Section { section: "card" })?,
        })
    }

    fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        writeln!(out, "{}: {} bytes, kernels for {}", self.model, bytes(self.bytes), self.kernels)?;
        if self.verified {
            writeln!(out, "verified: the weights are whole, {} golden inputs give their outputs", self.golden.len())?;
        }
        writeln!(out, "\nsections\n{}", self.section_table())?;
        writeln!(out, "task: {}, the output holds {}", self.task.kind, self.task.scoring)?;
        if let Some(image) = &self.task.image {
            writeln!(out, "  {image}")?;
        }
        if !self.labels.is_empty() {
            writeln!(out, "labels: {}", output::shortened(&self.labels))?;
        }
        let ends = [("inputs", &self.inputs), ("outputs", &self.outputs)];
        for (name, tensors) in ends {
            writeln!(out, "{name}: {}", tensors.iter().map(Tensor::to_string).collect::<Vec<_>>().join("; "))?;
        }
        writeln!(out, "\noperators\n{}", self.operator_table())?;
        let Memory { arena_bytes, scratch_bytes, plan_bytes, session_bytes, weight_bytes, .. } = self.memory;
        let sizes = [session_bytes, arena_bytes, scratch_bytes, plan_bytes, weight_bytes].map(bytes);
        let [session, arena, scratch, plan, weights] = sizes;
        writeln!(
            out,
            "memory: {session} bytes of a session: {arena} of arena, {scratch} of scratch, {plan} of the plan's lists and tables; {weights} bytes of weights stay in the file"
        )?;
        if let Some(TwoThreads { halved_steps, scratch_bytes }) = self.memory.two_threads {
            writeln!(
                out,
                "with two threads: {halved_steps} steps in halves, {} bytes of scratch",
                bytes(scratch_bytes)
            )?;
        }
        writeln!(
            out,
            "a build for this model alone: dunlin-engine = {{ version = \"{}\", default-features = false, features = [{}] }}",
            env!("CARGO_PKG_VERSION"),
            self.features.iter().map(|feature| format!("\"{feature}\"")).collect::<Vec<_>>().join(", ")
        )?;
        for golden in &self.golden {
            golden.show(out)?;
        }
        if let Some(policy) = &self.policy {
            policy.show(&self.labels, out)?;
        }
        for head in &self.heads {
            head.show(out)?;
        }
        if let Some(baseline) = &self.baseline {
            writeln!(out, "{}", baseline::sentence(baseline))?;
        }
        writeln!(out, "card: {}", serde_json::to_string_pretty(&self.card)?)?;
        Ok(())
    }

    fn section_table(&self) -> Table {
        let mut table = Table::new(&[
            ("kind", Align::Left),
            ("offset", Align::Right),
            ("bytes", Align::Right),
            ("SHA-256", Align::Left),
        ]);
        for Section { kind, offset, bytes: len, sha256 } in &self.sections {
            table.row([(*kind).to_owned(), bytes(*offset), bytes(*len), sha256[..16].to_owned()]);
        }
        table
    }

    fn operator_table(&self) -> Table {
        let (left, right) = (Align::Left, Align::Right);
        let columns = [
            ("#", right),
            ("operator", left),
            ("name", left),
            ("type", left),
            ("shape", left),
            ("constants", right),
            ("MACs", right),
            ("kernel", left),
        ];
        let mut table = Table::new(&columns);
        for op in &self.operators {
            table.row([
                op.node.to_string(),
                op.op.to_owned(),
                output::ending(&op.name),
                op.dtype.to_owned(),
                output::dims(&op.shape),
                bytes(op.constant_bytes),
                bytes(usize::try_from(op.macs).unwrap_or(usize::MAX)),
                op.kernel.clone(),
            ]);
        }
        table
    }
}

fn sections(artifact: &Artifact<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = artifact
        .sections()
        .map(|s| Section { kind: s.kind.name(), offset: s.offset, bytes: s.bytes.len(), sha256: hex(&s.digest) })
        .collect();
    sections.sort_by_key(|section| section.offset);
    sections
}

fn operators(plan: &Plan, names: &Names<'_>) -> Vec<Operator> {
    let operator = |step: dunlin_engine::plan::StepInfo| Operator {
        node: step.node,
        name: names.node(step.node).to_owned(),
        op: step.op,
        kernel: step.kernel.to_string(),
        dtype: step.dtype.name(),
        shape: step.shape.dims().to_vec(),
        constant_bytes: step.constant_bytes,
        macs: step.macs,
    };
    plan.explain().map(operator).collect()
}

fn quantization(model: &Model) -> Vec<Quantized> {
    let quantized = model.tensors.iter().enumerate().filter_map(|(tensor, def)| Some((tensor, def.quant?)));
    quantized.map(|(tensor, quant)| Quantized { tensor, scale: quant.scale, zero: quant.zero }).collect()
}

fn golden(artifact: &Artifact<'_>) -> Result<Vec<GoldenInfo>, ArtifactError> {
    Ok(artifact.golden()?.iter().map(GoldenInfo::new).collect())
}

impl GoldenInfo {
    fn new(golden: &Golden) -> Self {
        let (digest, values) = match &golden.outputs {
            Expected::Digest(digest) => (Some(hex(digest)), None),
            Expected::Values(values) => (None, Some(values)),
        };
        let tolerance = values.map(|values| values.tolerance);
        let values = values.map(|values| values.elements.len());
        Self { seed: golden.seed, outputs_sha256: digest, values, tolerance }
    }

    fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        match (&self.outputs_sha256, self.values.zip(self.tolerance)) {
            (Some(digest), _) => writeln!(out, "golden: seed {} gives {digest}", self.seed)?,
            (None, Some((values, tolerance))) => {
                writeln!(out, "golden: seed {} gives {values} known values within {tolerance:e}", self.seed)?;
            }
            (None, None) => {}
        }
        Ok(())
    }
}

impl TaskInfo {
    fn new(task: &Task) -> Self {
        let scoring = format!("{:?}", task.scoring).to_lowercase();
        match task.spec {
            TaskSpec::Tensor => Self { kind: "tensor", scoring, image: None },
            TaskSpec::Text => Self { kind: "text", scoring, image: None },
            TaskSpec::Image(spec) => {
                let image = Image {
                    width: spec.width,
                    height: spec.height,
                    color: format!("{:?}", spec.color).to_lowercase(),
                    fit: fit(spec.fit),
                    filter: format!("{:?}", spec.filter).to_lowercase(),
                    scale: spec.scale,
                    offset: spec.offset,
                };
                Self { kind: "image", scoring, image: Some(image) }
            }
        }
    }
}

/// As `dunlin compile --fit` takes it.
fn fit(fit: dunlin_engine::task::Fit) -> String {
    match fit {
        dunlin_engine::task::Fit::Squeeze => "squeeze".to_owned(),
        dunlin_engine::task::Fit::CenterCrop { permille } => format!("center-crop:{}", f64::from(permille) / 1000.0),
    }
}

impl std::fmt::Display for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { width, height, color, fit, filter, scale, offset } = self;
        write!(f, "{width}x{height} {color}, {fit}, {filter}; tensor = pixel * {scale:?} + {offset:?}")
    }
}

impl Tensor {
    fn new(name: String, def: &TensorDef) -> Self {
        let quantization = def.quant.map(|quant| Quant { scale: quant.scale, zero: quant.zero });
        Self { name, dtype: def.dtype.name(), shape: def.shape.dims().to_vec(), quantization }
    }
}

impl std::fmt::Display for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}' {} {}", self.name, self.dtype, output::dims(&self.shape))?;
        match self.quantization {
            Some(Quant { scale, zero }) => write!(f, " (scale {scale}, zero point {zero})"),
            None => Ok(()),
        }
    }
}

impl Memory {
    fn new(artifact: &Artifact<'_>, session: &Session<&[u8]>) -> Self {
        let plan = session.plan();
        let model = plan.model();
        let placed = model.tensors.iter().enumerate().filter_map(|(tensor, def)| match def.place {
            Place::Arena(offset) => Some(Placed { tensor, offset, bytes: def.len() }),
            Place::File(_) => None,
        });
        let weights = artifact.sections().find(|section| section.kind.name() == "weights");
        Self {
            arena_bytes: plan.arena(),
            scratch_bytes: plan.scratch(),
            two_threads: Some(plan.halves())
                .filter(|halves| halves.steps > 0)
                .map(|halves| TwoThreads { halved_steps: halves.steps, scratch_bytes: halves.scratch }),
            plan_bytes: session.heap_len() - plan.memory(),
            session_bytes: session.heap_len(),
            weight_bytes: weights.map_or(0, |section| section.bytes.len()),
            tensors: placed.collect(),
        }
    }
}
