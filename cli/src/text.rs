//! Texts from the command line, from files and from standard input, and what says how they become ids.

use std::fmt;
use std::fs;
use std::io::{Read, stdin};
use std::path::Path;

use dunlin_compiler::text::{TextRequest, default_feed, section};
use dunlin_engine::artifact::SectionKind;
use dunlin_text::{SpecError, TextError};

use crate::error::CliError;
use crate::model::Source;

/// The most bytes that are read from standard input.
const STDIN_BYTES: u64 = 1 << 30;

/// The section that says how text becomes ids: an artifact's own, or what the compiler makes of a SPEC.json.
///
/// # Errors
/// [`CliError::Read`], [`CliError::Model`], [`CliError::Compile`], [`CliError::Text`] for a model that takes no text.
pub fn spec(path: &Path) -> Result<Vec<u8>, CliError> {
    if path.extension().is_some_and(|extension| extension == "dunlin") {
        let source = Source::open(path)?;
        let artifact = source.artifact()?;
        let section = artifact.section(SectionKind::Text).ok_or(TextFault::NoText);
        return section.map(|section| section.bytes.to_vec()).map_err(|source| fault(path, source));
    }
    let request = TextRequest::open(path);
    let section = request.and_then(|request| section(&request, &default_feed(&request)));
    section.map_err(|source| CliError::compile(path, source))
}

/// The contents of a text file, of standard input for `-`.
///
/// # Errors
/// [`CliError::Read`], [`CliError::Text`] when it isn't UTF-8.
pub fn read(path: &Path) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        stdin().lock().take(STDIN_BYTES).read_to_end(&mut bytes).map(|_| ())
    } else {
        fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + sound.iter().filter(|&&byte| byte == b'\n').count();
        fault(path, TextFault::Utf8 { line })
    })
}

/// A text or a spec that can't be used.
pub fn fault(path: &Path, source: TextFault) -> CliError {
    CliError::Text { path: path.to_owned(), source }
}

/// What is wrong with a text, or with what is to make ids of it.
#[derive(Debug)]
pub enum TextFault {
    /// A model that takes no text.
    NoText,
    /// A file that isn't UTF-8.
    Utf8 {
        /// The first that can't be read.
        line: usize,
    },
    /// An artifact's section is broken.
    Spec(SpecError),
    /// A text that has no ids.
    Text(TextError),
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoText => f.write_str("this model takes no text; compile one with --task text"),
            Self::Utf8 { line } => write!(f, "line {line} isn't UTF-8; save the text as UTF-8"),
            Self::Spec(source) => source.fmt(f),
            Self::Text(source) => source.fmt(f),
        }
    }
}
