//! Models of text from end to end: `compile --text`, `tokens`, `classify --text`.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::texts::{model, onnx};
use crate::{Finished, assert_keys, command, dunlin, file, folder, with_input};

/// The n-grams of `ab`, between its marks, as [`model`] has them: the word first.
fn shown(dir: &Path) -> String {
    dunlin!("tokens", model(dir), "--text", "ab").success()
}

#[test]
fn a_spec_and_the_model_that_has_it_give_the_same_ids() {
    let dir = folder();
    let ids = shown(dir.path());
    // The word, and of two letters and two marks: four alone but the last that is alone, and three pairs.
    assert_eq!((ids.lines().count(), ids.split_whitespace().count()), (1, 8), "{ids}");
    let spec = dir.path().join("spec.json");
    // Without a model nobody cleans less.
    assert_eq!(dunlin!("tokens", spec, "--text", "ab").success(), ids);
    assert_eq!(dunlin!("tokens", spec, "--text", "\u{ff21}B").success(), ids, "NFKC and lower case");
    let shipped = file("models/sms_spam/sms_spam.dunlin");
    let [json, model] = ["spec.json", "sms_spam.dunlin"].map(|name| file(&format!("models/sms_spam/{name}")));
    let texts = ["--text", "A fr33 pr1ze \u{a30}", "--text", ""];
    let [of_spec, of_model] = [json, model]
        .map(|from| dunlin!("tokens", from, "--json", texts[0], texts[1], texts[2], texts[3]).json()["results"].take());
    assert_eq!(of_spec, of_model, "{}", shipped.display());
}

#[test]
fn json_says_what_was_found_in_each_text() {
    let dir = folder();
    let json =
        dunlin!("tokens", model(dir.path()), "--json", "--text", "plain", "--text", "a fr\u{435}e v1agra").json();
    assert_keys(&json, &["spec", "results"]);
    let [plain, hidden] = [0, 1].map(|index| &json["results"][index]);
    assert_keys(plain, &["text", "ids", "view", "signs", "truncated", "unknown"]);
    assert_keys(&plain["signs"], &["ignorables", "compatibility", "mixed_script", "leet", "spaced", "bidi"]);
    assert_eq!((&plain["view"], &plain["signs"]["leet"]), (&Value::Null, &0.into()));
    assert_eq!((&hidden["signs"]["leet"], &hidden["signs"]["mixed_script"]), (&1.into(), &1.into()));
    let unmasked = dunlin!("tokens", dir.path().join("spec.json"), "--json", "--text", "a free viagra").json();
    assert_eq!(hidden["view"], unmasked["results"][0]["ids"]);
    // A second view has a line of its own.
    let lines = dunlin!("tokens", dir.path().join("spec.json"), "--text", "v1agra").success();
    assert!(lines.lines().count() == 2 && lines.lines().nth(1).is_some_and(|line| line.starts_with("| ")), "{lines}");
}

#[test]
fn an_archive_has_the_ids_of_all_lines() {
    let dir = folder();
    let model = model(dir.path());
    let [lines, archive] = ["lines.txt", "ids.npz"].map(|name| dir.path().join(name));
    fs::write(&lines, "ab\n\nv1agra\n").expect("writable");
    assert_eq!(dunlin!("tokens", model, "--data", lines, "-o", archive).success(), "");
    let mut zip = zip::ZipArchive::new(File::open(&archive).expect("written")).expect("an archive");
    let mut array = |name: &str| {
        let mut bytes = Vec::new();
        zip.by_name(&format!("{name}.npy")).expect("listed").read_to_end(&mut bytes).expect("sound");
        let head = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        bytes[head..].as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)).collect::<Vec<_>>()
    };
    let json = dunlin!("tokens", model, "--data", lines, "--json").json();
    let ids = |index: usize, view: &str| -> Vec<i32> {
        let ids = json["results"][index][view].as_array().into_iter().flatten();
        ids.map(|id| id.as_i64().expect("a number") as i32).collect()
    };
    let [first, last, second_view] = [ids(0, "ids"), ids(2, "ids"), ids(2, "view")];
    let ends = [first.len(), first.len(), first.len() + last.len()].map(|end| end as i32);
    assert_eq!(array("ids"), [first, last].concat());
    assert_eq!(array("offsets"), [&[0][..], &ends].concat());
    assert_eq!(
        (array("view_offsets"), array("view_ids").len()),
        (vec![0, 0, 0, second_view.len() as i32], second_view.len())
    );
    assert_eq!(array("signs"), [[0; 6], [0; 6], [0, 0, 0, 1, 0, 0]].concat());
}

/// The first classes of all results.
fn answers(done: &Finished) -> Vec<String> {
    let json = done.json();
    let results = json["results"].as_array().expect("an array").iter();
    results.map(|result| result["classes"][0].to_string()).collect()
}

#[test]
fn texts_come_from_arguments_files_and_standard_input() {
    let dir = folder();
    let model = model(dir.path());
    let lines = dir.path().join("lines.txt");
    fs::write(&lines, "one text\n\nanother\n").expect("writable");
    let arguments = dunlin!("classify", model, "--json", "--text", "one text", "--text", "another");
    let from_file = dunlin!("classify", model, "--json", lines);
    let piped = || command(["classify".as_ref(), model.as_os_str(), "-".as_ref(), "--json".as_ref()]);
    let from_input = with_input(piped(), b"one text\r\nanother");
    assert_eq!(answers(&arguments).len(), 2);
    assert_eq!(answers(&arguments), answers(&from_file));
    assert_eq!(answers(&arguments), answers(&from_input));
    // A line has its number; an empty one is no text.
    assert_eq!(from_input.json()["results"][1]["input"], "-:2");
    assert!(from_file.json()["results"][1]["input"].as_str().is_some_and(|name| name.ends_with("lines.txt:3")));
    assert_eq!(with_input(piped(), b"").json()["results"], Value::Array(Vec::new()));
    dunlin!("classify", file("models/cifar10/cifar10.dunlin"), "--text", "a text").sentence(1, &["a text", "pictures"]);
}

#[test]
fn what_is_no_utf8_is_named_with_its_line() {
    let dir = folder();
    let model = model(dir.path());
    let bad = dir.path().join("bad.txt");
    fs::write(&bad, b"fine\n\xc3\xa4\nb\xff\n").expect("writable");
    dunlin!("classify", model, bad).sentence(1, &["bad.txt", "line 3", "UTF-8"]);
    dunlin!("tokens", model, "--data", bad).sentence(1, &["bad.txt", "line 3", "UTF-8"]);
    let input = command(["tokens".as_ref(), model.as_os_str(), "--data".as_ref(), "-".as_ref()]);
    with_input(input, b"\xe2\x82").sentence(1, &["line 1", "UTF-8"]);
}

#[test]
fn a_megabyte_of_text_is_cut_off_and_classified() {
    let dir = folder();
    let model = model(dir.path());
    let long = dir.path().join("long.txt");
    for word in ["free prize ", "\u{1d5ba}\u{300}", "v1agra\u{200d}"] {
        fs::write(&long, word.repeat((1 << 20) / word.len())).expect("writable");
        assert_eq!(answers(&dunlin!("classify", model, "--json", long)).len(), 1);
        let json = dunlin!("tokens", model, "--json", "--data", long).json();
        assert_eq!(json["results"][0]["truncated"], true);
        assert_eq!(json["results"][0]["ids"].as_array().map(Vec::len), Some(64));
    }
}

#[test]
fn a_spec_that_cannot_be_used_is_the_users_fault() {
    let dir = folder();
    let [model, spec, output] = ["m.onnx", "bad.json", "m.dunlin"].map(|name| dir.path().join(name));
    fs::write(&model, onnx(256)).expect("writable");
    fs::write(dir.path().join("broken.json"), "{\"model\": 1}").expect("writable");
    let cases: [(&str, &[&str]); 9] = [
        (r#"{"tokenizer": "none.json"}"#, &["none.json", "No such file"]),
        (r#"{"tokenizer": "broken.json"}"#, &["broken.json"]),
        (r#"{"ngrams": {"min": 1, "max": 2, "buckets": 256}, "pairs": true}"#, &["bad.json", "`pairs`"]),
        (r#"{"ngrams": {"min": 1, "max": 2, "buckets": 256, "most": 3}}"#, &["bad.json", "`most`"]),
        (r#"{"ngrams": {"min": 1, "max": 2, "buckets": 300}}"#, &["300", "power of two"]),
        (r#"{"ngrams": {"min": 3, "max": 2, "buckets": 256}}"#, &["n-grams", "from 1 to 8"]),
        (r#"{"ngrams": {"min": 1, "max": 2, "buckets": 256}, "max_bytes": 0}"#, &["max_bytes", "from 1"]),
        ("{}", &["`ngrams` or `tokenizer`"]),
        ("hello", &["bad.json", "line 1"]),
    ];
    for (text, words) in cases {
        fs::write(&spec, text).expect("writable");
        let compiled = dunlin!("compile", model, "-o", output, "--task", "text", "--text", spec, "--vary", "ids.0");
        for done in [compiled, dunlin!("tokens", spec, "--text", "a")] {
            done.sentence(1, words);
            assert!(done.error().matches("bad.json").count() <= 1, "{}", done.error());
        }
    }
    assert!(!output.exists());
    dunlin!("compile", model, "-o", output, "--task", "text").failure(2);
    dunlin!("tokens", file("models/cifar10/cifar10.dunlin"), "--text", "a").sentence(1, &["takes no text"]);
}

/// A tokenizer.json of conformance/tokenizers, and a model of as many ids as it has, compiled with it.
fn with_tokenizer(dir: &Path, name: &str) -> PathBuf {
    let path = file("conformance/tokenizers/tokenizers.zip");
    let mut zip = zip::ZipArchive::new(File::open(path).expect("shipped")).expect("an archive");
    let mut bytes = Vec::new();
    zip.by_name(&format!("{name}.json")).expect("listed").read_to_end(&mut bytes).expect("sound");
    let [onnx, spec, model] = ["onnx", "spec.json", "dunlin"].map(|end| dir.join(format!("{name}.{end}")));
    fs::write(&onnx, self::onnx(8192)).expect("writable");
    fs::write(dir.join("tokenizer.json"), bytes).expect("writable");
    fs::write(&spec, r#"{"tokenizer": "tokenizer.json"}"#).expect("writable");
    dunlin!("compile", onnx, "-o", model, "--task", "text", "--text", spec, "--vary", "ids.0").success();
    model
}

#[test]
fn models_with_a_hugging_face_tokenizer_take_its_ids() {
    let dir = folder();
    let known = fs::read(file("conformance/tokenizers/ids.json")).expect("shipped");
    let known: serde_json::Map<String, Value> = serde_json::from_slice(&known).expect("an object");
    let lines = dir.path().join("lines.txt");
    for name in ["wordpiece", "unigram", "byte_level"] {
        let model = with_tokenizer(dir.path(), name);
        let fits = |ids: &Value| ids.as_array().is_some_and(|ids| ids.len() <= 64);
        let cases: Vec<(&String, &Value)> = known
            .iter()
            .filter(|(text, ids)| !text.trim().is_empty() && !text.contains(['\n', '\r']) && fits(&ids[name]))
            .map(|(text, ids)| (text, &ids[name]))
            .collect();
        assert!(cases.len() > 20, "{name}: {}", cases.len());
        let texts: Vec<&str> = cases.iter().map(|(text, _)| text.as_str()).collect();
        fs::write(&lines, texts.join("\n")).expect("writable");
        let json = dunlin!("tokens", model, "--data", lines, "--json").json();
        for (index, (text, ids)) in cases.iter().enumerate() {
            assert_eq!(json["results"][index]["ids"], **ids, "{name}: {text}");
        }
        assert_eq!(answers(&dunlin!("classify", model, lines, "--json")).len(), cases.len());
    }
}
