//! Models with several heads: `--head` of `compile`, `calibrate` and `eval`, and what `inspect` and `classify` show.

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use dunlin_compiler::npz::{Array, NpyType, NpzWriter};
use dunlin_engine::task::{PixelFormat, Pixels};
use dunlin_engine::{AlignedBytes, Classifier, Isa, Limits};
use serde_json::Value;
use zip::ZipArchive;

use crate::{assert_keys, cat, dunlin, file, folder, shipped};

const SIDE: usize = 6;

/// A model of pictures with the outputs `animal`, `features`, `scene` and `night`.
fn onnx(dir: &Path) -> PathBuf {
    let archive = File::open(file("conformance/heads.zip")).expect("it is in the repository");
    let mut bytes = Vec::new();
    let mut archive = ZipArchive::new(archive).expect("a ZIP archive");
    archive.by_name("float/model.onnx").expect("a case").read_to_end(&mut bytes).expect("readable");
    let path = dir.join("net.onnx");
    fs::write(&path, bytes).expect("writable");
    path
}

/// Compiled, with the heads `scene`, whose classes have names, and `night`.
fn model(dir: &Path) -> PathBuf {
    let [scenes, model] = ["scenes.txt", "net.dunlin"].map(|name| dir.join(name));
    fs::write(&scenes, "indoor\nstreet\nfield\n").expect("writable");
    let scene = format!("scene={}", scenes.display());
    let args = ["--precision", "f32", "--task", "image", "--head", &scene, "--head", "night"];
    let [a, b, c, d, e, f, g, h] = args;
    dunlin!("compile", onnx(dir), "-o", model, a, b, c, d, e, f, g, h).success();
    model
}

/// Pictures whose labels are what the second head says of them, but for every `wrong`-th.
fn data(dir: &Path, model: &Path, count: usize, wrong: usize) -> PathBuf {
    let file = AlignedBytes::from_slice(&fs::read(model).expect("it was compiled"));
    let mut classifier = Classifier::load(file, Isa::best(), Limits::default()).expect("sound");
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for i in 0..count {
        let picture: Vec<u8> = (0..SIDE * SIDE * 3).map(|at| ((at * at * (i + 3) + at * i * 31) % 251) as u8).collect();
        let given = Pixels::new(&picture, SIDE as u32, SIDE as u32, PixelFormat::Rgb8).expect("a picture");
        classifier.classify_pixels(&given).expect("runs");
        let class = classifier.head(1).and_then(|head| head.scores.best()).expect("three classes");
        labels.push(if i % wrong == 0 { (class + 1) % 3 } else { class } as i64);
        pixels.extend(picture);
    }
    let labels = Array::new(NpyType::I64, &[count], labels.iter().flat_map(|label| label.to_le_bytes()).collect());
    let pixels = Array::new(NpyType::U8, &[count, SIDE, SIDE, 3], pixels);
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    writer.add("labels", &labels).and_then(|()| writer.add("pixels", &pixels)).expect("memory takes it");
    let path = dir.join("data.npz");
    fs::write(&path, writer.finish().expect("memory takes it").into_inner()).expect("writable");
    path
}

#[test]
fn inspect_shows_what_compile_made() {
    let dir = folder();
    let model = model(dir.path());
    let json = dunlin!("inspect", model, "--json").json();
    let heads = json["heads"].as_array().expect("heads");
    assert_eq!(heads.len(), 2);
    assert_keys(&heads[0], &["name", "output", "scoring", "classes", "labels", "policy"]);
    let of = |key: &str| heads.iter().map(|head| head[key].clone()).collect::<Vec<Value>>();
    assert_eq!(of("name"), ["scene", "night"]);
    assert_eq!(of("output"), [2, 3]);
    assert_eq!(of("scoring"), ["logits", "probabilities"]);
    assert_eq!(of("classes"), [3, 2]);
    assert_eq!(heads[0]["labels"], serde_json::json!(["indoor", "street", "field"]));
    let text = dunlin!("inspect", model).success();
    assert!(
        text.contains("head 'scene': output 2 holds logits of 3 classes\n  labels: indoor, street, field"),
        "{text}"
    );
    assert_eq!(dunlin!("inspect", shipped(), "--json").json()["heads"], Value::Null, "a model of one head");
}

#[test]
fn outputs_that_are_no_heads_are_told() {
    let dir = folder();
    let (onnx, out) = (onnx(dir.path()), dir.path().join("x.dunlin"));
    let compile = |head: &str| dunlin!("compile", onnx, "-o", out, "--precision", "f32", "--head", head);
    compile("scenes").sentence(1, &["net.onnx", "'scenes'", "'features', 'scene', 'night'"]);
    compile("animal").sentence(1, &["'animal'", "first output"]);
    compile("scene=/nowhere/labels.txt").sentence(1, &["/nowhere/labels.txt", "no such file"]);
    let labels = dir.path().join("labels.txt");
    fs::write(&labels, "indoor\n").expect("writable");
    compile(&format!("scene={}", labels.display())).sentence(1, &["'scene'", "1 labels", "3 classes"]);
    assert!(compile("scene=").failure(2).contains("OUTPUT=FILE"));
    let shipped_onnx = file("models/cifar10/cifar10.onnx");
    dunlin!("compile", shipped_onnx, "-o", out, "--precision", "f32", "--head", "x").sentence(1, &["no output after"]);
}

#[test]
fn classify_says_what_every_head_says() {
    let dir = folder();
    let model = model(dir.path());
    let json = dunlin!("classify", model, cat(), "--json", "--top", "2").json();
    let outcome = &json["results"][0];
    assert_keys(outcome, &["input", "time_us", "classes", "heads"]);
    assert_eq!(outcome["classes"].as_array().map(Vec::len), Some(2));
    let heads = outcome["heads"].as_array().expect("heads");
    assert_eq!([&heads[0]["name"], &heads[1]["name"]], ["scene", "night"]);
    assert_keys(&heads[0], &["name", "classes"]);
    assert_eq!(heads[0]["classes"].as_array().map(Vec::len), Some(2));
    assert!(["indoor", "street", "field"].iter().any(|name| heads[0]["classes"][0]["label"] == *name));
    let text = dunlin!("classify", model, cat(), "--explain", "--deny", "0").success();
    let (first, others) = text.split_once("\n  scene:\n").expect("a further head");
    assert_eq!(text.matches("  rule ").count(), 3, "each head has its rule: {text}");
    assert!(others.contains("\n  night:\n") && others.matches("  answer: ").count() == 2, "{text}");
    assert_eq!(first.matches("  0 ").count(), 0, "the first head doesn't show what is denied: {text}");
    assert!(!dunlin!("classify", cat(), "--json").json()["results"][0].as_object().expect("one").contains_key("heads"));
}

#[test]
fn a_heads_policy_is_fitted_and_measured() {
    let dir = folder();
    let model = model(dir.path());
    let data = data(dir.path(), &model, 1200, 400);
    let out = dir.path().join("out.dunlin");
    let json = dunlin!("calibrate", model, "--data", data, "-o", out, "--head", "scene", "--json").json();
    assert_eq!((&json["head"], &json["samples"]), (&"scene".into(), &1200.into()));
    let inspected = dunlin!("inspect", out, "--json").json();
    assert_eq!(inspected["policy"], Value::Null, "the first head has none");
    assert_eq!(inspected["heads"][0]["policy"]["samples"], 1200);
    assert_eq!(inspected["heads"][0]["policy"]["scales"], json["scales"]);
    assert_eq!(inspected["heads"][1]["policy"], Value::Null);
    let shown = dunlin!("classify", out, cat(), "--json").json();
    let outcome = &shown["results"][0];
    assert_eq!(outcome["decision"], Value::Null);
    assert!(outcome["heads"][0]["decision"]["decision"].is_string(), "{outcome}");
    let json = dunlin!("eval", out, "--data", data, "--head", "scene", "--json").json();
    assert_eq!((&json["head"], &json["samples"]), (&"scene".into(), &1200.into()));
    assert!((json["accuracy"].as_f64().expect("a share") - 0.9975).abs() < 1e-9, "all but every 400th are right");
    assert_eq!(json["classes"].as_array().map(Vec::len), Some(3));
    assert!(json["policy"]["coverage"].is_number());
    let text = dunlin!("eval", out, "--data", data, "--head", "1").success();
    assert!(text.contains(", head 'scene', on "), "{text}");
    let first = dunlin!("eval", out, "--data", data, "--json").json();
    assert_eq!((&first["head"], &first["policy"]), (&"animal".into(), &Value::Null));
    let unknown = dunlin!("eval", out, "--data", data, "--head", "sky");
    unknown.sentence(1, &["out.dunlin", "no head 'sky'", "'animal', 'scene', 'night'"]);
    dunlin!("calibrate", out, "--data", data, "-o", out, "--head", "3").sentence(1, &["no head '3'"]);
}
