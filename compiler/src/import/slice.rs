//! Cutting tensors and adding borders.

use dunlin_engine::op::infer::Info;
use dunlin_engine::op::{Op, PadMode};

use super::context::Importer;
use super::node::OnnxNode;
use crate::error::Result;
use crate::ir::{Tensor, ValueId};

/// Slice with constant bounds.
pub fn slice(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let dims = importer.signed_dims(x);
    let missing = |what: &str| node.invalid(format!("its {what} are missing"));
    let starts = importer.ints_or_attribute(node, 1, "starts")?.ok_or_else(|| missing("starts"))?;
    let ends = importer.ints_or_attribute(node, 2, "ends")?.ok_or_else(|| missing("ends"))?;
    let axes = importer.ints_or_attribute(node, 3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = importer.const_ints(node, 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
        return Err(node.invalid("starts, ends, axes and steps differ in length"));
    }
    importer.axes(node, &axes, dims.len())?;
    let mut cuts: Vec<Cut> = dims.iter().map(|_| Cut { start: 0, end: i32::MAX, step: 1, count: usize::MAX }).collect();
    for (index, &axis) in axes.iter().enumerate() {
        let axis = importer.axis(node, axis, dims.len())?;
        cuts[axis] = Cut::new(node, dims[axis], [starts[index], ends[index], steps[index]])?;
    }
    Ok(vec![cut(importer, x, &cuts)?])
}

/// What a slice takes of one axis, in the engine's terms.
#[derive(Clone, Copy, Debug)]
struct Cut {
    start: i32,
    end: i32,
    step: i32,
    /// Elements taken; more than there are stands for all.
    count: usize,
}

impl Cut {
    fn new(node: &OnnxNode<'_>, dim: i64, [start, end, step]: [i64; 3]) -> Result<Self> {
        if step == 0 {
            return Err(node.invalid("a step of 0"));
        }
        let counted = |at: i64| if at < 0 { at + dim } else { at };
        let (low, high) = if step > 0 { (0, dim) } else { (-1, dim - 1) };
        let first = counted(start).clamp(low.max(0), high.max(0));
        let last = counted(end).clamp(low, high);
        let count = if step > 0 { (last - first + step - 1) / step } else { (first - last - step - 1) / -step };
        let end = match (step > 0, last) {
            // To the end, whatever the length of a varying dimension.
            (true, last) if last == dim => i32::MAX,
            (false, -1) => i32::MIN,
            (_, last) => last as i32,
        };
        Ok(Self {
            start: first as i32,
            end,
            step: step.clamp(-MAX_STEP, MAX_STEP) as i32,
            count: count.max(0) as usize,
        })
    }
}

/// Beyond the length of any tensor.
const MAX_STEP: i64 = i32::MAX as i64;

fn cut(importer: &mut Importer<'_>, x: ValueId, cuts: &[Cut]) -> Result<ValueId> {
    let dims = importer.dims(x);
    let taken: Vec<usize> = cuts.iter().zip(&dims).map(|(c, &d)| c.count.min(d)).collect();
    if taken.contains(&0) {
        let info = Info { dtype: importer.dtype(x), shape: importer.shape(&taken)? };
        return Ok(importer.constant(Tensor::zeroed(info)));
    }
    if taken == dims && cuts.iter().all(|c| c.step == 1) {
        return Ok(x);
    }
    let column = |of: fn(&Cut) -> i32| cuts.iter().map(of).collect::<Vec<_>>();
    let starts = importer.ints(&column(|c| c.start))?;
    let ends = importer.ints(&column(|c| c.end))?;
    let steps = importer.ints(&column(|c| c.step))?;
    importer.engine(Op::Slice { starts, ends, steps }, &[x])
}

/// Split into slices.
pub fn split(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let dims = importer.dims(x);
    let axis = importer.axis(node, node.int_or("axis", 0)?, dims.len())?;
    let sizes = match importer.ints_or_attribute(node, 1, "split")? {
        Some(sizes) => sizes
            .iter()
            .map(|&s| usize::try_from(s).map_err(|_| node.invalid(format!("a part of {s}"))))
            .collect::<Result<Vec<_>>>()?,
        None => even_parts(node, dims[axis])?,
    };
    if sizes.iter().sum::<usize>() != dims[axis] {
        return Err(node.invalid(format!("parts {sizes:?} of a dimension of {}", dims[axis])));
    }
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        let mut cuts: Vec<Cut> = dims.iter().map(|&d| Cut { start: 0, end: i32::MAX, step: 1, count: d }).collect();
        cuts[axis] = Cut { start: start as i32, end: (start + size) as i32, step: 1, count: size };
        parts.push(cut(importer, x, &cuts)?);
        start += size;
    }
    Ok(parts)
}

/// Parts of one size, the last maybe smaller.
fn even_parts(node: &OnnxNode<'_>, dim: usize) -> Result<Vec<usize>> {
    let count = node.results();
    if count == 0 || node.int("num_outputs")?.is_some_and(|n| n != count as i64) {
        return Err(node.invalid(format!("{count} results")));
    }
    let size = dim.div_ceil(count);
    Ok((0..count).map(|i| size.min(dim.saturating_sub(i * size))).collect())
}

/// Pad with constant amounts; negative ones cut.
pub fn pad(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let rank = importer.rank(x);
    let pads = importer.ints_or_attribute(node, 1, "pads")?.ok_or_else(|| node.invalid("its pads are missing"))?;
    let axes = match importer.const_ints(node, 3)? {
        Some(axes) => axes.iter().map(|&a| importer.axis(node, a, rank)).collect::<Result<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(node.invalid(format!("{} pads for {} axes", pads.len(), axes.len())));
    }
    let (mut before, mut after) = (vec![0; rank], vec![0; rank]);
    for (index, &axis) in axes.iter().enumerate() {
        for (side, pad) in [(&mut before, pads[index]), (&mut after, pads[index + axes.len()])] {
            side[axis] = i32::try_from(pad).map_err(|_| node.invalid(format!("a pad of {pad}")))?;
        }
    }
    let x = cropped(importer, node, x, &mut before, &mut after)?;
    let mode = match node.text_or("mode", "constant")? {
        "constant" => {
            let value = pad_value(importer, node)?;
            return Ok(vec![importer.pad(x, &before, &after, value)?]);
        }
        "reflect" => PadMode::Reflect,
        "edge" => PadMode::Edge,
        "wrap" => PadMode::Wrap,
        other => return Err(node.invalid(format!("mode '{other}'"))),
    };
    if before.iter().chain(&after).all(|&p| p == 0) {
        return Ok(vec![x]);
    }
    let (before, after) = (importer.ints(&before)?, importer.ints(&after)?);
    Ok(vec![importer.engine(Op::Pad { before, after, mode, value: 0.0 }, &[x])?])
}

/// Negative pads as a slice; they become 0.
fn cropped(
    importer: &mut Importer<'_>,
    node: &OnnxNode<'_>,
    x: ValueId,
    before: &mut [i32],
    after: &mut [i32],
) -> Result<ValueId> {
    let mut cuts = Vec::with_capacity(before.len());
    for ((&dim, before), after) in importer.dims(x).iter().zip(before).zip(after) {
        let (start, end) = ((-*before).max(0) as i64, dim as i64 - (-*after).max(0) as i64);
        cuts.push(Cut::new(node, dim as i64, [start, end.max(start), 1])?);
        (*before, *after) = ((*before).max(0), (*after).max(0));
    }
    cut(importer, x, &cuts)
}

fn pad_value(importer: &Importer<'_>, node: &OnnxNode<'_>) -> Result<f32> {
    let Some(value) = node.optional(2) else { return node.float_or("value", 0.0) };
    let tensor = importer.graph.constant(value);
    let tensor = tensor.ok_or_else(|| node.unsupported("a padding value that is only known at run time"))?;
    let number = tensor.scalar().or_else(|| match tensor.to_i32s()?[..] {
        [value] if value.unsigned_abs() <= 1 << 24 => Some(value as f32),
        _ => None,
    });
    number.ok_or_else(|| node.invalid("its padding value isn't one number below 2^24"))
}

/// CenterCropPad.
pub fn center_crop_pad(importer: &mut Importer<'_>, node: &OnnxNode<'_>) -> Result<Vec<ValueId>> {
    let x = node.input(0)?;
    let dims = importer.dims(x);
    let target = importer.const_ints(node, 1)?.ok_or_else(|| node.invalid("its shape is missing"))?;
    let axes = match node.ints("axes")? {
        Some(axes) => axes.iter().map(|&a| importer.axis(node, a, dims.len())).collect::<Result<Vec<_>>>()?,
        None => (0..dims.len()).collect(),
    };
    if axes.len() != target.len() {
        return Err(node.invalid("its shape doesn't have one size for each axis"));
    }
    let (mut before, mut after) = (vec![0; dims.len()], vec![0; dims.len()]);
    for (&axis, &size) in axes.iter().zip(&target) {
        let missing = i32::try_from(size - dims[axis] as i64).map_err(|_| node.invalid(format!("a size of {size}")))?;
        // What is odd goes or comes at the end.
        before[axis] = missing / 2;
        after[axis] = missing - missing / 2;
    }
    let x = cropped(importer, node, x, &mut before, &mut after)?;
    Ok(vec![importer.pad(x, &before, &after, 0.0)?])
}
