//! Samples to calibrate with, as the ONNX model takes them.

use std::path::Path;

use dunlin_compiler::compile::{Options, Samples, TaskRequest};
use dunlin_compiler::error::CompileError;
use dunlin_compiler::import::{ImportOptions, import};
use dunlin_compiler::ir::Tensor;
use dunlin_compiler::picture::spec;
use dunlin_engine::task::ImagePreparer;
use dunlin_engine::tensor::Shape;

use crate::dataset::{DataFault, Folder, labels, open_npz, spread};
use crate::error::CliError;
use crate::picture::{self, PictureError};
use crate::progress::Progress;
use crate::tensors::{Batch, Input};

/// What an ONNX model takes, and how many classes it tells apart.
#[derive(Debug)]
pub struct Inputs {
    inputs: Vec<Input>,
    classes: usize,
}

/// Reads the model's borders.
///
/// # Errors
/// [`CompileError`] when the model can't be imported.
pub fn inputs(onnx: &[u8], options: &Options) -> Result<Inputs, CompileError> {
    let graph = import(onnx, &ImportOptions { dims: options.dims.clone(), ..ImportOptions::default() })?;
    let input = |&id| {
        let value = graph.value(id);
        Input {
            name: value.name.clone(),
            dtype: value.dtype,
            quantized: false,
            shape: value.shape,
            channels_first: false,
        }
    };
    let classes = graph.outputs.first().map_or(0, |&id| graph.value(id).shape.count());
    Ok(Inputs { inputs: graph.inputs.iter().map(input).collect(), classes })
}

/// Pictures of a folder, prepared as the image task prepares them; their classes when all lie in class folders.
///
/// # Errors
/// [`CliError`] when the task is none of pictures, or a picture can't be read.
pub fn pictures(
    path: &Path,
    inputs: &Inputs,
    options: &Options,
    count: usize,
    progress: &mut Progress,
) -> Result<Samples, CliError> {
    let fault = |source| CliError::Data { path: path.to_owned(), source };
    let (TaskRequest::Image(request), [input]) = (&options.task, &inputs.inputs[..]) else {
        return Err(fault(DataFault::NeedsImageTask));
    };
    let spec = spec(input.shape, request).ok_or_else(|| fault(DataFault::NeedsImageTask))?;
    let mut preparer = ImagePreparer::new(spec).map_err(|_| fault(DataFault::NeedsImageTask))?;
    let folder = Folder::open(path, &options.labels, inputs.classes)?;
    let chosen: Vec<_> = spread(folder.pictures.len(), count).map(|index| &folder.pictures[index]).collect();
    let mut rows = Vec::new();
    for (done, (file, _)) in chosen.iter().enumerate() {
        progress.show("read pictures", done, chosen.len());
        rows.push(vec![prepare(&mut preparer, file, input.shape)?]);
    }
    Ok(Samples { rows, classes: chosen.iter().map(|(_, class)| *class).collect() })
}

fn prepare(preparer: &mut ImagePreparer, file: &Path, shape: Shape) -> Result<Tensor, CliError> {
    let picture = picture::open(file)?;
    let pixels =
        picture.pixels().map_err(|e| CliError::Picture { path: file.to_owned(), source: PictureError::Pixels(e) })?;
    let mut nhwc = vec![0.0; shape.count()];
    preparer.prepare(&pixels).to_f32(&mut nhwc).expect("the spec has the shape's dimensions");
    let dims: Vec<usize> = shape.dims().iter().map(|&d| d as usize).collect();
    let channels = preparer.spec().color.channels();
    let elements = if dims[1] == channels { channels_first(&nhwc, channels) } else { nhwc };
    Ok(Tensor::f32s(&dims, &elements))
}

fn channels_first(nhwc: &[f32], channels: usize) -> Vec<f32> {
    (0..channels).flat_map(|channel| nhwc.iter().skip(channel).step_by(channels).copied()).collect()
}

/// Arrays of an archive, named as the model's inputs, with their classes when there is an array `labels`.
///
/// # Errors
/// [`CliError`] when the arrays don't fit the model.
pub fn arrays(path: &Path, inputs: &Inputs, count: usize) -> Result<Samples, CliError> {
    let mut npz = open_npz(path)?;
    let batch = Batch::read(path, &mut npz, &inputs.inputs)?;
    let classes = labels(path, &mut npz, batch.len, inputs.classes)?;
    if batch.len == 0 {
        return Err(CliError::Data { path: path.to_owned(), source: DataFault::Empty });
    }
    let rows = spread(batch.len, count).map(|row| batch.row(row)).collect::<Result<_, _>>()?;
    let classes = classes.map(|classes| spread(batch.len, count).map(|row| classes[row]).collect());
    Ok(Samples { rows, classes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_brought_to_the_front() {
        assert_eq!(channels_first(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(channels_first(&[1.0, 2.0], 1), [1.0, 2.0]);
    }
}
