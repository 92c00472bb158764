//! Ordered steps bound to kernels: what a session runs.

use crate::artifact::{ALIGN, Artifact};
use crate::error::InferError;
use crate::exec::{self, Cut, Kernel, KernelLabel, Operand};
use crate::model::{Limits, MAX_OPERANDS, Model, ModelError, Place};
use crate::op::infer::{Info, MAX_OUTPUTS};
use crate::tensor::{DType, Shape};
use alloc::vec::Vec;
use dunlin_kernels::Isa;

/// An operator with the kernel that does it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Index in the model's nodes.
    pub node: usize,
    /// What does the work.
    pub kernel: Kernel,
    /// The node's results by their offset in the arena; only the first `node.outputs.len()` count.
    pub by_offset: [u8; MAX_OUTPUTS],
    /// Whether it is enough work for two threads.
    pub halved: bool,
}

/// A model bound to the kernels of one instruction set.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) model: Model,
    pub(crate) steps: Vec<Step>,
    pub(crate) scratch: usize,
    halves: Halves,
    pub(crate) file_len: usize,
    isa: Isa,
}

/// What the steps that two threads may do in halves come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Halves {
    /// How many there are.
    pub steps: usize,
    /// Their share of the work, see [`Limits::work`].
    pub work: u64,
    /// Bytes of scratch memory for two threads; 0 without such steps.
    pub scratch: usize,
}

/// One line of [`Plan::explain`].
#[derive(Clone, Debug)]
pub struct StepInfo {
    /// Index in the model's nodes.
    pub node: usize,
    /// The operator's name.
    pub op: &'static str,
    /// The kernel's name: `operation/tile/isa`.
    pub kernel: KernelLabel,
    /// Element type of the result.
    pub dtype: DType,
    /// Dimensions of the result.
    pub shape: Shape,
    /// Element type of the first operand: in what the step computes.
    pub operand: Option<DType>,
    /// Bytes of the computed operands that the step reads.
    pub operand_bytes: usize,
    /// Bytes of the constants that the step reads.
    pub constant_bytes: usize,
    /// Bytes of the results that the step writes.
    pub result_bytes: usize,
    /// Multiply-accumulate operations; 0 where there is no such work.
    pub macs: u64,
}

impl Plan {
    /// Binds a model to the kernels of `isa`.
    ///
    /// # Errors
    /// [`ModelError`] when the graph isn't sound, its constants don't fit its operators, or scratch memory beyond
    /// `limits` would be needed.
    pub fn build(artifact: &Artifact<'_>, isa: Isa, limits: Limits) -> Result<Self, ModelError> {
        let model = Model::parse(artifact, limits)?;
        check_cost(&model, limits)?;
        let steps = Vec::with_capacity(model.nodes.iter().filter(|node| !model.is_view(node)).count());
        let mut plan =
            Self { model, steps, scratch: 0, halves: Halves::default(), file_len: artifact.bytes().len(), isa };
        for node in 0..plan.model.nodes.len() {
            plan.push_step(node, artifact.bytes()).map_err(|error| ModelError::Infer { node, error })?;
        }
        if plan.scratch > limits.memory {
            return Err(ModelError::Memory { needed: plan.scratch as u64, limit: limits.memory });
        }
        plan.settle_halves(limits);
        Ok(plan)
    }

    /// Leaves all steps whole when the model is too little work for two threads, or their scratch memory too much.
    fn settle_halves(&mut self, limits: Limits) {
        let scratch = self.scratch.max(self.halves.scratch).checked_next_multiple_of(2 * ALIGN);
        match scratch.filter(|&scratch| scratch <= limits.memory && self.halves.work >= exec::LEAST_MODEL) {
            Some(scratch) => self.halves.scratch = scratch,
            None => {
                self.halves = Halves::default();
                self.steps.iter_mut().for_each(|step| step.halved = false);
            }
        }
    }

    fn push_step(&mut self, index: usize, file: &[u8]) -> Result<(), InferError> {
        let node = &self.model.nodes[index];
        if self.model.is_view(node) {
            return Ok(());
        }
        let operand = |&t: &usize| {
            let tensor = &self.model.tensors[t];
            let constant = match tensor.place {
                Place::File(offset) => file.get(offset..offset + tensor.len()),
                Place::Arena(_) => None,
            };
            Operand { info: tensor.info(), quant: tensor.quant, constant }
        };
        let operands: Vec<Operand<'_>> = node.inputs.iter().map(operand).collect();
        let results: Vec<Operand<'_>> = node.outputs.iter().map(operand).collect();
        let selected = Kernel::select(&node.op, &operands, &results, self.isa, self.model.fusion());
        let infos = |operands: &[Operand<'_>]| operands.iter().map(|o| o.info).collect::<Vec<_>>();
        let (operands, results) = (infos(&operands), infos(&results));
        let kernel = selected.map_err(|misfit| misfit.named(node.op.name(), &operands))?;
        let scratch = kernel.scratch_len(&node.op, &operands, &results);
        self.scratch = self.scratch.max(scratch);
        let halved = Cut::is_worthwhile(&kernel, &node.op, &operands, &results);
        if halved {
            let Halves { steps, work, scratch: most } = self.halves;
            let work = work.saturating_add(exec::work(&node.op, &operands, results[0].shape));
            let both = scratch.checked_next_multiple_of(ALIGN).map_or(usize::MAX, |half| half.saturating_mul(2));
            self.halves = Halves { steps: steps + 1, work, scratch: most.max(both) };
        }
        let offset = |at: usize| match self.model.tensors[node.outputs[at]].place {
            Place::Arena(offset) | Place::File(offset) => offset,
        };
        // Three at most: each counts those before it, because a sort is much code.
        let mut by_offset = [0; MAX_OUTPUTS];
        let count = node.outputs.len();
        for at in 0..count {
            let before = (0..count).filter(|&other| (offset(other), other) < (offset(at), at)).count();
            by_offset[before] = at as u8;
        }
        self.steps.push(Step { node: index, kernel, by_offset, halved });
        Ok(())
    }

    /// Fits the steps to other dimensions, none of which give a tensor more elements than planned.
    pub(crate) fn resize(&mut self, shapes: &[Shape]) -> Option<()> {
        for step in &mut self.steps {
            let node = &self.model.nodes[step.node];
            let operands: [Info; MAX_OPERANDS] = self.model.infos(&node.inputs, shapes);
            let results: [Info; MAX_OUTPUTS] = self.model.infos(&node.outputs, shapes);
            let (operands, results) = (&operands[..node.inputs.len()], &results[..node.outputs.len()]);
            if let Some(input) = operands.first() {
                step.kernel.resize(&node.op, input)?;
            }
            step.halved = self.halves.steps > 0 && Cut::is_worthwhile(&step.kernel, &node.op, operands, results);
        }
        Some(())
    }

    /// The graph that this plan runs.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The instruction set that the plan is bound to.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Bytes of the arena and of the scratch memory together: what a session computes in.
    pub fn memory(&self) -> usize {
        self.model.arena + self.scratch
    }

    /// Bytes of the arena.
    pub fn arena(&self) -> usize {
        self.model.arena
    }

    /// Bytes of the scratch memory.
    pub fn scratch(&self) -> usize {
        self.scratch
    }

    /// The steps that two threads may do in halves; none in a model that is too little work to be worth a second thread.
    pub fn halves(&self) -> Halves {
        self.halves
    }

    /// Bytes of the plan's own lists and tables: the graph, the steps, the offsets of windows.
    pub fn heap_len(&self) -> usize {
        let tables: usize = self.steps.iter().map(|step| step.kernel.heap_len()).sum();
        self.model.heap_len() + self.steps.capacity() * size_of::<Step>() + tables
    }

    /// What each step does, in order, at the planned maximum of varying axes; operators that only give bytes another
    /// shape have none.
    pub fn explain(&self) -> impl Iterator<Item = StepInfo> {
        self.explain_at(|tensor| self.model.tensors[tensor].shape)
    }

    /// What each step does when tensors have the shapes that `shape` tells.
    pub(crate) fn explain_at(&self, shape: impl Fn(usize) -> Shape) -> impl Iterator<Item = StepInfo> {
        self.steps.iter().map(move |step| self.step_info(step, &shape))
    }

    fn step_info(&self, step: &Step, shape: &impl Fn(usize) -> Shape) -> StepInfo {
        let node = &self.model.nodes[step.node];
        let info = |&t: &usize| Info { dtype: self.model.tensors[t].dtype, shape: shape(t) };
        let is_constant = |t: &usize| matches!(self.model.tensors[*t].place, Place::File(_));
        let len = |t: &usize| info(t).shape.count() * info(t).dtype.size();
        let operands: Vec<Info> = node.inputs.iter().map(info).collect();
        let result = info(&node.outputs[0]);
        StepInfo {
            node: step.node,
            op: node.op.name(),
            kernel: step.kernel.label(&node.op),
            dtype: result.dtype,
            shape: result.shape,
            operand: operands.first().map(|operand| operand.dtype),
            operand_bytes: node.inputs.iter().filter(|t| !is_constant(t)).map(len).sum(),
            constant_bytes: node.inputs.iter().filter(|t| is_constant(t)).map(len).sum(),
            result_bytes: node.outputs.iter().map(len).sum(),
            macs: exec::macs(&node.op, &operands, result.shape),
        }
    }
}

/// A file of a few bytes can ask for years of arithmetic or for giant tables: that is an error before any of it is made.
fn check_cost(model: &Model, limits: Limits) -> Result<(), ModelError> {
    let (mut work, mut tables) = (0_u64, 0_u64);
    for node in &model.nodes {
        let operands: Vec<Info> = node.inputs.iter().map(|&t| model.tensors[t].info()).collect();
        for result in node.outputs.iter().map(|&t| model.tensors[t].shape) {
            work = work.saturating_add(exec::work(&node.op, &operands, result));
            tables = tables.saturating_add(exec::table_len(&node.op, result));
        }
    }
    if work > limits.work {
        return Err(ModelError::Work { needed: work, limit: limits.work });
    }
    if tables > limits.memory as u64 {
        return Err(ModelError::Memory { needed: tables, limit: limits.memory });
    }
    Ok(())
}
