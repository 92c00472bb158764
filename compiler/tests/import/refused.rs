//! Models that are refused: by an error that names the culprit, never by a panic.

use dunlin_compiler::error::CompileError;
use dunlin_compiler::import::{ImportOptions, import};
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::{StringStringEntryProto, TensorProto};

use crate::model::{Model, int, ints, tensor};

fn base() -> Model {
    Model::new(13).input("x", DataType::Float, &[1, 2, 4, 4]).output("y", DataType::Float)
}

#[test]
fn errors_name_the_culprit() {
    let external = TensorProto {
        data_location: Some(DataLocation::External as i32),
        external_data: vec![StringStringEntryProto { key: "location".into(), value: "w.bin".into() }],
        ..tensor("outside", DataType::Float, &[2])
    };
    let huge = tensor("huge", DataType::Float, &[1 << 20, 1 << 20]);
    let cases: Vec<(Model, &str)> = vec![
        (base().node("Relu", &["absent"], &["y"]), "'absent'"),
        (base().node("Add", &["x", "later"], &["y"]).node("Relu", &["y"], &["later"]), "'later'"),
        (base(), "'y'"),
        (base().node("Relu", &["x"], &["y"]).node("Relu", &["x"], &["y"]), "'y' is defined twice"),
        (
            base().floats("w", &[1], &[1.0]).floats("w", &[1], &[1.0]).node("Relu", &["x"], &["y"]),
            "'w' is defined twice",
        ),
        (base().floats("bad", &[1], &[f32::NAN]).node("Add", &["x", "bad"], &["y"]), "'bad'"),
        (base().floats("inf", &[1, 2, 1, 1], &[1.0, f32::INFINITY]).node("Conv", &["x", "inf"], &["y"]), "'inf'"),
        (base().floats("short", &[3], &[1.0]).node("Add", &["x", "short"], &["y"]), "'short'"),
        (base().initializer(external).node("Relu", &["x"], &["y"]), "'outside'"),
        (base().initializer(huge).node("Relu", &["x"], &["y"]), "'huge'"),
        (base().initializer(tensor("text", DataType::String, &[0])).node("Relu", &["x"], &["y"]), "string"),
        (base().node("Frobnicate", &["x"], &["y"]), "Frobnicate"),
        (base().node("If", &["x"], &["y"]), "control flow"),
        (base().node("NonZero", &["x"], &["y"]), "depends on the data"),
        (base().node("elsewhere:Relu", &["x"], &["y"]), "'elsewhere'"),
        (base().node("MatMul", &["x", "x"], &["y", "z"]), "'z'"),
        (base().int64s("r", &[5, 5]).node("Reshape", &["x", "r"], &["y"]), "reshaped"),
        (base().node("Reshape", &["x", "x"], &["y"]), "only known at run time"),
        (
            base().int64s("wide", &[1 << 40]).node("Reshape", &["x", "wide"], &["z"]).node("Relu", &["z"], &["y"]),
            "'wide'",
        ),
        (base().node_with("Transpose", &["x"], &["y"], &[ints("perm", &[0, 0, 1, 2])]), "permutation"),
        (base().node_with("Softmax", &["x"], &["y"], &[int("axis", 9)]), "axis 9"),
        (base().node_with("AveragePool", &["x"], &["y"], &[ints("kernel_shape", &[9, 9])]), "y"),
        (base().node_with("AveragePool", &["x"], &["y"], &[ints("kernel_shape", &[0, 1])]), "out of range"),
        (base().node_with("Concat", &[], &["y"], &[int("axis", 0)]), "no operands"),
        (Model::new(13).input("x", DataType::Float, &[1 << 20, 1 << 20]).output("y", DataType::Float), "x"),
        (Model::new(13).input("x", DataType::Float, &[1, -3]).output("y", DataType::Float), "dimension 1"),
        (Model::new(99).input("x", DataType::Float, &[1]).output("y", DataType::Float), "operator set 99"),
        (Model::new(13).input("x", DataType::Complex64, &[1]).output("y", DataType::Float), "complex64"),
        (Model::new(13).input("x", DataType::Float, &[1]), "no outputs"),
        (base().node("Cast", &["x"], &["y"]), "'to'"),
        (base().node("Shape", &["x"], &["y"]), "declared"),
    ];
    for (model, culprit) in cases {
        let error = model.import().expect_err(culprit).to_string();
        assert!(error.contains(culprit), "{error} doesn't name {culprit}");
    }
}

#[test]
fn weights_that_are_not_finite_are_an_error_of_their_own() {
    let model = base().floats("w", &[1, 2, 1, 1], &[1.0, f32::NAN]).node("Conv", &["x", "w"], &["y"]);
    assert_eq!(model.import().err(), Some(CompileError::NotFinite { initializer: "w".into() }));
}

#[test]
fn folding_has_a_budget() {
    let model = Model::new(13)
        .input("x", DataType::Float, &[1])
        .int64s("shape", &[1 << 15, 1 << 15])
        .node("ConstantOfShape", &["shape"], &["big"])
        .node("Add", &["big", "x"], &["y"])
        .output("y", DataType::Float);
    let graph = model.import().expect("it is sound, if large");
    assert_eq!(graph.nodes.len(), 2, "4 GiB aren't computed while importing");
}

#[test]
fn functions_that_call_themselves_end() {
    let mut model = base().node("local:Again", &["x"], &["y"]);
    let body = crate::model::node("local", "Again", &["a"], &["b"], &[]);
    model.0.functions.push(tract_onnx::pb::FunctionProto {
        name: Some("Again".into()),
        domain: Some("local".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![body],
        ..Default::default()
    });
    assert!(model.import().expect_err("it never ends").to_string().contains("without end"));
}

#[test]
fn damaged_bytes_never_panic() {
    let model = base()
        .floats("w", &[2, 2, 3, 3], &[0.5; 36])
        .node_with("Conv", &["x", "w"], &["c"], &[ints("pads", &[1, 1, 1, 1])])
        .int64s("axes", &[2, 3])
        .node("ReduceSum", &["c", "axes"], &["r"])
        .node("Relu", &["r"], &["y"]);
    let bytes = model.encode();
    model.import().expect("undamaged, it is sound");
    for end in 0..bytes.len() {
        // A file cut between two fields may still be a model.
        let _ = import(&bytes[..end], &ImportOptions::default());
    }
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let _ = import(&damaged, &ImportOptions::default());
    }
}
