//! The walk over the nodes that lowers them; see the module above for its idea.

use std::collections::HashMap;

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{Clamp, Op as EngineOp, PoolKind, UnaryKind};
use dunlin_engine::tensor::{DType, Ints, Quant, Shape};

use super::literal;
use super::moves;
use super::note::{Note, Reason};
use super::products::{FULL, clamped_quantum, quantum, requantize_table};
use super::{dynamic, products, reduce, sums, table};
use crate::ir::{Graph, Node, Op, Tensor, ValueId};

/// State of the walk.
pub(super) struct Walk<'g> {
    /// Receives new values; its nodes are taken out until the end.
    pub graph: &'g mut Graph,
    /// The nodes before the walk.
    pub old: Vec<Node>,
    /// Which old node makes each old value.
    pub makers: Vec<Option<usize>>,
    /// The nodes so far.
    out: Vec<Node>,
    /// Of an integer value: the u8 value with the same meaning.
    bytes: HashMap<ValueId, ValueId>,
    /// Of a float value: the u8 value that stands for the same numbers.
    views: HashMap<ValueId, ValueId>,
    /// Float values that were quantized, by what they were quantized to.
    quantized: HashMap<(ValueId, u32, i32, u8, u8), ValueId>,
    /// Permuted values, by channels-last or not.
    permuted: HashMap<(ValueId, bool), ValueId>,
    /// New values that take the place of old ones.
    replaced: HashMap<ValueId, ValueId>,
    pub notes: Vec<Note>,
}

impl<'g> Walk<'g> {
    /// Lowers `graph`, leaving dead nodes behind.
    pub fn run(graph: &'g mut Graph) -> Vec<Note> {
        let makers = graph.makers();
        let old = std::mem::take(&mut graph.nodes);
        let mut walk = Self {
            graph,
            makers,
            out: Vec::with_capacity(2 * old.len()),
            old,
            bytes: HashMap::new(),
            views: HashMap::new(),
            quantized: HashMap::new(),
            permuted: HashMap::new(),
            replaced: HashMap::new(),
            notes: Vec::new(),
        };
        for index in 0..walk.old.len() {
            let node = walk.old[index].clone();
            walk.visit(&node);
        }
        walk.finish()
    }

    fn visit(&mut self, node: &Node) {
        match node.op {
            Op::DequantizeLinear { .. } => self.dequantize(node),
            Op::QuantizeLinear { .. } => self.quantize(node),
            Op::MatMulInteger => dynamic::matmul_integer(self, node),
            Op::Engine(EngineOp::Binary { .. }) => {
                if !dynamic::scaled_product(self, node) {
                    self.keep(node);
                }
            }
            Op::Engine(EngineOp::MatMul { .. }) => {
                if !dynamic::dequantized_product(self, node) {
                    self.keep(node);
                }
            }
            _ if moves::operands(&node.op).is_some() => self.movement(node),
            _ => self.keep(node),
        }
    }

    /// Puts results in the place of the values that they replace.
    fn finish(mut self) -> Vec<Note> {
        for node in &mut self.out {
            for input in &mut node.inputs {
                *input = self.replaced.get(input).copied().unwrap_or(*input);
            }
        }
        self.graph.nodes = self.out;
        self.notes
    }

    // --- what the rules build with ---------------------------------------------------------------------------

    /// Adds a node unchanged.
    pub fn keep(&mut self, node: &Node) {
        self.out.push(node.clone());
    }

    /// Adds a node with one new result.
    pub fn emit(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, info: Info, quant: Option<Quant>) -> ValueId {
        let output = self.graph.push_value(name, info, None);
        self.graph.values[output.0].quant = quant;
        self.out.push(Node { name: name.to_owned(), op, inputs, outputs: vec![output] });
        output
    }

    /// Adds a node of the engine's with one new u8 result.
    pub fn emit_u8(&mut self, name: &str, op: EngineOp, inputs: Vec<ValueId>, shape: Shape, quant: Quant) -> ValueId {
        self.emit(name, Op::Engine(op), inputs, Info { dtype: DType::U8, shape }, Some(quant))
    }

    /// Adds a node that makes an old value.
    pub fn emit_into(&mut self, name: &str, op: Op, inputs: Vec<ValueId>, output: ValueId) {
        self.out.push(Node { name: name.to_owned(), op, inputs, outputs: vec![output] });
    }

    /// Adds a constant.
    pub fn constant(&mut self, name: String, tensor: Tensor) -> ValueId {
        self.graph.push_constant(name, tensor)
    }

    /// The quantized tensor that stands for the same numbers as a float value.
    pub fn view(&self, float: ValueId) -> Option<(ValueId, Quant)> {
        let view = *self.views.get(&float)?;
        Some((view, self.graph.value(view).quant?))
    }

    /// The old node that makes a value.
    pub fn maker(&self, value: ValueId) -> Option<&Node> {
        self.makers.get(value.0).copied().flatten().map(|index| &self.old[index])
    }

    /// `[n,c,h,w]` as `[n,h,w,c]`.
    pub fn channels_last(&mut self, value: ValueId) -> Option<ValueId> {
        self.permute(value, true, [0, 2, 3, 1])
    }

    /// `[n,h,w,c]` as `[n,c,h,w]`.
    pub fn channels_first(&mut self, value: ValueId) -> Option<ValueId> {
        self.permute(value, false, [0, 3, 1, 2])
    }

    fn permute(&mut self, value: ValueId, last: bool, perm: [i32; 4]) -> Option<ValueId> {
        if let Some(&done) = self.permuted.get(&(value, last)) {
            return Some(done);
        }
        let Info { dtype, shape } = self.graph.info(value);
        if shape.rank() != 4 {
            return None;
        }
        let dims = perm.map(|axis| shape.dim(axis as usize));
        let quant = self.graph.value(value).quant;
        let name = format!("{}/{}", self.graph.value(value).name, if last { "nhwc" } else { "nchw" });
        let op = Op::Engine(EngineOp::Transpose { perm: Ints::new(&perm)? });
        let done = self.emit(&name, op, vec![value], Info { dtype, shape: Shape::new(&dims)? }, quant);
        self.permuted.insert((value, last), done);
        self.permuted.insert((done, !last), value);
        Some(done)
    }

    // --- quantized values --------------------------------------------------------------------------------------

    /// The u8 value with the meaning of an integer one: itself, or int8 with the sign bit flipped. `None` for
    /// other types.
    pub fn u8_twin(&mut self, value: ValueId) -> Option<ValueId> {
        if let Some(&twin) = self.bytes.get(&value) {
            return Some(twin);
        }
        let Info { dtype, shape } = self.graph.info(value);
        let twin = match dtype {
            DType::U8 => value,
            DType::I8 => self.flipped(value, shape),
            _ => return None,
        };
        self.bytes.insert(value, twin);
        Some(twin)
    }

    fn flipped(&mut self, value: ValueId, shape: Shape) -> ValueId {
        let name = format!("{}/u8", self.graph.value(value).name);
        if let Some(tensor) = self.graph.constant(value) {
            let bytes: Vec<u8> = tensor.bytes.iter().map(|b| b ^ 0x80).collect();
            return self.constant(name, literal::u8s(shape, &bytes));
        }
        self.emit(&name, Op::Engine(EngineOp::FlipSign {}), vec![value], Info { dtype: DType::U8, shape }, None)
    }

    /// `value` with the given quantization: itself, or the same bytes under another name when it has another one.
    fn as_quantized(&mut self, value: ValueId, quant: Quant) -> ValueId {
        match self.graph.value(value).quant {
            Some(has) if has == quant => value,
            None => {
                self.graph.values[value.0].quant = Some(quant);
                value
            }
            Some(_) => {
                let shape = self.graph.value(value).shape;
                let name = format!("{}/requantized", self.graph.value(value).name);
                self.emit_u8(&name, same_dims(shape), vec![value], shape, quant)
            }
        }
    }

    /// Scale and zero point, in u8 terms, of a `QuantizeLinear` or `DequantizeLinear` node.
    pub fn parameters(&self, node: &Node, dtype: DType) -> Option<Quant> {
        let scale = literal::floats(self.graph.constant(*node.inputs.get(1)?)?)?;
        let zero = match node.inputs.get(2) {
            Some(&zero) => literal::ints(self.graph.constant(zero)?)?,
            None => vec![0],
        };
        let lift = match dtype {
            DType::U8 => 0,
            DType::I8 => 128,
            _ => return None,
        };
        match (scale[..].first(), zero[..].first()) {
            (Some(&s), Some(&z)) if uniform(&scale) && uniform(&zero) => Quant::new(s, z + lift),
            _ => None,
        }
    }

    fn dequantize(&mut self, node: &Node) {
        let (source, output) = (node.inputs[0], node.outputs[0]);
        let quant = self.parameters(node, self.graph.value(source).dtype);
        let Some(quant) = quant else { return self.keep(node) };
        let Some(twin) = self.u8_twin(source) else { return self.keep(node) };
        let view = self.as_quantized(twin, quant);
        self.views.insert(output, view);
        if self.graph.constant(source).is_some() {
            return self.keep(node);
        }
        self.emit_into(&node.name, Op::Engine(EngineOp::Dequantize {}), vec![view], output);
    }

    fn quantize(&mut self, node: &Node) {
        let Op::QuantizeLinear { to, .. } = node.op else { return };
        let Some(quant) = self.parameters(node, to) else { return self.keep(node) };
        let result = self.quantized_or_float(node.inputs[0], quant, FULL);
        self.deliver(node, result, to, quant);
    }

    /// Makes `result` the value of a `QuantizeLinear` node.
    fn deliver(&mut self, node: &Node, result: ValueId, to: DType, quant: Quant) {
        let output = node.outputs[0];
        self.bytes.insert(output, result);
        let border = self.graph.outputs.contains(&output);
        match to {
            DType::U8 if border => {
                self.graph.values[output.0].quant = Some(quant);
                let op = same_dims(self.graph.value(output).shape);
                self.emit_into(&node.name, Op::Engine(op), vec![result], output);
            }
            DType::U8 => {
                self.replaced.insert(output, result);
            }
            _ => self.emit_into(&node.name, Op::Engine(EngineOp::FlipSign {}), vec![result], output),
        }
    }

    // --- movement ----------------------------------------------------------------------------------------------

    fn movement(&mut self, node: &Node) {
        match self.graph.value(node.outputs[0]).dtype {
            DType::U8 => self.move_bytes(node),
            DType::I8 => self.move_signed(node),
            DType::F32 => {
                self.keep(node);
                self.move_view(node);
            }
            _ => self.keep(node),
        }
    }

    fn move_bytes(&mut self, node: &Node) {
        let output = node.outputs[0];
        let twins: Option<Vec<ValueId>> = self.moved_operands(node, |walk, input| walk.u8_twin(input));
        let Some(inputs) = twins else { return self.keep(node) };
        // Only a pool has another form for bytes.
        let pooled = matches!(node.op, Op::Pool { .. }).then(|| self.moved(node, node.op, inputs, None)).flatten();
        let Some(result) = pooled else { return self.keep(node) };
        self.bytes.insert(output, result);
        let op = same_dims(self.graph.value(output).shape);
        self.emit_into(&node.name, Op::Engine(op), vec![result], output);
    }

    fn move_signed(&mut self, node: &Node) {
        let twins: Option<Vec<ValueId>> = self.moved_operands(node, |walk, input| walk.u8_twin(input));
        let moved = twins.and_then(|inputs| self.moved(node, moves::flipped(&node.op), inputs, None));
        let Some(result) = moved else { return self.keep(node) };
        self.bytes.insert(node.outputs[0], result);
        self.emit_into(&node.name, Op::Engine(EngineOp::FlipSign {}), vec![result], node.outputs[0]);
    }

    /// Extends the views: quanta moved as the numbers are that they stand for.
    fn move_view(&mut self, node: &Node) {
        let Some(quant) = self.common_quant(node) else { return };
        if !moves::brings_whole_quanta(&node.op, quant) {
            return;
        }
        let views = self.moved_operands(node, |walk, input| walk.views.get(&input).copied());
        let op = moves::quantized(&node.op, quant);
        if let Some(result) = views.and_then(|inputs| self.moved(node, op, inputs, Some(quant))) {
            self.views.insert(node.outputs[0], result);
        }
    }

    /// The quantization that all moved operands share.
    fn common_quant(&self, node: &Node) -> Option<Quant> {
        let places = moves::operands(&node.op)?;
        let mut quants = places.among(node.inputs.len()).map(|place| self.view(node.inputs[place]).map(|(_, q)| q));
        let first = quants.next()??;
        quants.all(|quant| quant == Some(first)).then_some(first)
    }

    /// The node's operands with the moved ones mapped.
    fn moved_operands(
        &mut self,
        node: &Node,
        mut map: impl FnMut(&mut Self, ValueId) -> Option<ValueId>,
    ) -> Option<Vec<ValueId>> {
        let places = moves::operands(&node.op)?;
        let inputs = node.inputs.iter().enumerate();
        inputs.map(|(place, &input)| if places.contains(place) { map(self, input) } else { Some(input) }).collect()
    }

    /// Adds the u8 version of a movement.
    fn moved(&mut self, node: &Node, op: Op, inputs: Vec<ValueId>, quant: Option<Quant>) -> Option<ValueId> {
        let info = Info { dtype: DType::U8, shape: self.graph.value(node.outputs[0]).shape };
        if let Op::Pool { kind: PoolKind::Max, window, .. } = op {
            let x = self.channels_last(inputs[0])?;
            let [n, c, h, w] = [0, 1, 2, 3].map(|axis| info.shape.dim(axis));
            let shape = Shape::new(&[n, h, w, c])?;
            let op = Op::Engine(EngineOp::QPool { kind: PoolKind::Max, window });
            let pooled = self.emit(&node.name, op, vec![x], Info { dtype: DType::U8, shape }, quant);
            return self.channels_first(pooled);
        }
        let name = format!("{}/u8", node.name);
        Some(self.emit(&name, op, inputs, info, quant))
    }

    // --- the way back from a QuantizeLinear ----------------------------------------------------------------------

    /// The quanta of a float value, from integers where that is possible, else from its float elements.
    fn quantized_or_float(&mut self, float: ValueId, quant: Quant, clamp: Clamp) -> ValueId {
        match self.quantized(float, quant, clamp) {
            Ok(result) => result,
            Err(reason) => {
                self.note(float, reason);
                let shape = self.graph.value(float).shape;
                let name = format!("{}/quantize", self.graph.value(float).name);
                let result = self.emit_u8(&name, EngineOp::Quantize {}, vec![float], shape, quant);
                if clamp == FULL { result } else { self.lookup(&name, result, quant, &clamp_table(clamp)) }
            }
        }
    }

    /// Notes the operator that makes a value, or that behind the clamps before it.
    fn note(&mut self, float: ValueId, reason: Reason) {
        let clamps = |node: &Node| matches!(node.op, Op::Engine(EngineOp::Unary { f }) if f.kind == UnaryKind::Clip);
        let mut maker = self.maker(float);
        while let Some(before) = maker.filter(|node| clamps(node)).and_then(|node| self.maker(node.inputs[0])) {
            maker = Some(before);
        }
        let note = maker.map(|node| Note { node: node.name.clone(), op: op_name(&node.op), reason });
        self.notes.extend(note);
    }

    /// The quanta of a float value by integer operators.
    ///
    /// # Errors
    /// Why the operator that makes it has no integer form here.
    fn quantized(&mut self, float: ValueId, quant: Quant, clamp: Clamp) -> Result<ValueId, Reason> {
        let key = (float, quant.scale.to_bits(), quant.zero, clamp.lo, clamp.hi);
        if let Some(&done) = self.quantized.get(&key) {
            return Ok(done);
        }
        let result = match self.view(float) {
            Some((view, has)) => self.requantized(float, view, has, quant, clamp),
            None => self.quantized_result(float, quant, clamp)?,
        };
        self.quantized.insert(key, result);
        Ok(result)
    }

    fn requantized(&mut self, float: ValueId, view: ValueId, has: Quant, quant: Quant, clamp: Clamp) -> ValueId {
        if has == quant && clamp == FULL {
            return view;
        }
        let name = format!("{}/requantize", self.graph.value(float).name);
        self.lookup(&name, view, quant, &requantize_table(has, quant, clamp))
    }

    fn quantized_result(&mut self, float: ValueId, quant: Quant, clamp: Clamp) -> Result<ValueId, Reason> {
        if let Some(tensor) = self.graph.constant(float) {
            let floats = literal::floats(tensor).ok_or(Reason::FloatOperand)?;
            let bytes: Vec<u8> = floats.iter().map(|&v| clamped_quantum(v, quant, clamp)).collect();
            let (name, shape) = (format!("{}/u8", self.graph.value(float).name), tensor.shape);
            let id = self.constant(name, literal::u8s(shape, &bytes));
            self.graph.values[id.0].quant = Some(quant);
            return Ok(id);
        }
        let node = self.maker(float).ok_or(Reason::FloatOperand)?.clone();
        match node.op {
            Op::Engine(EngineOp::Unary { f }) if f.kind == UnaryKind::Clip => {
                let inner = within(clamp, f.alpha, f.beta, quant);
                self.quantized(node.inputs[0], quant, inner)
            }
            op if moves::operands(&op).is_some() => self.quantized_movement(&node, quant, clamp),
            _ => self.quantized_product(&node, quant, clamp),
        }
    }

    fn quantized_movement(&mut self, node: &Node, quant: Quant, clamp: Clamp) -> Result<ValueId, Reason> {
        let inputs = self.moved_operands(node, |walk, input| Some(walk.quantized_or_float(input, quant, clamp)));
        let op = match moves::quantized(&node.op, quant) {
            Op::Engine(EngineOp::Pad { before, after, mode, value }) => {
                let value = value.clamp(f32::from(clamp.lo), f32::from(clamp.hi));
                Op::Engine(EngineOp::Pad { before, after, mode, value })
            }
            other => other,
        };
        inputs.and_then(|inputs| self.moved(node, op, inputs, Some(quant))).ok_or(Reason::Shape)
    }

    fn quantized_product(&mut self, node: &Node, quant: Quant, clamp: Clamp) -> Result<ValueId, Reason> {
        let want = products::Want { quant, clamp };
        let result = match node.op {
            Op::Conv { window, groups } => sums::conv(self, node, window, groups, want),
            Op::Engine(EngineOp::MatMul { trans_b, lo, hi }) => {
                let clamp = within(clamp, lo, hi, quant);
                sums::matmul(self, node, trans_b, products::Want { quant, clamp })
            }
            Op::Engine(EngineOp::Binary { kind }) => {
                sums::biased_matmul(self, node, kind, want).or_else(|_| products::binary(self, node, kind, want))
            }
            Op::Engine(EngineOp::Reduce { kind, axes, .. }) => reduce::reduce(self, node, kind, &axes, want),
            Op::Engine(EngineOp::Softmax { axis, log }) => products::softmax(self, node, axis, log, want),
            Op::Pool { kind, window, .. } => products::pool(self, node, kind, window, want),
            _ => Err(Reason::NoIntegerForm),
        };
        match result {
            Ok(result) => Ok(result),
            Err(reason) => table::elementwise(self, node.outputs[0], want).ok_or(reason),
        }
    }

    /// Adds a table look-up.
    pub fn lookup(&mut self, name: &str, x: ValueId, quant: Quant, table: &[u8; 256]) -> ValueId {
        let shape = self.graph.value(x).shape;
        let table = self.constant(format!("{name}/table"), literal::u8s(literal::vector(256), table));
        self.emit_u8(name, EngineOp::QLookup {}, vec![x, table], shape, quant)
    }
}

/// The bounds `lo..=hi` in quanta, then `outer`.
fn within(outer: Clamp, lo: f32, hi: f32, quant: Quant) -> Clamp {
    let inner = |bound| quantum(bound, quant).clamp(outer.lo, outer.hi);
    Clamp { lo: inner(lo), hi: inner(hi) }
}

fn clamp_table(clamp: Clamp) -> [u8; 256] {
    std::array::from_fn(|q| (q as u8).clamp(clamp.lo, clamp.hi))
}

fn uniform<T: PartialEq>(values: &[T]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
}

/// A reshape that changes nothing.
fn same_dims(shape: Shape) -> EngineOp {
    let dims = [0; dunlin_engine::tensor::MAX_RANK];
    EngineOp::Reshape { dims: Ints::new(&dims[..shape.rank()]).expect("a shape's rank is at most the maximum") }
}

/// The name of an operator as reports show it.
pub fn op_name(op: &Op) -> &'static str {
    match op {
        Op::Engine(op) => op.name(),
        Op::Conv { .. } => "Conv",
        Op::Pool { .. } => "Pool",
        Op::Lrn { .. } => "Lrn",
        Op::BatchNorm { .. } => "BatchNorm",
        Op::QuantizeLinear { .. } => "QuantizeLinear",
        Op::DequantizeLinear { .. } => "DequantizeLinear",
        Op::MatMulInteger => "MatMulInteger",
        Op::ConvInteger { .. } => "ConvInteger",
    }
}
