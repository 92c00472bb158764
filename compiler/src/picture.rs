//! Models that take pictures: the input becomes NHWC, and quanta where the model quantizes it first.

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::op::infer::Info;
use dunlin_engine::task::{Color, Filter, Fit, ImageSpec};
use dunlin_engine::tensor::{Ints, Quant, Shape};

use crate::error::{CompileError, Result};
use crate::ir::{Graph, Node, Op, ValueId};

/// How pixels become the model's numbers; the size comes from the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageRequest {
    /// Subtracted from each channel, in pixel units (0..=255), in the tensor's order.
    pub mean: [f32; 3],
    /// What each channel is then divided by, in pixel units.
    pub std: [f32; 3],
    /// How a picture of other proportions is fitted in.
    pub fit: Fit,
    /// Whether the model wants blue first.
    pub bgr: bool,
    /// How pixels are resampled.
    pub filter: Filter,
}

impl Default for ImageRequest {
    /// `pixel / 255`, squeezed, red first, bilinear.
    fn default() -> Self {
        Self { mean: [0.0; 3], std: [255.0; 3], fit: Fit::Squeeze, bgr: false, filter: Filter::Bilinear }
    }
}

/// Makes the graph's one input an NHWC picture and gives the spec to prepare it.
///
/// Runs after the int8 lowering and before the layout pass, which cancels the transpose that this inserts.
///
/// # Errors
/// [`CompileError::Task`] when the model's input is no picture.
pub fn take_pictures(graph: &mut Graph, request: &ImageRequest) -> Result<ImageSpec> {
    let &[input] = &graph.inputs[..] else {
        return Err(fault(format!("an image model has one input, this one has {}", graph.inputs.len())));
    };
    let old = graph.value(input).shape;
    let why = || fault(format!("an image model's input has shape 1xCxHxW with 1 or 3 channels, this one's is {old}"));
    let spec = spec(old, request).ok_or_else(why)?;
    let channels_first = old.dim(1) == spec.color.channels();
    dunlin_engine::task::ImagePreparer::new(spec).map_err(|e| fault(e.to_string()))?;
    let dims = [1, spec.height as usize, spec.width as usize, spec.color.channels()];
    let shape = Shape::new(&dims).expect("as many elements as before");
    let (taken, quant) = first_quantized(graph, input);
    let name = graph.value(input).name.clone();
    let dtype = graph.value(taken).dtype;
    let picture = graph.push_value(name, Info { dtype, shape }, None);
    graph.values[picture.0].quant = quant;
    graph.inputs = vec![picture];
    graph.nodes.retain(|node| !node.outputs.contains(&taken));
    if channels_first {
        graph.nodes.insert(0, transpose(picture, taken));
    } else {
        replace(graph, taken, picture);
    }
    Ok(spec)
}

fn fault(why: String) -> CompileError {
    CompileError::Task { why }
}

/// How pixels become an input of shape `[1, c, h, w]` or `[1, h, w, c]` with 1 or 3 channels; `None` for any other shape.
pub fn spec(shape: Shape, request: &ImageRequest) -> Option<ImageSpec> {
    let (channels, height, width) = match *shape.dims() {
        [1, c @ (1 | 3), h, w] | [1, h, w, c @ (1 | 3)] => (c, h, w),
        _ => return None,
    };
    let color = match (channels, request.bgr) {
        (1, _) => Color::Gray,
        (_, false) => Color::Rgb,
        (_, true) => Color::Bgr,
    };
    let scale = request.std.map(|std| 1.0 / std);
    let offset = core::array::from_fn(|c| 0.0 - request.mean[c] / request.std[c]);
    Some(ImageSpec { width, height, color, fit: request.fit, filter: request.filter, scale, offset })
}

/// The value that the model makes of its input by nothing but quantizing it, or the input itself.
fn first_quantized(graph: &Graph, input: ValueId) -> (ValueId, Option<Quant>) {
    let mut readers = graph.nodes.iter().filter(|node| node.inputs.contains(&input));
    match (readers.next(), readers.next()) {
        (Some(Node { op: Op::Engine(EngineOp::Quantize {}), outputs, .. }), None)
            if !graph.outputs.contains(&input) =>
        {
            (outputs[0], graph.value(outputs[0]).quant)
        }
        _ => (input, graph.value(input).quant),
    }
}

fn transpose(from: ValueId, to: ValueId) -> Node {
    let perm = Ints::new(&[0, 3, 1, 2]).expect("four axes");
    Node {
        name: "picture".to_owned(),
        op: Op::Engine(EngineOp::Transpose { perm }),
        inputs: vec![from],
        outputs: vec![to],
    }
}

fn replace(graph: &mut Graph, old: ValueId, new: ValueId) {
    let ids = graph.nodes.iter_mut().flat_map(|node| &mut node.inputs).chain(&mut graph.outputs);
    ids.filter(|id| **id == old).for_each(|id| *id = new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_need_a_picture_shaped_input() {
        let spec = |dims: &[usize]| {
            spec(Shape::new(dims).expect("small"), &ImageRequest::default()).map(|s| (s.width, s.height, s.color))
        };
        assert_eq!(spec(&[1, 3, 24, 32]), Some((32, 24, Color::Rgb)));
        assert_eq!(spec(&[1, 24, 32, 1]), Some((32, 24, Color::Gray)));
        assert_eq!(spec(&[1, 2, 24, 32]), None);
        assert_eq!(spec(&[3, 24, 32]), None);
    }
}
