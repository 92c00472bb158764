use crate::{assert_keys, dunlin, folder, shipped};

#[test]
fn json_has_documented_fields() {
    let json = dunlin!("bench", shipped(), "--seconds", "0.05", "--json").json();
    let expected = [
        "model",
        "kernels",
        "threads",
        "runs",
        "min_us",
        "p50_us",
        "p90_us",
        "p99_us",
        "macs",
        "cold_start_us",
        "cold",
        "peak_memory_bytes",
        "planned_memory_bytes",
        "session_bytes",
        "file_bytes",
    ];
    assert_keys(&json, &expected);
    let times = ["min_us", "p50_us", "p90_us", "p99_us"].map(|key| json[key].as_f64().expect("a number"));
    assert!(times.is_sorted() && times[0] > 0.0, "{times:?}");
    let parts = ["map_us", "load_us", "first_run_us"];
    let memory = ["memory_growth_bytes", "resident_growth_bytes", "peak_memory_bytes"];
    assert_keys(&json["cold"], &[&parts[..], &memory].concat());
    let sum: f64 = parts.iter().filter_map(|key| json["cold"][key].as_f64()).sum();
    assert!(sum > 0.0 && (json["cold_start_us"].as_f64().expect("a number") - sum).abs() < 1e-6);
    assert!(json["session_bytes"].as_u64() > json["planned_memory_bytes"].as_u64());
    assert_eq!(json["peak_memory_bytes"].is_u64(), cfg!(target_os = "linux"));
}

#[test]
fn people_see_times_and_memory() {
    let out = dunlin!("bench", shipped(), "--seconds", "0.05").success();
    assert!(["p50", "p99", "cold start", "memory"].iter().all(|words| out.contains(words)), "{out}");
}

#[test]
fn a_profile_has_a_line_for_each_step() {
    let json = dunlin!("bench", shipped(), "--seconds", "0.05", "--json", "--profile").json();
    let profile = &json["profile"];
    assert_keys(profile, &["runs", "total_us", "macs", "peak", "steps", "operators"]);
    assert_keys(&profile["peak"], &["int8_gmacs", "f32_gmacs"]);
    let keys = [
        "node", "op", "name", "kernel", "type", "shape", "time_us", "share", "macs", "gmacs", "of_peak", "bytes",
        "gbytes",
    ];
    let steps = profile["steps"].as_array().expect("an array");
    steps.iter().for_each(|step| assert_keys(step, &keys));
    assert_keys(&profile["operators"][0], &["op", "steps", "time_us", "share", "macs"]);
    let inspected = dunlin!("inspect", shipped(), "--json").json();
    assert_eq!(steps.len(), inspected["operators"].as_array().expect("an array").len());
    assert_eq!(profile["macs"], json["macs"]);
    let shares: f64 = steps.iter().filter_map(|step| step["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    assert!(steps.iter().any(|step| step["of_peak"].as_f64().is_some_and(|share| share > 0.0)));
}

#[test]
fn a_profile_is_drawn_as_a_page_or_an_image() {
    let dir = folder();
    for (name, start) in [("p.html", "<!doctype html>"), ("p.svg", "<svg ")] {
        let path = dir.path().join(name);
        let out = dunlin!("bench", shipped(), "--seconds", "0.05", "--profile", path).success();
        assert!(out.contains("GMAC/s") && out.contains("peak of this core"), "{out}");
        let picture = std::fs::read_to_string(path).expect("written");
        assert!(picture.starts_with(start) && picture.contains("cifar10.dunlin"), "{picture}");
    }
}

#[test]
fn a_profile_of_another_kind_and_a_length_that_is_none_are_told() {
    let error = dunlin!("bench", "--profile", shipped()).failure(2);
    assert!(error.contains(".html or .svg") && error.contains("behind the model"), "{error}");
    dunlin!("bench", shipped(), "--length", "16").sentence(1, &["length"]);
}

#[test]
fn a_model_too_small_for_a_second_thread_starts_none() {
    let json = dunlin!("bench", shipped(), "--seconds", "0.05", "--threads", "2", "--json", "--profile").json();
    assert_eq!(json["threads"], 1);
    let out = dunlin!("bench", shipped(), "--seconds", "0.05", "--threads", "2").success();
    assert!(!out.contains("two threads"), "{out}");
}

#[test]
fn there_is_one_thread_or_two() {
    for count in ["0", "3", "-1", "two", ""] {
        let error = dunlin!("bench", shipped(), format!("--threads={count}")).failure(2);
        assert!(error.contains("expected 1 or 2"), "{error}");
    }
}
