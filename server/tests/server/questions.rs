//! Questions: answered once each, as the Open Inference Protocol has them, and kept for people only by consent.

use std::path::Path;

use crate::common::{Fleet, shipped};
use dunlin_server::{Cloud, Role};
use serde_json::{Value, json};

/// The picture classifier of this repository, with what lies beside a model that takes pictures.
fn pictures(folder: &Path) -> Cloud {
    let place = folder.join("pictures");
    std::fs::create_dir_all(&place).expect("writable");
    std::fs::copy(shipped("models/cifar10/cifar10.onnx"), place.join("model.onnx")).expect("copied");
    std::fs::copy(shipped("models/cifar10/labels.txt"), place.join("labels.txt")).expect("copied");
    std::fs::write(place.join("config.json"), r#"{"picture":{},"labels":"labels.txt"}"#).expect("writable");
    Cloud { name: "pictures".to_owned(), source: place.join("model.onnx").to_str().expect("UTF-8").to_owned() }
}

fn fleet(deadline: u64) -> (tempfile::TempDir, Fleet) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().to_owned();
    let fleet = Fleet::with(move |config| {
        let raw = shipped("models/cifar10/cifar10.onnx").to_str().expect("UTF-8").to_owned();
        config.cloud = vec![pictures(&place), Cloud { name: "raw".to_owned(), source: raw }];
        config.deadline = deadline;
    });
    (folder, fleet)
}

fn picture(id: &str, parameters: Value) -> Value {
    let pixels: Vec<u8> = (0..40 * 30 * 3).map(|at| (at * 7 % 256) as u8).collect();
    let inputs = json!([{ "name": "image", "shape": [1, 40, 30, 3], "datatype": "UINT8", "data": pixels }]);
    json!({ "id": id, "parameters": parameters, "inputs": inputs })
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

const INFER: &str = "/v2/models/pictures/infer";

#[test]
fn a_picture_is_classified_and_metadata_say_how_to_ask() {
    let (_folder, fleet) = fleet(10_000);
    let metadata = fleet.get("/v2/models/pictures", "").expect(200).json();
    assert_eq!(metadata["inputs"][0], json!({ "name": "image", "datatype": "UINT8", "shape": [1, -1, -1, 3] }));
    assert_eq!(metadata["outputs"][1]["shape"], json!([1, 10]));
    fleet.get("/v2/models/pictures/versions/1/ready", "").expect(200);
    let answer = fleet.post(INFER, "device", &picture(&id(1), json!({}))).expect(200).json();
    assert_eq!((&answer["id"], &answer["model_name"]), (&json!(id(1)), &json!("pictures")));
    let output = |name: &str| {
        answer["outputs"].as_array().expect("outputs").iter().find(|output| output["name"] == name).expect(name).clone()
    };
    let probabilities: Vec<f64> =
        output("probabilities")["data"].as_array().expect("data").iter().filter_map(Value::as_f64).collect();
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-3 && probabilities.len() == 10, "{probabilities:?}");
    let labels = std::fs::read_to_string(shipped("models/cifar10/labels.txt")).expect("readable");
    let best = (0..10).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b])).expect("ten");
    assert_eq!(output("label")["data"][0], labels.lines().nth(best).expect("a label"));
}

#[test]
fn tensors_go_in_as_they_are() {
    let (_folder, fleet) = fleet(10_000);
    let metadata = fleet.get("/v2/models/raw", "").expect(200).json();
    let input = metadata["inputs"][0].clone();
    let shape: Vec<usize> = input["shape"]
        .as_array()
        .expect("dimensions")
        .iter()
        .map(|dim| dim.as_i64().expect("a number").max(1) as usize)
        .collect();
    let data = vec![0.5; shape.iter().product()];
    let ask = |name: &Value, shape: &[usize], datatype: &str, data: &[f64]| json!({ "inputs": [{ "name": name, "shape": shape, "datatype": datatype, "data": data }] });
    let name = &input["name"];
    let answer = fleet.post("/v2/models/raw/infer", "device", &ask(name, &shape, "FP32", &data)).expect(200).json();
    assert_eq!(answer["outputs"][0]["name"], metadata["outputs"][0]["name"]);
    assert!(answer.get("id").is_none());
    let mut longer = shape.clone();
    longer[1] += 1;
    let long = vec![0.5; longer.iter().product()];
    for wrong in [
        ask(&json!("other"), &shape, "FP32", &data),
        ask(name, &longer, "FP32", &long),
        ask(name, &shape, "FP64", &data),
        ask(name, &shape, "FP32", &data[1..]),
        json!({ "inputs": [] }),
        json!({ "inputs": [ask(name, &shape, "FP32", &data)["inputs"][0], ask(&json!("b"), &shape, "FP32", &data)["inputs"][0]] }),
        picture(&id(1), json!({})),
    ] {
        let reply = fleet.post("/v2/models/raw/infer", "device", &wrong).expect(400);
        assert!(reply.json()["error"].is_string());
    }
}

#[test]
fn many_questions_at_once_each_get_their_own_answer() {
    let (_folder, fleet) = fleet(60_000);
    let ask = |number: u32| {
        let pixels = vec![(number * 25) as u8; 32 * 32 * 3];
        let inputs = json!([{ "name": "image", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": pixels }]);
        fleet_answer(&fleet, &json!({ "id": id(number), "inputs": inputs }))
    };
    let alone: Vec<Value> = (0..8).map(ask).collect();
    let again = |number: u32| {
        let pixels = vec![(number * 25) as u8; 32 * 32 * 3];
        let inputs = json!([{ "name": "image", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": pixels }]);
        json!({ "id": id(100 + number), "inputs": inputs })
    };
    let bodies: Vec<Value> = (0..8).map(again).collect();
    let (address, token) = (fleet.address(), fleet.token("device"));
    let together: Vec<Value> = std::thread::scope(|scope| {
        let threads: Vec<_> = bodies
            .iter()
            .map(|body| {
                let (address, token) = (&address, &token);
                scope.spawn(move || {
                    let mut reply = ureq::post(format!("{address}{INFER}"))
                        .header("authorization", format!("Bearer {token}"))
                        .send(body.to_string())
                        .expect("an answer");
                    let text = reply.body_mut().read_to_string().expect("text");
                    serde_json::from_str::<Value>(&text).expect("JSON")
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    for (alone, together) in alone.iter().zip(&together) {
        let values = |answer: &Value| -> Vec<f64> {
            let output = answer["outputs"]
                .as_array()
                .expect("outputs")
                .iter()
                .find(|output| output["name"] == "probabilities")
                .expect("probabilities");
            output["data"].as_array().expect("data").iter().filter_map(Value::as_f64).collect()
        };
        let close = values(alone).iter().zip(values(together)).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close, "{alone} {together}");
    }
}

fn fleet_answer(fleet: &Fleet, body: &Value) -> Value {
    fleet.post(INFER, "device", body).expect(200).json()
}

#[test]
fn the_same_question_gets_the_same_answer_for_a_day_and_another_one_under_its_id_none() {
    let (_folder, mut fleet) = fleet(10_000);
    let question = picture(&id(1), json!({}));
    let first = fleet_answer(&fleet, &question);
    fleet.restart();
    assert_eq!(fleet_answer(&fleet, &question), first);
    let text = String::from_utf8(fleet.get("/metrics", "publisher").expect(200).body).expect("text");
    assert!(text.contains("dunlin_replays_total 1"), "{text}");
    let other = picture(&id(1), json!({ "more": 1 }));
    assert_eq!(fleet.post(INFER, "device", &other).expect(409).code(), "conflict");
    fleet.pass(23 * 3_600_000);
    assert_eq!(fleet.post(INFER, "device", &other).expect(409).code(), "conflict");
    fleet.pass(2 * 3_600_000);
    fleet.post(INFER, "device", &other).expect(200);
    // Ids that aren't UUIDs are other clients' own affair.
    fleet.post(INFER, "device", &picture("1", json!({}))).expect(200);
    fleet.post(INFER, "device", &picture("1", json!({ "more": 1 }))).expect(200);
}

#[test]
fn what_goes_further_than_consent_is_refused_and_not_kept() {
    let (_folder, fleet) = fleet(10_000);
    for (consent, status) in [("none", 400), ("features", 400), ("input", 200)] {
        let parameters = json!({ "dunlin_consent": consent, "dunlin_review": true });
        let reply = fleet.post(INFER, "device", &picture(&id(consent.len() as u32), parameters)).expect(status);
        assert_eq!(reply.code(), if status == 400 { "consent" } else { "" }, "{consent}");
    }
    assert_eq!(
        fleet.post(INFER, "device", &picture(&id(50), json!({ "dunlin_consent": "all" }))).expect(400).code(),
        "bad_request"
    );
    // Without a word on consent, and without asking for a person, nobody looks.
    fleet.post(INFER, "device", &picture(&id(51), json!({ "dunlin_review": true }))).expect(200);
    fleet
        .post(INFER, "device", &picture(&id(52), json!({ "dunlin_consent": "input", "dunlin_review": false })))
        .expect(200);
    assert_eq!(fleet.get("/v1/reviews", "reviewer").expect(200).json()["waiting"], 1);
}

#[test]
fn two_reviewers_decide_without_seeing_each_other() {
    let (_folder, fleet) = fleet(10_000);
    for number in 0..4 {
        let parameters = json!({ "dunlin_consent": "input", "dunlin_review": true, "dunlin_reason": "audit", "dunlin_model": "ab".repeat(32) });
        fleet.post(INFER, "device", &picture(&id(number), parameters)).expect(200);
    }
    let (anna, ben) = (fleet.new_token(Role::Reviewer, "anna"), fleet.new_token(Role::Reviewer, "ben"));
    let items = fleet.get("/v1/reviews", &anna).expect(200).json();
    assert_eq!(items["waiting"], 4);
    let item = &items["reviews"][0];
    assert_eq!(
        (&item["reason"], &item["model"], &item["state"]),
        (&json!("audit"), &json!("ab".repeat(32)), &json!("open"))
    );
    assert!(item["picture"].as_str().is_some_and(|picture| picture.starts_with("data:image/png;base64,iVBORw0KGgo")));
    let labels = item["labels"].as_array().expect("labels").clone();
    let say = |who: &str, number: u32, what: &str, label: Option<&Value>| {
        let path = format!("/v1/reviews/{}/{what}", id(number));
        match label {
            Some(label) => fleet.post(&path, who, &json!({ "label": label })),
            None => fleet.bare("POST", &path, who),
        }
    };
    let state = |reply: crate::common::Reply| reply.expect(200).json()["state"].as_str().expect("a state").to_owned();
    assert_eq!(state(say(&anna, 0, "label", Some(&labels[1]))), "labelled");
    assert_eq!(state(say(&ben, 0, "label", Some(&labels[1]))), "agreed");
    assert_eq!(state(say(&anna, 1, "label", Some(&labels[1]))), "labelled");
    assert_eq!(state(say(&ben, 1, "label", Some(&labels[2]))), "disputed");
    assert_eq!(state(say(&anna, 2, "skip", None)), "open");
    assert_eq!(state(say(&ben, 3, "disagree", None)), "labelled");
    assert_eq!(fleet.get("/v1/reviews", &anna).expect(200).json()["waiting"], 1);
    let waiting = fleet.get("/v1/reviews", &ben).expect(200).json();
    assert_eq!((&waiting["waiting"], &waiting["reviews"][0]["id"]), (&json!(1), &json!(id(2))));
    assert_eq!(say(&anna, 3, "label", Some(&json!("no such label"))).expect(400).code(), "bad_request");
    assert_eq!(say(&anna, 99, "skip", None).expect(404).code(), "not_found");
    let agreement = fleet.get("/v1/reviews/agreement", &anna).expect(200).json();
    assert_eq!((&agreement["items"], &agreement["observed"]), (&json!(2), &json!(0.5)));
    // Out to Label Studio and back into a server that has the same items, and nothing else.
    let tasks = fleet.get("/v1/reviews/export", &anna).expect(200).json();
    assert_eq!(tasks.as_array().map(Vec::len), Some(4));
    assert_eq!(
        fleet.post("/v1/reviews/import", &anna, &tasks).expect(200).json(),
        json!({ "verdicts": 6, "unknown": 0 })
    );
    assert_eq!(fleet.get("/v1/reviews/agreement", &anna).expect(200).json(), agreement);
    let theirs = json!([
        { "data": { "dunlin_id": id(2) }, "annotations": [{ "completed_by": 7, "result": [{ "value": { "choices": [labels[3]] } }] }] },
        { "data": { "text": "not from here" }, "annotations": [{ "completed_by": 7, "result": [{ "value": { "choices": ["x"] } }] }] },
    ]);
    assert_eq!(
        fleet.post("/v1/reviews/import", &anna, &theirs).expect(200).json(),
        json!({ "verdicts": 1, "unknown": 1 })
    );
    let wrong =
        json!([{ "data": { "dunlin_id": id(2) }, "annotations": [{ "result": [{ "value": { "rating": 3 } }] }] }]);
    assert_eq!(fleet.post("/v1/reviews/import", &anna, &wrong).expect(400).code(), "bad_request");
}

#[test]
fn what_a_reviewer_said_last_is_taken_back_with_all_that_followed_from_it() {
    let (_folder, fleet) = fleet(10_000);
    let asked = json!({ "dunlin_consent": "input", "dunlin_review": true });
    for number in 0..2 {
        fleet.post(INFER, "device", &picture(&id(number), asked.clone())).expect(200);
    }
    let (anna, ben) = (fleet.new_token(Role::Reviewer, "anna"), fleet.new_token(Role::Reviewer, "ben"));
    let say = |who: &str, number: u32, label: &str| {
        fleet.post(&format!("/v1/reviews/{}/label", id(number)), who, &json!({ "label": label })).expect(200);
        fleet.pass(1);
    };
    let undo = |who: &str| fleet.bare("POST", "/v1/reviews/undo", who);
    let pairs = || fleet.get("/v1/reviews/agreement", &anna).expect(200).json()["items"].clone();
    let annotations = |number: usize| {
        let tasks = fleet.get("/v1/reviews/export", &anna).expect(200).json();
        tasks[number]["annotations"].as_array().map(Vec::len)
    };
    assert_eq!(undo(&ben).expect(404).code(), "not_found");
    say(&anna, 0, "frog");
    say(&ben, 0, "frog");
    say(&ben, 1, "cat");
    assert_eq!((pairs(), annotations(0), annotations(1)), (json!(1), Some(2), Some(1)));
    let undone = undo(&ben).expect(200).json();
    assert_eq!((&undone["review"]["id"], &undone["review"]["state"]), (&json!(id(1)), &json!("open")));
    assert_eq!(undone["said"], json!({ "verdict": "label", "label": "cat" }));
    assert!(
        undone["review"]["picture"].is_string()
            && undone["review"]["labels"].as_array().is_some_and(|all| all.len() == 10)
    );
    let undone = undo(&ben).expect(200).json();
    assert_eq!((&undone["review"]["id"], &undone["review"]["state"]), (&json!(id(0)), &json!("labelled")));
    assert_eq!((pairs(), annotations(0), annotations(1)), (json!(0), Some(1), Some(0)));
    assert_eq!(fleet.get("/v1/reviews", &ben).expect(200).json()["waiting"], 2);
    // Nobody takes back what others said.
    assert_eq!(undo(&ben).expect(404).code(), "not_found");
    assert_eq!(annotations(0), Some(1));
}
