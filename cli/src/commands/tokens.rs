//! `dunlin tokens`: the ids that texts become, as a device computes them.

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::ExitCode;

use dunlin_compiler::npz::{Array, NpyType, NpzWriter};
use dunlin_text::{Prepared, Preparer, Signs, Spec};
use serde::Serialize;

use crate::args::TokensArgs;
use crate::error::CliError;
use crate::output;
use crate::text::{self, TextFault};

/// What texts became.
#[derive(Debug, Serialize)]
struct Tokens {
    spec: String,
    results: Vec<Outcome>,
}

/// One of them.
#[derive(Debug, Serialize)]
struct Outcome {
    text: String,
    ids: Vec<i32>,
    view: Option<Vec<i32>>,
    signs: SignsRecord,
    truncated: bool,
    unknown: usize,
}

#[derive(Debug, Serialize)]
struct SignsRecord {
    ignorables: u16,
    compatibility: u16,
    mixed_script: u16,
    leet: u16,
    spaced: u16,
    bidi: u16,
}

/// Prepares all texts, and shows or writes their ids.
pub fn run(args: &TokensArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let section = text::spec(&args.spec)?;
    let spec = Spec::parse(&section).map_err(|source| text::fault(&args.spec, TextFault::Spec(source)))?;
    let file = args.data.as_deref().map(text::read).transpose()?;
    let texts: Vec<&str> = match &file {
        Some(file) => file.lines().collect(),
        None => args.texts.iter().map(String::as_str).collect(),
    };
    let mut preparer = Preparer::new(&spec);
    let mut arrays = Arrays::default();
    let mut results = Vec::new();
    for text in texts {
        let prepared = preparer.prepare(&spec, text).map_err(|source| {
            let path = args.data.as_deref().unwrap_or(Path::new("--text"));
            text::fault(path, TextFault::Text(source))
        })?;
        match (&args.output, args.json) {
            (Some(_), _) => arrays.push(&prepared),
            (None, true) => results.push(Outcome::new(text, &prepared)),
            (None, false) => show(&prepared, out)?,
        }
    }
    if let Some(path) = &args.output {
        arrays.write(path)?;
    } else if args.json {
        output::json(&Tokens { spec: args.spec.display().to_string(), results }, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Outcome {
    fn new(text: &str, prepared: &Prepared<'_>) -> Self {
        let Signs { ignorables, compatibility, mixed_script, leet, spaced, bidi } = prepared.signs;
        Self {
            text: text.to_owned(),
            ids: prepared.views()[0].to_vec(),
            view: prepared.views().get(1).map(|ids| ids.to_vec()),
            signs: SignsRecord { ignorables, compatibility, mixed_script, leet, spaced, bidi },
            truncated: prepared.truncated,
            unknown: prepared.unknown,
        }
    }
}

/// The ids, a text a line; a second view stands on a line of its own, behind a mark.
fn show(prepared: &Prepared<'_>, out: &mut dyn Write) -> Result<(), CliError> {
    for (index, ids) in prepared.views().iter().enumerate() {
        let ids: Vec<String> = ids.iter().map(i32::to_string).collect();
        let mark = if index == 0 { "" } else { "| " };
        writeln!(out, "{mark}{}", ids.join(" "))?;
    }
    Ok(())
}

/// All texts' ids, one after the other.
#[derive(Debug)]
struct Arrays {
    ids: Vec<i32>,
    offsets: Vec<i32>,
    view_ids: Vec<i32>,
    view_offsets: Vec<i32>,
    signs: Vec<i32>,
}

impl Default for Arrays {
    fn default() -> Self {
        Self { ids: Vec::new(), offsets: vec![0], view_ids: Vec::new(), view_offsets: vec![0], signs: Vec::new() }
    }
}

impl Arrays {
    fn push(&mut self, prepared: &Prepared<'_>) {
        self.ids.extend_from_slice(prepared.views()[0]);
        self.offsets.push(self.ids.len() as i32);
        self.view_ids.extend_from_slice(prepared.views().get(1).copied().unwrap_or_default());
        self.view_offsets.push(self.view_ids.len() as i32);
        let Signs { ignorables, compatibility, mixed_script, leet, spaced, bidi } = prepared.signs;
        self.signs.extend([ignorables, compatibility, mixed_script, leet, spaced, bidi].map(i32::from));
    }

    fn write(&self, path: &Path) -> Result<(), CliError> {
        let fault = |source| CliError::Npz { path: path.to_owned(), source };
        let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
        let texts = self.offsets.len() - 1;
        for (name, values, dims) in [
            ("ids", &self.ids, vec![self.ids.len()]),
            ("offsets", &self.offsets, vec![texts + 1]),
            ("view_ids", &self.view_ids, vec![self.view_ids.len()]),
            ("view_offsets", &self.view_offsets, vec![texts + 1]),
            ("signs", &self.signs, vec![texts, 6]),
        ] {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            writer.add(name, &Array::new(NpyType::I32, &dims, bytes)).map_err(fault)?;
        }
        output::file(path, writer.finish().map_err(fault)?.get_ref())
    }
}
