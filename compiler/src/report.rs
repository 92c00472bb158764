//! What became of a model: each operator's precision, bytes and kernel, and why one is not int8.

use std::collections::HashMap;

use dunlin_engine::Plan;
use dunlin_engine::artifact::{Expected, Golden};
use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::DType;
use serde::Serialize;

use crate::error::{CompileError, Result};
use crate::int8::{Note, Reason, op_name};
use crate::ir::{Graph, Node, Op, ValueId};

/// A compiled model in figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// In the order in which they run.
    pub operators: Vec<Operator>,
    /// Bytes of the artifact.
    pub bytes: usize,
    /// Bytes of memory that a session needs besides the file.
    pub memory: usize,
    /// Multiply-accumulate operations of a run.
    pub macs: u64,
    /// For each golden input the SHA-256 of the outputs, hexadecimal; of models of floats how many values are compared, and
    /// how far they may be off.
    pub golden: Vec<String>,
    /// Measured on the calibration samples, where there are any.
    pub accuracy: Option<Accuracy>,
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Operator {
    /// The ONNX node's name, or one derived from it.
    pub name: String,
    /// What it does.
    pub op: &'static str,
    /// In what numbers.
    pub precision: Precision,
    /// Bytes of the constants that it reads.
    pub weight_bytes: usize,
    /// The kernel that does the work on the machine of the compiler; operators without work have none.
    pub kernel: Option<String>,
    /// Multiply-accumulate operations.
    pub macs: u64,
    /// Why it is not int8, of an operator that could have been.
    pub reason: Option<String>,
}

/// The numbers that an operator computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Quantized bytes, with exact sums.
    Int8,
    /// f32, with weights stored in 16 bits.
    F16,
    /// f32.
    F32,
    /// Whole numbers and truth values: indices, shapes, masks.
    Integer,
}

impl Precision {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::Integer => "integer",
        }
    }
}

/// Answers of the model before and after compilation, on the same samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accuracy {
    /// How many samples.
    pub samples: usize,
    /// How often both answers are the same class.
    pub agreeing: usize,
    /// How many samples have a known class.
    pub labelled: usize,
    /// How many of those the ONNX model gets right.
    pub right_before: usize,
    /// How many of those the compiled model gets right.
    pub right_after: usize,
}

impl Accuracy {
    /// Counts the answers to one sample.
    pub fn count(&mut self, before: usize, after: usize, class: Option<usize>) {
        self.agreeing += usize::from(before == after);
        if let Some(class) = class {
            self.labelled += 1;
            self.right_before += usize::from(before == class);
            self.right_after += usize::from(after == class);
        }
    }
}

/// Sums over the operators of one precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Which.
    pub precision: Precision,
    /// How many operators.
    pub operators: usize,
    /// Bytes of their constants.
    pub weight_bytes: usize,
    /// Their multiply-accumulate operations.
    pub macs: u64,
}

impl Report {
    /// The operators of a lowered graph; `notes` say why some stay float.
    pub fn new(graph: &Graph, notes: &[Note]) -> Self {
        let mut reasons: HashMap<&str, Reason> = HashMap::new();
        for note in notes {
            reasons.entry(&note.node).or_insert(note.reason);
        }
        let between = between_quantized(graph);
        let operator = |(node, between): (&Node, bool)| {
            let precision = precision(graph, node);
            let float = matches!(precision, Precision::F16 | Precision::F32) && !is_border(&node.op);
            let known = reasons.get(node.name.as_str()).copied();
            let reason = known.or(between.then_some(Reason::NoIntegerForm)).filter(|_| float);
            Operator {
                name: node.name.clone(),
                op: op_name(&node.op),
                precision,
                weight_bytes: weight_bytes(graph, node),
                kernel: None,
                macs: 0,
                reason: reason.map(|reason| reason.to_string()),
            }
        };
        let operators = graph.nodes.iter().zip(between).map(operator).collect();
        Self { operators, ..Self::default() }
    }

    /// Takes over what a plan of the finished artifact knows. The plan's nodes are the graph's.
    pub fn bind(&mut self, plan: &Plan, golden: &[Golden]) {
        for step in plan.explain() {
            if let Some(operator) = self.operators.get_mut(step.node) {
                operator.kernel = Some(step.kernel.to_string());
                operator.macs = step.macs;
            }
        }
        self.macs = self.operators.iter().map(|operator| operator.macs).sum();
        self.memory = plan.memory();
        self.golden = golden.iter().map(|golden| expected(&golden.outputs)).collect();
    }

    /// That nothing leaves int8 but what is float in the original: what lies before the first quantization or behind the
    /// last, and float operators of dynamically quantized models.
    ///
    /// # Errors
    /// [`CompileError::NotInt8`] with each operator that leaves int8, and why.
    pub fn strict(&self) -> Result<()> {
        let leaving = self.operators.iter().filter_map(|operator| {
            let reason = operator.reason.as_ref()?;
            Some(format!("{} '{}': {reason}", operator.op, operator.name))
        });
        let operators: Vec<String> = leaving.collect();
        if operators.is_empty() { Ok(()) } else { Err(CompileError::NotInt8 { operators }) }
    }

    /// Sums by precision, those that occur.
    pub fn totals(&self) -> Vec<Total> {
        let all = [Precision::Int8, Precision::F16, Precision::F32, Precision::Integer];
        let total = |precision| {
            let empty = Total { precision, operators: 0, weight_bytes: 0, macs: 0 };
            let own = self.operators.iter().filter(|operator| operator.precision == precision);
            own.fold(empty, |sum, operator| Total {
                operators: sum.operators + 1,
                weight_bytes: sum.weight_bytes + operator.weight_bytes,
                macs: sum.macs + operator.macs,
                ..sum
            })
        };
        all.into_iter().map(total).filter(|total| total.operators > 0).collect()
    }
}

/// Float operators with quantized tensors on both sides: on a way from a `Dequantize` to a `Quantize`.
fn between_quantized(graph: &Graph) -> Vec<bool> {
    let is = |node: &Node, op: EngineOp| node.op == Op::Engine(op);
    let mut behind = vec![false; graph.values.len()];
    for node in &graph.nodes {
        let float = |value: &ValueId| graph.value(*value).dtype == DType::F32;
        let from = is(node, EngineOp::Dequantize {}) || node.inputs.iter().any(|value| behind[value.0]);
        for output in node.outputs.iter().filter(|value| float(value)) {
            behind[output.0] = from;
        }
    }
    let mut before = vec![false; graph.values.len()];
    for node in graph.nodes.iter().rev() {
        let to = is(node, EngineOp::Quantize {}) || node.outputs.iter().any(|value| before[value.0]);
        for input in node.inputs.iter().filter(|value| graph.value(**value).dtype == DType::F32) {
            before[input.0] |= to;
        }
    }
    let on_way = |node: &Node| node.inputs.iter().any(|v| behind[v.0]) && node.outputs.iter().any(|v| before[v.0]);
    graph.nodes.iter().map(on_way).collect()
}

/// Operators that stand between float and int8.
fn is_border(op: &Op) -> bool {
    use EngineOp::{Dequantize, DynamicQuantize, FlipSign, Quantize};
    matches!(op, Op::Engine(Quantize {} | Dequantize {} | DynamicQuantize {} | FlipSign {}))
}

fn precision(graph: &Graph, node: &Node) -> Precision {
    let dtypes = |ids: &[ValueId]| ids.iter().map(|&id| graph.value(id).dtype).collect::<Vec<_>>();
    let (inputs, outputs) = (dtypes(&node.inputs), dtypes(&node.outputs));
    let any = |dtype| inputs.contains(&dtype) || outputs.contains(&dtype);
    if any(DType::U8) || any(DType::I8) {
        Precision::Int8
    } else if any(DType::F16) {
        Precision::F16
    } else if any(DType::F32) {
        Precision::F32
    } else {
        Precision::Integer
    }
}

fn weight_bytes(graph: &Graph, node: &Node) -> usize {
    node.inputs.iter().filter_map(|&input| graph.constant(input)).map(|tensor| tensor.bytes.len()).sum()
}

fn expected(outputs: &Expected) -> String {
    match outputs {
        Expected::Digest(digest) => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        Expected::Values(values) => format!("{} values within {:e}", values.elements.len(), values.tolerance),
    }
}

#[cfg(test)]
mod tests {
    use dunlin_engine::op::BinaryKind;
    use dunlin_engine::op::infer::Info;
    use dunlin_engine::tensor::Shape;

    use super::*;

    /// Operators in a row, each reading the result of the one before it.
    fn chain(ops: &[(EngineOp, DType)]) -> Graph {
        let mut graph = Graph::default();
        let info = |dtype| Info { dtype, shape: Shape::new(&[4]).expect("small") };
        let mut x = graph.push_value("x", info(DType::U8), None);
        graph.inputs.push(x);
        for (index, &(op, dtype)) in ops.iter().enumerate() {
            let inputs = if matches!(op, EngineOp::Binary { .. }) { vec![x, x] } else { vec![x] };
            x = graph.push_value("y", info(dtype), None);
            graph.nodes.push(Node { name: format!("n{index}"), op: Op::Engine(op), inputs, outputs: vec![x] });
        }
        graph.outputs.push(x);
        graph
    }

    const DIV: (EngineOp, DType) = (EngineOp::Binary { kind: BinaryKind::Div }, DType::F32);
    const QUANTIZE: (EngineOp, DType) = (EngineOp::Quantize {}, DType::U8);
    const DEQUANTIZE: (EngineOp, DType) = (EngineOp::Dequantize {}, DType::F32);

    #[test]
    fn a_float_operator_between_quantized_ones_leaves_int8() {
        let report = Report::new(&chain(&[DEQUANTIZE, DIV, DIV, QUANTIZE]), &[]);
        let Err(CompileError::NotInt8 { operators }) = report.strict() else { panic!("two operators leave int8") };
        assert_eq!(operators, ["Binary 'n1': it has no integer form", "Binary 'n2': it has no integer form"]);
    }

    #[test]
    fn what_is_float_before_and_behind_is_no_matter() {
        Report::new(&chain(&[DEQUANTIZE, DIV]), &[]).strict().expect("nothing is quantized behind");
        Report::new(&chain(&[DIV, QUANTIZE, DEQUANTIZE, DIV]), &[]).strict().expect("float before and behind");
    }

    #[test]
    fn a_note_gives_the_reason() {
        let note = Note { node: "n1".to_owned(), op: "Binary", reason: Reason::Accuracy };
        let report = Report::new(&chain(&[DEQUANTIZE, DIV]), &[note]);
        assert_eq!(report.operators[1].reason.as_deref(), Some("int8 lost too much on the calibration samples"));
        assert!(report.strict().is_err());
        let totals: Vec<(&str, usize)> = report.totals().iter().map(|t| (t.precision.name(), t.operators)).collect();
        assert_eq!(totals, [("int8", 1), ("f32", 1)]);
    }

    #[test]
    fn answers_are_counted() {
        let mut accuracy = Accuracy { samples: 2, ..Accuracy::default() };
        accuracy.count(1, 1, Some(1));
        accuracy.count(1, 2, Some(2));
        assert_eq!((accuracy.agreeing, accuracy.labelled, accuracy.right_before, accuracy.right_after), (1, 2, 1, 2));
    }
}
