//! Arrays of an archive -> tensors of a model, one row of the batch after the other.

use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use dunlin_compiler::feed::{FeedError, feed};
use dunlin_compiler::ir::Tensor;
use dunlin_compiler::npz::{Array, NpyType, Npz};
use dunlin_engine::Session;
use dunlin_engine::artifact::{Artifact, ArtifactError};
use dunlin_engine::tensor::{DType, Shape};

use crate::error::CliError;

/// What a model takes as one of its inputs.
#[derive(Clone, Debug)]
pub struct Input {
    /// The model's name of it.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Whether bytes are quanta, which floats can be turned into.
    pub quantized: bool,
    /// Dimensions.
    pub shape: Shape,
    /// Whether an array may have NCHW order where the shape is NHWC.
    pub channels_first: bool,
}

impl Input {
    /// The inputs of an artifact, at the lengths that are set.
    ///
    /// # Errors
    /// [`ArtifactError`] when its names are malformed.
    pub fn all<B: AsRef<[u8]>>(session: &mut Session<B>) -> Result<Vec<Self>, ArtifactError> {
        let names = Artifact::parse(session.file())?.names()?;
        let names: Vec<String> = (0..session.plan().model().inputs.len()).map(|i| names.value(i).to_owned()).collect();
        let input = |(index, name)| {
            let view = session.input_mut(index)?;
            Some(Self {
                name,
                dtype: view.dtype,
                quantized: view.quant.is_some(),
                shape: view.shape,
                channels_first: true,
            })
        };
        Ok(names.into_iter().enumerate().filter_map(input).collect())
    }
}

/// Arrays for all inputs of a model, cut into rows that are one input each.
#[derive(Debug)]
pub struct Batch {
    path: PathBuf,
    columns: Vec<Column>,
    /// Number of rows.
    pub len: usize,
}

#[derive(Debug)]
struct Column {
    name: String,
    array: Array,
    /// What a row becomes.
    dtype: DType,
    /// Dimensions of a row, in the array's order.
    shape: Shape,
}

impl Batch {
    /// Takes an array for each input: the one of its name, or `input` where the model has one input.
    ///
    /// # Errors
    /// [`CliError::Npz`], [`CliError::Tensor`] when there is no such array or it doesn't fit.
    pub fn read<R: Read + Seek>(path: &Path, npz: &mut Npz<R>, inputs: &[Input]) -> Result<Self, CliError> {
        let mut columns = Vec::new();
        let mut len = None;
        for input in inputs {
            let fault = |source| CliError::tensor(path, &input.name, source);
            let array = find(path, npz, &input.name, inputs.len() == 1)?;
            let (column, rows) = Column::new(input, array).map_err(fault)?;
            match *len.get_or_insert(rows) {
                first if first == rows => columns.push(column),
                first => return Err(fault(TensorFault::Rows { expected: first, found: rows })),
            }
        }
        Ok(Self { path: path.to_owned(), columns, len: len.unwrap_or(0) })
    }

    /// One row's tensors for all inputs. Panics past the last row.
    ///
    /// # Errors
    /// [`CliError::Tensor`] when elements can't be turned into an input's type.
    pub fn row(&self, row: usize) -> Result<Vec<Tensor>, CliError> {
        (0..self.columns.len()).map(|input| self.tensor(input, row)).collect()
    }

    /// Fills a session's inputs with a row.
    ///
    /// # Errors
    /// As for [`Batch::row`].
    pub fn fill<B: AsRef<[u8]>>(&self, session: &mut Session<B>, row: usize) -> Result<(), CliError> {
        for (index, column) in self.columns.iter().enumerate() {
            let fed = feed(session, index, &self.tensor(index, row)?);
            fed.map_err(|error| self.fault(&column.name, TensorFault::Feed(error)))?;
        }
        Ok(())
    }

    fn tensor(&self, input: usize, row: usize) -> Result<Tensor, CliError> {
        let Column { name, array, dtype, shape } = &self.columns[input];
        let range = row * shape.count()..(row + 1) * shape.count();
        array
            .tensor(range, *dtype, *shape)
            .ok_or_else(|| self.fault(name, TensorFault::Values { expected: *dtype, found: array.dtype }))
    }

    fn fault(&self, input: &str, source: TensorFault) -> CliError {
        CliError::tensor(&self.path, input, source)
    }
}

/// The array of that name, or `input` in its stead.
///
/// # Errors
/// [`CliError::Npz`], [`CliError::Tensor`] when there is neither.
pub fn find<R: Read + Seek>(path: &Path, npz: &mut Npz<R>, name: &str, or_input: bool) -> Result<Array, CliError> {
    let fault = |source| CliError::Npz { path: path.to_owned(), source };
    let mut array = npz.array(name).map_err(fault)?;
    if array.is_none() && or_input {
        array = npz.array("input").map_err(fault)?;
    }
    array.ok_or_else(|| CliError::tensor(path, name, TensorFault::Missing { found: npz.names() }))
}

impl Column {
    fn new(input: &Input, array: Array) -> Result<(Self, usize), TensorFault> {
        let fit = fit(&array.dims, input.shape, input.channels_first);
        let (rows, shape) =
            fit.ok_or_else(|| TensorFault::Shape { expected: input.shape, found: array.dims.clone() })?;
        let dtype = match input.dtype {
            DType::U8 if input.quantized && array.dtype.is_float() => DType::F32,
            dtype => dtype,
        };
        Ok((Self { name: input.name.clone(), array, dtype, shape }, rows))
    }
}

/// How many rows an array has, and a row's dimensions: those of `shape`, or NCHW where that is allowed and needed.
fn fit(dims: &[usize], shape: Shape, channels_first: bool) -> Option<(usize, Shape)> {
    let row: Vec<usize> = shape.dims().iter().map(|&d| d as usize).collect();
    let found = rows(dims, &row).map(|rows| (rows, shape));
    match row[..] {
        [n, h, w, c] if channels_first => found.or_else(|| {
            let row = [n, c, h, w];
            Some((rows(dims, &row)?, Shape::new(&row)?))
        }),
        _ => found,
    }
}

/// How many times `row` lies in an array of dimensions `dims`: along the first axis, along an axis before it, or once
/// with or without a first dimension of 1.
fn rows(dims: &[usize], row: &[usize]) -> Option<usize> {
    match (dims, row) {
        _ if dims == row => Some(1),
        ([many, rest @ ..], _) if rest == row => Some(*many),
        ([many, rest @ ..], [first, inner @ ..]) if rest == inner && *first > 0 && many % first == 0 => {
            Some(many / first)
        }
        (_, [1, inner @ ..]) if dims == inner => Some(1),
        _ => None,
    }
}

/// An array that doesn't fit an input.
#[derive(Debug)]
pub enum TensorFault {
    /// There is no array for the input.
    Missing {
        /// The arrays that are there.
        found: Vec<String>,
    },
    /// Other dimensions.
    Shape {
        /// What the model takes.
        expected: Shape,
        /// The array's dimensions.
        found: Vec<usize>,
    },
    /// Another number of rows than the array of another input.
    Rows {
        /// What the other has.
        expected: usize,
        /// What this one has.
        found: usize,
    },
    /// Elements that can't become the input's: floats for integers, or integers out of range.
    Values {
        /// What the model takes.
        expected: DType,
        /// The array's type.
        found: NpyType,
    },
    /// The engine refuses the tensor.
    Feed(FeedError),
}

impl TensorFault {
    /// The sentence, about an input.
    pub fn about(&self, input: &str) -> String {
        match self {
            Self::Missing { found } => {
                format!(
                    "no array for the input '{input}' (there is: {}); name it '{input}' or, for a model with one input, 'input'",
                    found.join(", ")
                )
            }
            Self::Shape { expected, found } => {
                let found: Vec<String> = found.iter().map(usize::to_string).collect();
                format!(
                    "the input '{input}' has shape {expected}, the array {}; its first dimension may be any number of rows",
                    found.join("x")
                )
            }
            Self::Rows { expected, found } => {
                format!(
                    "the array for the input '{input}' has {found} rows, the one before it {expected}; give as many for each"
                )
            }
            Self::Values { expected, found } => {
                let range = "round floats first, and keep integers in the type's range";
                format!(
                    "the input '{input}' takes {}, and the array's {} can't all become that; {range}",
                    expected.name(),
                    found.descr()
                )
            }
            Self::Feed(error) => format!("the input '{input}': {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_along_the_first_axis() {
        let cases: [(&[usize], &[usize], Option<usize>); 14] = [
            (&[1, 3, 4], &[1, 3, 4], Some(1)),
            (&[7, 3, 4], &[1, 3, 4], Some(7)),
            (&[0, 3, 4], &[1, 3, 4], Some(0)),
            (&[3, 4], &[1, 3, 4], Some(1)),
            (&[6, 3, 4], &[2, 3, 4], Some(3)),
            (&[7, 3, 4], &[2, 3, 4], None),
            (&[3, 4], &[2, 3, 4], None),
            (&[5, 2, 3, 4], &[2, 3, 4], Some(5)),
            (&[7, 4, 3], &[1, 3, 4], None),
            (&[5], &[], Some(5)),
            (&[], &[], Some(1)),
            (&[], &[1], Some(1)),
            (&[9], &[1], Some(9)),
            (&[9, 2], &[1, 3], None),
        ];
        for (dims, row, expected) in cases {
            assert_eq!(rows(dims, row), expected, "{dims:?} in rows of {row:?}");
        }
    }

    #[test]
    fn channels_may_come_first() {
        let shape = Shape::new(&[1, 32, 32, 3]).expect("small");
        assert_eq!(fit(&[5, 32, 32, 3], shape, true), Some((5, shape)));
        assert_eq!(fit(&[5, 3, 32, 32], shape, true), Shape::new(&[1, 3, 32, 32]).map(|s| (5, s)));
        assert_eq!(fit(&[5, 3, 32, 32], shape, false), None);
    }
}
