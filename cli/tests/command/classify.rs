use std::process::Stdio;

use crate::{assert_keys, cat, command, dunlin, file, folder, shipped, with_input};

#[test]
fn says_what_a_picture_shows() {
    let out = dunlin!("classify", cat()).success();
    let first = out.lines().nth(1).expect("a class under the name of the picture");
    assert!(first.trim_start().starts_with("cat ") && first.contains('█') && first.ends_with('%'), "{out}");
    assert!(out.contains(" on "), "{out}");
}

#[test]
fn json_has_documented_fields() {
    let json = dunlin!("classify", "--json", "--top", "2", cat(), file("models/pictures/horse.png")).json();
    assert_keys(&json, &["model", "kernels", "results"]);
    let results = json["results"].as_array().expect("an array");
    assert_eq!(results.len(), 2);
    assert_keys(&results[0], &["input", "time_us", "classes"]);
    let classes = results[0]["classes"].as_array().expect("an array");
    assert_eq!(classes.len(), 2);
    assert_keys(&classes[0], &["class", "label", "probability"]);
    assert_eq!(classes[0]["label"], "cat");
    let [first, second] = [0, 1].map(|i| classes[i]["probability"].as_f64().expect("a number"));
    assert!(1.0 >= first && first >= second && second >= 0.0);
}

#[test]
fn a_named_model_and_standard_input_give_the_same() {
    let built_in = dunlin!("classify", "--json", cat()).json();
    let named = dunlin!("classify", shipped(), "--json", cat()).json();
    let bytes = std::fs::read(cat()).expect("shipped");
    let piped: serde_json::Value = with_input(command(["classify", "-", "--json"]), &bytes).json();
    let classes = |json: &serde_json::Value| json["results"][0]["classes"].clone();
    assert_eq!(classes(&built_in), classes(&named));
    assert_eq!(classes(&built_in), classes(&piped));
}

#[test]
fn one_bad_input_does_not_keep_the_others_from_it() {
    let dir = folder();
    let bad = dir.path().join("notes.png");
    std::fs::write(&bad, "no picture at all").expect("writable");
    let done = dunlin!("classify", bad, cat());
    done.sentence(1, &["notes.png", "not a picture", "PNG, JPEG or WebP"]);
    assert!(done.out().contains("cat"));
    let json = dunlin!("classify", "--json", bad, cat());
    let parsed: serde_json::Value = serde_json::from_str(&json.out()).expect("JSON");
    assert!(parsed["results"][0]["error"].as_str().is_some_and(|e| e.contains("not a picture")));
    assert!(parsed["results"][1]["error"].is_null());
}

#[test]
fn bad_pictures_are_one_sentence_each() {
    let dir = folder();
    let picture = std::fs::read(cat()).expect("shipped");
    let cut = dir.path().join("cut.png");
    std::fs::write(&cut, &picture[..picture.len() / 2]).expect("writable");
    dunlin!("classify", cut).sentence(1, &["cut.png", "damaged", "again"]);
    dunlin!("classify", "/nowhere/cat.png").sentence(1, &["/nowhere/cat.png", "no such file"]);
    dunlin!("classify", dir.path()).sentence(1, &["folder"]);
    with_input(command(["classify", "-"]), b"").sentence(1, &["standard input", "not a picture"]);
}

#[test]
fn a_missing_model_is_the_users_fault_and_a_broken_one_its_own() {
    let dir = folder();
    let fake = dir.path().join("fake.dunlin");
    std::fs::write(&fake, "DUNLIN?").expect("writable");
    dunlin!("classify", "/nowhere/model.dunlin", cat()).sentence(1, &["/nowhere/model.dunlin", "no such file"]);
    dunlin!("classify", fake, cat()).sentence(3, &["fake.dunlin"]);
}

#[test]
fn kernel_sets_can_be_forced() {
    let mut reference = command([std::ffi::OsStr::new("classify"), cat().as_ref(), "--json".as_ref()]);
    reference.env("DUNLIN_ISA", "reference");
    let reference = crate::finish(reference).json();
    assert_eq!(reference["kernels"], "reference");
    let best = dunlin!("classify", cat(), "--json").json();
    assert_eq!(reference["results"][0]["classes"], best["results"][0]["classes"]);
    let mut bogus = command([std::ffi::OsStr::new("classify"), cat().as_ref()]);
    bogus.env("DUNLIN_ISA", "mmx");
    crate::finish(bogus).sentence(1, &["DUNLIN_ISA=mmx", "reference"]);
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let inputs = std::iter::once("classify".into()).chain(std::iter::repeat_n(cat(), 50));
    let mut child = command(inputs).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("ends");
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned()), (Some(0), String::new()));
}
