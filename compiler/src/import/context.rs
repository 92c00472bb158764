//! What importers of single operators work with: the builder, ONNX's element types, constants as numbers.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, DerefMut};

use dunlin_engine::op::BinaryKind;
use dunlin_engine::tensor::DType;

use super::element::Element;
use super::node::OnnxNode;
use crate::build::Builder;
use crate::error::{CompileError, Result};
use crate::ir::ValueId;
use crate::tensor::dims;

/// The importer of one operator: its results in ONNX's order; trailing ones may be missing.
pub type Import = fn(&mut Importer<'_>, &OnnxNode<'_>) -> Result<Vec<ValueId>>;

/// A graph under construction.
#[derive(Debug)]
pub struct Importer<'g> {
    builder: Builder<'g>,
    elements: HashMap<ValueId, Element>,
    wide: HashSet<ValueId>,
    initializers: HashSet<ValueId>,
}

impl<'g> Deref for Importer<'g> {
    type Target = Builder<'g>;
    fn deref(&self) -> &Builder<'g> {
        &self.builder
    }
}

impl DerefMut for Importer<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.builder
    }
}

impl<'g> Importer<'g> {
    /// An importer that adds to what `builder` builds.
    pub fn new(builder: Builder<'g>) -> Self {
        Self { builder, elements: HashMap::new(), wide: HashSet::new(), initializers: HashSet::new() }
    }

    /// The ONNX type of a value.
    pub fn element(&self, x: ValueId) -> Element {
        self.elements.get(&x).copied().unwrap_or(Element::of(self.dtype(x)))
    }

    /// Declares the ONNX type of a value.
    pub fn set_element(&mut self, x: ValueId, element: Element) -> ValueId {
        self.elements.insert(x, element);
        x
    }

    /// Gives a result the ONNX type of the first operand that the engine holds the same way, unless it has one.
    pub fn inherit(&mut self, result: ValueId, operands: &[Option<ValueId>]) {
        let dtype = self.dtype(result);
        let source = operands.iter().flatten().find(|&&x| self.dtype(x) == dtype);
        if let Some(element) = source.and_then(|x| self.elements.get(x)).copied() {
            self.elements.entry(result).or_insert(element);
        }
    }

    /// Marks a constant whose integers were saturated to 32 bits.
    pub fn set_wide(&mut self, x: ValueId) {
        self.wide.insert(x);
    }

    /// Whether a constant's integers were saturated.
    pub fn is_wide(&self, x: ValueId) -> bool {
        self.wide.contains(&x)
    }

    /// Marks an initializer of the file.
    pub fn set_initializer(&mut self, x: ValueId) {
        self.initializers.insert(x);
    }

    /// Whether a value is an initializer of the file.
    pub fn is_initializer(&self, x: ValueId) -> bool {
        self.initializers.contains(&x)
    }

    /// Dimensions as signed numbers.
    pub fn signed_dims(&self, x: ValueId) -> Vec<i64> {
        dims(&self.graph.value(x).shape).into_iter().map(|d| d as i64).collect()
    }

    /// An axis counted from the end when negative.
    pub fn axis(&self, node: &OnnxNode<'_>, axis: i64, rank: usize) -> Result<usize> {
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        let found = usize::try_from(counted).ok().filter(|&a| a < rank);
        found.ok_or_else(|| node.invalid(format!("axis {axis} of a tensor with {rank} dimensions")))
    }

    /// Several axes, ascending, each once.
    pub fn axes(&self, node: &OnnxNode<'_>, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        let mut axes = axes.iter().map(|&a| self.axis(node, a, rank)).collect::<Result<Vec<_>>>()?;
        axes.sort_unstable();
        match axes.windows(2).any(|w| w[0] == w[1]) {
            true => Err(node.invalid("an axis is named twice")),
            false => Ok(axes),
        }
    }

    /// The integers of an operand that must be constant; `None` when it is left out.
    pub fn const_ints(&self, node: &OnnxNode<'_>, index: usize) -> Result<Option<Vec<i64>>> {
        let Some(x) = node.optional(index) else { return Ok(None) };
        let tensor = self.graph.constant(x).ok_or_else(|| self.not_constant(node, x))?;
        let ints = tensor.to_i32s().ok_or_else(|| node.invalid(format!("operand {index} must hold integers")))?;
        Ok(Some(ints.into_iter().map(i64::from).collect()))
    }

    /// The floats of an operand that must be constant; `None` when it is left out.
    pub fn const_floats(&self, node: &OnnxNode<'_>, index: usize) -> Result<Option<Vec<f32>>> {
        let Some(x) = node.optional(index) else { return Ok(None) };
        let tensor = self.graph.constant(x).ok_or_else(|| self.not_constant(node, x))?;
        let floats = tensor.as_f32s().ok_or_else(|| node.invalid(format!("operand {index} must hold floats")))?;
        Ok(Some(floats.to_vec()))
    }

    fn not_constant(&self, node: &OnnxNode<'_>, x: ValueId) -> CompileError {
        let name = &self.graph.value(x).name;
        node.unsupported(format!("its operand '{name}' is only known at run time, so shapes would depend on data"))
    }

    /// Integers from the operand at `index` or, in older opsets, from an attribute.
    pub fn ints_or_attribute(&self, node: &OnnxNode<'_>, index: usize, name: &str) -> Result<Option<Vec<i64>>> {
        match self.const_ints(node, index)? {
            Some(ints) => Ok(Some(ints)),
            None => Ok(node.ints(name)?.map(<[i64]>::to_vec)),
        }
    }

    /// One integer from a constant operand.
    pub fn const_int(&self, node: &OnnxNode<'_>, index: usize) -> Result<Option<i64>> {
        match self.const_ints(node, index)?.as_deref() {
            None => Ok(None),
            Some(&[value]) => Ok(Some(value)),
            Some(_) => Err(node.invalid(format!("operand {index} must hold one number"))),
        }
    }

    /// Bytes widened to i32, in which integers are computed; other types as they are.
    pub fn widen(&mut self, x: ValueId) -> Result<ValueId> {
        match self.dtype(x) {
            DType::U8 | DType::I8 => self.cast(x, DType::I32),
            _ => Ok(x),
        }
    }

    /// Brings an i32 result into the range of an ONNX type, modulo its size, and declares that type.
    pub fn wrap(&mut self, x: ValueId, element: Element) -> Result<ValueId> {
        let x = match element {
            Element::U8 | Element::I8 => self.cast(x, element.dtype())?,
            Element::U16 => self.low_half(x)?,
            Element::I16 => {
                let offset = self.scalar_i32(1 << 15);
                let raised = self.binary(BinaryKind::Add, x, offset)?;
                let low = self.low_half(raised)?;
                self.binary(BinaryKind::Sub, low, offset)?
            }
            _ => x,
        };
        Ok(self.set_element(x, element))
    }

    fn low_half(&mut self, x: ValueId) -> Result<ValueId> {
        let mask = self.scalar_i32(0xffff);
        self.binary(BinaryKind::BitAnd, x, mask)
    }
}
