use std::fs;
use std::path::Path;

use dunlin_compiler::npz::{Array, NpyType, NpzWriter};
use dunlin_engine::task::{PixelFormat, Pixels};
use dunlin_engine::{AlignedBytes, Artifact, Classifier, Isa, Limits};

use crate::{assert_keys, cat, dunlin, folder, shipped};

const SIDE: usize = 8;

/// Pictures of blots, whose labels are what the shipped model says of them but for every `wrong`-th; `kind` is 0 for the first half and
/// 1 for the second, and 2 for a few at the end.
fn write(path: &Path, count: usize, wrong: usize) {
    let file = AlignedBytes::from_slice(&fs::read(shipped()).expect("shipped"));
    let mut classifier = Classifier::load(file, Isa::best(), Limits::default()).expect("sound");
    let (mut pixels, mut labels, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..count {
        let picture: Vec<u8> =
            (0..SIDE * SIDE * 3).map(|at| ((at / 24 * i * 31 + at * (i % 13) * 7) % 256) as u8).collect();
        let given = Pixels::new(&picture, SIDE as u32, SIDE as u32, PixelFormat::Rgb8).expect("a picture");
        let class = classifier.classify_pixels(&given).expect("runs").best().expect("ten classes");
        labels.push(if i % wrong == 0 { (class + 1) % 10 } else { class } as i64);
        kinds.push(if i + 20 >= count { 2 } else { i64::from(i >= count / 2) });
        pixels.extend(picture);
    }
    let numbers = |of: &[i64]| Array::new(NpyType::I64, &[of.len()], of.iter().flat_map(|l| l.to_le_bytes()).collect());
    let mut writer = NpzWriter::new(std::io::Cursor::new(Vec::new()));
    let pixels = Array::new(NpyType::U8, &[count, SIDE, SIDE, 3], pixels);
    let all = [("labels", &numbers(&labels)), ("kind", &numbers(&kinds)), ("pixels", &pixels)];
    all.into_iter().try_for_each(|(name, array)| writer.add(name, array)).expect("memory takes it");
    fs::write(path, writer.finish().expect("memory takes it").into_inner()).expect("writable");
}

#[test]
fn a_policy_is_fitted_written_shown_and_decides() {
    let dir = folder();
    let [data, out] = ["data.npz", "out.dunlin"].map(|name| dir.path().join(name));
    write(&data, 1500, 400);
    let json = dunlin!("calibrate", shipped(), "--data", data, "-o", out, "--cohort", "kind", "--json").json();
    let keys = [
        "model",
        "data",
        "output",
        "kernels",
        "samples",
        "unreadable",
        "not_permitted",
        "alpha",
        "delta",
        "budget",
        "method",
        "scales",
        "biases",
        "calibration_error",
        "aurc",
        "energy",
        "rank_penalty",
        "free_ranks",
        "all",
        "cohorts",
        "reliability",
        "warnings",
    ];
    assert_keys(&json, &keys);
    let numbers = ["tested", "threshold", "coverage", "error", "bound", "bounded", "quantiles"];
    assert_keys(&json["all"], &numbers);
    assert_eq!((&json["all"]["bounded"], &json["samples"]), (&true.into(), &1500.into()));
    assert!(json["all"]["bound"].as_f64().is_some_and(|bound| bound <= 0.02));
    let few = json["warnings"].as_array().expect("an array").iter().filter_map(|warning| warning.as_str());
    assert!(few.clone().any(|warning| warning.contains("cohort '2'") && warning.contains("199 in all")), "{json}");

    let file = AlignedBytes::from_slice(&fs::read(&out).expect("written"));
    let artifact = Artifact::parse(&file).expect("sound");
    let policy = artifact.policy(10).expect("sound");
    let names: Vec<&str> = policy.cohorts.clone().map(|(name, _)| name).collect();
    assert_eq!((names, policy.samples, policy.alpha), (vec!["0", "1"], 1500, 0.02));
    let bare = AlignedBytes::from_slice(&fs::read(shipped()).expect("shipped"));
    for section in Artifact::parse(&bare).expect("sound").sections() {
        assert_eq!(artifact.section(section.kind).expect("still there").bytes, section.bytes);
    }
    dunlin!("inspect", out, "--verify").success();
    let shown = dunlin!("inspect", out).success();
    assert!(shown.contains("policy:") && shown.contains("temperature"), "{shown}");
    let inspected = dunlin!("inspect", out, "--json").json();
    assert_eq!(inspected["policy"]["samples"], 1500);
    let bare = dunlin!("inspect", shipped(), "--json").json();
    assert!(bare["policy"].is_null() && bare["baseline"].is_null());
    has_baseline(&out, &shown, &inspected["baseline"]);
    decides(&out);
}

/// What the samples are is counted as a device would count them, by cohort too, and stays where other commands write the file.
fn has_baseline(model: &Path, shown: &str, json: &serde_json::Value) {
    assert!(shown.contains("baseline: 1,500 samples in bins of class, confidence, margin, energy, reason"), "{shown}");
    assert!(shown.contains("cohorts kind=0, kind=1, kind=2"), "{shown}");
    let groups = json["groups"].as_array().expect("an array");
    let samples = |group: &serde_json::Value| group["samples"].as_u64().expect("a number");
    assert_eq!(groups.iter().map(samples).collect::<Vec<_>>(), [1500, 750, 730, 20]);
    let counts = |metric: &str| -> Vec<u64> {
        let counts = groups[0]["counts"][metric].as_array().expect("an array").iter();
        counts.map(|count| count.as_u64().expect("a number")).collect()
    };
    assert_eq!((counts("class").len(), counts("class").iter().sum::<u64>()), (10, 1500));
    // Octiles are of these very samples.
    assert!(counts("energy").iter().all(|&count| (150..=220).contains(&count)), "{:?}", counts("energy"));
    assert_eq!(counts("brightness").iter().sum::<u64>(), 1500);
    assert!(groups[0]["counts"]["latency_log2"].is_null() && groups[0]["counts"]["length_log2"].is_null());
    let file = AlignedBytes::from_slice(&fs::read(model).expect("written"));
    let artifact = Artifact::parse(&file).expect("sound");
    let section = artifact.section(dunlin_engine::artifact::SectionKind::Baseline).expect("there");
    let kept = dunlin_engine::artifact::Writer::of(&file).expect("sound").finish();
    assert_eq!(*kept, *file, "a writer that doesn't read it keeps it");
    assert!(
        section.bytes.starts_with(b"{\"version\":1,\"schema\":{\"version\":1,\"classes\":10,\"input\":\"picture\",")
    );
}

/// The cat is far from the blots that the policy was fitted to, so that the bounds are made what the cases need.
fn decides(model: &Path) {
    let cat = cat();
    let decided = |args: &[&str]| {
        let args =
            [&["classify", model.to_str().expect("UTF-8"), cat.to_str().expect("UTF-8"), "--json", "--explain"], args];
        crate::finish(crate::command(args.concat())).json()["results"][0]["decision"].clone()
    };
    let keys = ["decision", "reason", "class", "label", "probability", "margin", "energy", "set", "rule"];
    assert_keys(&decided(&[]), &keys);
    assert_keys(&decided(&[])["rule"], &["name", "found", "bound", "explanation"]);
    let cases: [(&[&str], &str, &str, &str); 4] = [
        (&["--stale"], "fallback", "stale_model", "stale"),
        (&["--stale", "--no-fallback"], "abstain", "stale_model", "stale"),
        (&["--cohort", "2"], "fallback", "unknown_cohort", "cohort"),
        (&["--cohort", "2", "--no-fallback"], "abstain", "unknown_cohort", "cohort"),
    ];
    for (args, decision, reason, rule) in cases {
        let json = decided(args);
        assert_eq!(
            (&json["decision"], &json["reason"], &json["rule"]["name"]),
            (&decision.into(), &reason.into(), &rule.into())
        );
        assert_eq!(json["label"], "cat");
    }
}

#[test]
fn classes_are_permitted_by_label_or_number_without_a_policy_too() {
    let picture = cat();
    let classes = |args: &[&str]| {
        let args = [&["classify", picture.to_str().expect("UTF-8"), "--json"], args].concat();
        let json = crate::finish(crate::command(args)).json()["results"][0].clone();
        let classes = json["classes"].as_array().expect("an array").iter().map(|class| class["label"].clone());
        (classes.collect::<Vec<_>>(), json["decision"]["decision"].clone())
    };
    let (shown, decision) = classes(&["--deny", "cat", "--deny", "4"]);
    assert!(!shown.contains(&"cat".into()) && !shown.contains(&"deer".into()) && shown.len() == 3, "{shown:?}");
    assert_eq!(decision, "abstain");
    let (shown, decision) = classes(&["--allow", "3", "--allow", "dog"]);
    assert_eq!((shown, decision), (vec!["cat".into(), "dog".into()], "answer".into()));
    assert_eq!(classes(&["--score-threshold", "0.5"]).0, ["cat"]);
    dunlin!("classify", cat(), "--deny", "unicorn").sentence(1, &["'unicorn'", "below 10", "inspect"]);
    dunlin!("classify", cat(), "--score-threshold", "2").failure(2);
}

#[test]
fn what_data_can_not_prove_is_told() {
    let dir = folder();
    let [few, bad, out] = ["few.npz", "bad.npz", "out.dunlin"].map(|name| dir.path().join(name));
    write(&few, 150, 1000);
    dunlin!("calibrate", shipped(), "--data", few, "-o", out)
        .sentence(1, &["few.npz", "112 test samples", "149 without an error", "about 199", "--alpha"]);
    write(&bad, 400, 3);
    dunlin!("calibrate", shipped(), "--data", bad, "-o", out)
        .sentence(1, &["bad.npz", "2.00 %", "95.00 %", "--budget"]);
    assert!(!out.exists(), "nothing is written");
    let within = dunlin!("calibrate", shipped(), "--data", bad, "-o", out, "--budget", "0.25").success();
    assert!(within.contains("warning: this budget doesn't bound the error") && out.exists(), "{within}");
    dunlin!("calibrate", shipped(), "--data", few, "-o", out, "--alpha", "0").failure(2);
}

#[test]
fn a_policy_can_be_fitted_anew_in_place() {
    let dir = folder();
    let [data, model] = ["data.npz", "model.dunlin"].map(|name| dir.path().join(name));
    write(&data, 600, 1000);
    fs::copy(shipped(), &model).expect("writable");
    let fit = || dunlin!("calibrate", model, "--data", data, "-o", model, "--json").json();
    let (first, second) = (fit(), fit());
    assert_eq!(first["all"], second["all"], "the model's own logits are calibrated, not those of before");
    let scaled = dunlin!("calibrate", model, "--data", data, "-o", model, "--method", "vector", "--json").json();
    assert_eq!(scaled["scales"].as_array().map(Vec::len), Some(10));
    let length = fs::metadata(&model).expect("written").len();
    assert!(length < fs::metadata(shipped()).expect("shipped").len() + 2000, "one policy, not three");
}
