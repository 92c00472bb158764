use std::fs;
use std::path::Path;

use dunlin_compiler::npz::{Array, NpyType, Npz, NpzWriter};
use dunlin_engine::artifact::{Bounds, Calibration, Policy, Writer};
use serde_json::Value;

use crate::{assert_keys, cat, dunlin, file, folder, shipped};

const KEYS: &[&str] = &[
    "model",
    "data",
    "kernels",
    "samples",
    "unreadable",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "calibration_error",
    "aurc",
    "p50_us",
    "p90_us",
    "reliability",
    "risk_coverage",
    "policy",
    "classes",
    "confusion",
    "cohorts",
    "equalized_odds",
    "ood",
    "mistakes",
];

const CLASS_KEYS: &[&str] = &[
    "class",
    "label",
    "samples",
    "recall",
    "recall_low",
    "recall_high",
    "answers",
    "precision",
    "precision_low",
    "precision_high",
];

const POLICY_KEYS: &[&str] = &[
    "threshold",
    "alpha",
    "energy",
    "answered",
    "coverage",
    "errors",
    "error",
    "error_low",
    "error_high",
    "set_coverage",
    "set_size",
    "decisions",
];

const COHORT_KEYS: &[&str] = &[
    "cohort",
    "samples",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "calibration_error",
    "aurc",
    "coverage",
    "coverage_low",
    "coverage_high",
    "error",
    "error_low",
    "error_high",
];

/// A picture of the repository under another name.
fn put(picture: &str, to: &Path) {
    fs::create_dir_all(to.parent().expect("a folder")).expect("writable");
    fs::copy(file("models/pictures").join(picture), to).expect("writable");
}

/// The shipped artifact with a policy that hardly ever answers horses, and knows only the cohort `day`.
fn with_policy(path: &Path) {
    let file = dunlin_engine::AlignedBytes::from_slice(&fs::read(shipped()).expect("shipped"));
    let policy = Policy {
        calibration: Calibration { scales: &[0.5], biases: &[] },
        alpha: 0.25,
        deny: &[7],
        bounds: Bounds { threshold: 0.5, energy: 1e3, quantiles: &[0.9] },
        ..Policy::default()
    };
    let day = ("day", Bounds { threshold: 0.25, energy: 1e3, quantiles: &[0.9] });
    let bytes = Writer::of(&file).expect("sound").policy(&policy, 10, &[day]).finish();
    fs::write(path, bytes).expect("writable");
}

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
    assert_keys(&json, KEYS);
    assert_keys(
        &json["reliability"][0],
        &["low", "high", "count", "confidence", "accuracy", "accuracy_low", "accuracy_high"],
    );
    assert_keys(&json["risk_coverage"][0], &["threshold", "coverage", "risk"]);
    assert_keys(&json["classes"][3], CLASS_KEYS);
    assert_eq!((&json["samples"], &json["classes"][3]["recall"]), (&2.into(), &1.0.into()));
    assert_eq!((&json["classes"][0]["recall"], &json["classes"][3]["precision"]), (&Value::Null, &1.0.into()));
    assert_eq!((&json["accuracy"], &json["aurc"]), (&1.0.into(), &0.0.into()));
    assert_eq!(json["confusion"][3][3], 1);
    for key in ["policy", "ood"] {
        assert!(json[key].is_null(), "{key}");
    }
    for key in ["cohorts", "equalized_odds", "mistakes"] {
        assert_eq!(json[key], Value::Array(Vec::new()), "{key}");
    }
    let counts: u64 =
        json["reliability"].as_array().expect("bins").iter().filter_map(|bin| bin["count"].as_u64()).sum();
    assert_eq!((json["reliability"].as_array().map(Vec::len), counts), (Some(15), 2));
    let text = dunlin!("eval", shipped(), "--data", dir.path()).success();
    for words in ["accuracy", "calibration error", "AURC", "reliability", "│", "coverage", "precision"] {
        assert!(text.contains(words), "'{words}' isn't in:\n{text}");
    }
    assert!(!text.contains("policy") && !text.contains("cohort"), "{text}");
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

#[test]
fn a_policy_is_held_against_the_data() {
    let dir = folder();
    let (model, data) = (dir.path().join("m.dunlin"), dir.path().join("data"));
    with_policy(&model);
    for (place, picture) in ["cat/0.png", "dog/1.png"].into_iter().zip(["chelsea.png", "horse.png"]) {
        put(picture, &data.join(place));
    }
    let json = dunlin!("eval", model, "--data", data, "--json").json();
    let policy = &json["policy"];
    assert_keys(policy, POLICY_KEYS);
    assert_keys(&policy["decisions"][0], &["decision", "reason", "samples", "share"]);
    assert_eq!(
        (&policy["threshold"], &policy["alpha"], &policy["energy"]),
        (&0.5.into(), &0.25.into(), &1000.0.into())
    );
    assert_eq!((&policy["answered"], &policy["coverage"], &policy["errors"]), (&1.into(), &0.5.into(), &0.into()));
    // The horse, which a label calls a dog, is denied; its mistake stays in the measures of the model alone.
    assert_eq!(policy["decisions"][0]["reason"], "policy");
    assert_eq!(json["accuracy"], 0.5);
    let mistake = &json["mistakes"][0];
    assert_keys(mistake, &["sample", "class", "label", "answer", "answer_label", "probability", "decision"]);
    assert_eq!((&mistake["sample"], &mistake["answer_label"]), (&"dog/1.png".into(), &"horse".into()));
    assert_eq!(mistake["decision"], "abstain");
    let text = dunlin!("eval", model, "--data", data).success();
    for words in
        ["policy: answers from a probability of 50.00 % on", "25.00 % allowed", "abstain: policy", "prediction sets"]
    {
        assert!(text.contains(words), "'{words}' isn't in:\n{text}");
    }
}

#[test]
fn cohorts_come_from_a_list_or_from_folders() {
    let dir = folder();
    let (list, nested, model) = (dir.path().join("list"), dir.path().join("nested"), dir.path().join("m.dunlin"));
    with_policy(&model);
    for (cohort, class, picture) in
        [("day", "cat", "chelsea.png"), ("day", "horse", "horse.png"), ("night", "cat", "horse.png")]
    {
        put(picture, &list.join(class).join(format!("{cohort}.png")));
        put(picture, &nested.join(cohort).join(class).join("0.png"));
    }
    let rows = ["cat/day.png,day", "horse/day.png,day", "cat/night.png,night"];
    let write = |rows: &[&str]| {
        fs::write(list.join("cohorts.csv"), format!("file,light\n{}\n", rows.join("\n"))).expect("writable");
    };
    write(&rows);
    let mut found = Vec::new();
    for data in [&list, &nested] {
        let json = dunlin!("eval", model, "--data", data, "--cohort", "light", "--json").json();
        assert_keys(&json, KEYS);
        let cohorts = json["cohorts"].as_array().expect("an array").clone();
        cohorts.iter().for_each(|cohort| assert_keys(cohort, COHORT_KEYS));
        let shares = |key: &str| cohorts.iter().map(|cohort| cohort[key].clone()).collect::<Vec<_>>();
        assert_eq!(shares("cohort"), ["day", "night"]);
        assert_eq!(shares("samples"), [2, 1]);
        assert_eq!(shares("accuracy"), [1.0, 0.0]);
        // The policy knows the day alone.
        assert_eq!(shares("coverage"), [0.5, 0.0]);
        assert_eq!(json["policy"]["decisions"].as_array().map(Vec::len), Some(3));
        let odds = &json["equalized_odds"][0];
        assert_keys(odds, &["class", "label", "difference", "true_positive", "false_positive"]);
        assert_eq!((&odds["label"], &odds["difference"]), (&"cat".into(), &1.0.into()));
        assert_keys(&odds["true_positive"], &["gap", "clear", "low", "high"]);
        assert_keys(&odds["true_positive"]["low"], &["cohort", "samples", "rate", "low", "high"]);
        assert_eq!(odds["true_positive"]["low"]["cohort"], "night");
        found.push(cohorts);
    }
    assert_eq!(found[0], found[1]);
    let text = dunlin!("eval", model, "--data", nested, "--cohort", "light").success();
    assert!(text.contains("equalized odds") && text.contains("fallback: unknown_cohort"), "{text}");
    write(&rows[..2]);
    dunlin!("eval", model, "--data", list, "--cohort", "light").sentence(1, &["cat/night.png", "cohorts.csv"]);
    dunlin!("eval", model, "--data", list, "--cohort", "colour").sentence(1, &["cohorts.csv", "no column 'colour'"]);
    fs::remove_file(list.join("cohorts.csv")).expect("there");
    dunlin!("eval", model, "--data", list, "--cohort", "light")
        .sentence(1, &["cohorts.csv", "'light'", "folder for each cohort"]);
}

#[test]
fn cohorts_of_arrays_are_an_array() {
    let dir = folder();
    let path = dir.path().join("data.npz");
    let write = |cohorts: Array| {
        let mut writer = NpzWriter::new(std::io::Cursor::new(Vec::new()));
        let labels = Array::new(NpyType::U8, &[3], vec![0, 1, 2]);
        let pixels = Array::new(NpyType::U8, &[3, 8, 8, 1], vec![128; 3 * 8 * 8]);
        let done = writer.add("labels", &labels).and_then(|()| writer.add("pixels", &pixels));
        done.and_then(|()| writer.add("device", &cohorts)).expect("memory takes it");
        fs::write(&path, writer.finish().expect("memory takes it").into_inner()).expect("writable");
    };
    write(Array::new(NpyType::U8, &[3], vec![7, 30, 7]));
    let json = dunlin!("eval", shipped(), "--data", path, "--cohort", "device", "--json").json();
    let names = json["cohorts"].as_array().expect("an array").iter().map(|cohort| cohort["cohort"].clone());
    assert_eq!(names.collect::<Vec<_>>(), ["30", "7"]);
    assert!(json["cohorts"][0]["coverage"].is_null());
    dunlin!("eval", shipped(), "--data", path, "--cohort", "phone").sentence(1, &["no array 'phone'"]);
    write(Array::new(NpyType::U8, &[2], vec![7, 30]));
    dunlin!("eval", shipped(), "--data", path, "--cohort", "device").sentence(1, &["2 cohorts for 3 samples"]);
    write(Array::f32s(&[3], &[0.5; 3]));
    dunlin!("eval", shipped(), "--data", path, "--cohort", "device").sentence(1, &["'device'", "integers or strings"]);
}

#[test]
fn data_of_another_kind_need_no_labels() {
    let dir = folder();
    let (data, other, model) = (dir.path().join("data"), dir.path().join("other"), dir.path().join("m.dunlin"));
    with_policy(&model);
    fs::create_dir(&data).expect("writable");
    class_folders(&data, ["cat", "horse"]);
    put("horse.png", &other.join("no class/0.png"));
    put("chelsea.png", &other.join("1.png"));
    let json = dunlin!("eval", model, "--data", data, "--ood", other, "--json").json();
    let ood = &json["ood"];
    assert_keys(ood, &["data", "samples", "unreadable", "auroc", "decisions"]);
    // The same pictures: neither has more energy.
    assert_eq!((&ood["samples"], &ood["auroc"], &json["samples"]), (&2.into(), &0.5.into(), &2.into()));
    assert_eq!(ood["decisions"].as_array().map(Vec::len), Some(2));
    let text = dunlin!("eval", model, "--data", data, "--ood", other).success();
    assert!(text.contains("AUROC of the energy  0.5000"), "{text}");
    dunlin!("eval", model, "--data", data, "--ood", "/nowhere").sentence(1, &["/nowhere", "no such file"]);
    fs::write(other.join("bad.png"), "no picture").expect("writable");
    dunlin!("eval", model, "--data", data, "--ood", other).sentence(1, &["bad.png", "not a picture"]);
}

#[test]
fn logits_are_kept_with_their_labels() {
    let dir = folder();
    let (data, other, out) = (dir.path().join("data"), dir.path().join("other"), dir.path().join("logits.npz"));
    fs::create_dir(&data).expect("writable");
    class_folders(&data, ["cat", "horse"]);
    fs::write(data.join("cat/bad.jpg"), "no picture").expect("writable");
    put("horse.png", &other.join("0.png"));
    dunlin!("eval", shipped(), "--data", data, "--ood", other, "--logits", out).sentence(1, &["bad.jpg"]);
    let mut npz = Npz::open(&out).expect("an archive");
    let mut array = |name: &str| npz.array(name).expect("readable").expect(name);
    let (logits, labels, others) = (array("logits"), array("labels"), array("ood_logits"));
    assert_eq!((&logits.dims[..], &labels.dims[..], &others.dims[..]), (&[2, 10][..], &[2][..], &[1, 10][..]));
    assert_eq!(labels.to_i64s(), Some(vec![3, 7]));
    // The horse is the second sample and the one of the other data.
    assert_eq!(logits.bytes[40..], others.bytes[..]);
    let (numbers, _) = logits.bytes.as_chunks();
    let row: Vec<f32> = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    assert!(row.iter().any(|&logit| logit < 0.0), "{row:?} are probabilities");
    let most = |row: &[f32]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b]));
    assert_eq!((most(&row[..10]), most(&row[10..])), (Some(3), Some(7)));
    fs::remove_file(data.join("cat/bad.jpg")).expect("there");
    dunlin!("eval", shipped(), "--data", data, "--logits", out.join("x")).sentence(1, &["logits.npz/x", "written"]);
}

/// That every element ends, in order, and ampersands begin entities.
fn assert_well_formed(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    for part in html.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("no end of <{part}"));
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') && !["meta", "br", "!doctype"].contains(&name) {
            open.push(name);
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>");
    }
    assert!(open.is_empty(), "{open:?} stay open");
    for after in html.split('&').skip(1) {
        assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|entity| after.starts_with(entity)), "&{after:.20}");
    }
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let dir = folder();
    let (data, model, html) = (dir.path().join("data"), dir.path().join("m.dunlin"), dir.path().join("r.html"));
    with_policy(&model);
    for (cohort, class, picture) in
        [("day", "cat", "chelsea.png"), ("night<i>", "dog", "horse.png"), ("night<i>", "cat", "chelsea.png")]
    {
        put(picture, &data.join(cohort).join(class).join("\"'&.png"));
    }
    let pictures = file("models/pictures");
    dunlin!("eval", model, "--data", data, "--cohort", "light", "--ood", pictures, "--html", html).success();
    let page = fs::read_to_string(&html).expect("written");
    assert_well_formed(&page);
    for id in
        ["reliability", "risk", "scores", "ood", "decisions", "confusion", "classes", "cohorts", "odds", "mistakes"]
    {
        assert!(page.contains(&format!("<section id=\"{id}\"")) && page.contains(&format!("href=\"#{id}\"")), "{id}");
    }
    assert_eq!(page.matches("<svg ").count(), 7);
    assert_eq!(page.matches("<svg ").count(), page.matches("role=\"img\" aria-label=\"").count());
    assert!(
        page.contains("night&lt;i&gt;")
            && page.contains("&quot;'&amp;.png")
            && page.contains("prefers-color-scheme:dark")
    );
    for bad in ["http:", "https:", "<script", "<i>", "NaN", "inf\"", "url("] {
        assert!(!page.contains(bad), "{bad}");
    }
    dunlin!("eval", model, "--data", data, "--cohort", "light", "--html", "/nowhere/r.html")
        .sentence(1, &["/nowhere/r.html", "written"]);
}

#[test]
fn hostile_labels_stay_text_in_the_report() {
    let dir = folder();
    let (labels, model, html) = (dir.path().join("labels.txt"), dir.path().join("m.dunlin"), dir.path().join("r.html"));
    let names: Vec<String> =
        (0..10).map(|i| format!("</title><script>alert({i})</script>\"' onload=x & \u{202e}")).collect();
    fs::write(&labels, names.join("\n")).expect("writable");
    let onnx = file("models/cifar10/cifar10.onnx");
    dunlin!("compile", onnx, "-o", model, "--labels", labels, "--precision", "f32", "--task", "image").success();
    let data = dir.path().join("data");
    put("horse.png", &data.join("3/0.png"));
    dunlin!("eval", model, "--data", data, "--html", html).success();
    let page = fs::read_to_string(&html).expect("written");
    assert_well_formed(&page);
    assert!(!page.contains("<script") && !page.contains('\u{202e}') && page.contains("&lt;script&gt;alert(3)"));
}

#[test]
fn files_of_no_known_kind_are_told() {
    let dir = folder();
    let path = dir.path().join("data.txt");
    fs::write(&path, "hello").expect("writable");
    dunlin!("eval", shipped(), "--data", path).sentence(1, &["data.txt", ".npz, .csv, .tsv or .jsonl"]);
    let table = dir.path().join("data.csv");
    fs::write(&table, "text,label\nhello,cat\n").expect("writable");
    dunlin!("eval", shipped(), "--data", table).sentence(1, &["data.csv", "takes no texts", "--task text"]);
}
