//! The quantized models of ../shared: they stay in int8, and answer as ONNX Runtime does.

mod pipeline;

use std::fs;
use std::path::{Path, PathBuf};

use dunlin_compiler::ir::Tensor;
use dunlin_compiler::npz::{Array, Npz};
use dunlin_compiler::{Options, compile};
use dunlin_engine::tensor::{DType, Shape};
use dunlin_engine::{Isa, Limits, Session};

/// The share of inputs on which the best class has to be ONNX Runtime's.
const AGREEMENT: f64 = 0.96;

#[test]
fn models_stay_in_int8_and_agree_with_onnx_runtime() {
    let Some(shared) = shared() else { return };
    for path in quantized(&shared) {
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("UTF-8").to_owned();
        let (graph, report) = pipeline::lowered(&fs::read(&path).expect("readable")).expect(&name);
        report.strict().unwrap_or_else(|error| panic!("{name}: {error}"));
        let golden = shared.join("golden").join(format!("{name}.npz"));
        let Ok(mut golden) = Npz::open(&golden) else { continue };
        let [inputs, expected] =
            ["input", "ort_unoptimized"].map(|key| golden.array(key).expect("readable").expect("there"));
        let inputs = rows(&inputs, graph.info(graph.inputs[0]).shape);
        let width = expected.count() / inputs.len();
        let expected =
            expected.tensor(0..inputs.len() * width, DType::F32, Shape::new(&[inputs.len() * width]).expect("small"));
        let expected = expected.expect("f32");
        let mut sessions = pipeline::Sessions::new(&graph).expect(&name);
        let large = ["mnv2", "resnet_large"].iter().any(|part| name.contains(part));
        assert_eq!(sessions.threads(), if large { 2 } else { 1 }, "{name}");
        let mut agreeing = 0;
        let mut largest = 0.0_f32;
        for (input, expected) in inputs.iter().zip(expected.as_f32s().expect("f32").chunks(width)) {
            let outputs = sessions.run(std::slice::from_ref(input)).expect(&name);
            let found = outputs[0].as_f32s().expect("f32");
            agreeing += usize::from(best(found) == best(expected));
            let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
            largest = differences.fold(largest, f32::max);
        }
        let share = agreeing as f64 / inputs.len() as f64;
        println!("{name}: best class equal on {agreeing} of {} inputs, largest difference {largest}", inputs.len());
        assert!(share >= AGREEMENT, "{name}: {share}");
        if name.contains("kws") {
            assert_eq!(largest, 0.0, "{name}: all runtimes give the same bytes");
        }
    }
}

/// The ids of "[CLS] win a free prize now ... [SEP]", more or less: what matters is that both calls have the same ones.
const TOKENS: [i32; 16] =
    [101, 2663, 1037, 2489, 3396, 2085, 3793, 2663, 2000, 8889, 8889, 2487, 2000, 4366, 2009, 102];

#[test]
fn a_text_model_takes_any_length_up_to_its_own() {
    let Some(shared) = shared() else { return };
    let onnx = fs::read(shared.join("models/text_minilm_l6_s128_spam2_dynint8.onnx")).expect("readable");
    let vary = ["input_ids.1", "attention_mask.1"].map(str::to_owned).to_vec();
    let options = Options { strict_int8: true, vary, ..Options::default() };
    let compiled = compile(&onnx, &options, &mut |_| ()).expect("compiles");
    let mut session = Session::load(&compiled.artifact[..], Isa::best(), Limits::default()).expect("sound");
    assert_eq!(session.max_length(), 128);
    let mut probabilities = |length: usize| {
        session.set_length(length).expect("planned for");
        for (index, values) in [TOKENS, [1; TOKENS.len()]].iter().enumerate() {
            let mut input = session.input_mut(index).expect("two inputs");
            let elements = input.i32s().expect("ids");
            elements.fill(0);
            elements[..values.len()].copy_from_slice(values);
        }
        session.run().expect("runs");
        session.output(0).expect("one output").f32s().expect("floats").to_vec()
    };
    let (padded, short) = (probabilities(128), probabilities(TOKENS.len()));
    println!("128 tokens: {padded:?}, {} tokens: {short:?}", TOKENS.len());
    assert_eq!(best(&padded), best(&short));
    // Padding is masked, but takes part in the ranges of dynamic quantization.
    assert!(padded.iter().zip(&short).all(|(a, b)| (a - b).abs() < 0.02), "{padded:?} and {short:?}");
    assert!(session.set_length(129).is_err());
}

fn shared() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if path.join("models").is_dir() {
        return Some(path);
    }
    println!("skipped: {} isn't here", path.display());
    None
}

fn quantized(shared: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(shared.join("models")).expect("readable").map(|entry| entry.expect("readable").path());
    let is_quantized = |path: &PathBuf| path.to_str().is_some_and(|path| path.ends_with("int8.onnx"));
    let mut paths: Vec<PathBuf> = files.filter(is_quantized).collect();
    paths.sort();
    assert!(paths.len() >= 9, "found {paths:?}");
    paths
}

fn rows(array: &Array, shape: Shape) -> Vec<Tensor> {
    let count = shape.count();
    (0..array.count() / count)
        .map(|row| array.tensor(row * count..(row + 1) * count, DType::F32, shape).expect("f32"))
        .collect()
}

fn best(scores: &[f32]) -> usize {
    let best = scores.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.expect("not empty").0
}
