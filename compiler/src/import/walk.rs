//! From the protobuf's graph to importers of single operators: names, scopes, functions, borders.

use std::collections::{HashMap, HashSet};

use dunlin_engine::op::infer::Info;
use dunlin_engine::tensor::DType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value as TypeValue;
use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto,
};

use super::ImportOptions;
use super::context::Importer;
use super::element::Element;
use super::node::OnnxNode;
use super::{table, tensor};
use crate::error::{CompileError, Result};
use crate::ir::ValueId;

type Scope = HashMap<String, ValueId>;

/// A model on its way into a graph.
#[derive(Debug)]
pub(super) struct Walk<'m, 'g> {
    model: &'m ModelProto,
    importer: Importer<'g>,
    scope: Scope,
    nodes: usize,
}

impl<'m, 'g> Walk<'m, 'g> {
    /// Checks the operator sets.
    pub fn new(model: &'m ModelProto, importer: Importer<'g>) -> Result<Self> {
        let version = opset(&model.opset_import, "");
        if !OPSETS.contains(&version) {
            return Err(CompileError::Unsupported {
                op: "set".to_string(),
                node: "the model".to_string(),
                why: format!("operator set {version}; export with one of {} to {}", OPSETS.start(), OPSETS.end()),
            });
        }
        Ok(Self { model, importer, scope: Scope::new(), nodes: 0 })
    }

    /// Makes constants of initializers and of frozen inputs.
    pub fn initializers(&mut self, proto: &GraphProto, options: &ImportOptions) -> Result<()> {
        if !proto.sparse_initializer.is_empty() {
            return Err(CompileError::Graph { what: "it has sparse initializers: export dense ones".to_string() });
        }
        for initializer in &proto.initializer {
            let decoded = tensor::decode(initializer, &initializer.name)?;
            if decoded.tensor.as_f32s().is_some_and(|values| values.iter().any(|v| v.is_nan())) {
                return Err(CompileError::NotFinite { initializer: initializer.name.clone() });
            }
            let id = self.importer.graph.push_constant(&initializer.name, decoded.tensor);
            self.importer.set_element(id, decoded.element);
            self.importer.set_initializer(id);
            if decoded.saturated {
                self.importer.set_wide(id);
            }
            self.define(&initializer.name, id)?;
        }
        for (name, tensor) in &options.freeze {
            let id = self.importer.graph.push_constant(name, tensor.clone());
            self.define(name, id)?;
        }
        Ok(())
    }

    /// Makes inputs of what has no constant; their ONNX types.
    pub fn inputs(&mut self, proto: &GraphProto, options: &ImportOptions) -> Result<Vec<Element>> {
        let mut elements = Vec::new();
        let mut seen = HashSet::new();
        for input in &proto.input {
            if !seen.insert(&input.name) {
                return Err(twice(&input.name));
            }
            let (element, dims) = tensor_type(input)?;
            if let Some(&id) = self.scope.get(&input.name) {
                self.check_frozen(input, id, element)?;
                continue;
            }
            let dims = self.input_dims(input, dims, options)?;
            self.importer.node.clone_from(&input.name);
            let info = Info { dtype: element.border(), shape: self.importer.shape(&dims)? };
            let id = self.importer.graph.push_value(&input.name, info, None);
            self.importer.graph.inputs.push(id);
            let id = self.importer.cast(id, element.dtype())?;
            self.importer.set_element(id, element);
            self.define(&input.name, id)?;
            elements.push(element);
        }
        Ok(elements)
    }

    /// A constant given for an input takes over the input's ONNX type.
    fn check_frozen(&mut self, input: &ValueInfoProto, id: ValueId, element: Element) -> Result<()> {
        let found = self.importer.dtype(id);
        if found != element.dtype() {
            let what = format!("the model declares {element:?}, its value is {}", found.name());
            return Err(CompileError::Input { name: input.name.clone(), what });
        }
        self.importer.set_element(id, element);
        Ok(())
    }

    fn input_dims(
        &self,
        input: &ValueInfoProto,
        dims: Vec<Option<Dim>>,
        options: &ImportOptions,
    ) -> Result<Vec<usize>> {
        let given = |key: &str| options.dims.iter().find(|(name, _)| name == key).map(|&(_, dim)| dim);
        let resolve = |(axis, dim): (usize, Option<Dim>)| {
            let place = format!("{}.{axis}", input.name);
            let name = match dim {
                Some(Dim::DimValue(size)) if size >= 0 => return Ok(given(&place).unwrap_or(size as usize)),
                Some(Dim::DimParam(name)) => name,
                _ => String::new(),
            };
            let rest = if axis == 0 { Some(1) } else { given(&input.name) };
            given(&name).or(given(&place)).or(rest).ok_or_else(|| CompileError::Shape {
                tensor: input.name.clone(),
                what: format!("dimension {axis} ('{name}') isn't fixed: give its size"),
            })
        };
        dims.into_iter().enumerate().map(resolve).collect()
    }

    /// Imports all nodes of the main graph.
    pub fn nodes(&mut self, proto: &GraphProto) -> Result<()> {
        let mut scope = std::mem::take(&mut self.scope);
        let imports = &self.model.opset_import;
        let done = self.body(&proto.node, &mut scope, "", imports, 0);
        self.scope = scope;
        done
    }

    fn body(
        &mut self,
        nodes: &[NodeProto],
        scope: &mut Scope,
        prefix: &str,
        imports: &[OperatorSetIdProto],
        depth: usize,
    ) -> Result<()> {
        for proto in nodes {
            self.nodes += 1;
            if self.nodes > MAX_NODES {
                return Err(CompileError::Graph { what: format!("more than {MAX_NODES} nodes") });
            }
            let node = resolve(proto, scope, prefix, imports)?;
            self.importer.node.clone_from(&node.name);
            let first = self.importer.graph.values.len();
            let results = match self.function(proto) {
                Some(function) => self.call(function, &node, depth)?,
                None => self.operator(&node)?,
            };
            self.name_results(&node, &results, first);
            define_results(&node, &results, scope)?;
        }
        Ok(())
    }

    fn function(&self, node: &NodeProto) -> Option<&'m FunctionProto> {
        self.model
            .functions
            .iter()
            .find(|f| f.name.as_deref() == Some(&node.op_type) && f.domain.as_deref().unwrap_or("") == node.domain)
    }

    /// Imports the body of a model's own function in the place of its call.
    fn call(&mut self, function: &FunctionProto, node: &OnnxNode<'_>, depth: usize) -> Result<Vec<ValueId>> {
        if depth == MAX_DEPTH {
            return Err(node.unsupported("functions call each other without end"));
        }
        let given = function.input.iter().zip(&node.inputs);
        let mut scope: Scope = given.filter_map(|(name, id)| id.map(|id| (name.clone(), id))).collect();
        let body: Vec<NodeProto> = function.node.iter().map(|inner| with_attributes(inner, node)).collect();
        self.body(&body, &mut scope, &format!("{}/", node.name), &function.opset_import, depth + 1)?;
        let result = |name: &String| {
            scope.get(name).copied().ok_or_else(|| node.invalid(format!("its function doesn't make '{name}'")))
        };
        function.output.iter().map(result).collect()
    }

    fn operator(&mut self, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
        let import = table::find(&node.proto.domain, &node.proto.op_type)
            .ok_or_else(|| node.unsupported(table::reason(&node.proto.domain, &node.proto.op_type)))?;
        self.check_operands(node)?;
        let results = import(&mut self.importer, node)?;
        let passes = |(at, x): (usize, &Option<ValueId>)| {
            x.is_some_and(|x| self.importer.is_wide(x)) && table::passes_wide(&node.proto.op_type, at)
        };
        let wide = node.inputs.iter().enumerate().any(passes);
        for &result in &results {
            self.importer.inherit(result, &node.inputs);
            if wide && self.importer.graph.constant(result).is_some() {
                self.importer.set_wide(result);
            }
        }
        Ok(results)
    }

    fn check_operands(&self, node: &OnnxNode<'_>) -> Result<()> {
        let importer = &self.importer;
        let op = &node.proto.op_type;
        for (at, x) in node.inputs.iter().enumerate().filter_map(|(at, x)| Some((at, (*x)?))) {
            let name = || importer.graph.value(x).name.clone();
            if importer.is_wide(x) && !table::takes_wide(op, at) && !table::passes_wide(op, at) {
                return Err(CompileError::TooWide { tensor: name(), node: node.name.clone() });
            }
            let values = importer.graph.constant(x).and_then(|t| t.as_f32s());
            let infinite = || values.is_some_and(|v| v.iter().any(|v| !v.is_finite()));
            if table::has_weights(op) && importer.is_initializer(x) && infinite() {
                return Err(CompileError::NotFinite { initializer: name() });
            }
        }
        Ok(())
    }

    /// New values get the names that ONNX has for them.
    fn name_results(&mut self, node: &OnnxNode<'_>, results: &[ValueId], first: usize) {
        for (name, id) in node.proto.output.iter().zip(results) {
            if id.0 >= first && !name.is_empty() {
                self.importer.graph.values[id.0].name.clone_from(name);
            }
        }
    }

    /// Declares the graph's outputs; their ONNX types.
    pub fn outputs(&mut self, proto: &GraphProto) -> Result<Vec<Element>> {
        if proto.output.is_empty() {
            return Err(CompileError::Graph { what: "it has no outputs".to_string() });
        }
        proto.output.iter().map(|output| self.output(output)).collect()
    }

    fn output(&mut self, output: &ValueInfoProto) -> Result<Element> {
        let missing = || CompileError::Graph { what: format!("nothing makes the output '{}'", output.name) };
        let id = *self.scope.get(&output.name).ok_or_else(missing)?;
        let element = match tensor_type(output) {
            Ok((element, _)) => element,
            Err(_) => self.importer.element(id),
        };
        let found = self.importer.dtype(id);
        if found != element.dtype() {
            let what = format!("the output '{}' is declared {element:?} and is {}", output.name, found.name());
            return Err(CompileError::Graph { what });
        }
        self.importer.node.clone_from(&output.name);
        let id = match element.border() {
            DType::F16 => self.importer.cast(id, DType::F16)?,
            _ => id,
        };
        self.importer.graph.outputs.push(id);
        Ok(element)
    }

    fn define(&mut self, name: &str, id: ValueId) -> Result<()> {
        match self.scope.insert(name.to_string(), id) {
            None => Ok(()),
            Some(_) => Err(twice(name)),
        }
    }
}

/// Oldest and newest operator set of the default domain.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=27;

/// Nodes after functions were put in place of their calls.
const MAX_NODES: usize = 50_000;

/// Functions within functions.
const MAX_DEPTH: usize = 8;

fn twice(name: &str) -> CompileError {
    CompileError::Graph { what: format!("'{name}' is defined twice") }
}

fn opset(imports: &[OperatorSetIdProto], domain: &str) -> i64 {
    let plain = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let found = imports.iter().find(|i| i.domain == domain || (plain(domain) && plain(&i.domain)));
    found.map_or(1, |i| i.version)
}

fn tensor_type(info: &ValueInfoProto) -> Result<(Element, Vec<Option<Dim>>)> {
    let untyped = |found: &str| CompileError::Type { tensor: info.name.clone(), found: found.to_string() };
    let Some(TypeValue::TensorType(tensor)) = info.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err(untyped("that is no tensor"));
    };
    let element = Element::from_onnx(tensor.elem_type).map_err(|found| untyped(&found))?;
    let dims = tensor.shape.as_ref().map(|s| s.dim.iter().map(|d| d.value.clone()).collect());
    Ok((element, dims.unwrap_or_default()))
}

fn resolve<'n>(
    proto: &'n NodeProto,
    scope: &Scope,
    prefix: &str,
    imports: &[OperatorSetIdProto],
) -> Result<OnnxNode<'n>> {
    let own = if proto.name.is_empty() { proto.output.first() } else { Some(&proto.name) };
    let name = format!("{prefix}{}", own.unwrap_or(&proto.op_type));
    let lookup = |input: &String| match (input.is_empty(), scope.get(input)) {
        (true, _) => Ok(None),
        (false, Some(&id)) => Ok(Some(id)),
        (false, None) => {
            Err(CompileError::Graph { what: format!("node '{name}' reads '{input}', which nothing before it makes") })
        }
    };
    let inputs = proto.input.iter().map(lookup).collect::<Result<Vec<_>>>()?;
    Ok(OnnxNode { proto, name, inputs, opset: opset(imports, &proto.domain) })
}

fn define_results(node: &OnnxNode<'_>, results: &[ValueId], scope: &mut Scope) -> Result<()> {
    for (index, name) in node.proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let &id = results
            .get(index)
            .ok_or_else(|| node.unsupported(format!("its result {index} ('{name}') isn't available")))?;
        if scope.insert(name.clone(), id).is_some() {
            return Err(twice(name));
        }
    }
    Ok(())
}

/// A function's node with the attributes that refer to the call's filled in; those that the call lacks are dropped.
fn with_attributes(inner: &NodeProto, call: &OnnxNode<'_>) -> NodeProto {
    let fill = |attribute: &AttributeProto| match attribute.ref_attr_name.as_str() {
        "" => Some(attribute.clone()),
        outer => call.attribute(outer).map(|a| AttributeProto { name: attribute.name.clone(), ..a.clone() }),
    };
    NodeProto { attribute: inner.attribute.iter().filter_map(fill).collect(), ..inner.clone() }
}
