//! mobile/conformance/text.dunlin: a small classifier of text for the vectors that every language runs.

use std::fs;
use std::path::Path;

use dunlin_compiler::text::{InputNames, NgramsRequest, TextRequest, TokenizerRequest};
use dunlin_compiler::{Options, Precision, TaskRequest, compile};
use dunlin_engine::AlignedBytes;
use dunlin_engine::artifact::{Bounds, Calibration, Policy, Writer};
use dunlin_text::cleaning::Steps;
use tract_onnx::pb::tensor_proto::DataType;

use crate::model::{Model, int, ints};

const BUCKETS: u32 = 64;
const CLASSES: usize = 3;
const IDS: i64 = 4096;

/// `DUNLIN_WRITE=1` writes the file anew.
#[test]
fn the_text_model_of_the_vectors_is_the_one_that_this_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mobile/conformance/text.dunlin");
    let made = made();
    if std::env::var_os("DUNLIN_WRITE").is_some() {
        fs::write(&path, &made).expect("a file can be written");
    }
    assert!(fs::read(&path).is_ok_and(|file| file == made), "another file: DUNLIN_WRITE=1");
}

/// The mean of rows of bytes, which is the same on every CPU, is what it says of a text.
fn made() -> Vec<u8> {
    let options = Options {
        precision: Precision::Int8,
        task: TaskRequest::Text(Box::new(request())),
        labels: ["one", "two", "three"].map(String::from).to_vec(),
        vary: vec!["ids.0".to_owned()],
        ..Options::default()
    };
    let compiled = compile(&onnx(), &options, &mut |_| ()).expect("it is sound");
    let policy = Policy {
        calibration: Calibration { scales: &[2.0], biases: &[] },
        alpha: 0.1,
        delta: 0.1,
        evasion: 40,
        bounds: Bounds { threshold: 0.4, energy: 0.0, quantiles: &[0.65] },
        samples: 100,
        ..Policy::default()
    };
    let file = AlignedBytes::from_slice(&compiled.artifact);
    Writer::of(&file).expect("it is sound").policy(&policy, CLASSES, &[]).finish()
}

fn request() -> TextRequest {
    let ngrams = NgramsRequest { min: 1, max: 3, words: true, pairs: true, buckets: BUCKETS };
    TextRequest {
        cleaning: Steps { nfkc: true, ignorables: true, lower: true, mixed_script: true, leet: true, spacing: true },
        tokenizer: TokenizerRequest::Ngrams(ngrams),
        max_ids: None,
        max_bytes: 1 << 16,
        inputs: InputNames::default(),
    }
}

fn onnx() -> Vec<u8> {
    let count = BUCKETS as usize * CLASSES;
    let bytes: Vec<u8> = (0..count).map(|i| (i * i * 37 % 251) as u8).collect();
    Model::new(13)
        .input("ids", DataType::Int64, &[IDS])
        .bytes("bytes", DataType::Int8, &[i64::from(BUCKETS), CLASSES as i64], &bytes)
        .floats("scales", &[CLASSES as i64], &[0.0625; CLASSES])
        .bytes("zeros", DataType::Int8, &[CLASSES as i64], &[0; CLASSES])
        .node_with("DequantizeLinear", &["bytes", "scales", "zeros"], &["table"], &[int("axis", 1)])
        .node_with("Gather", &["table", "ids"], &["rows"], &[int("axis", 0)])
        .node_with("ReduceMean", &["rows"], &["logits"], &[ints("axes", &[0]), int("keepdims", 1)])
        .output("logits", DataType::Float)
        .encode()
}
