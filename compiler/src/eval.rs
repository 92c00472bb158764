//! Running a graph on the host: for folding constants, for calibration and for tests.

use dunlin_engine::error::RunError;
use dunlin_engine::exec::{EvaluateError, View, evaluate as evaluate_op};
use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::op::infer::Info;

use crate::error::{CompileError, Result};
use crate::ir::{Graph, Node, Op, Tensor, ValueId};
use crate::lower;

/// One operator on constants.
///
/// # Errors
/// As the engine says.
pub fn compute(op: &EngineOp, operands: &[View<'_>], outputs: &[Info]) -> std::result::Result<Vec<Tensor>, RunError> {
    let _ = outputs;
    run(op, operands, &[]).map_err(|error| match error {
        EvaluateError::Run(error) => error,
        EvaluateError::Infer(_) => {
            RunError::Shape { op: op.name(), shape: operands.first().map(|v| v.shape).unwrap_or_default() }
        }
    })
}

fn run(
    op: &EngineOp,
    operands: &[View<'_>],
    quants: &[Option<dunlin_engine::tensor::Quant>],
) -> std::result::Result<Vec<Tensor>, EvaluateError> {
    let made = evaluate_op(op, operands, quants)?;
    Ok(made.into_iter().map(|t| Tensor { dtype: t.dtype, shape: t.shape, bytes: t.bytes }).collect())
}

/// A graph made ready to run on samples, one after the other.
#[derive(Clone, Debug)]
pub struct Evaluator {
    graph: Graph,
    /// After which node each value is read for the last time.
    last: Vec<usize>,
}

impl Evaluator {
    /// Lowers a copy of the graph; ids of the graph's values stay the same in it.
    ///
    /// # Errors
    /// As [`lower::lower`].
    pub fn new(graph: &Graph) -> Result<Self> {
        let mut graph = graph.clone();
        lower::lower(&mut graph)?;
        let mut last = vec![0; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|x| last[x.0] = index);
        }
        graph.outputs.iter().for_each(|x| last[x.0] = usize::MAX);
        Ok(Self { graph, last })
    }

    /// Outputs for one sample. `watch` sees every value that the original graph's nodes make, and more.
    ///
    /// # Errors
    /// When the inputs aren't those of the graph, or an operator fails on them.
    pub fn run(&self, inputs: &[Tensor], watch: &mut dyn FnMut(ValueId, &Tensor)) -> Result<Vec<Tensor>> {
        let mut made: Vec<Option<Tensor>> = vec![None; self.graph.values.len()];
        self.check(inputs)?;
        for (&id, tensor) in self.graph.inputs.iter().zip(inputs) {
            watch(id, tensor);
            made[id.0] = Some(tensor.clone());
        }
        for (index, node) in self.graph.nodes.iter().enumerate() {
            for (&output, result) in node.outputs.iter().zip(self.node(node, &made)?) {
                watch(output, &result);
                made[output.0] = Some(result);
            }
            for x in node.inputs.iter().filter(|x| self.last[x.0] == index) {
                made[x.0] = None;
            }
        }
        self.graph.outputs.iter().map(|&id| self.value(id, &made).cloned().ok_or_else(|| missing("output"))).collect()
    }

    fn check(&self, inputs: &[Tensor]) -> Result<()> {
        let infos: Vec<Info> = self.graph.inputs.iter().map(|&id| self.graph.info(id)).collect();
        if inputs.len() != infos.len() {
            let what = format!("it has {} inputs, {} were given", infos.len(), inputs.len());
            return Err(CompileError::Input { name: "sample".to_string(), what });
        }
        for ((&id, info), tensor) in self.graph.inputs.iter().zip(infos).zip(inputs) {
            if tensor.info() != info {
                let name = self.graph.value(id).name.clone();
                let (found, wanted) = (tensor.info(), info);
                let what = format!(
                    "it takes {} of {}, not {} of {}",
                    wanted.dtype.name(),
                    wanted.shape,
                    found.dtype.name(),
                    found.shape
                );
                return Err(CompileError::Input { name, what });
            }
        }
        Ok(())
    }

    fn value<'a>(&'a self, id: ValueId, made: &'a [Option<Tensor>]) -> Option<&'a Tensor> {
        self.graph.constant(id).or(made[id.0].as_ref())
    }

    fn node(&self, node: &Node, made: &[Option<Tensor>]) -> Result<Vec<Tensor>> {
        let Op::Engine(op) = &node.op else { return Err(missing(&node.name)) };
        let views = node.inputs.iter().map(|&id| {
            let tensor = self.value(id, made).ok_or_else(|| missing(&node.name))?;
            Ok(View { quant: self.graph.value(id).quant, ..tensor.view() })
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        let quants: Vec<_> = node.outputs.iter().map(|&id| self.graph.value(id).quant).collect();
        run(op, &views, &quants).map_err(|error| match error {
            EvaluateError::Infer(source) => CompileError::Operands { node: node.name.clone(), source },
            EvaluateError::Run(source) => CompileError::Evaluate { node: node.name.clone(), source },
        })
    }
}

fn missing(node: &str) -> CompileError {
    CompileError::Graph { what: format!("node '{node}' reads what no node before it makes") }
}

/// Outputs of a graph for one sample; [`Evaluator`] is quicker for several.
///
/// # Errors
/// As [`Evaluator::run`].
pub fn evaluate(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    Evaluator::new(graph)?.run(inputs, &mut |_, _| {})
}
