//! Archives of arrays.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use dunlin_compiler::npz::{Array, NpyType, Npz, NpzError};
use dunlin_engine::task::PixelFormat;

use super::fault::DataFault;
use crate::error::CliError;

/// An archive that is read.
pub type Archive = Npz<BufReader<File>>;

/// Opens an archive of arrays.
///
/// # Errors
/// [`CliError::Npz`], [`CliError::Read`].
pub fn open_npz(path: &Path) -> Result<Archive, CliError> {
    Npz::open(path).map_err(|source| match source {
        NpzError::Io(source) => CliError::Read { path: path.to_owned(), source },
        source => CliError::Npz { path: path.to_owned(), source },
    })
}

/// One array; `None` when there is none of that name.
///
/// # Errors
/// [`CliError::Npz`].
pub fn array(path: &Path, npz: &mut Archive, name: &str) -> Result<Option<Array>, CliError> {
    npz.array(name).map_err(|source| CliError::Npz { path: path.to_owned(), source })
}

/// The array `labels`: a class for each of `rows` samples; `None` when the archive has none.
///
/// # Errors
/// [`CliError::Npz`], [`CliError::Data`] when it hasn't one class per sample or a class isn't one of the model's.
pub fn labels(path: &Path, npz: &mut Archive, rows: usize, classes: usize) -> Result<Option<Vec<usize>>, CliError> {
    let Some(array) = array(path, npz, "labels")? else { return Ok(None) };
    let fault = |source| CliError::Data { path: path.to_owned(), source };
    let numbers = array.to_i64s().ok_or_else(|| fault(DataFault::LabelType))?;
    if numbers.len() != rows {
        return Err(fault(DataFault::LabelCount { samples: rows, labels: numbers.len() }));
    }
    let class = |number: i64| usize::try_from(number).ok().filter(|&class| class < classes);
    let classes = numbers.into_iter().map(|n| class(n).ok_or_else(|| fault(DataFault::Class { class: n, classes })));
    classes.collect::<Result<_, _>>().map(Some)
}

/// The cohort of each of `rows` samples: an array of strings or integers.
///
/// # Errors
/// [`CliError::Npz`], [`CliError::Data`] when there is no such array, or it hasn't one cohort per sample.
pub fn cohorts(path: &Path, npz: &mut Archive, name: &str, rows: usize) -> Result<Vec<String>, CliError> {
    let fault = |source| CliError::Data { path: path.to_owned(), source };
    let unreadable = |source| CliError::Npz { path: path.to_owned(), source };
    let names = match npz.array(name) {
        Ok(None) => return Err(fault(DataFault::NoArray { name: name.to_owned() })),
        Ok(Some(array)) => array.to_i64s().map(|numbers| numbers.iter().map(i64::to_string).collect()),
        Err(NpzError::Type { .. }) => match npz.strings(name) {
            Err(NpzError::Type { .. }) => None,
            strings => strings.map_err(unreadable)?,
        },
        Err(source) => return Err(unreadable(source)),
    };
    let names: Vec<String> = names.ok_or_else(|| fault(DataFault::CohortType { name: name.to_owned() }))?;
    if names.len() != rows {
        return Err(fault(DataFault::CohortCount { samples: rows, cohorts: names.len() }));
    }
    Ok(names)
}

/// Pictures of one size.
#[derive(Debug)]
pub struct Stack {
    array: Array,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Channels.
    pub format: PixelFormat,
    /// How many pictures.
    pub count: usize,
}

impl Stack {
    /// The pictures of an array; `None` when it isn't of uint8 and shape NxHxWxC.
    pub fn new(array: Array) -> Option<Self> {
        let (&[count, height, width, channels], NpyType::U8) = (&array.dims[..], array.dtype) else {
            return None;
        };
        let format = match channels {
            1 => PixelFormat::Gray8,
            3 => PixelFormat::Rgb8,
            4 => PixelFormat::Rgba8,
            _ => return None,
        };
        let [width, height] = [width, height].map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        Some(Self { array, width, height, format, count })
    }

    /// The bytes of one picture. Panics past the last.
    pub fn picture(&self, index: usize) -> &[u8] {
        let bytes = self.array.bytes.len() / self.count;
        &self.array.bytes[index * bytes..][..bytes]
    }
}
