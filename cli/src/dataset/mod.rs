//! Labelled data: folders of pictures, arrays, texts; and what a classifier says of them.

mod arrays;
mod collect;
mod fault;
mod folder;
mod text;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dunlin_engine::Classifier;
use dunlin_native::ModelFile;

use crate::error::CliError;
use crate::heads;
use crate::tensors::{Batch, Input};
use arrays::Stack;

pub use arrays::{labels, open_npz};
pub use collect::{Collected, collect};
pub use fault::DataFault;
pub use folder::Folder;

/// What is asked of data.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whether each sample needs a class; without, classes aren't looked for.
    pub labelled: bool,
    /// The number of the head that the classes are those of.
    pub head: usize,
    /// What tells the samples' cohorts: a column, an array, or what folders of pictures are about.
    pub cohort: Option<&'a str>,
}

/// Samples that a classifier takes, at least one; their labels and cohorts are checked.
#[derive(Debug)]
pub struct Data {
    path: PathBuf,
    samples: Samples,
    head: usize,
    /// A class for each sample; empty where classes weren't asked for.
    classes: Vec<u32>,
    cohorts: Option<Cohorts>,
}

/// Where samples are.
#[derive(Debug)]
enum Samples {
    Files(Vec<PathBuf>),
    Pixels(Stack),
    Tensors(Batch),
    Texts(Vec<Text>),
}

/// A text and the line on which it begins.
#[derive(Debug)]
struct Text {
    line: u64,
    text: String,
}

/// To which cohort each sample belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cohorts {
    /// The cohorts' names, sorted.
    pub names: Vec<String>,
    /// An index into `names` for each sample.
    pub of: Vec<u32>,
}

impl Data {
    /// Opens a folder of pictures, an archive (`.npz`), a table (`.csv`, `.tsv`) or lines of JSON (`.jsonl`).
    ///
    /// # Errors
    /// [`CliError::Read`], [`CliError::Npz`], [`CliError::Tensor`], [`CliError::Data`] when it isn't what is wanted.
    pub fn open(path: &Path, classifier: &mut Classifier<ModelFile>, wanted: Wanted<'_>) -> Result<Self, CliError> {
        let head = heads::head(classifier, wanted.head);
        let model = Model { names: heads::labels(&head, path, None)?, classes: head.scores.logits.len() };
        let data = if path.is_dir() {
            Self::pictures(path, &model, wanted)
        } else if text::is_text_name(path) {
            Self::texts(path, &model, wanted)
        } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npz")) || !path.exists() {
            Self::arrays(path, classifier, &model, wanted)
        } else {
            Err(data_fault(path, DataFault::Kind))
        }?;
        if data.is_empty() {
            return Err(data_fault(path, DataFault::Empty));
        }
        Ok(data)
    }

    fn pictures(path: &Path, model: &Model, wanted: Wanted<'_>) -> Result<Self, CliError> {
        let fault = |source| data_fault(path, source);
        let (folder, cohorts) = match wanted.cohort {
            None => (Folder::open(path, &model.names, model.classes)?, None),
            Some(column) => {
                let (folder, cohorts) = Folder::with_cohorts(path, &model.names, model.classes, column)?;
                (folder, Some(Cohorts::new(path, column, cohorts)?))
            }
        };
        if let Some(name) = folder.unknown.into_iter().next().filter(|_| wanted.labelled) {
            return Err(fault(DataFault::Folders { name, classes: model.classes }));
        }
        let (files, classes): (Vec<_>, Vec<_>) = folder.pictures.into_iter().unzip();
        let class = |class: Option<usize>| class.map(|c| c as u32).ok_or_else(|| fault(DataFault::Unlabelled));
        let classes = classes.into_iter().filter(|_| wanted.labelled).map(class).collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), samples: Samples::Files(files), head: wanted.head, classes, cohorts })
    }

    /// `pixels`, or the model's inputs.
    fn arrays(
        path: &Path,
        classifier: &mut Classifier<ModelFile>,
        model: &Model,
        wanted: Wanted<'_>,
    ) -> Result<Self, CliError> {
        let mut npz = open_npz(path)?;
        let (samples, count) = match arrays::array(path, &mut npz, "pixels")? {
            Some(pixels) => {
                let stack = Stack::new(pixels).ok_or_else(|| data_fault(path, DataFault::Pixels))?;
                let count = stack.count;
                (Samples::Pixels(stack), count)
            }
            None => {
                let inputs = Input::all(classifier.session()).map_err(|error| CliError::artifact(path, error))?;
                let batch = Batch::read(path, &mut npz, &inputs)?;
                let count = batch.len;
                (Samples::Tensors(batch), count)
            }
        };
        let mut classes = Vec::new();
        if wanted.labelled {
            let labels = labels(path, &mut npz, count, model.classes)?;
            let labels = labels.ok_or_else(|| data_fault(path, DataFault::NoLabels))?;
            classes = labels.into_iter().map(|class| class as u32).collect();
        }
        let cohorts = match wanted.cohort {
            Some(name) => Some(Cohorts::new(path, name, arrays::cohorts(path, &mut npz, name, count)?)?),
            None => None,
        };
        Ok(Self { path: path.to_owned(), samples, head: wanted.head, classes, cohorts })
    }

    /// Columns `text`, `label` and that of the cohorts.
    fn texts(path: &Path, model: &Model, wanted: Wanted<'_>) -> Result<Self, CliError> {
        let columns: Vec<&str> =
            ["text"].into_iter().chain(wanted.labelled.then_some("label")).chain(wanted.cohort).collect();
        let (mut texts, mut classes, mut cohorts) = (Vec::new(), Vec::new(), Vec::new());
        for row in text::table(path, &columns)? {
            let mut fields = row.fields.into_iter();
            texts.push(Text { line: row.line, text: fields.next().unwrap_or_default() });
            if wanted.labelled {
                let label = fields.next().unwrap_or_default();
                let class = class_of(&label, &model.names, model.classes);
                classes.push(class.ok_or_else(|| model.no_label(path, row.line, &label))? as u32);
            }
            cohorts.extend(fields.next());
        }
        let cohorts = wanted.cohort.map(|column| Cohorts::new(path, column, cohorts)).transpose()?;
        Ok(Self { path: path.to_owned(), samples: Samples::Texts(texts), head: wanted.head, classes, cohorts })
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        match &self.samples {
            Samples::Files(files) => files.len(),
            Samples::Pixels(stack) => stack.count,
            Samples::Tensors(batch) => batch.len,
            Samples::Texts(texts) => texts.len(),
        }
    }

    /// What a sample is called: a picture by its path from the folder, others by their row or line.
    pub fn name(&self, index: usize) -> String {
        match &self.samples {
            Samples::Files(files) => folder::relative(&files[index], &self.path),
            Samples::Pixels(_) | Samples::Tensors(_) => format!("row {index}"),
            Samples::Texts(texts) => format!("line {}", texts[index].line),
        }
    }

    /// A sample's text; `None` of what is no text.
    pub fn text(&self, index: usize) -> Option<&str> {
        match &self.samples {
            Samples::Texts(texts) => Some(&texts[index].text),
            _ => None,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What data are compared with.
struct Model {
    names: Vec<String>,
    classes: usize,
}

impl Model {
    fn no_label(&self, path: &Path, line: u64, label: &str) -> CliError {
        let label = label.chars().take(SHOWN).collect();
        let what = fault::LineFault::Label { label, classes: self.classes };
        data_fault(path, DataFault::Line { line, what })
    }
}

impl Cohorts {
    /// Numbers names in their order.
    fn new(path: &Path, column: &str, of: Vec<String>) -> Result<Self, CliError> {
        let names: BTreeSet<&String> = of.iter().collect();
        if names.len() > fault::MAX_COHORTS {
            return Err(data_fault(path, DataFault::Cohorts { column: column.to_owned() }));
        }
        let names: Vec<String> = names.into_iter().cloned().collect();
        let index = |name| names.binary_search(name).expect("all names are there") as u32;
        let of = of.iter().map(index).collect();
        Ok(Self { names, of })
    }
}

/// A class by its label or else its number.
pub fn class_of(name: &str, labels: &[String], classes: usize) -> Option<usize> {
    let labelled = labels.iter().position(|label| label == name);
    labelled.or_else(|| name.parse().ok().filter(|&class| class < classes))
}

fn data_fault(path: &Path, source: DataFault) -> CliError {
    CliError::Data { path: path.to_owned(), source }
}

/// At most `count` of `total` indices, spread evenly.
pub fn spread(total: usize, count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(total);
    (0..count).map(move |i| i * total / count)
}

/// The most letters of a foreign label in a message.
const SHOWN: usize = 40;

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

    #[test]
    fn cohorts_are_numbered_by_name() {
        let of = ["b", "a", "b"].map(str::to_owned).to_vec();
        let cohorts = Cohorts::new(Path::new("x"), "c", of).expect("two");
        assert_eq!((cohorts.names, cohorts.of), (vec!["a".to_owned(), "b".to_owned()], vec![1, 0, 1]));
        let many = (0..=fault::MAX_COHORTS).map(|i| i.to_string()).collect();
        assert!(Cohorts::new(Path::new("x"), "id", many).is_err());
    }
}
