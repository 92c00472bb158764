//! What can be wrong with data.

use std::fmt;

/// The most cohorts that are told apart: a column with more values names something else.
pub const MAX_COHORTS: usize = 1000;

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
    /// Neither a list of cohorts nor folders of them.
    CohortFolders {
        /// What the user calls the cohorts.
        column: String,
    },
    /// A picture that the list of cohorts lacks.
    Unlisted {
        /// Its path from the folder.
        file: String,
    },
    /// More different cohorts than are told apart.
    Cohorts {
        /// The column or array.
        column: String,
    },
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
    /// An archive without the array that the user named.
    NoArray {
        /// Its name.
        name: String,
    },
    /// An array of cohorts that isn't of integers or strings.
    CohortType {
        /// Its name.
        name: String,
    },
    /// Another number of cohorts than of samples.
    CohortCount {
        /// How many samples there are.
        samples: usize,
        /// How many cohorts there are.
        cohorts: usize,
    },
    /// `pixels` that aren't bytes of pictures, or of which the model takes none.
    Pixels,
    /// Pictures for a model that takes something else.
    NotImages,
    /// Texts for a model that takes something else.
    NotTexts,
    /// Pictures to calibrate a model that isn't compiled for them.
    NeedsImageTask,
    /// No samples at all.
    Empty,
    /// A file of no kind that is read here.
    Kind,
    /// A table without a column that is needed.
    Column {
        /// Its name.
        name: String,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A line of a text file.
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        what: LineFault,
    },
}

/// A line of a text file that can't be used.
#[derive(Debug)]
pub enum LineFault {
    /// Bytes that are no text.
    Utf8,
    /// Longer than any text that a model takes.
    Long {
        /// The most bytes.
        limit: usize,
    },
    /// Another number of fields than the first line.
    Fields {
        /// What the first line has.
        expected: usize,
        /// What this one has.
        found: usize,
    },
    /// No JSON object.
    Json {
        /// What the parser says.
        what: String,
    },
    /// A field that isn't there, is empty, or is a list or an object.
    Field {
        /// Its name.
        name: String,
    },
    /// A label that is no class of the model.
    Label {
        /// The label, shortened.
        label: String,
        /// How many classes the model has.
        classes: usize,
    },
}

impl fmt::Display for DataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPictures => f.write_str("there are no pictures (.png, .jpg, .jpeg, .webp) in this folder or the folders in it"),
            Self::Folders { name, classes } => {
                write!(f, "the folder '{name}' is named by no label of the model and no number below {classes}; rename it")
            }
            Self::Unlabelled => f.write_str("the pictures lie in no class folders; put each into a folder named by its label"),
            Self::CohortFolders { column } => write!(
                f,
                "nothing tells the cohorts of the pictures; add a cohorts.csv with the columns 'file' and '{column}', or put class folders into a folder for each cohort"
            ),
            Self::Unlisted { file } => write!(f, "the picture '{file}' isn't in cohorts.csv; add it there with its cohort"),
            Self::Cohorts { column } => {
                write!(f, "'{column}' has more than {MAX_COHORTS} values; name one that puts samples into few cohorts")
            }
            Self::NoLabels => f.write_str("there is no array 'labels'; add one with the class of each sample"),
            Self::LabelType => f.write_str("the array 'labels' isn't of integers; give each sample's class by its number"),
            Self::LabelCount { samples, labels } => write!(f, "there are {labels} labels for {samples} samples; give one for each"),
            Self::Class { class, classes } => write!(f, "the label {class} is no class of the model, which has {classes}"),
            Self::NoArray { name } => write!(f, "there is no array '{name}'; add one with the cohort of each sample"),
            Self::CohortType { name } => write!(f, "the array '{name}' isn't of integers or strings; give each sample's cohort by its number or name"),
            Self::CohortCount { samples, cohorts } => {
                write!(f, "there are {cohorts} cohorts for {samples} samples; give one for each")
            }
            Self::Pixels => f.write_str("the array 'pixels' must be uint8 of shape NxHxWxC, with 1, 3 or 4 channels"),
            Self::NotImages => f.write_str("the model takes no pictures; give it what it takes, or compile it with --task image"),
            Self::NotTexts => f.write_str("the model takes no texts; give pictures or arrays, or compile it with --task text"),
            Self::NeedsImageTask => {
                f.write_str("pictures calibrate only a model whose one input is a picture and that is compiled with --task image; give arrays (.npz) for any other")
            }
            Self::Empty => f.write_str("there are no samples"),
            Self::Kind => f.write_str("this is neither a folder of pictures nor a file that ends in .npz, .csv, .tsv or .jsonl"),
            Self::Column { name, found } => {
                write!(f, "there is no column '{name}' (there is: {}); name one so in the first line", found.join(", "))
            }
            Self::Line { line, what } => write!(f, "line {line} {what}"),
        }
    }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utf8 => f.write_str("isn't UTF-8; convert the file"),
            Self::Long { limit } => write!(f, "has more than {limit} bytes; shorten it, or close its quotes"),
            Self::Fields { expected, found } => {
                write!(
                    f,
                    "has {found} fields, the first one {expected}; give as many, with quotes around a comma or a new line"
                )
            }
            Self::Json { what } => write!(f, "is no JSON object ({what}); give one on each line"),
            Self::Field { name } => write!(f, "has no '{name}'; give it one"),
            Self::Label { label, classes } => {
                write!(f, "has the label '{label}', which is no label of the model and no number below {classes}")
            }
        }
    }
}
