//! Running a plan.

#[cfg(feature = "write")]
use crate::artifact::Values;
use crate::artifact::{ALIGN, Artifact, Digest, Expected, Golden, fill_golden};
use crate::error::RunError;
use crate::exec::{Halved, Join, View, ViewMut};
use crate::model::{Limits, MAX_OPERANDS, Model, ModelError, Place, TensorDef};
use crate::op::infer::{Info, MAX_OUTPUTS};
use crate::plan::{Plan, Step, StepInfo};
use crate::tensor::Shape;
use alloc::boxed::Box;
use alloc::vec::Vec;
#[cfg(feature = "write")]
use dunlin_kernels::float::Fusion;
use dunlin_kernels::{AlignedBytes, Isa, OutOfMemory};
use sha2::{Digest as _, Sha256};

/// A plan with the artifact's bytes and the memory to run it.
///
/// `B` is whatever holds the file: a mapping, [`AlignedBytes`], a slice. Weights are used where they lie in it.
/// After [`Session::new`], and `Session::share` where it is called, nothing allocates.
#[derive(Debug)]
pub struct Session<B> {
    file: B,
    plan: Plan,
    arena: AlignedBytes,
    scratch: AlignedBytes,
    /// Each tensor's dimensions in this call; empty when no axis varies.
    shapes: Vec<Shape>,
    /// Who does the other halves of large steps.
    helper: Option<Box<dyn Join>>,
}

impl<B: AsRef<[u8]>> Session<B> {
    /// From bytes to something that runs: parses the artifact, builds the plan for `isa`, takes the memory.
    ///
    /// # Errors
    /// [`ModelError`] when the file is no sound artifact or needs more memory than `limits` allows.
    pub fn load(file: B, isa: Isa, limits: Limits) -> Result<Self, ModelError> {
        let plan = Plan::build(&Artifact::parse(file.as_ref())?, isa, limits)?;
        Ok(Self::new(file, plan)?)
    }

    /// Takes the memory that `plan` needs. `file` is the artifact that the plan was built from.
    ///
    /// # Errors
    /// The system hasn't that much memory.
    pub fn new(file: B, plan: Plan) -> Result<Self, OutOfMemory> {
        let arena = AlignedBytes::try_zeroed(plan.model.arena)?;
        let scratch = AlignedBytes::try_zeroed(plan.scratch)?;
        let varies = !plan.model.varying.is_empty();
        let shapes = plan.model.tensors.iter().map(|t| t.shape).filter(|_| varies).collect();
        Ok(Self { file, plan, arena, scratch, shapes, helper: None })
    }

    /// Lets a second thread do half of each large step from now on, if the model has enough of them, and tells whether it has: only
    /// then is `start` called for the thread, and scratch memory taken for it. Outputs are the same bit for bit, but for the sign of NaNs.
    ///
    /// # Errors
    /// Those of `start`; the session stays as it is.
    #[cfg(feature = "threads")]
    pub fn share<J: Join + 'static, E>(&mut self, start: impl FnOnce() -> Result<J, E>) -> Result<bool, E> {
        let halves = self.plan.halves();
        if halves.steps > 0 {
            self.helper = Some(Box::new(start()?));
            self.scratch = AlignedBytes::zeroed(halves.scratch);
        }
        Ok(halves.steps > 0)
    }

    /// The plan that runs here.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Threads that run it.
    pub fn threads(&self) -> usize {
        1 + usize::from(self.helper.is_some())
    }

    /// Bytes of the arena and of the scratch memory together: what it computes in.
    pub fn memory(&self) -> usize {
        self.arena.len() + self.scratch.len()
    }

    /// Bytes that the session has taken from the allocator: all that it holds beyond the file.
    pub fn heap_len(&self) -> usize {
        let buffers = [&self.arena, &self.scratch].map(|buffer| buffer.len().next_multiple_of(ALIGN));
        buffers.iter().sum::<usize>() + self.plan.heap_len() + self.shapes.capacity() * size_of::<Shape>()
    }

    /// The artifact's bytes.
    pub fn file(&self) -> &[u8] {
        self.file.as_ref()
    }

    /// Sets the length of all varying axes for the runs that follow; a model without such axes takes only its own.
    ///
    /// # Errors
    /// [`RunError::Length`] when the length is 0, above the planned maximum, or one that the model's operators
    /// can't take; the session is then back at its maximum.
    pub fn set_length(&mut self, length: usize) -> Result<(), RunError> {
        self.resize(length).ok_or_else(|| {
            for (shape, tensor) in self.shapes.iter_mut().zip(&self.plan.model.tensors) {
                *shape = tensor.shape;
            }
            let fits = self.shapes.is_empty() || self.plan.resize(&self.shapes).is_some();
            debug_assert!(fits, "the plan was made for these shapes");
            RunError::Length { length, max: self.max_length() }
        })
    }

    /// The planned maximum of the varying axes; 0 for a model that has none.
    pub fn max_length(&self) -> usize {
        let model = &self.plan.model;
        let lengths = model.varying.iter().map(|v| model.tensors[model.inputs[v.input]].shape.dim(v.axis));
        lengths.min().unwrap_or(0)
    }

    fn resize(&mut self, length: usize) -> Option<()> {
        (1..=self.max_length()).contains(&length).then_some(())?;
        let model = &self.plan.model;
        for varying in &model.varying {
            let tensor = model.inputs[varying.input];
            self.shapes[tensor] = self.shapes[tensor].with(varying.axis, length)?;
        }
        for node in &model.nodes {
            let infos: [Info; MAX_OPERANDS] = model.infos(&node.inputs, &self.shapes);
            let results = node.op.infer(&infos[..node.inputs.len()]).ok()?;
            for (&t, result) in node.outputs.iter().zip(results.iter().flatten()) {
                // The plan has room for the maximum, no more.
                (result.shape.count() <= model.tensors[t].shape.count()).then_some(())?;
                self.shapes[t] = result.shape;
            }
        }
        self.plan.resize(&self.shapes)
    }

    /// An input to fill before [`Session::run`]; inputs keep their contents only until then, for later steps use
    /// their memory again. `None` past the last.
    pub fn input_mut(&mut self, index: usize) -> Option<ViewMut<'_>> {
        let &tensor = self.plan.model.inputs.get(index)?;
        let (def, shape) = (&self.plan.model.tensors[tensor], self.plan.model.shape(tensor, &self.shapes));
        let range = arena_range(def, shape)?;
        Some(ViewMut { dtype: def.dtype, shape, quant: def.quant, bytes: self.arena.get_mut(range)? })
    }

    /// A result of the last [`Session::run`]. `None` past the last.
    pub fn output(&self, index: usize) -> Option<View<'_>> {
        let &tensor = self.plan.model.outputs.get(index)?;
        let def = &self.plan.model.tensors[tensor];
        let shape = self.plan.model.shape(tensor, &self.shapes);
        let bytes = match def.place {
            Place::Arena(_) => self.arena.get(arena_range(def, shape)?)?,
            Place::File(offset) => self.file().get(offset..offset + def.len())?,
        };
        Some(View { dtype: def.dtype, shape, quant: def.quant, bytes })
    }

    /// Computes the outputs from the inputs. Allocates nothing.
    ///
    /// # Errors
    /// [`RunError`] when an input has values that the model can't take, such as a token id beyond its vocabulary.
    pub fn run(&mut self) -> Result<(), RunError> {
        self.run_observed(|_| ())
    }

    /// As [`Session::run`], and calls `after` with the place of each step in [`Session::explain`] when it is done: for
    /// profilers, which have a clock.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub fn run_observed(&mut self, mut after: impl FnMut(usize)) -> Result<(), RunError> {
        let Self { file, plan, arena, scratch, shapes, helper } = self;
        let context = Context { file: file.as_ref(), model: &plan.model, shapes };
        if context.file.len() != plan.file_len {
            return Err(RunError::File);
        }
        for (index, step) in plan.steps.iter().enumerate() {
            context.run(step, arena, scratch, helper.as_deref_mut())?;
            after(index);
        }
        Ok(())
    }

    /// As [`Plan::explain`], with the dimensions of the present length.
    pub fn explain(&self) -> impl Iterator<Item = StepInfo> {
        self.plan.explain_at(|tensor| self.plan.model.shape(tensor, &self.shapes))
    }

    /// Runs a golden input and gives the digest of its outputs; equal on every device for a model with int8 operators.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub fn golden(&mut self, seed: u64) -> Result<Digest, RunError> {
        self.run_golden(seed)?;
        let mut digest = Sha256::new();
        for index in 0..self.plan.model.outputs.len() {
            if let Some(output) = self.output(index) {
                digest.update(output.bytes);
            }
        }
        Ok(digest.finalize().into())
    }

    /// Runs a golden input and gives what the file should say of its outputs: their digest where the model promises its
    /// bits or has no f32 outputs, else numbers.
    ///
    /// # Errors
    /// As for [`Session::run`].
    #[cfg(feature = "write")]
    pub fn expected(&mut self, seed: u64) -> Result<Expected, RunError> {
        let digest = self.golden(seed)?;
        if self.plan.model.fusion() == Fusion::Never || self.f32_outputs().next().is_none() {
            return Ok(Expected::Digest(digest));
        }
        Ok(Expected::Values(Values::of(self.f32_outputs())))
    }

    /// Whether this device computes what the compiler computed, or near enough where that is what is promised.
    ///
    /// # Errors
    /// As for [`Session::run`].
    pub fn is_golden(&mut self, golden: &Golden) -> Result<bool, RunError> {
        match &golden.outputs {
            Expected::Digest(digest) => Ok(self.golden(golden.seed)? == *digest),
            Expected::Values(values) => {
                self.run_golden(golden.seed)?;
                Ok(values.are_near(self.f32_outputs()))
            }
        }
    }

    fn run_golden(&mut self, seed: u64) -> Result<(), RunError> {
        for index in 0..self.plan.model.inputs.len() {
            if let Some(input) = self.input_mut(index) {
                fill_golden(seed.wrapping_add(index as u64), input.dtype, input.bytes);
            }
        }
        self.run()
    }

    /// The elements of each f32 output.
    fn f32_outputs(&self) -> impl Iterator<Item = &[f32]> + Clone {
        (0..self.plan.model.outputs.len()).filter_map(|index| self.output(index)?.f32s().ok())
    }
}

fn arena_range(def: &TensorDef, shape: Shape) -> Option<core::ops::Range<usize>> {
    match def.place {
        Place::Arena(offset) => Some(offset..offset + shape.count() * def.dtype.size()),
        Place::File(_) => None,
    }
}

type Helper<'a> = Option<&'a mut (dyn Join + 'static)>;

/// What a step reads besides the arena.
struct Context<'a> {
    file: &'a [u8],
    model: &'a Model,
    shapes: &'a [Shape],
}

impl Context<'_> {
    fn run(&self, step: &Step, arena: &mut [u8], scratch: &mut [u8], helper: Helper<'_>) -> Result<(), RunError> {
        let node = &self.model.nodes[step.node];
        // Small models have steps so short that filling views which nobody reads would show.
        match (node.inputs.len(), node.outputs.len()) {
            (..=4, 1) => self.run_with::<4, 1, 2>(step, arena, scratch, helper),
            (..=8, 1) => self.run_with::<8, 1, 2>(step, arena, scratch, helper),
            _ => self.run_with::<MAX_OPERANDS, MAX_OUTPUTS, { MAX_OUTPUTS + 1 }>(step, arena, scratch, helper),
        }
    }

    /// Runs a step of at most I operands and O results, which leave at most G gaps in the arena.
    fn run_with<const I: usize, const O: usize, const G: usize>(
        &self,
        step: &Step,
        arena: &mut [u8],
        scratch: &mut [u8],
        helper: Helper<'_>,
    ) -> Result<(), RunError> {
        let node = &self.model.nodes[step.node];
        let mut outputs = core::array::from_fn::<_, O, _>(|_| ViewMut::empty());
        let mut gaps: [(usize, &[u8]); G] = [(0, &[]); G];
        let (mut rest, mut start) = (arena, 0);
        // Results are cut out of the arena from left to right; what lies between them is there to read.
        for (gap, &which) in gaps.iter_mut().zip(&step.by_offset[..node.outputs.len()]) {
            let tensor = node.outputs[usize::from(which)];
            let def = &self.model.tensors[tensor];
            let shape = self.model.shape(tensor, self.shapes);
            let range = arena_range(def, shape).ok_or(RunError::Plan)?;
            let (before, tail) = rest.split_at_mut_checked(range.start.wrapping_sub(start)).ok_or(RunError::Plan)?;
            let (bytes, after) = tail.split_at_mut_checked(range.len()).ok_or(RunError::Plan)?;
            *gap = (start, before);
            outputs[usize::from(which)] = ViewMut { dtype: def.dtype, shape, quant: def.quant, bytes };
            (rest, start) = (after, range.end);
        }
        gaps[node.outputs.len()] = (start, rest);
        let mut inputs = [View::EMPTY; I];
        for (view, &tensor) in inputs.iter_mut().zip(&node.inputs) {
            *view = self.view(tensor, &gaps[..=node.outputs.len()]).ok_or(RunError::Plan)?;
        }
        let (op, kernel, inputs) = (&node.op, &step.kernel, &inputs[..node.inputs.len()]);
        match (helper, &mut outputs[..node.outputs.len()]) {
            (Some(helper), [output]) if cfg!(feature = "threads") && step.halved => {
                let output = core::mem::replace(output, ViewMut::empty());
                Halved { kernel, op, inputs, output }.run(scratch, helper)
            }
            (_, outputs) => kernel.run(op, None, inputs, outputs, scratch),
        }
    }

    /// A tensor's bytes, in the file or in one of the arena's gaps.
    fn view<'b>(&'b self, tensor: usize, gaps: &[(usize, &'b [u8])]) -> Option<View<'b>> {
        let def = &self.model.tensors[tensor];
        let shape = self.model.shape(tensor, self.shapes);
        let len = shape.count() * def.dtype.size();
        let bytes = match def.place {
            Place::File(offset) => self.file.get(offset..offset + len)?,
            Place::Arena(offset) => gaps.iter().find_map(|(start, gap)| {
                let from = offset.checked_sub(*start)?;
                gap.get(from..from.checked_add(len)?)
            })?,
        };
        Some(View { dtype: def.dtype, shape, quant: def.quant, bytes })
    }
}
