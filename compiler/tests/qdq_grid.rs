//! Our grid of small quantized models (see conformance/README.md): every case equal to exact integer arithmetic,
//! and within its tolerance of ONNX Runtime.

mod pipeline;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use dunlin_compiler::import::read_tensor;
use dunlin_compiler::ir::Tensor;
use dunlin_compiler::report::{Operator, Precision};
use serde_json::Value as Json;
use zip::ZipArchive;

#[test]
fn every_case_is_met() {
    let mut grid = Grid::open();
    let mut failures: BTreeMap<String, String> = BTreeMap::new();
    let cases = grid.cases();
    for (name, case) in &cases {
        if let Err(failure) = check(&mut grid, name, case) {
            failures.insert(name.clone(), failure);
        }
    }
    for (name, failure) in &failures {
        println!("{name}: {failure}");
    }
    assert!(failures.is_empty(), "{} of {} cases failed", failures.len(), cases.len());
}

fn check(grid: &mut Grid, name: &str, case: &Json) -> Result<(), String> {
    let model = grid.file(&format!("{name}/model.onnx")).ok_or("no model")?;
    let (graph, report) = pipeline::lowered(&model).map_err(|error| error.to_string())?;
    if case["reference"] == "integer" && !float_by_nature(case) {
        let float: Vec<&str> = report.operators.iter().filter(|op| computes_in_float(op)).map(|op| op.op).collect();
        if !float.is_empty() {
            return Err(format!("float operators {float:?}: {:?}", report.strict().err()));
        }
    }
    let inputs = grid.tensors(name, "input");
    let mut sessions = pipeline::Sessions::new(&graph).map_err(|error| error.to_string())?;
    let outputs = sessions.run(&inputs).map_err(|error| error.to_string())?;
    let exact = grid.tensors(name, "exact");
    let slack = if case["reference"] == "integer" { 0 } else { 1 };
    for (found, expected) in outputs.iter().zip(&exact) {
        compare(found, expected, slack, case).map_err(|what| format!("exact: {what}"))?;
    }
    let tolerance = case["tolerance"].as_i64().unwrap_or(0);
    // What may be a quantum off the exact answer may be two off another that is.
    let tolerance = tolerance + if case["reference"] == "float64" { 1 } else { 0 };
    let answers = grid.tensors(name, "output");
    if answers.len() != outputs.len() {
        return Err(format!("{} outputs of {}", outputs.len(), answers.len()));
    }
    for (found, expected) in outputs.iter().zip(&answers) {
        compare(found, expected, tolerance, case).map_err(|what| format!("ONNX Runtime: {what}"))?;
    }
    Ok(())
}

/// Operators that ONNX defines for floats, or whose results are floats or indices.
fn float_by_nature(case: &Json) -> bool {
    ["ArgMax", "ArgMin", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"].iter().any(|op| case["op"] == *op)
}

fn computes_in_float(operator: &Operator) -> bool {
    let border = ["Quantize", "Dequantize", "DynamicQuantize"].contains(&operator.op);
    !border && matches!(operator.precision, Precision::F32 | Precision::F16)
}

fn compare(found: &Tensor, expected: &Tensor, tolerance: i64, case: &Json) -> Result<(), String> {
    if found.info() != expected.info() {
        return Err(format!("{:?} instead of {:?}", found.info(), expected.info()));
    }
    if let (Some(found), Some(expected)) = (found.as_f32s(), expected.as_f32s()) {
        let bound = |key: &str| case[key].as_f64().unwrap_or(0.0);
        let near =
            |(a, b): (&f32, &f32)| f64::from((a - b).abs()) <= bound("atol") + bound("rtol") * f64::from(b.abs());
        let far = found.iter().zip(expected).filter(|&pair| !near(pair)).count();
        return if far == 0 { Ok(()) } else { Err(format!("{far} of {} floats differ", found.len())) };
    }
    let (found, expected) = (found.to_i32s().ok_or("type")?, expected.to_i32s().ok_or("type")?);
    let differences: Vec<i64> =
        found.iter().zip(&expected).map(|(&a, &b)| (i64::from(a) - i64::from(b)).abs()).collect();
    match differences.iter().copied().max().unwrap_or(0) {
        largest if largest <= tolerance => Ok(()),
        largest => {
            let count = differences.iter().filter(|&&difference| difference > tolerance).count();
            Err(format!("{count} of {} differ, by up to {largest}", found.len()))
        }
    }
}

struct Grid {
    archive: ZipArchive<File>,
}

impl Grid {
    fn open() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/qdq_grid.zip");
        Self { archive: ZipArchive::new(File::open(path).expect("it is in the repository")).expect("a ZIP archive") }
    }

    fn cases(&mut self) -> BTreeMap<String, Json> {
        let cases = self.file("cases.json").expect("the list of cases");
        serde_json::from_slice(&cases).expect("JSON")
    }

    fn file(&mut self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.archive.by_name(name).ok()?.read_to_end(&mut bytes).expect("readable");
        Some(bytes)
    }

    /// `<case>/<kind>_0.pb` and so on.
    fn tensors(&mut self, case: &str, kind: &str) -> Vec<Tensor> {
        let files = (0..).map_while(|index| self.file(&format!("{case}/{kind}_{index}.pb")));
        files.map(|bytes| read_tensor(&bytes).expect("a tensor").0).collect()
    }
}
