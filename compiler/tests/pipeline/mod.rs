//! The compiler's passes up to a graph that the engine runs, for tests that look at it.

use dunlin_compiler::error::Result;
use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::ir::Graph;
use dunlin_compiler::report::Report;
use dunlin_compiler::{int8, lower, pack, passes};

/// An ONNX model with its quantized operators lowered and packed, and what became of them.
pub fn lowered(onnx: &[u8]) -> Result<(Graph, Report)> {
    let mut graph = import(onnx, &ImportOptions::default())?;
    passes::simplify(&mut graph)?;
    let notes = int8::lower(&mut graph);
    lower::lower(&mut graph)?;
    lower::layout::run(&mut graph)?;
    passes::finish(&mut graph)?;
    pack::pack(&mut graph)?;
    passes::compact(&mut graph);
    let report = Report::new(&graph, &notes);
    Ok((graph, report))
}
