//! Models that are read.

use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::ir::{Op, Tensor};
use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::DType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, FunctionProto};

use crate::model::{Model, int, ints, node};

#[test]
fn shapes_fold_to_constants() {
    let model = Model::new(13)
        .input("x", DataType::Float, &[2, 3, 4])
        .int64s("zero", &[0])
        .int64s("minus", &[-1])
        .node("Shape", &["x"], &["shape"])
        .node("Gather", &["shape", "zero"], &["batch"])
        .node_with("Concat", &["batch", "minus"], &["target"], &[int("axis", 0)])
        .node("Reshape", &["x", "target"], &["y"])
        .output("y", DataType::Float);
    let graph = model.import().expect("it is sound");
    assert_eq!(graph.nodes.len(), 1);
    assert_eq!(graph.value(graph.outputs[0]).shape.dims(), [2, 12]);
}

#[test]
fn symbolic_dimensions_come_from_the_options() {
    let model = Model::new(13)
        .symbolic_input("x", &["N", "seq", "4"])
        .node("Relu", &["x"], &["y"])
        .output("y", DataType::Float);
    assert!(model.import().is_err(), "seq has no size");
    for dims in [vec![("seq".to_string(), 7)], vec![("x.1".to_string(), 7)], vec![("x".to_string(), 7)]] {
        let graph = import(&model.encode(), &ImportOptions { freeze: Vec::new(), dims }).expect("it is sound");
        assert_eq!(graph.value(graph.inputs[0]).shape.dims(), [1, 7, 4]);
    }
}

#[test]
fn frozen_inputs_become_constants() {
    let model = Model::new(13)
        .input("x", DataType::Float, &[2])
        .input("y", DataType::Float, &[2])
        .node("Add", &["x", "y"], &["z"])
        .output("z", DataType::Float);
    let freeze = vec![("y".to_string(), Tensor::f32s(&[2], &[1.0, 2.0]))];
    let graph = import(&model.encode(), &ImportOptions { freeze, dims: Vec::new() }).expect("it is sound");
    assert_eq!(graph.inputs.len(), 1);
    let wrong = vec![("y".to_string(), Tensor::i32s(&[2], &[1, 2]))];
    assert!(import(&model.encode(), &ImportOptions { freeze: wrong, dims: Vec::new() }).is_err());
}

#[test]
fn half_floats_stay_at_the_border() {
    let model =
        Model::new(13).input("x", DataType::Float16, &[2]).node("Relu", &["x"], &["y"]).output("y", DataType::Float16);
    let graph = model.import().expect("it is sound");
    let dtype = |id| graph.value(id).dtype;
    assert_eq!((dtype(graph.inputs[0]), dtype(graph.outputs[0])), (DType::F16, DType::F16));
    let casts = graph.nodes.iter().filter(|n| matches!(n.op, Op::Engine(EngineOp::Cast { .. }))).count();
    assert_eq!(casts, 2);
}

#[test]
fn bytes_wrap() {
    let model = Model::new(14)
        .input("x", DataType::Uint8, &[2])
        .bytes("c", DataType::Uint8, &[2], &[100, 1])
        .node("Add", &["x", "c"], &["y"])
        .output("y", DataType::Uint8);
    assert_eq!(model.run(&[Tensor::u8s(&[2], &[200, 255])])[0].as_u8s(), Some(&[44, 0][..]));
}

#[test]
fn one_dimensional_convolutions_are_images_of_height_one() {
    let model = Model::new(13)
        .input("x", DataType::Float, &[1, 1, 4])
        .floats("w", &[1, 1, 2], &[1.0, 10.0])
        .node_with("Conv", &["x", "w"], &["y"], &[ints("pads", &[1, 0]), ints("strides", &[2])])
        .output("y", DataType::Float);
    let made = model.run(&[Tensor::f32s(&[1, 1, 4], &[1.0, 2.0, 3.0, 4.0])]);
    assert_eq!(made[0].as_f32s(), Some(&[10.0, 32.0][..]));
}

#[test]
fn old_and_new_forms_of_an_operator_mean_the_same() {
    let x = Tensor::f32s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let base = |opset| Model::new(opset).input("x", DataType::Float, &[2, 3]).output("y", DataType::Float);
    let pairs = [
        (
            base(9).node_with(
                "Slice",
                &["x"],
                &["y"],
                &[ints("starts", &[1]), ints("ends", &[i64::MAX]), ints("axes", &[1])],
            ),
            base(13).int64s("s", &[1]).int64s("e", &[i64::MAX]).int64s("a", &[1]).node(
                "Slice",
                &["x", "s", "e", "a"],
                &["y"],
            ),
        ),
        (
            base(11).node_with("Unsqueeze", &["x"], &["y"], &[ints("axes", &[0, 3])]),
            base(13).int64s("a", &[0, 3]).node("Unsqueeze", &["x", "a"], &["y"]),
        ),
        (
            base(11).node_with("ReduceSum", &["x"], &["y"], &[ints("axes", &[1])]),
            base(13).int64s("a", &[1]).node("ReduceSum", &["x", "a"], &["y"]),
        ),
        (
            base(10).node_with("Pad", &["x"], &["y"], &[ints("pads", &[0, 1, 0, -1])]),
            base(13).int64s("p", &[0, 1, 0, -1]).node("Pad", &["x", "p"], &["y"]),
        ),
        (
            base(9).node_with("TopK", &["x"], &["y", "i"], &[int("k", 2)]),
            base(11).int64s("k", &[2]).node("TopK", &["x", "k"], &["y", "i"]),
        ),
    ];
    for (old, new) in pairs {
        let (old, new) = (old.run(std::slice::from_ref(&x)), new.run(std::slice::from_ref(&x)));
        assert_eq!((old[0].shape, old[0].as_f32s()), (new[0].shape, new[0].as_f32s()));
    }
}

#[test]
fn softmax_before_opset_13_takes_all_axes_from_its_own_on() {
    let model = |opset| {
        Model::new(opset)
            .input("x", DataType::Float, &[1, 2, 2])
            .node_with("Softmax", &["x"], &["y"], &[int("axis", 1)])
            .output("y", DataType::Float)
    };
    let x = [Tensor::f32s(&[1, 2, 2], &[0.0; 4])];
    assert_eq!(model(11).run(&x)[0].as_f32s(), Some(&[0.25; 4][..]));
    assert_eq!(model(13).run(&x)[0].as_f32s(), Some(&[0.5; 4][..]));
}

#[test]
fn functions_of_the_model_are_put_in_place_of_their_calls() {
    let alpha = AttributeProto { name: "alpha".into(), ref_attr_name: "slope".into(), ..Default::default() };
    let body = vec![node("", "LeakyRelu", &["a"], &["t"], &[alpha]), node("", "Add", &["t", "t"], &["b"], &[])];
    let function = FunctionProto {
        name: Some("Twice".into()),
        domain: Some("local".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: body,
        opset_import: Model::new(16).0.opset_import,
        ..Default::default()
    };
    let slope = AttributeProto { name: "slope".into(), f: 0.5, r#type: 1, ..Default::default() };
    let mut model = Model::new(16)
        .input("x", DataType::Float, &[2])
        .node_with("local:Twice", &["x"], &["t"], std::slice::from_ref(&slope))
        .node_with("local:Twice", &["t"], &["y"], &[slope])
        .output("y", DataType::Float);
    model.0.functions.push(function);
    assert_eq!(model.run(&[Tensor::f32s(&[2], &[-1.0, 1.0])])[0].as_f32s(), Some(&[-1.0, 4.0][..]));
}
