//! Making ONNX models.

use dunlin_compiler::error::CompileError;
use dunlin_compiler::eval::evaluate;
use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::ir::{Graph, Tensor};
use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto,
};

/// A model under construction.
#[derive(Clone, Debug, Default)]
pub struct Model(pub ModelProto);

impl Model {
    /// An empty graph of an operator set.
    pub fn new(opset: i64) -> Self {
        let set = |domain: &str, version| OperatorSetIdProto { domain: domain.into(), version };
        Self(ModelProto {
            opset_import: vec![set("", opset), set("com.microsoft", 1)],
            graph: Some(GraphProto::default()),
            ..Default::default()
        })
    }

    pub fn graph(&mut self) -> &mut GraphProto {
        self.0.graph.as_mut().expect("made with one")
    }

    pub fn input(mut self, name: &str, dtype: DataType, dims: &[i64]) -> Self {
        self.graph().input.push(info(name, dtype, dims.iter().map(|&d| dimension::Value::DimValue(d))));
        self
    }

    pub fn symbolic_input(mut self, name: &str, dims: &[&str]) -> Self {
        let dims = dims.iter().map(|d| match d.parse() {
            Ok(size) => dimension::Value::DimValue(size),
            Err(_) => dimension::Value::DimParam(d.to_string()),
        });
        self.graph().input.push(info(name, DataType::Float, dims));
        self
    }

    pub fn output(mut self, name: &str, dtype: DataType) -> Self {
        self.graph().output.push(info(name, dtype, []));
        self
    }

    pub fn floats(self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        let float_data = values.to_vec();
        self.initializer(TensorProto { float_data, ..tensor(name, DataType::Float, dims) })
    }

    pub fn int64s(self, name: &str, values: &[i64]) -> Self {
        let int64_data = values.to_vec();
        self.initializer(TensorProto { int64_data, ..tensor(name, DataType::Int64, &[values.len() as i64]) })
    }

    pub fn bytes(self, name: &str, dtype: DataType, dims: &[i64], values: &[u8]) -> Self {
        let raw_data = values.to_vec();
        self.initializer(TensorProto { raw_data, ..tensor(name, dtype, dims) })
    }

    pub fn initializer(mut self, tensor: TensorProto) -> Self {
        self.graph().initializer.push(tensor);
        self
    }

    pub fn node(self, op: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        self.node_with(op, inputs, outputs, &[])
    }

    pub fn node_with(mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[AttributeProto]) -> Self {
        let (domain, op) = op.split_once(':').unwrap_or(("", op));
        self.graph().node.push(node(domain, op, inputs, outputs, attributes));
        self
    }

    pub fn encode(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    pub fn import(&self) -> Result<Graph, CompileError> {
        import(&self.encode(), &ImportOptions::default())
    }

    /// Imports and evaluates.
    pub fn run(&self, inputs: &[Tensor]) -> Vec<Tensor> {
        evaluate(&self.import().expect("it is sound"), inputs).expect("it runs")
    }
}

pub fn node(domain: &str, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[AttributeProto]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|n| n.to_string()).collect();
    NodeProto {
        domain: domain.into(),
        op_type: op.into(),
        input: owned(inputs),
        output: owned(outputs),
        attribute: attributes.to_vec(),
        ..Default::default()
    }
}

pub fn tensor(name: &str, dtype: DataType, dims: &[i64]) -> TensorProto {
    TensorProto { name: name.into(), data_type: dtype as i32, dims: dims.to_vec(), ..Default::default() }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i, r#type: AttributeType::Int as i32, ..Default::default() }
}

pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let ints = values.to_vec();
    AttributeProto { name: name.into(), ints, r#type: AttributeType::Ints as i32, ..Default::default() }
}

fn info(name: &str, dtype: DataType, dims: impl IntoIterator<Item = dimension::Value>) -> ValueInfoProto {
    let dim = dims.into_iter().map(|value| Dimension { value: Some(value), ..Default::default() }).collect();
    let tensor = type_proto::Tensor { elem_type: dtype as i32, shape: Some(TensorShapeProto { dim }) };
    let value = Some(type_proto::Value::TensorType(tensor));
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { value, ..Default::default() }), ..Default::default() }
}
