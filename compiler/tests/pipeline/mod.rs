//! The compiler's passes up to a graph that the engine runs, and sessions that run it, for tests that look inside.

#![allow(dead_code, reason = "each test uses some of it")]

use dunlin_compiler::emit::{Extras, emit};
use dunlin_compiler::error::{CompileError, Result};
use dunlin_compiler::feed::feed;
use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::int8::Note;
use dunlin_compiler::ir::{Graph, Tensor};
use dunlin_compiler::report::Report;
use dunlin_compiler::{int8, lower, pack, passes};
use dunlin_engine::op::infer::Info;
use dunlin_engine::task::{Scoring, Task, TaskSpec};
use dunlin_engine::{AlignedBytes, Helper, Isa, Limits, Session};

/// An ONNX model with its quantized operators lowered and packed, and what became of them.
pub fn lowered(onnx: &[u8]) -> Result<(Graph, Report)> {
    let mut graph = import(onnx, &ImportOptions::default())?;
    passes::simplify(&mut graph)?;
    let report = lower(&mut graph, &mut Vec::new())?;
    Ok((graph, report))
}

/// Lowers and packs an imported graph; the int8 lowering adds to `notes`.
pub fn lower(graph: &mut Graph, notes: &mut Vec<Note>) -> Result<Report> {
    notes.extend(int8::lower(graph));
    lower::lower(graph)?;
    lower::layout::run(graph)?;
    passes::finish(graph)?;
    pack::pack(graph)?;
    passes::compact(graph);
    Ok(Report::new(graph, notes))
}

/// The artifact of a lowered graph, in a session for each instruction set that the CPU has, and another one of two threads where it is
/// large enough.
pub struct Sessions(Vec<Session<AlignedBytes>>);

impl Sessions {
    pub fn new(graph: &Graph) -> Result<Self> {
        let task = Task { scoring: Scoring::Logits, spec: TaskSpec::Tensor };
        let extras = Extras {
            varying: Vec::new(),
            labels: Vec::new(),
            task,
            heads: Vec::new(),
            text: None,
            card: String::new(),
            golden: Vec::new(),
        };
        let artifact = emit(graph, &extras)?;
        let load = |isa| Session::load(artifact.clone(), isa, Limits::default()).map_err(CompileError::Model);
        let mut sessions = Vec::new();
        for isa in Isa::supported() {
            sessions.push(load(isa)?);
            let mut session = load(isa)?;
            if session.share(Helper::start).expect("the system has a thread") {
                sessions.push(session);
            }
        }
        Ok(Self(sessions))
    }

    /// The most threads of a session.
    pub fn threads(&self) -> usize {
        self.0.iter().map(Session::threads).max().unwrap_or(0)
    }

    /// The outputs for one sample; every instruction set has to give the same bytes, on one thread and on two.
    pub fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let mut first: Option<Vec<Tensor>> = None;
        for session in &mut self.0 {
            let outputs = run(session, inputs)?;
            let isa = session.plan().isa();
            for (here, there) in outputs.iter().zip(first.get_or_insert_with(|| outputs.clone())) {
                assert_eq!(
                    here.bytes,
                    there.bytes,
                    "{isa} on {} threads gives other bytes than {}",
                    session.threads(),
                    Isa::REFERENCE
                );
            }
        }
        Ok(first.expect("the reference is always there"))
    }
}

fn run(session: &mut Session<AlignedBytes>, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    for (index, input) in inputs.iter().enumerate() {
        feed(session, index, input).map_err(CompileError::Sample)?;
    }
    let failed = |source| CompileError::Evaluate { node: "the session".to_owned(), source };
    session.run().map_err(failed)?;
    let outputs = (0..).map_while(|index| session.output(index));
    let owned = outputs.map(|output| {
        let mut tensor = Tensor::zeroed(Info { dtype: output.dtype, shape: output.shape });
        tensor.bytes.copy_from_slice(output.bytes);
        tensor
    });
    Ok(owned.collect())
}
