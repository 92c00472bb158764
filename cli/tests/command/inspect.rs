use std::path::PathBuf;

use crate::{assert_keys, dunlin, folder, shipped};

/// The shipped artifact with its bytes changed.
fn changed(dir: &tempfile::TempDir, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let mut bytes = std::fs::read(shipped()).expect("shipped");
    change(&mut bytes);
    let path = dir.path().join("changed.dunlin");
    std::fs::write(&path, bytes).expect("writable");
    path
}

#[test]
fn json_has_documented_fields() {
    let json = dunlin!("inspect", shipped(), "--json").json();
    let expected = [
        "model",
        "bytes",
        "kernels",
        "verified",
        "sections",
        "task",
        "labels",
        "inputs",
        "outputs",
        "operators",
        "quantization",
        "memory",
        "golden",
        "card",
    ];
    assert_keys(&json, &expected);
    assert_keys(&json["operators"][0], &["node", "name", "op", "kernel", "type", "shape", "constant_bytes", "macs"]);
    assert_keys(&json["memory"], &["arena_bytes", "scratch_bytes", "weight_bytes", "tensors"]);
    assert_eq!(json["task"]["kind"], "image");
    assert_eq!(json["labels"][3], "cat");
    let kinds: Vec<&str> =
        json["sections"].as_array().expect("an array").iter().filter_map(|s| s["kind"].as_str()).collect();
    for kind in ["graph", "weights", "quantization", "memory", "task", "golden", "card"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}

#[test]
fn people_see_sections_operators_and_memory() {
    let out = dunlin!("inspect", shipped()).success();
    for words in ["sections", "operators", "memory:", "golden: seed 0", "labels: airplane, automobile", "card:"] {
        assert!(out.contains(words), "'{words}' isn't in:\n{out}");
    }
}

#[test]
fn a_whole_artifact_is_verified() {
    assert!(dunlin!("inspect", shipped(), "--verify").success().contains("verified"));
}

#[test]
fn a_changed_weight_is_found_by_verify() {
    let dir = folder();
    let json = dunlin!("inspect", shipped(), "--json").json();
    let sections = json["sections"].as_array().expect("an array");
    let weights = sections.iter().find(|s| s["kind"] == "weights").expect("there are weights");
    let offset = weights["offset"].as_u64().expect("a number") as usize;
    let path = changed(&dir, |bytes| bytes[offset + 100] ^= 1);
    dunlin!("inspect", path, "--verify").sentence(3, &["weights", "changed", "fetch it again"]);
}

#[test]
fn broken_artifacts_are_code_3() {
    let dir = folder();
    let half = changed(&dir, |bytes| bytes.truncate(bytes.len() / 2));
    dunlin!("inspect", half).sentence(3, &["changed.dunlin", "fetch it again"]);
    let short = changed(&dir, |bytes| bytes.truncate(20));
    dunlin!("inspect", short).sentence(3, &["cut off"]);
    let empty = changed(&dir, Vec::clear);
    dunlin!("inspect", empty).sentence(3, &["cut off"]);
    let header = changed(&dir, |bytes| bytes[70] ^= 4);
    dunlin!("inspect", header).sentence(3, &["section table"]);
    dunlin!("inspect", crate::cat()).sentence(3, &["not a Dunlin artifact"]);
    dunlin!("inspect", "/nowhere/model.dunlin").sentence(1, &["no such file"]);
}
