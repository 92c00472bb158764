//! The float models of ../shared: their outputs are ONNX Runtime's, and no transpose is left inside.

mod pipeline;

use std::fs;
use std::path::{Path, PathBuf};

use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::ir::{Graph, Op};
use dunlin_compiler::npz::Npz;
use dunlin_compiler::{lower, passes};
use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::DType;

/// Largest difference, as a part of the largest output.
const TOLERANCE: f32 = 1e-4;

/// Inputs that are compared, at most: the test also runs without optimization.
const COMPARED: usize = 4;

#[test]
fn float_models_answer_as_onnx_runtime_does() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !shared.join("models").is_dir() {
        println!("skipped: {} is absent", shared.display());
        return;
    }
    let models = float_models(&shared.join("models"));
    assert!(!models.is_empty());
    for path in models {
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("UTF-8").to_owned();
        let graph = lowered(&fs::read(&path).expect("readable"));
        let inside = transposes(&graph);
        let worst = compare(&graph, &shared.join("golden").join(format!("{name}.npz")));
        println!(
            "{name}: {} nodes, {inside} transposes, largest difference {worst:.1e} of the largest output",
            graph.nodes.len()
        );
        assert!(worst <= TOLERANCE, "{name}: {worst}");
        assert!(inside <= 1, "{name}: only the input may be transposed");
    }
}

fn float_models(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    let mut models: Vec<PathBuf> =
        files.filter(|path| path.to_str().is_some_and(|p| p.ends_with("fp32.onnx"))).collect();
    models.sort();
    models
}

fn lowered(onnx: &[u8]) -> Graph {
    let mut graph = import(onnx, &ImportOptions::default()).expect("it can be read");
    passes::simplify(&mut graph).expect("it is sound");
    lower::lower(&mut graph).expect("it is sound");
    lower::layout::run(&mut graph).expect("it is sound");
    passes::finish(&mut graph).expect("it is sound");
    passes::compact(&mut graph);
    graph
}

/// Transposes that move data, leaving out one that only brings the input to NHWC.
fn transposes(graph: &Graph) -> usize {
    graph.nodes.iter().filter(|node| matches!(node.op, Op::Engine(EngineOp::Transpose { .. }))).count()
}

fn compare(graph: &Graph, golden: &Path) -> f32 {
    let mut golden = Npz::open(golden).expect("every float model has one");
    let [inputs, expected] =
        ["input", "ort_unoptimized"].map(|key| golden.array(key).expect("readable").expect("there"));
    let (input, output) = (graph.info(graph.inputs[0]).shape, graph.info(graph.outputs[0]).shape);
    let mut sessions = pipeline::Sessions::new(graph).expect("it is lowered already");
    let (mut largest, mut worst) = (0.0_f32, 0.0_f32);
    for row in 0..(inputs.count() / input.count()).min(COMPARED) {
        let range = |count: usize| row * count..(row + 1) * count;
        let sample = inputs.tensor(range(input.count()), DType::F32, input).expect("f32");
        let wanted = expected.tensor(range(output.count()), DType::F32, output).expect("f32");
        let made = sessions.run(&[sample]).expect("it runs");
        let pairs = made[0].as_f32s().expect("f32").iter().zip(wanted.as_f32s().expect("f32"));
        for (found, wanted) in pairs {
            largest = largest.max(wanted.abs());
            worst = worst.max((found - wanted).abs());
        }
    }
    worst / largest
}
