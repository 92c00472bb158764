//! One node of the ONNX graph as an importer sees it: resolved operands and typed attributes.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use crate::error::{CompileError, Result};
use crate::ir::ValueId;

/// A node with its operands looked up.
#[derive(Debug)]
pub struct OnnxNode<'a> {
    /// As in the file.
    pub proto: &'a NodeProto,
    /// The node's name, or its first output's.
    pub name: String,
    /// Operands; `None` for those left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Version of the operator's domain.
    pub opset: i64,
}

impl OnnxNode<'_> {
    /// Number of results that the graph names.
    pub fn results(&self) -> usize {
        self.proto.output.len()
    }

    /// Whether a result is used.
    pub fn wants(&self, index: usize) -> bool {
        self.proto.output.get(index).is_some_and(|name| !name.is_empty())
    }

    /// An operand that must be there.
    pub fn input(&self, index: usize) -> Result<ValueId> {
        self.optional(index).ok_or_else(|| self.invalid(format!("operand {index} is missing")))
    }

    /// An operand that may be left out.
    pub fn optional(&self, index: usize) -> Option<ValueId> {
        self.inputs.get(index).copied().flatten()
    }

    /// All operands of an operator that takes any number, at least one.
    pub fn variadic(&self) -> Result<Vec<ValueId>> {
        let all = (0..self.inputs.len()).map(|i| self.input(i)).collect::<Result<Vec<_>>>()?;
        if all.is_empty() { Err(self.invalid("it has no operands")) } else { Ok(all) }
    }

    /// An attribute as it is in the file.
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto.attribute.iter().find(|a| a.name == name)
    }

    fn typed(&self, name: &str, kind: AttributeType) -> Result<Option<&AttributeProto>> {
        match self.attribute(name) {
            // Files from before IR version 2 leave the kind out.
            Some(a) if a.r#type == kind as i32 || a.r#type == AttributeType::Undefined as i32 => Ok(Some(a)),
            Some(_) => Err(self.invalid(format!("attribute '{name}' has the wrong type"))),
            None => Ok(None),
        }
    }

    /// An integer attribute.
    pub fn int(&self, name: &str) -> Result<Option<i64>> {
        Ok(self.typed(name, AttributeType::Int)?.map(|a| a.i))
    }

    /// An integer attribute with its default.
    pub fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// An integer attribute that stands for a truth value.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool> {
        Ok(self.int_or(name, default.into())? != 0)
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Result<Option<&[i64]>> {
        Ok(self.typed(name, AttributeType::Ints)?.map(|a| &a.ints[..]))
    }

    /// A float attribute.
    pub fn float(&self, name: &str) -> Result<Option<f32>> {
        Ok(self.typed(name, AttributeType::Float)?.map(|a| a.f))
    }

    /// A float attribute with its default.
    pub fn float_or(&self, name: &str, default: f32) -> Result<f32> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    /// A list of floats.
    pub fn floats(&self, name: &str) -> Result<Option<&[f32]>> {
        Ok(self.typed(name, AttributeType::Floats)?.map(|a| &a.floats[..]))
    }

    /// A text attribute with its default.
    pub fn text_or<'s>(&'s self, name: &str, default: &'s str) -> Result<&'s str> {
        match self.typed(name, AttributeType::String)? {
            Some(a) => std::str::from_utf8(&a.s).map_err(|_| self.invalid(format!("attribute '{name}' isn't text"))),
            None => Ok(default),
        }
    }

    /// A list of texts.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>> {
        let Some(attribute) = self.typed(name, AttributeType::Strings)? else { return Ok(None) };
        let texts = attribute.strings.iter().map(|s| std::str::from_utf8(s));
        let texts = texts.collect::<std::result::Result<_, _>>();
        texts.map(Some).map_err(|_| self.invalid(format!("attribute '{name}' isn't text")))
    }

    /// A tensor attribute.
    pub fn tensor(&self, name: &str) -> Result<Option<&TensorProto>> {
        Ok(self.typed(name, AttributeType::Tensor)?.and_then(|a| a.t.as_ref()))
    }

    /// The error for a use of the operator that Dunlin doesn't have.
    pub fn unsupported(&self, why: impl Into<String>) -> CompileError {
        CompileError::Unsupported { op: self.proto.op_type.clone(), node: self.name.clone(), why: why.into() }
    }

    /// The error for what ONNX doesn't allow.
    pub fn invalid(&self, what: impl Into<String>) -> CompileError {
        CompileError::Invalid { op: self.proto.op_type.clone(), node: self.name.clone(), what: what.into() }
    }
}
