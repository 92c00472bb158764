//! Questions that another server answers.

use std::net::TcpListener;

use crate::common::{Fleet, JSON, shipped};
use dunlin_server::{Cloud, Role};
use serde_json::{Value, json};

/// A server that has the picture classifier of this repository, and takes questions of anyone.
fn other() -> Fleet {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for file in ["cifar10.onnx", "labels.txt"] {
        std::fs::copy(shipped("models/cifar10").join(file), folder.path().join(file)).expect("copied");
    }
    std::fs::write(folder.path().join("config.json"), r#"{"picture":{},"labels":"labels.txt"}"#).expect("writable");
    Fleet::with(move |config| {
        let model = folder.path().join("cifar10.onnx");
        config.anonymous = true;
        config.cloud = vec![Cloud { name: "pictures".to_owned(), source: model.to_str().expect("UTF-8").to_owned() }];
    })
}

/// A server that passes on what it is asked, by these names to these addresses.
fn before(models: &[(&str, String)], deadline: u64) -> Fleet {
    let models: Vec<Cloud> =
        models.iter().map(|(name, source)| Cloud { name: (*name).to_owned(), source: source.clone() }).collect();
    Fleet::with(move |config| {
        config.cloud.clone_from(&models);
        config.deadline = deadline;
    })
}

fn question(parameters: Value) -> Value {
    let pixels: Vec<u8> = (0..32 * 32 * 3).map(|at| (at * 7 % 256) as u8).collect();
    let inputs = json!([{ "name": "image", "shape": [1, 32, 32, 3], "datatype": "UINT8", "data": pixels }]);
    json!({ "id": "00000000-0000-4000-8000-000000000001", "parameters": parameters, "inputs": inputs })
}

#[test]
fn the_other_servers_answer_comes_under_the_name_by_which_this_one_was_asked() {
    let other = other();
    let same = format!("{}/v2", other.address());
    let called = format!("{}/v2/models/pictures", other.address());
    let fleet = before(&[("pictures", same), ("far", called)], 10_000);
    let there = other.get("/v2/models/pictures", "").expect(200).json();
    for name in ["pictures", "far"] {
        let metadata = fleet.get(&format!("/v2/models/{name}"), "").expect(200).json();
        assert_eq!((&metadata["name"], &metadata["versions"]), (&json!(name), &json!(["1"])));
        assert_eq!((&metadata["inputs"], &metadata["outputs"]), (&there["inputs"], &there["outputs"]));
        fleet.get(&format!("/v2/models/{name}/versions/1"), "").expect(200);
    }
    // Nobody here knows the other server's labels: those of the model that asks are told.
    let model = "ab".repeat(32);
    let labels = json!({ "labels": ["bird", "frog"] }).to_string();
    fleet.send("PUT", &format!("/v1/models/{model}/labels"), "publisher", JSON, labels.as_bytes()).expect(200);
    let asked = question(json!({ "dunlin_consent": "input", "dunlin_review": true, "dunlin_model": model }));
    let mut direct = asked.clone();
    direct["id"] = json!("00000000-0000-4000-8000-000000000009");
    let direct = other.post("/v2/models/pictures/infer", "", &direct).expect(200).json();
    for _ in 0..2 {
        let answer = fleet.post("/v2/models/far/infer", "device", &asked).expect(200).json();
        assert_eq!((&answer["model_name"], &answer["model_version"]), (&json!("far"), &json!("1")));
        assert_eq!((&answer["id"], &answer["outputs"]), (&asked["id"], &direct["outputs"]));
    }
    let text = String::from_utf8(fleet.get("/metrics", "publisher").expect(200).body).expect("text");
    assert!(text.contains("dunlin_replays_total 1"), "{text}");
    // What a person may look at is kept here, with what the other server found.
    let anna = fleet.new_token(Role::Reviewer, "anna");
    let item = fleet.get("/v1/reviews", &anna).expect(200).json()["reviews"][0].clone();
    let label = direct["outputs"].as_array().expect("outputs").iter().find(|output| output["name"] == "label");
    assert_eq!((&item["cloud"], &item["predicted"]), (&json!("far"), &label.expect("a label")["data"][0]));
    assert_eq!(item["labels"], json!(["bird", "frog"]));
    let path = format!("/v1/reviews/{}/label", item["id"].as_str().expect("an id"));
    assert_eq!(fleet.post(&path, &anna, &json!({ "label": "cat" })).expect(400).code(), "bad_request");
    fleet.post(&path, &anna, &json!({ "label": "frog" })).expect(200);
}

#[test]
fn what_the_other_server_refuses_or_cannot_do_is_told_as_such() {
    let mut other = other();
    let limited = Fleet::with(|config| {
        config.anonymous = true;
        config.rate = 1;
    });
    // Connections are taken, and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}/v2", silent.local_addr().expect("its address"));
    let models = [
        ("pictures", format!("{}/v2", other.address())),
        ("none", format!("{}/v2", other.address())),
        ("limited", format!("{}/v2", limited.address())),
    ];
    let fleet = before(&models, 10_000);
    let ask = |fleet: &Fleet, name: &str, body: &Value| {
        let reply = fleet.post(&format!("/v2/models/{name}/infer"), "device", body);
        (reply.status, reply.code().to_owned(), reply.header("retry-after").to_owned())
    };
    let told = |status, code: &str, wait: &str| (status, code.to_owned(), wait.to_owned());
    let mut wrong = question(json!({}));
    wrong["inputs"][0]["name"] = json!("sound");
    assert_eq!(ask(&fleet, "pictures", &wrong), told(400, "bad_request", ""));
    assert_eq!(ask(&fleet, "none", &question(json!({}))), told(404, "not_found", ""));
    while limited.get("/v2", "").status == 200 {}
    let other_id = |number: u32| {
        let mut question = question(json!({}));
        question["id"] = json!(format!("00000000-0000-4000-8000-{number:012x}"));
        question
    };
    assert_eq!(ask(&fleet, "limited", &other_id(2)), told(429, "overloaded", "2"));
    let hasty = before(&[("silent", silent)], 300);
    assert_eq!(ask(&hasty, "silent", &other_id(3)), told(504, "deadline", ""));
    // The other server has the id of a question that it was asked by others.
    other.post("/v2/models/pictures/infer", "", &other_id(5)).expect(200);
    let mut changed = other_id(5);
    changed["parameters"] = json!({ "more": 1 });
    assert_eq!(ask(&fleet, "pictures", &changed), told(409, "conflict", ""));
    // A question that had no answer may be asked again, under the same id.
    other.stop();
    assert_eq!(ask(&fleet, "pictures", &other_id(4)), told(502, "bad_gateway", ""));
    assert_eq!(ask(&fleet, "pictures", &other_id(4)), told(502, "bad_gateway", ""));
}
