//! Models to time: artifacts as they are, ONNX models compiled.

use dunlin_compiler::compile::{Options, Precision, compile};
use dunlin_engine::AlignedBytes;
use std::error::Error;
use std::path::{Path, PathBuf};

/// An artifact with the name of the file that it came from.
#[derive(Debug)]
pub struct NamedModel {
    /// The file's name without its ending.
    pub name: String,
    /// The artifact.
    pub file: AlignedBytes,
}

/// The folders that hold models: the project's own, and the one that `DUNLIN_MODELS` names.
pub fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let more = std::env::var_os("DUNLIN_MODELS").map_or_else(|| root.join("../shared/models"), PathBuf::from);
    vec![root.join("models"), more]
}

/// All models below the folders; ones that can't be compiled, and folders that aren't there, are named on standard error.
pub fn find(folders: &[PathBuf]) -> Vec<NamedModel> {
    let mut paths = Vec::new();
    for folder in folders {
        if walk(folder, &mut paths).is_err() {
            eprintln!("no models in {}", folder.display());
        }
    }
    paths.sort();
    paths.iter().filter_map(|path| load(path).map_err(|error| eprintln!("{}: {error}", path.display())).ok()).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "onnx" || e == "dunlin") {
            found.push(path);
        }
    }
    Ok(())
}

fn load(path: &Path) -> Result<NamedModel, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if path.extension().is_some_and(|e| e == "dunlin") {
        return Ok(NamedModel { name: format!("{name} (artifact)"), file: AlignedBytes::from_slice(&bytes) });
    }
    let compile = |precision| compile(&bytes, &Options { precision, ..Options::default() }, &mut |_| ());
    // Without samples only a model that is quantized already compiles to int8.
    let compiled = compile(Precision::Int8).or_else(|_| compile(Precision::F32))?;
    Ok(NamedModel { name, file: compiled.artifact })
}
