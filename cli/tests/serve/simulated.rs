//! What a simulation leaves behind is a server's folder like any other.

use std::process::Command;

use serde_json::Value;

use crate::{Serving, agent, send};

#[test]
fn a_simulated_fleet_is_shown_by_the_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("data");
    let dunlin = |words: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_dunlin")).args(words).arg("--data").arg(&data).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    let options = "--devices 150 --days 5 --epsilon 10 --metrics 3 --bad-model at=1 --rollout 30%,100% --soak 2";
    dunlin(&[&["simulate"], &options.split_whitespace().collect::<Vec<_>>()[..]].concat());
    let token = dunlin(&["serve", "--new-token", "reviewer", "--name", "anna"]);
    let serving = Serving::start(&data, &[]);
    assert_eq!(serving.tokens.len(), 0, "its first tokens were the simulation's");
    let ask = |path: &str| {
        let (status, body) =
            send(&agent(), "GET", &format!("{}{path}", serving.address), &token, b"").expect("an answer");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice::<Value>(&body).expect("JSON")
    };
    // The last simulated day was yesterday, of which devices would have told today.
    let fleet = ask("/v1/fleet");
    let days =
        fleet["models"].as_array().expect("models").iter().flat_map(|model| model["days"].as_array().expect("days"));
    let days: std::collections::BTreeSet<u64> = days.filter_map(|day| day["day"].as_u64()).collect();
    let today = fleet["today"].as_u64().expect("a day");
    assert_eq!(days.into_iter().collect::<Vec<_>>(), (today - 5..today - 1).collect::<Vec<_>>());
    let withdrawn = ask("/v1/repository")["withdrawn"].take();
    assert_eq!(withdrawn[0]["path"], "model/2.dunlin", "{withdrawn}");
    assert_eq!(ask("/v1/models")["models"].as_array().map(Vec::len), Some(2));
}
