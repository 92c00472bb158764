//! `dunlin eval` on texts, with a model of texts that is made here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{assert_keys, dunlin, folder};

/// A field of a protobuf: a number.
fn number(tag: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![tag << 3];
    if tag >= 16 {
        bytes = vec![tag << 3 | 0x80, tag >> 4];
    }
    bytes.extend(varint(value));
    bytes
}

/// A field of a protobuf: bytes.
fn bytes(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag << 3 | 2];
    bytes.extend(varint(value.len() as u64));
    bytes.extend(value);
    bytes
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// An input or output of a graph.
fn border(name: &str, element: u64, dims: &[u64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| bytes(1, &number(1, dim))).collect();
    let tensor = [number(1, element), bytes(2, &dims)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|name| bytes(1, name.as_bytes()));
    let attributes = attributes.iter().flat_map(|attribute| bytes(5, attribute));
    inputs.chain(bytes(2, output.as_bytes())).chain(bytes(4, op.as_bytes())).chain(attributes).collect()
}

/// The mean of rows that up to 64 ids pick from a table, as an ONNX file: odd ids speak for the second of two classes.
pub fn onnx(rows: u32) -> Vec<u8> {
    let row = |id: u32| if id.is_multiple_of(2) { [3.0_f32, -1.0] } else { [-1.0, 3.0] };
    let table: Vec<u8> = (0..rows).flat_map(row).flat_map(f32::to_le_bytes).collect();
    let table = [number(1, u64::from(rows)), number(1, 2), number(2, 1), bytes(8, b"table"), bytes(9, &table)].concat();
    let axis = [bytes(1, b"axis"), number(3, 0), number(20, 2)].concat();
    let axes = [bytes(1, b"axes"), number(8, 0), number(20, 7)].concat();
    let kept = [bytes(1, b"keepdims"), number(3, 1), number(20, 2)].concat();
    let graph = [
        bytes(1, &node("Gather", &["table", "ids"], "rows", &[axis])),
        bytes(1, &node("ReduceMean", &["rows"], "logits", &[axes, kept])),
        bytes(2, b"texts"),
        bytes(5, &table),
        bytes(11, &border("ids", 7, &[64])),
        bytes(12, &border("logits", 1, &[1, 2])),
    ];
    [number(1, 8), bytes(7, &graph.concat()), bytes(8, &number(2, 13))].concat()
}

/// An artifact with the classes `ham` and `spam`.
pub fn model(dir: &Path) -> PathBuf {
    let [onnx, spec, labels, model] = ["m.onnx", "spec.json", "labels.txt", "m.dunlin"].map(|name| dir.join(name));
    fs::write(&onnx, self::onnx(256)).expect("writable");
    fs::write(&spec, r#"{"ngrams": {"min": 1, "max": 2, "words": true, "buckets": 256}}"#).expect("writable");
    fs::write(&labels, "ham\nspam\n").expect("writable");
    let args = ["--task", "text", "--vary", "ids.0"];
    dunlin!("compile", onnx, "-o", model, "--text", spec, "--labels", labels, args[0], args[1], args[2], args[3])
        .success();
    model
}

const ROWS: [[&str; 3]; 4] =
    [["one secret", "ham", "en"], ["zwei", "spam", "de"], ["", "1", "en"], ["ones, \"twos\"", "0", "de"]];

/// The rows as CSV, TSV and lines of JSON.
fn files(dir: &Path) -> [PathBuf; 3] {
    let quoted = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
    let csv = ROWS.map(|row| row.map(quoted).join(","));
    let tsv = ROWS.map(|row| row.join("\t"));
    let json = ROWS.map(|[text, label, language]| {
        serde_json::json!({"text": text, "label": label, "language": language}).to_string()
    });
    let [csv_file, tsv_file, json_file] = ["t.csv", "t.tsv", "t.jsonl"].map(|name| dir.join(name));
    fs::write(&csv_file, format!("text,label,language\n{}\n", csv.join("\n"))).expect("writable");
    fs::write(&tsv_file, format!("text\tlabel\tlanguage\n{}\n", tsv.join("\n"))).expect("writable");
    fs::write(&json_file, json.join("\n")).expect("writable");
    [csv_file, tsv_file, json_file]
}

#[test]
fn tables_and_lines_of_json_are_alike() {
    let dir = folder();
    let model = model(dir.path());
    let mut found = Vec::new();
    for path in files(dir.path()) {
        let mut json = dunlin!("eval", model, "--data", path, "--cohort", "language", "--json").json();
        assert_eq!((&json["samples"], &json["cohorts"][0]["cohort"]), (&4.into(), &"de".into()));
        assert_eq!((&json["classes"][1]["label"], &json["classes"][1]["samples"]), (&"spam".into(), &2.into()));
        for key in ["data", "p50_us", "p90_us"] {
            json[key].take();
        }
        for mistake in json["mistakes"].as_array_mut().expect("an array") {
            let line = mistake["sample"].take();
            assert!(line.as_str().is_some_and(|line| line.starts_with("line ")), "{line}");
        }
        found.push(json);
    }
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}

#[test]
fn texts_are_shown_only_to_who_asks() {
    let dir = folder();
    let (model, html, path) = (model(dir.path()), dir.path().join("r.html"), dir.path().join("t.csv"));
    // Each text has both labels, so that one of them is wrong.
    let texts = ["<script>secret</script> & \u{202e}", "secret other"];
    let rows: String = texts.iter().flat_map(|text| ["ham", "spam"].map(|label| format!("{text},{label}\n"))).collect();
    fs::write(&path, format!("text,label\n{rows}")).expect("writable");
    let quiet = dunlin!("eval", model, "--data", path, "--html", html, "--json").json();
    assert_eq!(quiet["mistakes"].as_array().map(Vec::len), Some(2));
    assert!(!quiet.to_string().contains("secret"));
    assert!(!fs::read_to_string(&html).expect("written").contains("secret"));
    let asked = dunlin!("eval", model, "--data", path, "--html", html, "--json", "--show-texts").json();
    let keys = ["sample", "class", "label", "answer", "answer_label", "probability", "decision", "text"];
    assert_keys(&asked["mistakes"][0], &keys);
    let page = fs::read_to_string(&html).expect("written");
    assert!(page.contains("&lt;script&gt;secret") && !page.contains("<script") && !page.contains('\u{202e}'), "{page}");
}

#[test]
fn other_texts_need_no_label() {
    let dir = folder();
    let model = model(dir.path());
    let [csv, ..] = files(dir.path());
    let other = dir.path().join("o.jsonl");
    fs::write(&other, "{\"text\": \"xyz\"}\n").expect("writable");
    let json = dunlin!("eval", model, "--data", csv, "--ood", other, "--json").json();
    assert_eq!(json["ood"]["samples"], 1);
    assert!(json["ood"]["auroc"].is_number());
}

#[test]
fn bad_lines_are_one_sentence_with_their_number() {
    let dir = folder();
    let model = model(dir.path());
    let long = format!("text,label\na,ham\n{},ham\n", "x".repeat(17 << 20));
    let cases: [(&str, &[u8], &[&str]); 8] = [
        ("a.csv", b"text,kind\na,ham\n", &["no column 'label'", "text, kind"]),
        ("b.csv", b"text,label\na,ham\nb,eggs\n", &["line 3", "'eggs'", "no label of the model"]),
        ("c.csv", b"text,label\n", &["no samples"]),
        ("d.csv", b"", &["no column 'text'"]),
        ("e.tsv", b"text\tlabel\na\tham\n\xff\tham\n", &["line 3", "UTF-8"]),
        ("f.jsonl", b"{\"text\": \"a\", \"label\": \"ham\"}\n{\"text\": 1}\n", &["line 2", "no 'label'"]),
        ("g.jsonl", b"{\"text\": \"a\", \"label\": \"ham\"}\n\"secret\"\n", &["line 2", "no JSON object"]),
        ("h.csv", long.as_bytes(), &["line 3", "more than"]),
    ];
    for (name, bytes, words) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).expect("writable");
        let done = dunlin!("eval", model, "--data", path);
        done.sentence(1, words);
        assert!(!done.error().contains("secret"));
    }
    dunlin!("eval", model, "--data", dir.path().join("none.csv")).sentence(1, &["none.csv", "no such file"]);
}
