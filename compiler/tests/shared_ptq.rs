//! The float models of ../shared quantized with their golden inputs as samples: int8 throughout, and near float.

mod pipeline;

use std::fs;
use std::path::Path;

use dunlin_compiler::eval::Evaluator;
use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::ir::{Graph, Tensor};
use dunlin_compiler::npz::Npz;
use dunlin_compiler::{passes, ptq};
use dunlin_engine::tensor::DType;

/// The least signal-to-noise ratio of all outputs, in dB. With so few samples it is no measure of accuracy, only a
/// sign that nothing is broken; published int8 versions of these nets have 20 to 45.
const LEAST: f64 = 20.0;

#[test]
fn float_models_become_int8_and_stay_near() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !shared.join("models").is_dir() {
        println!("skipped: {} isn't here", shared.display());
        return;
    }
    for name in MODELS {
        let onnx = fs::read(shared.join(format!("models/{name}.onnx"))).expect("readable");
        let mut graph = import(&onnx, &ImportOptions::default()).expect(name);
        passes::simplify(&mut graph).expect(name);
        let samples = samples(&graph, &shared.join(format!("golden/{name}.npz")));
        let float = outputs(&graph, &samples);
        let mut notes = ptq::quantize(&mut graph, &samples, &ptq::Options::default(), &mut |_, _| {}).expect(name);
        let report = pipeline::lower(&mut graph, &mut notes).expect(name);
        report.strict().unwrap_or_else(|error| panic!("{name}: {error}"));
        let ratio = sqnr(&float, &outputs(&graph, &samples));
        println!("{name}: {ratio:.1} dB on {} samples", samples.len());
        assert!(ratio >= LEAST, "{name}: {ratio} dB");
    }
}

const MODELS: [&str; 7] = [
    "imagenet_mnv1_025_128_qat_dq_fp32",
    "tiny_ad_fcae_fp32",
    "tiny_ic_resnet8_fp32",
    "tiny_ic_resnet_large_fp32",
    "tiny_kws_dscnn_fp32",
    "tiny_sww_dsconv_fp32",
    "tiny_vww_mnv1_025_96_fp32",
];

fn samples(graph: &Graph, golden: &Path) -> Vec<Vec<Tensor>> {
    let mut golden = Npz::open(golden).expect("readable");
    let inputs = golden.array("input").expect("readable").expect("there");
    let shape = graph.info(graph.inputs[0]).shape;
    let count = shape.count();
    let row = |row: usize| inputs.tensor(row * count..(row + 1) * count, DType::F32, shape).expect("f32");
    (0..inputs.count() / count).map(|index| vec![row(index)]).collect()
}

fn outputs(graph: &Graph, samples: &[Vec<Tensor>]) -> Vec<f32> {
    let evaluator = Evaluator::new(graph).expect("lowers");
    let run = |sample: &Vec<Tensor>| evaluator.run(sample, &mut |_, _| {}).expect("runs").swap_remove(0);
    samples.iter().flat_map(|sample| run(sample).as_f32s().expect("f32").to_vec()).collect()
}

fn sqnr(float: &[f32], quantized: &[f32]) -> f64 {
    let signal: f64 = float.iter().map(|&v| f64::from(v * v)).sum();
    let noise: f64 = float.iter().zip(quantized).map(|(&a, &b)| f64::from((a - b) * (a - b))).sum();
    10.0 * (signal / noise).log10()
}
