//! From a path to a model that runs.

use std::path::{Path, PathBuf};

use dunlin_engine::artifact::Artifact;
use dunlin_engine::{Classifier, Helper, Isa, Limits, Session};
use dunlin_native::ModelFile;

use crate::args::ThreadArgs;
use crate::error::CliError;

/// Forces a kernel set.
const ISA_VARIABLE: &str = "DUNLIN_ISA";

/// An artifact's file with its name for messages.
#[derive(Debug)]
pub struct Source {
    /// The file, or `built-in`.
    pub path: PathBuf,
    /// Its bytes.
    pub file: ModelFile,
}

impl Source {
    /// Opens an artifact.
    ///
    /// # Errors
    /// [`CliError::Read`].
    pub fn open(path: &Path) -> Result<Self, CliError> {
        let file = ModelFile::open(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The model that is part of this program.
    pub fn built_in() -> Self {
        Self { path: PathBuf::from("built-in"), file: ModelFile::Static(SHIPPED) }
    }

    /// The artifact, checked.
    ///
    /// # Errors
    /// [`CliError::Model`].
    pub fn artifact(&self) -> Result<Artifact<'_>, CliError> {
        Artifact::parse(self.file.as_ref()).map_err(|source| CliError::artifact(&self.path, source))
    }

    /// A classifier with the kernel set and the threads that the user wants.
    ///
    /// # Errors
    /// [`CliError::Isa`], [`CliError::Model`], [`CliError::Thread`].
    pub fn classifier(self, threads: ThreadArgs) -> Result<Classifier<ModelFile>, CliError> {
        let Self { path, file } = self;
        let classifier = Classifier::load(file, isa()?, Limits::default());
        let mut classifier = classifier.map_err(|source| CliError::Model { path, source })?;
        share(classifier.session(), threads)?;
        Ok(classifier)
    }

    /// A session with the kernel set and the threads that the user wants.
    ///
    /// # Errors
    /// [`CliError::Isa`], [`CliError::Model`], [`CliError::Thread`].
    pub fn session(&self, threads: ThreadArgs) -> Result<Session<&[u8]>, CliError> {
        let session = Session::load(self.file.as_ref(), isa()?, Limits::default());
        let mut session = session.map_err(|source| CliError::Model { path: self.path.clone(), source })?;
        share(&mut session, threads)?;
        Ok(session)
    }
}

/// Starts the second thread, if the user and the model want one.
fn share<B: AsRef<[u8]>>(session: &mut Session<B>, threads: ThreadArgs) -> Result<(), CliError> {
    if threads.count == 2 {
        session.share(Helper::start).map_err(CliError::Thread)?;
    }
    Ok(())
}

/// A class's name, or its number where it has none.
pub fn class_name(labels: &[String], class: usize) -> String {
    labels.get(class).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| class.to_string())
}

/// The kernel set that `DUNLIN_ISA` names, the fastest one without.
///
/// # Errors
/// [`CliError::Isa`] when there is no such set or the CPU lacks it.
pub fn isa() -> Result<Isa, CliError> {
    let Some(value) = std::env::var_os(ISA_VARIABLE).filter(|value| !value.is_empty()) else { return Ok(Isa::best()) };
    let value = value.to_string_lossy().into_owned();
    value.parse().map_err(|error: <Isa as std::str::FromStr>::Err| CliError::Isa { value, what: error.to_string() })
}

/// Bytes at the alignment that the engine asks for.
#[repr(align(64))]
struct Aligned<T: ?Sized>(T);

static SHIPPED_BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!("../../models/cifar10/cifar10.dunlin"));

const SHIPPED: &[u8] = &SHIPPED_BYTES.0;
