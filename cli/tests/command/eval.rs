use std::fs;
use std::path::Path;

use dunlin_compiler::npz::{Array, NpyType, NpzWriter};

use crate::{assert_keys, cat, dunlin, file, folder, shipped};

fn class_folders(path: &Path, classes: [&str; 2]) {
    for (class, picture) in classes.iter().zip([cat(), file("models/pictures/horse.png")]) {
        fs::create_dir(path.join(class)).expect("writable");
        fs::copy(picture, path.join(class).join("0.png")).expect("writable");
    }
}

#[test]
fn class_folders_are_measured() {
    let dir = folder();
    class_folders(dir.path(), ["cat", "7"]);
    let json = dunlin!("eval", shipped(), "--data", dir.path(), "--json").json();
    let expected = [
        "model",
        "data",
        "kernels",
        "samples",
        "unreadable",
        "accuracy",
        "calibration_error",
        "p50_us",
        "p90_us",
        "classes",
        "confusion",
    ];
    assert_keys(&json, &expected);
    assert_keys(&json["classes"][3], &["class", "label", "samples", "recall"]);
    assert_eq!((&json["samples"], &json["classes"][3]["recall"]), (&2.into(), &1.0.into()));
    assert_eq!(json["confusion"][3][3], 1);
    let text = dunlin!("eval", shipped(), "--data", dir.path()).success();
    assert!(text.contains("accuracy") && text.contains("calibration error"), "{text}");
}

#[test]
fn unreadable_pictures_are_told_and_counted() {
    let dir = folder();
    class_folders(dir.path(), ["cat", "horse"]);
    fs::write(dir.path().join("cat/bad.jpg"), "no picture").expect("writable");
    let done = dunlin!("eval", shipped(), "--data", dir.path(), "--json");
    done.sentence(1, &["bad.jpg", "not a picture"]);
    let json: serde_json::Value = serde_json::from_str(&done.out()).expect("JSON");
    assert_eq!((&json["samples"], &json["unreadable"]), (&2.into(), &1.into()));
}

#[test]
fn arrays_are_measured() {
    let dir = folder();
    let path = dir.path().join("data.npz");
    let write = |labels: &[i64]| {
        let mut writer = NpzWriter::new(std::io::Cursor::new(Vec::new()));
        let labels = Array::new(NpyType::I64, &[labels.len()], labels.iter().flat_map(|l| l.to_le_bytes()).collect());
        let pixels = Array::new(NpyType::U8, &[2, 8, 8, 3], vec![128; 2 * 8 * 8 * 3]);
        writer.add("labels", &labels).and_then(|()| writer.add("pixels", &pixels)).expect("memory takes it");
        fs::write(&path, writer.finish().expect("memory takes it").into_inner()).expect("writable");
    };
    write(&[0, 1]);
    let json = dunlin!("eval", shipped(), "--data", path, "--json").json();
    assert_eq!(json["samples"], 2);
    write(&[0]);
    dunlin!("eval", shipped(), "--data", path).sentence(1, &["data.npz", "1 labels for 2 samples"]);
    write(&[0, 10]);
    dunlin!("eval", shipped(), "--data", path).sentence(1, &["label 10", "has 10"]);
}

#[test]
fn folders_that_name_no_class_are_told() {
    let dir = folder();
    dunlin!("eval", shipped(), "--data", dir.path()).sentence(1, &["no pictures"]);
    class_folders(dir.path(), ["cat", "unicorn"]);
    dunlin!("eval", shipped(), "--data", dir.path()).sentence(1, &["'unicorn'", "rename"]);
    dunlin!("eval", shipped(), "--data", "/nowhere").sentence(1, &["/nowhere", "no such file"]);
}
