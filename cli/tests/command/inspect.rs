use std::path::{Path, PathBuf};

use crate::{assert_keys, dunlin, file, folder, shipped};

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
        "features",
        "quantization",
        "memory",
        "golden",
        "policy",
        "baseline",
        "card",
    ];
    assert_keys(&json, &expected);
    assert_keys(&json["operators"][0], &["node", "name", "op", "kernel", "type", "shape", "constant_bytes", "macs"]);
    assert_keys(
        &json["memory"],
        &["arena_bytes", "scratch_bytes", "two_threads", "plan_bytes", "session_bytes", "weight_bytes", "tensors"],
    );
    assert_eq!(json["task"]["kind"], "image");
    // What runtime/engine/tests/families.rs builds with and without.
    assert_eq!(json["features"], serde_json::json!(["int8-conv", "int8-product", "int8-elementwise", "int8-pool"]));
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
    for words in [
        "sections",
        "operators",
        "memory:",
        "features = [\"int8-conv\"",
        "golden: seed 0",
        "labels: airplane, automobile",
        "card:",
    ] {
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

#[test]
fn kernels_are_told_for_each_instruction_set() {
    let json = dunlin!("inspect", shipped(), "--kernels", "--json").json();
    assert_keys(&json, &["isas", "operators", "steps"]);
    assert_keys(&json["isas"][0], &["isa", "missing"]);
    assert_keys(&json["operators"][0], &["op", "implementation"]);
    let isas = json["isas"].as_array().expect("an array");
    let here: Vec<&str> =
        isas.iter().filter(|isa| isa["missing"].is_null()).filter_map(|isa| isa["isa"].as_str()).collect();
    assert!(isas.len() > 4 && here.contains(&"reference"), "{isas:?}");
    for step in json["steps"].as_array().expect("an array") {
        assert_keys(step, &["node", "op", "implementation", "kernels"]);
        let kernels = step["kernels"].as_array().expect("an array");
        assert_eq!(kernels.len(), here.len());
        for (kernel, isa) in kernels.iter().filter_map(|kernel| kernel.as_str()).zip(&here) {
            assert_eq!(kernel.ends_with(&format!("/{isa}")), step["implementation"] == "kernel", "{kernel}");
        }
    }
    let all = dunlin!("inspect", "--kernels").success();
    assert!(all.contains("reference") && all.contains("kernel: QConv") && all.contains("moves: "), "{all}");
    dunlin!("inspect").failure(2);
}

/// That each step of a model that computes with integers has a vector kernel on every instruction set but the reference.
fn assert_vector_kernels(model: &Path) {
    let json = dunlin!("inspect", model, "--kernels", "--json").json();
    for step in json["steps"].as_array().expect("an array") {
        let by_kernel = step["implementation"] == "kernel";
        for kernel in step["kernels"].as_array().expect("an array")[1..].iter().filter(|_| by_kernel) {
            let kernel = kernel.as_str().expect("a name");
            let scalar = kernel.contains("/1/") || kernel.contains("/generic") || kernel.ends_with("/reference");
            assert!(!scalar, "{}: step {} runs on {kernel}", model.display(), step["node"]);
        }
    }
}

#[test]
fn no_integer_step_of_the_shipped_models_is_scalar() {
    let mut folders = vec![file("models")];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "dunlin") {
                assert_vector_kernels(&path);
                found += 1;
            }
        }
    }
    assert!(found > 0);
}

#[test]
fn no_integer_step_of_the_shared_models_is_scalar() {
    let models = file("../shared/models");
    let Ok(entries) = std::fs::read_dir(&models) else {
        println!("{} isn't there: only shipped models are looked at", models.display());
        return;
    };
    let dir = folder();
    for path in entries.map(|entry| entry.expect("readable").path()) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let quantized = name.ends_with("int8") || name.ends_with("uint8");
        if quantized && path.extension().is_some_and(|extension| extension == "onnx") {
            let output = dir.path().join("model.dunlin");
            let done = dunlin!("compile", path, "-o", output);
            assert_eq!(done.0.status.code(), Some(0), "{name}: {}", done.error());
            assert_vector_kernels(&output);
        }
    }
}
