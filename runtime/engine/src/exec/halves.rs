//! A step in two halves, for two threads.
//!
//! A half is the same operator on smaller tensors: some lines, rows or columns of the result, with those parts of the operands that
//! they are made of. No sum is cut, so that both halves together are the step's result bit for bit.

use core::ops::Range;
use core::slice::from_mut;

use super::{Kernel, View, ViewMut, work};
use crate::error::RunError;
use crate::op::infer::Info;
use crate::op::{Epilogue, Op, Window};
use crate::tensor::Shape;
use dunlin_kernels::PANEL;

/// Something that runs two pieces of work at the same time, such as a second thread.
///
/// The engine has no threads: its host gives it one, in `Session::share`.
pub trait Join: core::fmt::Debug + Send + Sync {
    /// Runs both and returns when both have ended. A piece that doesn't come to its end is an error of the session's run.
    fn join(&mut self, first: &mut Piece<'_>, second: &mut Piece<'_>);
}

/// A piece of work.
pub type Piece<'a> = dyn FnMut() + Send + 'a;

#[cfg(feature = "std")]
impl Join for dunlin_kernels::Helper {
    fn join(&mut self, first: &mut Piece<'_>, second: &mut Piece<'_>) {
        Self::join(self, first, second);
    }
}

/// Operands of a step that can be cut, at most.
const MOST: usize = 8;
/// The least work of a step that is worth two threads: some microseconds, ten times what handing over half of it takes.
const LEAST_STEP: u64 = 300_000;
/// The least work, in such steps, of a model that is worth a second thread: about a millisecond of a phone's core.
pub(crate) const LEAST_MODEL: u64 = 30_000_000;
/// Rows of a product that are worked on together, if there are many.
const ROWS: usize = 8;

/// Where and how a step's result falls into two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cut {
    way: Way,
    /// Axis of the result.
    axis: usize,
    /// Where the second half begins.
    at: usize,
    /// Where it ends.
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// The first so many operands are cut along the same axis, unless they are broadcast along it.
    Rows(usize),
    /// Rows of queries, with those of the mask.
    Queries,
    /// Lines of windows whose places follow from their geometry.
    Lines(Window),
    /// Lines of windows whose places are in tables.
    Tables,
    /// Channels of one row: panels of weights, and operands from this one on that have a value per channel.
    Channels(usize),
}

impl Cut {
    /// Whether a step can be cut and is enough work for two threads.
    pub fn is_worthwhile(kernel: &Kernel, op: &Op, operands: &[Info], results: &[Info]) -> bool {
        let (&[result], true) = (results, operands.len() <= MOST) else { return false };
        cfg!(feature = "threads")
            && work(op, operands, result.shape) >= LEAST_STEP
            && Self::new(kernel, op, |operand| operands[operand].shape, operands.len(), result.shape).is_some()
    }

    /// How a step is cut; `None` when it can't be.
    fn new(kernel: &Kernel, op: &Op, shape: impl Fn(usize) -> Shape, operands: usize, result: Shape) -> Option<Self> {
        (result.count() > 1).then_some(())?;
        let axis = (0..result.rank()).find(|&axis| result.dim(axis) > 1)?;
        let (size, last) = (result.dim(axis), axis + 1 == result.rank());
        let cut = |way| Some(Self { way, axis, at: size.div_ceil(2), end: size });
        match *op {
            Op::QGemm { epilogue, .. } if last => Self::channels(axis, size, per_channel(epilogue)),
            Op::MatMulPanels { .. } if last => Self::channels(axis, size, 2),
            Op::QGemm { .. } | Op::MatMulPanels { .. } => {
                let grain = if size < 4 * ROWS { 1 } else { ROWS };
                Some(Self { way: Way::Rows(1), axis, at: size.div_ceil(2).next_multiple_of(grain), end: size })
            }
            Op::QConv { .. } | Op::QDepthwise { .. } | Op::ConvPanels { .. } | Op::DepthwisePanels { .. }
                if axis == 0 =>
            {
                cut(Way::Rows(1))
            }
            Op::QConv { .. } | Op::QDepthwise { .. } if axis == 1 && kernel.lines() == Some(size) => cut(Way::Tables),
            Op::ConvPanels { window, .. } | Op::DepthwisePanels { window, .. } if axis == 1 => {
                let has_lines = |rows| lines_under(&window, &rows, shape(0).dim(1)).is_some();
                (has_lines(0..size.div_ceil(2)) && has_lines(size.div_ceil(2)..size)).then_some(())?;
                cut(Way::Lines(window))
            }
            Op::Attention { .. } if axis == 1 => {
                let mask = (operands > 3).then(|| shape(3));
                mask.is_none_or(|mask| query_axis(&mask).is_none_or(|axis| mask.span(0, axis) == 1)).then_some(())?;
                cut(Way::Queries)
            }
            Op::LayerNorm { axis: normal, .. } | Op::Softmax { axis: normal, .. } if axis < normal as usize => {
                cut(Way::Rows(1))
            }
            Op::QSoftmax { .. } if !last => cut(Way::Rows(1)),
            Op::Unary { .. }
            | Op::Cast { .. }
            | Op::FlipSign {}
            | Op::QLookup {}
            | Op::Quantize {}
            | Op::Dequantize {} => cut(Way::Rows(1)),
            Op::Binary { .. } | Op::QBinary { .. } | Op::Where {} => cut(Way::Rows(operands)),
            _ => None,
        }
    }

    /// At a whole number of panels.
    fn channels(axis: usize, size: usize, first: usize) -> Option<Self> {
        let at = size.div_ceil(2).next_multiple_of(PANEL);
        (at < size).then_some(Self { way: Way::Channels(first), axis, at, end: size })
    }
}

/// The first operand that has a value per channel.
const fn per_channel(epilogue: Epilogue) -> usize {
    match epilogue {
        Epilogue::Requant => 2,
        Epilogue::Dynamic => 4,
        Epilogue::Raw => 3,
    }
}

/// The axis of a mask that tells queries apart, if one does. A mask's axes are the last ones of `[batch,heads,queries,keys]`.
fn query_axis(mask: &Shape) -> Option<usize> {
    let axis = mask.rank().checked_sub(2)?;
    (mask.dim(axis) > 1).then_some(axis)
}

/// A step that is to be done in two halves.
pub(crate) struct Halved<'a, 'b> {
    pub kernel: &'a Kernel,
    pub op: &'a Op,
    pub inputs: &'a [View<'a>],
    pub output: ViewMut<'b>,
}

/// What one thread does of it.
struct Half<'a, 'b> {
    kernel: &'a Kernel,
    op: Op,
    /// The lines that it has, for a kernel which can't see them from its operands.
    lines: Option<Range<usize>>,
    inputs: [View<'a>; MOST],
    count: usize,
    output: ViewMut<'b>,
}

impl<'a, 'b> Halved<'a, 'b> {
    /// Does the step, in halves if it can be cut; each has half of the scratch memory.
    pub fn run(self, scratch: &mut [u8], helper: &mut dyn Join) -> Result<(), RunError> {
        let Self { kernel, op, inputs, mut output } = self;
        let Some(cut) = Cut::new(kernel, op, |operand| inputs[operand].shape, inputs.len(), output.shape) else {
            return kernel.run(op, None, inputs, from_mut(&mut output), scratch);
        };
        let [mut first, mut second] = Self { output, ..self }.halves(cut).ok_or(RunError::Plan)?;
        let (first_scratch, second_scratch) = scratch.split_at_mut(scratch.len() / 2);
        let mut outcomes = [Err(RunError::Half); 2];
        let [first_outcome, second_outcome] = &mut outcomes;
        helper.join(&mut || *first_outcome = first.run(first_scratch), &mut || {
            *second_outcome = second.run(second_scratch);
        });
        outcomes.into_iter().collect()
    }

    fn halves(self, cut: Cut) -> Option<[Half<'a, 'b>; 2]> {
        let Self { kernel, op, inputs, output: ViewMut { dtype, shape, quant, bytes } } = self;
        let row = shape.span(cut.axis + 1, shape.rank()) * dtype.size();
        let (low, high) = bytes.split_at_mut_checked(cut.at * row)?;
        let half = |rows: Range<usize>, bytes| {
            let mut parts = [View::EMPTY; MOST];
            for (index, (part, input)) in parts.iter_mut().zip(inputs).enumerate() {
                *part = cut.operand(index, input, &rows, shape.rank())?;
            }
            let output = ViewMut { dtype, shape: shape.with(cut.axis, rows.len())?, quant, bytes };
            let (op, lines) = (cut.op(op, &rows), (cut.way == Way::Tables).then_some(rows));
            Some(Half { kernel, op, lines, inputs: parts, count: inputs.len(), output })
        };
        Some([half(0..cut.at, low)?, half(cut.at..cut.end, high)?])
    }
}

impl Half<'_, '_> {
    fn run(&mut self, scratch: &mut [u8]) -> Result<(), RunError> {
        let Self { kernel, op, lines, inputs, count, output } = self;
        kernel.run(op, lines.clone(), &inputs[..*count], from_mut(output), scratch)
    }
}

impl Cut {
    /// An operand of the half that has these rows of a result of this rank.
    fn operand<'a>(&self, index: usize, x: &View<'a>, rows: &Range<usize>, rank: usize) -> Option<View<'a>> {
        let last = x.shape.rank().wrapping_sub(1);
        match (self.way, index) {
            (Way::Rows(cut), _) if index < cut => match (self.axis + x.shape.rank()).checked_sub(rank) {
                Some(axis) if x.shape.dim(axis) > 1 => narrowed(x, axis, rows),
                _ => Some(*x),
            },
            (Way::Queries, 0) => narrowed(x, 1, rows),
            (Way::Queries, 3) => query_axis(&x.shape).map_or(Some(*x), |axis| narrowed(x, axis, rows)),
            (Way::Lines(window), 0) => narrowed(x, 1, &lines_under(&window, rows, x.shape.dim(1))?),
            (Way::Channels(_), 1) => panels_of(x, rows, self.end),
            (Way::Channels(first), _) if index >= first => narrowed(x, last, rows),
            _ => Some(*x),
        }
    }

    /// The operator of the half that has these rows.
    fn op(&self, op: &Op, rows: &Range<usize>) -> Op {
        let mut op = *op;
        match (&mut op, self.way) {
            (Op::QGemm { n, .. } | Op::MatMulPanels { n, .. }, Way::Channels(_)) => *n = rows.len() as u32,
            (Op::ConvPanels { window, .. } | Op::DepthwisePanels { window, .. }, Way::Lines(_)) => {
                // The lines above are the operand's own, or padding that another half has.
                window.pads[0] = window.pads[0].saturating_sub(window.stride[0].saturating_mul(rows.start as u32));
            }
            _ => (),
        }
        op
    }
}

/// Some rows of a tensor along an axis before which all dimensions are 1.
fn narrowed<'a>(x: &View<'a>, axis: usize, rows: &Range<usize>) -> Option<View<'a>> {
    (axis < x.shape.rank() && x.shape.span(0, axis) == 1).then_some(())?;
    let row = x.shape.span(axis + 1, x.shape.rank()) * x.dtype.size();
    let bytes = x.bytes.get(rows.start * row..rows.end * row)?;
    Some(View { shape: x.shape.with(axis, rows.len())?, bytes, ..*x })
}

/// The panels of some of all channels; they begin with a panel.
fn panels_of<'a>(x: &View<'a>, channels: &Range<usize>, all: usize) -> Option<View<'a>> {
    let panel = x.shape.count() / all.div_ceil(PANEL);
    let panels = channels.start / PANEL..channels.end.div_ceil(PANEL);
    let flat = View { shape: Shape::new(&[x.shape.count()])?, ..*x };
    narrowed(&flat, 0, &(panels.start * panel..panels.end * panel))
}

/// The lines of an operand of this height that are under windows in some lines of the result; `None` if there are none.
fn lines_under(window: &Window, rows: &Range<usize>, height: usize) -> Option<Range<usize>> {
    let [kernel, stride, dilation] = [window.kernel, window.stride, window.dilation].map(|v| v[0] as usize);
    let pad = window.pads[0] as usize;
    let start = rows.start.checked_mul(stride)?.saturating_sub(pad);
    let reach =
        rows.end.checked_sub(1)?.checked_mul(stride)?.checked_add(kernel.checked_sub(1)?.checked_mul(dilation)?)?;
    let end = (reach + 1).saturating_sub(pad).min(height);
    (start < end).then_some(start..end)
}
