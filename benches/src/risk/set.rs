//! Logits that were made once, with the samples' classes.

use dunlin_compiler::calibration::Logits;
use dunlin_compiler::npz::{Array, NpyType, Npz};
use std::error::Error;
use std::path::{Path, PathBuf};

/// A model's logits for a set of samples.
#[derive(Clone, Debug)]
pub struct Set {
    /// What the set is called.
    pub name: String,
    classes: usize,
    values: Vec<f32>,
    labels: Vec<u32>,
}

impl Set {
    /// Reads `logits` and `labels`, two arrays of one archive, or of two.
    ///
    /// # Errors
    /// When an archive can't be read, lacks its array, or the arrays don't fit each other.
    pub fn read(name: &str, logits: &Path, labels: &Path) -> Result<Self, Box<dyn Error>> {
        let (classes, values) = rows(logits, "logits")?;
        let array = array(labels, "labels")?;
        let fault = || format!("{}: the labels aren't classes", labels.display());
        let numbers = array.to_i64s().ok_or_else(fault)?;
        let labels = numbers.into_iter().map(u32::try_from).collect::<Result<_, _>>()?;
        let set = Self { name: name.to_owned(), classes, values, labels };
        Logits::new(set.classes, &set.values, &set.labels)?;
        Ok(set)
    }

    /// What calibration takes.
    pub fn logits(&self) -> Logits<'_> {
        Logits::new(self.classes, &self.values, &self.labels).expect("checked when the set was read")
    }
}

/// Logits of samples of another kind, which have no class.
#[derive(Clone, Debug)]
pub struct Outside {
    /// What they are called.
    pub name: String,
    /// How many classes the model has.
    pub classes: usize,
    /// One row a sample.
    pub values: Vec<f32>,
}

impl Outside {
    /// Reads the array `ood_logits`, or where there is none `logits`.
    ///
    /// # Errors
    /// As for [`Set::read`].
    pub fn read(name: &str, logits: &Path) -> Result<Self, Box<dyn Error>> {
        let name_of_array = if find(logits, "ood_logits")?.is_some() { "ood_logits" } else { "logits" };
        let (classes, values) = rows(logits, name_of_array)?;
        Ok(Self { name: name.to_owned(), classes, values })
    }
}

/// The classes and values of an array of logits.
fn rows(path: &Path, name: &str) -> Result<(usize, Vec<f32>), Box<dyn Error>> {
    let array = array(path, name)?;
    let (&[_, classes], NpyType::F32) = (&array.dims[..], array.dtype) else {
        return Err(format!("{}: the array '{name}' isn't float32 with a row for each sample", path.display()).into());
    };
    let (numbers, _) = array.bytes.as_chunks();
    Ok((classes, numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()))
}

fn array(path: &Path, name: &str) -> Result<Array, Box<dyn Error>> {
    find(path, name)?.ok_or_else(|| format!("{}: there is no array '{name}'", path.display()).into())
}

/// An array, where the archive has it.
fn find(path: &Path, name: &str) -> Result<Option<Array>, Box<dyn Error>> {
    let read = || Npz::open(path)?.array(name);
    read().map_err(|error| format!("{}: {error}", path.display()).into())
}

/// `NAME=FILE` or `NAME=FILE:FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The first file.
    pub file: PathBuf,
    /// The second one, or the first again.
    pub other: PathBuf,
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, files) = text.split_once('=').ok_or("write NAME=FILE.npz")?;
        let (file, other) = files.split_once(':').unwrap_or((files, files));
        Ok(Self { name: name.to_owned(), file: file.into(), other: other.into() })
    }
}
