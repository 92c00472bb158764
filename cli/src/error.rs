//! What can go wrong, as one sentence with culprit and remedy, and the exit code that scripts see.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dunlin_compiler::error::CompileError;
use dunlin_compiler::npz::NpzError;
use dunlin_engine::ModelError;
use dunlin_engine::artifact::ArtifactError;
use dunlin_engine::classifier::ClassifyError;
use dunlin_engine::error::RunError;
use dunlin_protocol::tuf;

use crate::commands::calibrate::CalibrationFault;
use crate::dataset::DataFault;
use crate::picture::PictureError;
use crate::repository::RepositoryFault;
#[cfg(feature = "server")]
use crate::simulate::SimulationFault;
use crate::tensors::TensorFault;
use crate::text::TextFault;

/// Something the user gave is at fault.
pub const USER: u8 = 1;

/// The model is at fault.
pub const MODEL: u8 = 3;

/// The cloud has no answer.
pub const CLOUD: u8 = 4;

/// Why a command couldn't do what it was asked.
#[derive(Debug)]
pub enum CliError {
    /// A file can't be read.
    Read {
        /// The file; `-` is standard input.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file can't be written.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Standard output can't be written.
    Stdout(io::Error),
    /// An input is no picture.
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PictureError,
    },
    /// An archive of arrays can't be read or written.
    Npz {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NpzError,
    },
    /// An array doesn't fit the model's input.
    Tensor {
        /// The file.
        path: PathBuf,
        /// The model's input.
        input: String,
        /// What doesn't fit.
        source: Box<TensorFault>,
    },
    /// A folder or archive isn't the labelled data that was asked for.
    Data {
        /// The folder or archive.
        path: PathBuf,
        /// What is missing or wrong.
        source: DataFault,
    },
    /// A model can't be calibrated with these data.
    Calibration {
        /// The data.
        path: PathBuf,
        /// What is missing.
        source: CalibrationFault,
    },
    /// A class that the model hasn't.
    Class {
        /// What the user called it.
        name: String,
        /// How many classes there are.
        classes: usize,
    },
    /// A head that the model hasn't.
    Head {
        /// The artifact.
        path: PathBuf,
        /// What the user called it.
        name: String,
        /// The names of those that there are.
        heads: Vec<String>,
    },
    /// A JSON file isn't what was asked for.
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A text, or what says how it becomes ids.
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TextFault,
    },
    /// `DUNLIN_ISA` names no kernel set that this CPU has.
    Isa {
        /// The variable's value.
        value: String,
        /// What the CPU lacks.
        what: String,
    },
    /// The system gives no second thread.
    Thread(io::Error),
    /// A repository or its keys aren't as they should be, or what is asked of them doesn't fit.
    Repository {
        /// The repository's folder, or a key's file.
        path: PathBuf,
        /// What is wrong.
        source: RepositoryFault,
    },
    /// What is published in the folder isn't on the server.
    Upload {
        /// The server.
        url: String,
        /// Why.
        what: String,
    },
    /// The system has no randomness.
    Chance(io::Error),
    /// A model server gives no answer.
    Cloud {
        /// Why.
        what: String,
    },
    /// A repository's metadata or a target isn't trusted.
    Untrusted(tuf::Error),
    /// The model can't run on an input.
    Run {
        /// The input.
        path: PathBuf,
        /// What the engine says.
        source: ClassifyError,
    },
    /// The artifact is broken.
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ModelError,
    },
    /// This machine computes other outputs than the compiler did.
    Golden {
        /// The file.
        path: PathBuf,
        /// The kernel set.
        isa: String,
    },
    /// The server can't start.
    #[cfg(feature = "server")]
    Serve(Box<dunlin_server::StartError>),
    /// There is no simulation.
    #[cfg(feature = "server")]
    Simulation(SimulationFault),
    /// The model can't be compiled.
    Compile {
        /// The ONNX file.
        path: PathBuf,
        /// What is wrong with it, or with the options.
        source: Box<CompileError>,
    },
}

impl CliError {
    /// From an artifact's own error.
    pub fn artifact(path: impl Into<PathBuf>, source: ArtifactError) -> Self {
        Self::Model { path: path.into(), source: ModelError::Artifact(source) }
    }

    /// An array that doesn't fit an input.
    pub fn tensor(path: impl Into<PathBuf>, input: impl Into<String>, source: TensorFault) -> Self {
        Self::Tensor { path: path.into(), input: input.into(), source: Box::new(source) }
    }

    /// A model that can't be compiled.
    pub fn compile(path: impl Into<PathBuf>, source: CompileError) -> Self {
        Self::Compile { path: path.into(), source: Box::new(source) }
    }

    /// A run that failed on the arrays or pictures of a file.
    pub fn run(path: impl Into<PathBuf>, source: impl Into<ClassifyError>) -> Self {
        Self::Run { path: path.into(), source: source.into() }
    }

    /// Tells the user on standard error and gives the exit code. A reader of our output who has gone away is no
    /// fault: nothing is said, and the code is 0.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            error => {
                error.say();
                ExitCode::from(error.code())
            }
        }
    }

    /// Tells the user on standard error.
    pub fn say(&self) {
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "dunlin: {self}");
    }

    /// Who is at fault: [`USER`], [`MODEL`] or [`CLOUD`].
    fn code(&self) -> u8 {
        match self {
            Self::Model { .. } | Self::Golden { .. } | Self::Text { source: TextFault::Spec(_), .. } => MODEL,
            Self::Run {
                source: ClassifyError::Run(RunError::Plan | RunError::File | RunError::Shape { .. }), ..
            } => MODEL,
            Self::Compile { source, .. } if blames_options(source) => USER,
            Self::Compile { .. } => MODEL,
            Self::Cloud { .. } => CLOUD,
            _ => USER,
        }
    }
}

/// Whether not the model but what was asked of it is at fault.
fn blames_options(error: &CompileError) -> bool {
    matches!(
        error,
        CompileError::Input { .. }
            | CompileError::NoCalibration
            | CompileError::Task { .. }
            | CompileError::Text { .. }
            | CompileError::Labels { .. }
            | CompileError::Head { .. }
            | CompileError::Sample(_)
            | CompileError::Vary { .. }
    )
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, source } => write!(f, "{} can't be read: {}", path.display(), plain(source)),
            Self::Write { path, source } => write!(f, "{} can't be written: {}", path.display(), plain(source)),
            Self::Stdout(source) => write!(f, "standard output can't be written: {}", plain(source)),
            Self::Picture { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Npz { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Tensor { path, input, source } => write!(f, "{}: {}", path.display(), source.about(input)),
            Self::Data { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Calibration { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Class { name, classes } => {
                write!(
                    f,
                    "'{name}' is no label of the model and no number below {classes}; 'dunlin inspect' shows the labels"
                )
            }
            Self::Head { path, name, heads } => {
                let heads: Vec<String> = heads.iter().map(|head| format!("'{head}'")).collect();
                write!(f, "{}: the model has no head '{name}'; it has {}", path.display(), heads.join(", "))
            }
            Self::Json { path, what } => write!(f, "{}: {what}", path.display()),
            Self::Text { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Isa { value, what } => {
                write!(f, "DUNLIN_ISA={value}: {what}; unset it to use the fastest kernel set")
            }
            Self::Thread(source) => write!(f, "the system gives no second thread: {source}; leave out --threads"),
            Self::Repository { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Upload { url, what } => write!(
                f,
                "{url}: {what}; the folder is published all the same, and the next command with --server uploads it"
            ),
            Self::Chance(source) => write!(f, "the system gives no random bytes: {source}"),
            Self::Cloud { what } => write!(f, "the cloud has no answer: {what}; the local answer stands"),
            Self::Untrusted(source) => source.fmt(f),
            Self::Run { path, source: source @ ClassifyError::Task { takes: "tensors" } } => {
                write!(
                    f,
                    "{}: {source}, not pictures; give arrays to 'dunlin run', or compile with --task image",
                    path.display()
                )
            }
            Self::Run { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Model { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Golden { path, isa } => write!(
                f,
                "{}: the kernel set {isa} computes other outputs here than the compiler did; please report this as a defect of Dunlin",
                path.display()
            ),
            #[cfg(feature = "server")]
            Self::Serve(source) => source.fmt(f),
            #[cfg(feature = "server")]
            Self::Simulation(source) => source.fmt(f),
            Self::Compile { path, source } => match &**source {
                // A spec that is at fault itself is named once.
                CompileError::Text { option, .. } if Path::new(option) == path => source.fmt(f),
                _ => write!(f, "{}: {source}", path.display()),
            },
        }
    }
}

impl std::error::Error for CliError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } | Self::Stdout(source) => Some(source),
            Self::Picture { source, .. } => Some(source),
            Self::Npz { source, .. } => Some(source),
            Self::Run { source, .. } => Some(source),
            Self::Untrusted(source) => Some(source),
            Self::Model { source, .. } => Some(source),
            Self::Compile { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Only standard output is written without a path at hand.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        Self::Stdout(error)
    }
}

/// Serializing a record fails only where it is written to.
impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        Self::Stdout(error.into())
    }
}

/// The usual failures in plain words, the others as the system puts them.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    }
}
