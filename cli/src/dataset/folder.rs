//! Folders of pictures.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::fault::DataFault;
use super::{class_of, text};
use crate::error::CliError;
use crate::picture;

/// A picture file with its class, where that is known.
pub type Labelled = (PathBuf, Option<usize>);

/// The list of pictures with their cohorts.
const LIST: &str = "cohorts.csv";

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
        folder.read(path, labels, classes)?;
        if folder.pictures.is_empty() {
            return Err(CliError::Data { path: path.to_owned(), source: DataFault::NoPictures });
        }
        Ok(folder)
    }

    /// Pictures with the cohort of each: as `cohorts.csv` in the folder says in its columns `file` and `column`, or
    /// by the folder around the class folders.
    ///
    /// # Errors
    /// As for [`Folder::open`], and [`CliError::Data`] when nothing tells the cohorts, or the list lacks a picture.
    pub fn with_cohorts(
        path: &Path,
        labels: &[String],
        classes: usize,
        column: &str,
    ) -> Result<(Self, Vec<String>), CliError> {
        let fault = |source| CliError::Data { path: path.to_owned(), source };
        let list = path.join(LIST);
        if list.is_file() {
            let folder = Self::open(path, labels, classes)?;
            let cohorts = listed(&list, column)?;
            let cohort = |(picture, _): &Labelled| {
                let file = relative(picture, path);
                cohorts.get(&file).cloned().ok_or_else(|| fault(DataFault::Unlisted { file }))
            };
            let cohorts = folder.pictures.iter().map(cohort).collect::<Result<_, _>>()?;
            return Ok((folder, cohorts));
        }
        let (mut folder, mut cohorts) = (Self::default(), Vec::new());
        for inner in folders(path)? {
            folder.read(&inner, labels, classes)?;
            cohorts.resize(folder.pictures.len(), name_of(&inner));
        }
        if folder.pictures.is_empty() || folder.pictures.iter().any(|(_, class)| class.is_none()) {
            return Err(fault(DataFault::CohortFolders { column: column.to_owned() }));
        }
        Ok((folder, cohorts))
    }

    fn read(&mut self, path: &Path, labels: &[String], classes: usize) -> Result<(), CliError> {
        self.add(path, None)?;
        for inner in folders(path)? {
            let name = name_of(&inner);
            let class = class_of(&name, labels, classes);
            if class.is_none() {
                self.unknown.push(name);
            }
            self.add(&inner, class)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, class: Option<usize>) -> Result<(), CliError> {
        self.pictures.extend(picture::list(path)?.into_iter().map(|picture| (picture, class)));
        Ok(())
    }
}

/// The cohort of each file that a list names.
fn listed(list: &Path, column: &str) -> Result<HashMap<String, String>, CliError> {
    let rows = text::table(list, &["file", column])?;
    let pair = |row: text::Row| {
        let [file, cohort] = <[String; 2]>::try_from(row.fields).expect("two columns were asked for");
        (file.replace('\\', "/"), cohort)
    };
    Ok(rows.into_iter().map(pair).collect())
}

/// The path from a folder to a file in it, with slashes on every system.
pub fn relative(file: &Path, folder: &Path) -> String {
    let parts = file.strip_prefix(folder).unwrap_or(file).components();
    parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn folders(path: &Path) -> Result<Vec<PathBuf>, CliError> {
    let fault = |source| CliError::Read { path: path.to_owned(), source };
    let entries = std::fs::read_dir(path).map_err(fault)?;
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut folders: Vec<PathBuf> = paths.map_err(fault)?.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}
