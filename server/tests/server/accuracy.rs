//! How many answers are right: by what devices say of their confidence, until audits know better.

use crate::common::{Fleet, JSON, TODAY, batch, shipped};
use crate::repository::{Publisher, publication, upload};
use dunlin_protocol::hex::Hash;
use dunlin_protocol::summary::{Baseline, Input, Schema};
use dunlin_server::{Cloud, DAY, Role};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MODEL: &[u8] = b"what devices have";

fn model() -> String {
    Hash(Sha256::digest(MODEL).into()).to_string()
}

/// A published model of pictures, of which a hundred devices told that they are sure, yesterday.
fn fleet() -> (tempfile::TempDir, Fleet, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["cifar10.onnx", "labels.txt"] {
        std::fs::copy(shipped("models/cifar10").join(file), folder.path().join(file)).expect("copied");
    }
    std::fs::write(folder.path().join("config.json"), r#"{"picture":{},"labels":"labels.txt"}"#).expect("writable");
    let source = folder.path().join("cifar10.onnx").to_str().expect("UTF-8").to_owned();
    let fleet = Fleet::with(move |config| {
        config.cloud = vec![Cloud { name: "pictures".to_owned(), source: source.clone() }];
    });
    let labels = std::fs::read_to_string(shipped("models/cifar10/labels.txt")).expect("readable");
    let labels: Vec<String> = labels.lines().map(str::to_owned).collect();
    let mut publisher = Publisher::new(1);
    publisher.set("sms/1.dunlin", MODEL);
    upload(&fleet, "sms", "1.dunlin", MODEL);
    fleet.post("/v1/repository/publish", "publisher", &publication(&publisher.seal(&fleet))).expect(200);
    fleet.put_baseline(&model(), &Baseline::empty(Schema::new(10, Input::Picture, Vec::new()).expect("a schema")));
    let body = json!({ "labels": labels }).to_string();
    fleet.send("PUT", &format!("/v1/models/{}/labels", model()), "publisher", JSON, body.as_bytes()).expect(200);
    let summary = |number: u32| {
        json!({
            "version": 1, "id": format!("20000000-0000-4000-8000-{number:012x}"), "model": model(), "day": TODAY - 1,
            "cohort": {}, "epsilon": 10.0, "bins": { "confidence": 7 },
        })
    };
    let summaries: Vec<Value> = (0..100).map(summary).collect();
    fleet.post("/v1/summaries", "device", &batch(&summaries)).expect(200);
    (folder, fleet, labels)
}

/// An answer that was drawn at random, and found to be of a class.
fn audit(number: u32, class: &Value, confidence: &Value) -> Value {
    let parameters = json!({
        "dunlin_model": model(), "dunlin_reason": "audit", "dunlin_consent": "input", "dunlin_review": true,
        "dunlin_class": class, "dunlin_confidence": confidence,
    });
    let pixels = vec![number; 32 * 32 * 3];
    let inputs = json!([{ "name": "image", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": pixels }]);
    json!({ "id": format!("00000000-0000-4000-8000-{number:012x}"), "parameters": parameters, "inputs": inputs })
}

/// Of yesterday.
fn accuracy(fleet: &Fleet) -> Value {
    let answers = fleet.get(&format!("/v1/models/{}/answers", model()), "reviewer").expect(200).json();
    let days = answers["days"].as_array().expect("days");
    days.iter().find(|day| day["day"] == TODAY - 1).expect("yesterday")["accuracy"].clone()
}

#[test]
fn audits_correct_what_confidences_say_of_themselves() {
    let (_folder, fleet, labels) = fleet();
    let said = accuracy(&fleet);
    assert_eq!((&said["reports"], &said["audits"]), (&json!(100), &json!(0)));
    assert!(said["share"].as_f64().is_some_and(|share| share > 0.98), "{said}");
    // Forty were drawn yesterday; of each four three are right.
    let anna = fleet.new_token(Role::Reviewer, "anna");
    for number in 0..40 {
        fleet
            .post("/v2/models/pictures/infer", "device", &audit(number, &json!(number % 10), &json!(0.995)))
            .expect(200);
        let class = if number % 4 == 0 { (number + 1) % 10 } else { number % 10 };
        let path = format!("/v1/reviews/00000000-0000-4000-8000-{number:012x}/label");
        fleet.post(&path, &anna, &json!({ "label": labels[class as usize] })).expect(200);
    }
    // They are today's, which a window of yesterday doesn't take.
    assert_eq!(accuracy(&fleet)["audits"], 0);
    let summary = json!({
        "version": 1, "id": "30000000-0000-4000-8000-000000000000", "model": model(), "day": TODAY,
        "cohort": {}, "epsilon": 10.0, "bins": { "confidence": 7 },
    });
    let more: Vec<Value> = (0..100)
        .map(|number: u32| {
            let mut summary = summary.clone();
            summary["id"] = json!(format!("30000000-0000-4000-8000-{number:012x}"));
            summary
        })
        .collect();
    fleet.post("/v1/summaries", "device", &batch(&more)).expect(200);
    fleet.pass(DAY);
    let answers = fleet.get(&format!("/v1/models/{}/answers", model()), "reviewer").expect(200).json();
    let today = answers["days"].as_array().expect("days").last().expect("a day")["accuracy"].clone();
    assert_eq!((&today["reports"], &today["audits"]), (&json!(100), &json!(40)));
    let share = today["share"].as_f64().expect("a share");
    assert!((0.73..0.77).contains(&share), "{today}");
    let text = String::from_utf8(fleet.get("/metrics", "publisher").expect(200).body).expect("text");
    let gauge = format!("dunlin_estimated_accuracy{{model=\"{}\",bound=\"estimate\"}} ", model());
    let told = text.lines().find_map(|line| line.strip_prefix(&gauge)).expect("a gauge");
    assert!((told.parse::<f64>().expect("a number") - share).abs() < 1e-9, "{told}");
}

#[test]
fn what_a_device_found_is_a_class_and_a_probability_or_nothing() {
    let (_folder, fleet, _) = fleet();
    for (class, confidence) in [
        (json!(-1), json!(0.5)),
        (json!(1.5), json!(0.5)),
        (json!("frog"), json!(0.5)),
        (json!(1), json!(1.5)),
        (json!(1), json!("sure")),
        (json!(1), Value::Null),
        (Value::Null, json!(0.5)),
    ] {
        let reply = fleet.post("/v2/models/pictures/infer", "device", &audit(1, &class, &confidence)).expect(400);
        assert_eq!(reply.code(), "bad_request", "{class} {confidence}");
    }
    fleet.post("/v2/models/pictures/infer", "device", &audit(1, &json!(1), &json!(1))).expect(200);
}
