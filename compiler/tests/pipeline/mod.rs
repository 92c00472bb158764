//! The compiler's passes up to a graph that the engine runs, for tests that look at it.

#![allow(dead_code, reason = "each test uses one of the two")]

use dunlin_compiler::error::Result;
use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::int8::Note;
use dunlin_compiler::ir::Graph;
use dunlin_compiler::report::Report;
use dunlin_compiler::{int8, lower, pack, passes};

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
