use std::fs;

use crate::{assert_keys, cat, dunlin, file, folder};

fn onnx() -> std::path::PathBuf {
    file("models/cifar10/cifar10.onnx")
}

#[test]
fn a_float_model_becomes_an_artifact_with_a_report() {
    let dir = folder();
    let (output, report) = (dir.path().join("f32.dunlin"), dir.path().join("report.json"));
    let labels = file("models/cifar10/labels.txt");
    let args = ["--precision", "f32", "--task", "image"];
    let out = dunlin!(
        "compile",
        onnx(),
        "-o",
        output,
        "--labels",
        labels,
        "--report",
        report,
        args[0],
        args[1],
        args[2],
        args[3]
    )
    .success();
    assert!(out.contains("operator") && out.contains("golden:") && out.contains("memory:"), "{out}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).expect("written")).expect("JSON");
    assert_keys(&report, &["operators", "bytes", "memory", "macs", "golden", "accuracy"]);
    assert_eq!(report["bytes"], fs::metadata(&output).expect("written").len());
    dunlin!("inspect", output, "--verify").success();
    dunlin!("classify", output, cat()).success();
}

#[test]
fn pictures_calibrate_an_image_model() {
    let dir = folder();
    let output = dir.path().join("int8.dunlin");
    let pictures = file("models/pictures");
    let out = dunlin!("compile", onnx(), "-o", output, "--task", "image", "--calibrate", pictures).success();
    assert!(out.contains("int8") && out.contains("agreement"), "{out}");
    dunlin!("compile", onnx(), "-o", output, "--calibrate", pictures).sentence(1, &["--task image", ".npz"]);
}

#[test]
fn what_was_asked_for_wrongly_is_the_users_fault() {
    let dir = folder();
    let (output, labels, card) =
        (dir.path().join("x.dunlin"), dir.path().join("labels.txt"), dir.path().join("card.json"));
    dunlin!("compile", onnx(), "-o", output).sentence(1, &["cifar10.onnx", "calibrat"]);
    fs::write(&labels, "one\ntwo\n").expect("writable");
    dunlin!("compile", onnx(), "-o", output, "--precision", "f32", "--labels", labels).sentence(1, &["2", "10"]);
    fs::write(&card, "[]").expect("writable");
    dunlin!("compile", onnx(), "-o", output, "--card", card).sentence(1, &["card.json", "object"]);
    dunlin!("compile", "/nowhere/model.onnx", "-o", output).sentence(1, &["/nowhere/model.onnx", "no such file"]);
    dunlin!("compile", onnx(), "-o", "/nowhere/x.dunlin", "--precision", "f32")
        .sentence(1, &["/nowhere/x.dunlin", "written"]);
    assert!(!output.exists());
}

#[test]
fn what_is_no_model_is_the_models_fault() {
    let dir = folder();
    let (model, output) = (dir.path().join("model.onnx"), dir.path().join("x.dunlin"));
    let bytes = fs::read(onnx()).expect("shipped");
    for broken in [&b"hello, world"[..], &bytes[..bytes.len() / 2]] {
        fs::write(&model, broken).expect("writable");
        dunlin!("compile", model, "-o", output, "--precision", "f32").sentence(3, &["model.onnx"]);
    }
    assert!(!output.exists());
}
