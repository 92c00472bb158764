//! The ids of `tokenizer.json` files, against those that PyPI's `tokenizers` gives: conformance/tokenizers says how they were made.

mod corpus;
mod faults;
mod generated;
mod hostile;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use dunlin_compiler::text::huggingface::{Fault, HuggingFace};
use dunlin_compiler::text::{InputNames, TextRequest, TokenizerRequest, default_feed, section};
use dunlin_text::cleaning::Steps;
use dunlin_text::{Preparer, Spec};
use sha2::{Digest, Sha256};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/tokenizers")
}

/// The files that ship here, by name.
fn tokenizers() -> BTreeMap<String, Vec<u8>> {
    let archive = fs::read(fixtures().join("tokenizers.zip")).expect("the fixture");
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let names: Vec<String> = archive.file_names().map(|name| name.expect("a name").into_owned()).collect();
    let mut file = |name: &str| {
        let mut bytes = Vec::new();
        archive.by_name(name).expect("listed").read_to_end(&mut bytes).expect("sound");
        bytes
    };
    names.iter().map(|name| (name.trim_end_matches(".json").to_owned(), file(name))).collect()
}

/// The text section of a `tokenizer.json`.
fn compiled(file: &[u8]) -> Result<Vec<u8>, Fault> {
    let request = TextRequest {
        cleaning: Steps::default(),
        tokenizer: TokenizerRequest::HuggingFace(HuggingFace::read(file)?),
        max_ids: None,
        max_bytes: 1 << 20,
        inputs: InputNames::default(),
    };
    Ok(section(&request, &default_feed(&request)).expect("what the compiler writes is sound"))
}

/// The ids of texts.
fn ids(section: &[u8], texts: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Vec<i32>> {
    let spec = Spec::parse(section).expect("sound");
    let mut preparer = Preparer::new(&spec);
    let mut ids = |text: &str| preparer.prepare(&spec, text).expect("has ids").views()[0].to_vec();
    texts.into_iter().map(|text| ids(text.as_ref())).collect()
}

/// SHA-256 of all ids as words, with -1 behind each text's.
fn digest(rows: &[Vec<i32>]) -> String {
    let mut sha = Sha256::new();
    for id in rows.iter().flat_map(|row| row.iter().copied().chain([-1])) {
        sha.update(id.to_le_bytes());
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

type Digests = BTreeMap<String, BTreeMap<String, String>>;

fn digests() -> Digests {
    serde_json::from_slice(&fs::read(fixtures().join("digests.json")).expect("the fixture")).expect("digests")
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("text");
    text.strip_suffix('\n').unwrap_or(&text).split('\n').map(str::to_owned).collect()
}

#[test]
fn hard_sentences_have_the_librarys_ids() {
    type Ids = BTreeMap<String, BTreeMap<String, Vec<i32>>>;
    let expected: Ids =
        serde_json::from_slice(&fs::read(fixtures().join("ids.json")).expect("the fixture")).expect("ids");
    for (name, file) in tokenizers() {
        let section = compiled(&file).expect("supported");
        for (text, row) in ids(&section, expected.keys()).iter().zip(&expected).map(|(row, (text, _))| (text, row)) {
            assert_eq!(*row, expected[text][&name], "{name}: {text:?}");
        }
    }
}

#[test]
fn characters_and_mixtures_have_the_librarys_ids() {
    let texts = generated::generated();
    let expected = digests();
    for (name, file) in tokenizers() {
        let found = digest(&ids(&compiled(&file).expect("supported"), &texts));
        assert_eq!(found, expected[&name]["generated"], "{name}");
    }
}

#[test]
fn every_line_of_the_data_has_the_librarys_ids() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !shared.join("data/language_id").exists() {
        println!("{} isn't there: only the sentences that ship here were compared", shared.display());
        return;
    }
    let mut files = tokenizers();
    files.insert("minilm".to_owned(), fs::read(shared.join("models/tokenizer.json")).expect("a tokenizer"));
    let expected = digests();
    let mut paths: Vec<PathBuf> = fs::read_dir(shared.join("data/language_id"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.push(shared.join("data/sms/SMSSpamCollection"));
    for (name, file) in files {
        let section = compiled(&file).expect("supported");
        let mut compared = 0;
        for path in &paths {
            let lines = lines(path);
            let stem = path.file_stem().expect("a name").to_string_lossy();
            assert_eq!(digest(&ids(&section, &lines)), expected[&name][&*stem], "{name}: {stem}");
            compared += lines.len();
        }
        println!("{name}: {compared} lines equal");
    }
}
