//! Labelled data: folders of pictures, or arrays.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use dunlin_compiler::npz::Npz;

use crate::error::CliError;
use crate::picture;

/// A picture file with its class, where that is known.
pub type Labelled = (PathBuf, Option<usize>);

/// Folders of pictures.
#[derive(Debug, Default)]
pub struct Folder {
    /// The pictures, by folder and name.
    pub pictures: Vec<Labelled>,
    /// Folders whose name is neither a label nor a class's number.
    pub unknown: Vec<String>,
}

impl Folder {
    /// The pictures of a folder and of the folders in it, which are named by a label or a class's number. Pictures
    /// that lie in the folder itself, or in one of another name, have no class.
    ///
    /// # Errors
    /// [`CliError::Read`], [`CliError::Data`] when there are no pictures.
    pub fn open(path: &Path, labels: &[String], classes: usize) -> Result<Self, CliError> {
        let mut folder = Self::default();
        folder.add(path, None)?;
        for inner in folders(path)? {
            let name = inner.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let class = class_of(&name, labels, classes);
            if class.is_none() {
                folder.unknown.push(name);
            }
            folder.add(&inner, class)?;
        }
        if folder.pictures.is_empty() {
            return Err(CliError::Data { path: path.to_owned(), source: DataFault::NoPictures });
        }
        Ok(folder)
    }

    fn add(&mut self, path: &Path, class: Option<usize>) -> Result<(), CliError> {
        self.pictures.extend(picture::list(path)?.into_iter().map(|picture| (picture, class)));
        Ok(())
    }
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let fault = |source| CliError::Read { path: path.to_owned(), source };
    let entries = std::fs::read_dir(path).map_err(fault)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut folders: Vec<PathBuf> = paths.map_err(fault)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// A class by its label or else its number.
fn class_of(name: &str, labels: &[String], classes: usize) -> Option<usize> {
    let labelled = labels.iter().position(|label| label == name);
    labelled.or_else(|| name.parse().ok().filter(|&class| class < classes))
}

/// Opens an archive of arrays.
///
/// # Errors
/// [`CliError::Npz`], [`CliError::Read`].
pub fn open_npz(path: &Path) -> Result<Npz<BufReader<File>>, CliError> {
    Npz::open(path).map_err(|source| match source {
        dunlin_compiler::npz::NpzError::Io(source) => CliError::Read { path: path.to_owned(), source },
        source => CliError::Npz { path: path.to_owned(), source },
    })
}

/// The array `labels`: a class for each of `rows` samples; `None` when the archive has none.
///
/// # Errors
/// [`CliError::Npz`], [`CliError::Data`] when it hasn't one class per sample or a class isn't one of the model's.
pub fn labels(
    path: &Path,
    npz: &mut Npz<BufReader<File>>,
    rows: usize,
    classes: usize,
) -> Result<Option<Vec<usize>>, CliError> {
    let array = npz.array("labels").map_err(|source| CliError::Npz { path: path.to_owned(), source })?;
    let Some(array) = array else { return Ok(None) };
    let fault = |source| CliError::Data { path: path.to_owned(), source };
    let numbers = array.to_i64s().ok_or_else(|| fault(DataFault::LabelType))?;
    if numbers.len() != rows {
        return Err(fault(DataFault::LabelCount { samples: rows, labels: numbers.len() }));
    }
    let class = |number: i64| usize::try_from(number).ok().filter(|&class| class < classes);
    let classes = numbers.into_iter().map(|n| class(n).ok_or_else(|| fault(DataFault::Class { class: n, classes })));
    classes.collect::<Result<_, _>>().map(Some)
}

/// At most `count` of `total` indices, spread evenly.
pub fn spread(total: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(total);
    (0..count).map(move |i| i * total / count)
}

/// Data that aren't what was asked for.
#[derive(Debug)]
pub enum DataFault {
    /// A folder without pictures.
    NoPictures,
    /// Folders whose names are no classes of the model.
    Folders {
        /// One of them.
        name: String,
        /// How many classes the model has.
        classes: usize,
    },
    /// Pictures that lie outside of class folders.
    Unlabelled,
    /// An archive without `labels`.
    NoLabels,
    /// Labels that aren't integers.
    LabelType,
    /// Another number of labels than of samples.
    LabelCount {
        /// How many samples there are.
        samples: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// A label that is no class of the model.
    Class {
        /// The label.
        class: i64,
        /// How many classes the model has.
        classes: usize,
    },
    /// `pixels` that aren't bytes of pictures, or of which the model takes none.
    Pixels,
    /// Pictures for a model that takes tensors.
    NotImages,
    /// Pictures to calibrate a model that isn't compiled for them.
    NeedsImageTask,
    /// No samples at all.
    Empty,
}

impl fmt::Display for DataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPictures => f.write_str("there are no pictures (.png, .jpg, .jpeg, .webp) in this folder or the folders in it"),
            Self::Folders { name, classes } => {
                write!(f, "the folder '{name}' is named by no label of the model and no number below {classes}; rename it")
            }
            Self::Unlabelled => f.write_str("the pictures lie in no class folders; put each into a folder named by its label"),
            Self::NoLabels => f.write_str("there is no array 'labels'; add one with the class of each sample"),
            Self::LabelType => f.write_str("the array 'labels' isn't of integers; give each sample's class by its number"),
            Self::LabelCount { samples, labels } => write!(f, "there are {labels} labels for {samples} samples; give one for each"),
            Self::Class { class, classes } => write!(f, "the label {class} is no class of the model, which has {classes}"),
            Self::Pixels => f.write_str("the array 'pixels' must be uint8 of shape NxHxWxC, with 1, 3 or 4 channels"),
            Self::NotImages => f.write_str("the model takes tensors, not pictures; give arrays, or compile it with --task image"),
            Self::NeedsImageTask => {
                f.write_str("pictures calibrate only a model whose one input is a picture and that is compiled with --task image; give arrays (.npz) for any other")
            }
            Self::Empty => f.write_str("there are no samples"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_name_classes() {
        let labels = ["cat".to_owned(), "1".to_owned(), "dog".to_owned()];
        let cases = [
            ("cat", Some(0)),
            ("dog", Some(2)),
            ("2", Some(2)),
            ("1", Some(1)),
            ("3", None),
            ("Cat", None),
            ("", None),
        ];
        for (name, class) in cases {
            assert_eq!(class_of(name, &labels, 3), class, "{name}");
        }
    }

    #[test]
    fn samples_are_spread_evenly() {
        assert_eq!(spread(10, 5).collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
        assert_eq!(spread(3, 5).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(spread(0, 5).count(), 0);
    }
}
