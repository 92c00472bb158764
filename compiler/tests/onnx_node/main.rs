//! ONNX's own node tests, from the wheel `onnx==1.22.0` by way of conformance/onnx_node.zip.
//!
//! Each case is imported, simplified, lowered, written and run with each instruction set; its outputs are compared as ONNX's runner does it. An
//! operator that Dunlin lacks must say so by a typed error: that is the reason why its case is skipped. The result is
//! docs/conformance.md; `DUNLIN_UPDATE=1 cargo test -p dunlin-compiler --test onnx_node` writes it anew.

mod compare;
mod freeze;
#[path = "../pipeline/mod.rs"]
mod pipeline;
mod table;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use dunlin_compiler::error::CompileError;
use dunlin_compiler::import::{Element, ImportOptions, import_typed, read_tensor};
use dunlin_compiler::ir::Tensor;
use dunlin_compiler::{lower, passes};
use serde::Deserialize;
use zip::ZipArchive;

/// How a case ended.
#[derive(Clone, Debug)]
enum Outcome {
    Passed,
    Skipped(String),
    Failed(String),
}

/// What cases.json says of a case.
#[derive(Clone, Debug, Deserialize)]
struct Meta {
    operator: String,
}

type Archive = ZipArchive<File>;

/// Fewer would mean that something was lost.
const MIN_PASSED: usize = 650;

#[test]
fn onnx_node_cases_pass_or_say_why_not() {
    let mut archive = open();
    let cases: BTreeMap<String, Meta> = json(&mut archive, "cases.json");
    let out_of_scope: BTreeMap<String, String> = json(&mut archive, "skipped.json");
    let only = std::env::var("DUNLIN_CASE").unwrap_or_default();
    let mut outcomes = BTreeMap::new();
    for (name, meta) in cases.iter().filter(|(name, _)| name.contains(&only)) {
        let outcome = run(&mut archive, name, &meta.operator);
        if let Outcome::Failed(why) = &outcome {
            println!("FAILED {name}: {why}");
        }
        outcomes.insert(name.clone(), (meta.operator.clone(), outcome));
    }
    let failed = outcomes.values().filter(|(_, o)| matches!(o, Outcome::Failed(_))).count();
    let passed = outcomes.values().filter(|(_, o)| matches!(o, Outcome::Passed)).count();
    println!("{passed} passed, {failed} failed, {} skipped", outcomes.len() - passed - failed);
    if only.is_empty() {
        assert_eq!(failed, 0, "see the list above");
        assert!(passed >= MIN_PASSED, "{passed} passed");
        table::check(&outcomes, &out_of_scope, &root().join("docs/conformance.md"));
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn open() -> Archive {
    let path = root().join("conformance/onnx_node.zip");
    ZipArchive::new(File::open(&path).expect("the fixture is part of the repository")).expect("a zip file")
}

fn read(archive: &mut Archive, name: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    archive.by_name(name).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn json<T: for<'a> Deserialize<'a>>(archive: &mut Archive, name: &str) -> T {
    let bytes = read(archive, name).expect("the fixture has it");
    serde_json::from_slice(&bytes).expect("the fixture is well formed")
}

/// A case's files.
struct Case {
    model: Vec<u8>,
    inputs: Vec<(Tensor, Element)>,
    outputs: Vec<(Tensor, Element)>,
}

fn run(archive: &mut Archive, name: &str, operator: &str) -> Outcome {
    let case = match load(archive, name) {
        Ok(case) => case,
        Err(error) => return unable(&error),
    };
    let direct = name.split("_expanded").next().unwrap_or(name);
    let shape_of = read(archive, &format!("{direct}/model.onnx")).unwrap_or_else(|| case.model.clone());
    let names = freeze::input_names(&case.model);
    let frozen = freeze::parameters(&shape_of, operator);
    let (mut freeze, mut given) = (Vec::new(), Vec::new());
    for (name, (tensor, element)) in names.iter().zip(&case.inputs) {
        match frozen.contains(name) {
            true => freeze.push((name.clone(), tensor.clone())),
            false => given.push(compare::border(tensor, *element)),
        }
    }
    match outputs(&case.model, freeze, &given) {
        Ok((made, elements)) => compare::outputs(&made, &elements, &case.outputs),
        Err(error) => unable(&error),
    }
}

fn load(archive: &mut Archive, name: &str) -> Result<Case, CompileError> {
    let model = read(archive, &format!("{name}/model.onnx")).expect("every case has a model");
    let mut tensors = |kind: &str| {
        let files = (0..).map_while(|i| read(archive, &format!("{name}/{kind}_{i}.pb")));
        files.collect::<Vec<_>>().iter().map(|bytes| read_tensor(bytes)).collect::<Result<Vec<_>, _>>()
    };
    let inputs = tensors("input")?;
    Ok(Case { model, inputs, outputs: tensors("output")? })
}

fn outputs(
    model: &[u8],
    freeze: Vec<(String, Tensor)>,
    inputs: &[Tensor],
) -> Result<(Vec<Tensor>, Vec<Element>), CompileError> {
    let imported = import_typed(model, &ImportOptions { freeze, dims: Vec::new() })?;
    let mut graph = imported.graph;
    passes::simplify(&mut graph)?;
    lower::lower(&mut graph)?;
    lower::layout::run(&mut graph)?;
    passes::finish(&mut graph)?;
    passes::compact(&mut graph);
    let made = pipeline::Sessions::new(&graph)?.run(inputs)?;
    Ok((made, imported.outputs))
}

/// An error that names what Dunlin lacks is a reason to skip; any other is a failure.
fn unable(error: &CompileError) -> Outcome {
    match error {
        CompileError::Unsupported { op, why, .. } => Outcome::Skipped(format!("{op}: {why}")),
        CompileError::Type { found, .. } => Outcome::Skipped(format!("element type {found}")),
        CompileError::TooWide { .. } => Outcome::Skipped("integers beyond 32 bits".to_string()),
        other => Outcome::Failed(other.to_string()),
    }
}
