//! Bags of embeddings, from ONNX to scores.

use dunlin_compiler::error::CompileError;
use dunlin_compiler::{Compiled, Options, Precision, compile};
use dunlin_engine::op::Op;
use dunlin_engine::{Isa, Limits, Session};
use tract_onnx::pb::tensor_proto::DataType;

use crate::model::{Model, int, ints};

const ROWS: usize = 16;

fn floats() -> Vec<f32> {
    (0..2 * ROWS).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

/// The mean of the rows of `table` that 12 ids pick, and a bias.
fn model(table: &str) -> Model {
    Model::new(13)
        .input("ids", DataType::Int64, &[12])
        .floats("floats", &[ROWS as i64, 2], &floats())
        .bytes("bytes", DataType::Int8, &[ROWS as i64, 2], &(0..2 * ROWS as u8).map(|i| i * 7).collect::<Vec<_>>())
        .floats("scales", &[2], &[0.5, 0.25])
        .bytes("zeros", DataType::Int8, &[2], &[0, 0])
        .floats("bias", &[2], &[0.5, -0.5])
        .node_with("DequantizeLinear", &["bytes", "scales", "zeros"], &["dequantized"], &[int("axis", 1)])
        .node_with("Gather", &[table, "ids"], &["rows"], &[int("axis", 0)])
        .node_with("ReduceMean", &["rows"], &["mean"], &[ints("axes", &[0]), int("keepdims", 1)])
}

fn with_bias(table: &str) -> Vec<u8> {
    model(table).node("Add", &["mean", "bias"], &["logits"]).output("logits", DataType::Float).encode()
}

fn compiled(onnx: &[u8], precision: Precision) -> Result<Compiled, CompileError> {
    let options = Options { precision, vary: vec!["ids.0".to_owned()], ..Options::default() };
    compile(onnx, &options, &mut |_| ())
}

fn ops(compiled: &Compiled) -> Vec<&'static str> {
    compiled.report.operators.iter().map(|operator| operator.op).collect()
}

/// The outputs for some ids, the same for every instruction set.
fn run(compiled: &Compiled, ids: &[i32]) -> Vec<f32> {
    let outputs = Isa::supported().map(|isa| {
        let mut session = Session::load(&compiled.artifact[..], isa, Limits::default()).expect("it is sound");
        session.set_length(ids.len()).expect("it varies");
        session.input_mut(0).expect("there is one").i32s().expect("ids").copy_from_slice(ids);
        session.run().expect("it runs");
        session.output(0).expect("there is one").f32s().expect("floats").to_vec()
    });
    outputs.reduce(|a, b| if a == b { a } else { panic!("{a:?} and {b:?}") }).expect("the reference is always there")
}

#[test]
fn a_float_table_becomes_int8_without_samples() {
    let compiled = compiled(&with_bias("floats"), Precision::Int8).expect("it is sound");
    assert_eq!(ops(&compiled), ["EmbeddingBag", "Binary"]);
    assert!(Op::EmbeddingBag {}.is_int8());
    for ids in [&[3][..], &[0, 15, 7, 7, 2]] {
        let scores = run(&compiled, ids);
        for (column, score) in scores.into_iter().enumerate() {
            let sum: f32 = ids.iter().map(|&id| floats()[2 * id as usize + column]).sum();
            let expected = sum / ids.len() as f32 + [0.5, -0.5][column];
            assert!((score - expected).abs() <= 0.5 / 127.0, "{score} instead of {expected}");
        }
    }
}

#[test]
fn a_quantized_table_keeps_its_bytes_and_scales() {
    for precision in [Precision::Int8, Precision::F32] {
        let compiled = compiled(&with_bias("dequantized"), precision).expect("it is sound");
        assert_eq!(ops(&compiled), ["EmbeddingBag", "Binary"]);
        // Rows 2 and 3 have the bytes 28, 35 and 42, 49.
        assert_eq!(run(&compiled, &[2, 3]), [35.0 * 0.5 + 0.5, 42.0 * 0.25 - 0.5]);
    }
}

#[test]
fn a_float_table_stays_where_floats_are_asked_for() {
    let compiled = compiled(&with_bias("floats"), Precision::F32).expect("it is sound");
    assert_eq!(ops(&compiled), ["Gather", "Reduce", "Binary"]);
}

#[test]
fn a_float_head_is_quantized_with_samples_or_stays_behind_a_quantized_table() {
    let head = |table: &str| {
        let model = model(table).floats("weights", &[2, 3], &[1.0, -1.0, 0.5, 0.25, 2.0, -2.0]);
        model.node("MatMul", &["mean", "weights"], &["logits"]).output("logits", DataType::Float).encode()
    };
    assert!(matches!(compiled(&head("floats"), Precision::Int8), Err(CompileError::NoCalibration)));
    let compiled = compiled(&head("dequantized"), Precision::Int8).expect("it is sound");
    assert_eq!(ops(&compiled)[0], "EmbeddingBag");
    let [a, b] = [35.0 * 0.5, 42.0 * 0.25];
    assert_eq!(run(&compiled, &[2, 3]), [a + 0.25 * b, 2.0 * b - a, 0.5 * a - 2.0 * b]);
}
