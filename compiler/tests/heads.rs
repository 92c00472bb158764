//! Models with several heads (see conformance/README.md): each head says what ONNX Runtime says of its output.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use dunlin_compiler::error::CompileError;
use dunlin_compiler::import::read_tensor;
use dunlin_compiler::ir::Tensor;
use dunlin_compiler::{HeadRequest, ImageRequest, Options, Precision, TaskRequest, compile};
use dunlin_engine::task::{PixelFormat, Pixels, Scoring};
use dunlin_engine::{AlignedBytes, Classifier, Isa, Limits};
use prost::Message;
use serde::Deserialize;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use zip::ZipArchive;

/// What cases.json says of a case.
#[derive(Debug, Deserialize)]
struct Case {
    samples: usize,
    heads: BTreeMap<String, Output>,
    tolerance: f32,
}

/// Of a further head.
#[derive(Debug, Deserialize)]
struct Output {
    output: usize,
    softmax: bool,
    scale: Option<f32>,
    zero: Option<i32>,
}

#[test]
fn heads_say_what_onnx_runtime_says() {
    let mut fixtures = Fixtures::open();
    let cases: BTreeMap<String, Case> = serde_json::from_slice(&fixtures.file("cases.json")).expect("JSON");
    for (name, case) in &cases {
        let compiled = compiled(&fixtures.file(&format!("{name}/model.onnx")), case);
        for isa in Isa::supported() {
            let mut classifier = Classifier::load(&compiled[..], isa, Limits::default()).expect("sound");
            for sample in 0..case.samples {
                let input = fixtures.tensor(&format!("{name}/{sample}/input_0.pb"));
                let values = input.as_f32s().expect("reals");
                classifier.classify_values(values.len(), |slots| slots.copy_from_slice(values)).expect("runs");
                let mut outputs: Vec<&Output> = case.heads.values().collect();
                outputs.sort_by_key(|output| output.output);
                let first = Output { output: 0, softmax: true, scale: None, zero: None };
                assert_eq!(classifier.heads(), outputs.len() + 1, "{name}");
                for (head, output) in [&first].into_iter().chain(outputs).enumerate() {
                    let expected = fixtures.tensor(&format!("{name}/{sample}/output_{}.pb", output.output));
                    let scores = classifier.head(head).expect("a head").scores;
                    let expected = reals(&expected, output);
                    let what = format!("{name}, sample {sample}, head {head} on {isa}");
                    near(scores.logits, &expected, case.tolerance, &what);
                    let probabilities = if output.softmax { softmax(scores.logits) } else { scores.logits.to_vec() };
                    near(scores.probabilities, &probabilities, 1e-6, &what);
                }
            }
        }
    }
}

fn compiled(onnx: &[u8], case: &Case) -> AlignedBytes {
    let heads = case.heads.keys().map(|name| HeadRequest { output: name.clone(), labels: Vec::new() });
    let options = Options { precision: Precision::F32, heads: heads.collect(), ..Options::default() };
    compile(onnx, &options, &mut |_| ()).expect("it can be compiled").artifact
}

fn reals(tensor: &Tensor, output: &Output) -> Vec<f32> {
    match (output.scale, output.zero) {
        (Some(scale), Some(zero)) => {
            tensor.to_i32s().expect("quanta").iter().map(|&q| scale * (q - zero) as f32).collect()
        }
        _ => tensor.as_f32s().expect("reals").to_vec(),
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let powers: Vec<f64> = logits.iter().map(|&logit| f64::from(logit).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / total) as f32).collect()
}

fn near(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    let fits = |(found, expected): (&f32, &f32)| (found - expected).abs() <= tolerance;
    let same = found.len() == expected.len() && found.iter().zip(expected).all(fits);
    assert!(same, "{what}: {found:?} isn't {expected:?}");
}

/// The shipped model with a second head, whose classes are two kinds of the first one's: its probabilities are sums of theirs.
#[test]
fn a_head_of_kinds_over_the_shipped_model_has_the_sums_of_its_classes() {
    let onnx = fs::read(root("models/cifar10/cifar10.onnx")).expect("shipped");
    let onnx = with_kinds(ModelProto::decode(&onnx[..]).expect("a model"));
    let labels = ["animal", "vehicle"].map(str::to_owned).to_vec();
    let heads = vec![HeadRequest { output: "kind".to_owned(), labels }];
    let task = TaskRequest::Image(ImageRequest::default());
    let options = Options { precision: Precision::F32, task, heads, ..Options::default() };
    let compiled = compile(&onnx, &options, &mut |_| ()).expect("it can be compiled").artifact;
    let mut classifier = Classifier::load(&compiled[..], Isa::best(), Limits::default()).expect("sound");
    for seed in 0..20_usize {
        let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| ((i * i * 7 + i / 96 * seed * 31) % 251) as u8).collect();
        let picture = Pixels::new(&pixels, 32, 32, PixelFormat::Rgb8).expect("a picture");
        let classes = classifier.classify_pixels(&picture).expect("runs").probabilities.to_vec();
        let sum = |kind: &[i64]| kind.iter().map(|&class| classes[class as usize]).sum::<f32>();
        let head = classifier.head(1).expect("two heads");
        near(head.scores.probabilities, &[sum(&ANIMALS), sum(&VEHICLES)], 1e-4, "sums");
        assert_eq!((head.name(), head.scoring()), (Ok("kind"), Scoring::Logits));
        assert_eq!(head.labels().expect("sound").name(1), Some("vehicle"));
    }
}

const ANIMALS: [i64; 6] = [2, 3, 4, 5, 6, 7];
const VEHICLES: [i64; 4] = [0, 1, 8, 9];

/// The logarithm of the sum of a kind's exponentials is the kind's logit.
fn with_kinds(mut model: ModelProto) -> Vec<u8> {
    let graph = model.graph.as_mut().expect("a graph");
    let logits = graph.output[0].name.clone();
    let (ints, int) = (AttributeType::Ints as i32, AttributeType::Int as i32);
    for (name, kind) in [("animals", &ANIMALS[..]), ("vehicles", &VEHICLES)] {
        let (data_type, dims) = (DataType::Int64 as i32, vec![kind.len() as i64]);
        let int64_data = kind.to_vec();
        graph.initializer.push(TensorProto {
            name: name.to_owned(),
            data_type,
            dims,
            int64_data,
            ..Default::default()
        });
        let axis = AttributeProto { name: "axis".to_owned(), i: 1, r#type: int, ..Default::default() };
        let axes = AttributeProto { name: "axes".to_owned(), ints: vec![1], r#type: ints, ..Default::default() };
        let own = format!("{name} logits");
        graph.node.push(node("Gather", &[&logits, name], &own, axis));
        graph.node.push(node("ReduceLogSumExp", &[&own], &format!("{name} logit"), axes));
    }
    let axis = AttributeProto { name: "axis".to_owned(), i: 1, r#type: int, ..Default::default() };
    graph.node.push(node("Concat", &["animals logit", "vehicles logit"], "kind", axis));
    graph.output.push(ValueInfoProto { name: "kind".to_owned(), ..graph.output[0].clone() });
    graph.output[1].r#type = None;
    model.encode_to_vec()
}

fn node(op: &str, inputs: &[&str], output: &str, attribute: AttributeProto) -> NodeProto {
    NodeProto {
        op_type: op.to_owned(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute: vec![attribute],
        ..Default::default()
    }
}

#[test]
fn outputs_that_can_not_be_heads_are_named_with_those_that_there_are() {
    let onnx = Fixtures::open().file("float/model.onnx");
    let labels = |count: usize| (0..count).map(|class| class.to_string()).collect::<Vec<_>>();
    let cases = [
        (vec![("scenes", 0)], "no such output; after the first one it has 'features', 'scene', 'night'"),
        (vec![("", 0)], "no such output"),
        (vec![("animal", 0)], "it is the first output"),
        (vec![("scene", 0), ("night", 2), ("scene", 3)], "it is asked for twice"),
        (vec![("scene", 2)], "2 labels for an output with 3 classes"),
    ];
    for (heads, words) in cases {
        let heads =
            heads.iter().map(|&(output, count)| HeadRequest { output: output.to_owned(), labels: labels(count) });
        let options = Options { precision: Precision::F32, heads: heads.collect(), ..Options::default() };
        let error = compile(&onnx, &options, &mut |_| ()).expect_err(words);
        assert!(matches!(error, CompileError::Head { .. }) && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn an_output_of_indices_can_not_be_a_head() {
    let mut model = ModelProto::decode(&Fixtures::open().file("float/model.onnx")[..]).expect("a model");
    let graph = model.graph.as_mut().expect("a graph");
    let axis =
        AttributeProto { name: "axis".to_owned(), i: 1, r#type: AttributeType::Int as i32, ..Default::default() };
    graph.node.push(node("ArgMax", &["scene"], "class", axis));
    graph.output.push(ValueInfoProto { name: "class".to_owned(), ..Default::default() });
    let heads = vec![HeadRequest { output: "class".to_owned(), labels: Vec::new() }];
    let options = Options { precision: Precision::F32, heads, ..Options::default() };
    let error = compile(&model.encode_to_vec(), &options, &mut |_| ()).expect_err("indices");
    assert!(error.to_string().contains("its elements are i32, which are no scores"), "{error}");
}

#[test]
fn heads_are_in_the_order_of_the_outputs() {
    let onnx = Fixtures::open().file("float/model.onnx");
    let heads = ["night", "scene"].map(|output| HeadRequest { output: output.to_owned(), labels: Vec::new() }).to_vec();
    let options = Options { precision: Precision::F32, heads, ..Options::default() };
    let compiled = compile(&onnx, &options, &mut |_| ()).expect("sound").artifact;
    let classifier = Classifier::load(&compiled[..], Isa::best(), Limits::default()).expect("sound");
    let names: Vec<_> = (0..3).map(|index| classifier.head(index).and_then(|head| head.name().ok())).collect();
    assert_eq!(names, [Some("animal"), Some("scene"), Some("night")]);
}

struct Fixtures(ZipArchive<File>);

impl Fixtures {
    fn open() -> Self {
        let file = File::open(root("conformance/heads.zip")).expect("it is in the repository");
        Self(ZipArchive::new(file).expect("a ZIP archive"))
    }

    fn file(&mut self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0
            .by_name(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .read_to_end(&mut bytes)
            .expect("readable");
        bytes
    }

    fn tensor(&mut self, name: &str) -> Tensor {
        read_tensor(&self.file(name)).expect("a tensor").0
    }
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
