//! Who may do what, and that whatever comes in ends in a clear answer.

use crate::common::{Fleet, JSON, model};
use dunlin_server::Role;
use serde_json::{Value, json};

/// Every operation of the document: method, path with something in it, and what its description says of roles.
fn operations(fleet: &Fleet) -> Vec<(String, String, String)> {
    let document = fleet.get("/openapi.json", "").expect(200).json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let filled = [("{sha256}", "ab".repeat(32)), ("{id}", "00000000-0000-4000-8000-000000000000".to_owned())];
        let filled = filled.iter().fold(path.clone(), |path, (name, value)| path.replace(name, value));
        let filled =
            ["{model}", "{version}", "{name}", "{path}"].iter().fold(filled, |path, name| path.replace(name, "x"));
        for (method, operation) in item.as_object().expect("operations") {
            let who = operation["description"].as_str().unwrap_or_default().to_owned();
            operations.push((method.to_uppercase(), filled.clone(), who));
        }
    }
    operations
}

#[test]
fn each_endpoint_takes_the_roles_that_its_description_names_and_no_other() {
    let fleet = Fleet::start();
    let operations = operations(&fleet);
    assert!(operations.len() > 25, "{operations:?}");
    for (method, path, who) in operations {
        let open = who.is_empty();
        for role in ["device", "publisher", "reviewer", "", "wrong"] {
            let reply = fleet.send(&method, &path, role, JSON, b"{}");
            let expected = match role {
                _ if open || who.contains(role) && !role.is_empty() => "",
                "" | "wrong" => "unauthorized",
                _ => "forbidden",
            };
            let refused =
                matches!(reply.code(), "unauthorized" | "forbidden").then_some(reply.code()).unwrap_or_default();
            assert_eq!(refused, expected, "{method} {path} as '{role}'");
            assert!(reply.status < 500, "{method} {path}: {}", reply.status);
        }
    }
}

#[test]
fn whatever_is_sent_is_answered_below_five_hundred() {
    let fleet = Fleet::start();
    let bodies: &[&[u8]] = &[
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"0",
        b"\"text\"",
        b"[[[[[[[[",
        br#"{"version":1}"#,
        br#"{"inputs":[]}"#,
        br#"{"summaries":[{}]}"#,
        br#"{"version":1,"metadata":{}}"#,
        br#"{"version":1,"metadata":{"timestamp.json":"{}"}}"#,
        br#"{"label":""}"#,
        br#"{"label":"\u0000"}"#,
        br#"[{"data":{}}]"#,
        br#"[{"data":{"dunlin_id":"x"},"annotations":[{"result":[{}]}]}]"#,
    ];
    for (method, path, _) in operations(&fleet) {
        for who in ["device", "publisher", "reviewer"] {
            for body in bodies {
                let reply = fleet.send(&method, &path, who, JSON, body);
                assert!(reply.status < 500, "{method} {path} {body:?}: {}", reply.status);
                if reply.status >= 400 {
                    let error = &reply.json()["error"];
                    assert!(
                        error.is_string() || error["code"] == reply.code() && error["message"].is_string(),
                        "{method} {path}: {error}"
                    );
                }
            }
        }
    }
}

#[test]
fn paths_lead_nowhere_else_and_queries_are_checked() {
    let fleet = Fleet::start();
    for path in [
        "/repository/metadata/..%2f..%2fdunlin.sqlite",
        "/repository/metadata/%2e%2e",
        "/repository/targets/../../dunlin.sqlite",
        "/repository/targets/..%2f..%2flock",
        "/repository/targets/%2e%2e/%2e%2e/lock",
        "/repository/targets//etc/passwd",
        "/repository/targets/%00",
        "/v1/nothing",
        "/../data/lock",
        "/v2/models/..",
        "/v2/models/x/versions/2",
    ] {
        let reply = fleet.get(path, "publisher");
        assert!(matches!(reply.status, 400 | 404), "{path}: {}", reply.status);
    }
    for path in [
        "/v1/fleet?days=0",
        "/v1/fleet?days=x",
        "/v1/fleet?other=1",
        "/v1/reviews?limit=1000",
        "/v1/reviews/export?format=xml",
        "/v1/alerts?days=-1",
    ] {
        let who = if path.contains("reviews") { "reviewer" } else { "publisher" };
        assert_eq!(fleet.get(path, who).expect(400).code(), "bad_request", "{path}");
    }
    assert_eq!(fleet.get("/v1/models/xyz/baseline", "publisher").expect(400).code(), "bad_request");
    assert_eq!(fleet.get("/repository/metadata/%ff", "").expect(400).code(), "bad_request");
    for path in ["a/../{d}.x", "{d}", "a/{d}.", ".{d}.x", "a//{d}.x"] {
        let path = format!("/v1/repository/targets/{}", path.replace("{d}", &"ab".repeat(32)).replace("..", "%2e%2e"));
        assert_eq!(fleet.send("PUT", &path, "publisher", &[], b"x").expect(400).code(), "bad_publication", "{path}");
    }
    assert_eq!(fleet.bare("DELETE", "/v1/summaries", "device").expect(405).code(), "method_not_allowed");
    assert_eq!(
        fleet.send("POST", "/v1/summaries", "device", &[("content-type", "text/plain")], b"{}").expect(415).code(),
        "unsupported_media"
    );
}

#[test]
fn bodies_have_a_bound() {
    let fleet = Fleet::with(|config| config.target_bytes = 1000);
    let long = vec![b' '; 400_000];
    assert_eq!(fleet.send("POST", "/v1/summaries", "device", JSON, &long).expect(413).code(), "too_large");
    let path = format!("/v1/repository/targets/{}.x", "ab".repeat(32));
    assert_eq!(fleet.send("PUT", &path, "publisher", &[], &long[..1001]).expect(413).code(), "too_large");
}

#[test]
fn pages_of_any_origin_may_ask_and_every_answer_says_so() {
    let fleet = Fleet::start();
    let asks = [("origin", "https://app.example"), ("access-control-request-method", "POST")];
    let reply = fleet.send("OPTIONS", "/v1/summaries", "", &asks, b"").expect(204);
    assert!(reply.header("access-control-allow-headers").contains("authorization"));
    for (path, status) in [("/v2/health/ready", 200), ("/v1/fleet", 401), ("/none", 404)] {
        assert_eq!(fleet.get(path, "").expect(status).header("access-control-allow-origin"), "*", "{path}");
    }
}

#[test]
fn a_client_that_asks_too_often_is_told_to_wait_and_health_is_always_told() {
    let fleet = Fleet::with(|config| config.rate = 2);
    let statuses: Vec<u16> = (0..12).map(|_| fleet.get("/v2", "").status).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 200).count(), 8, "{statuses:?}");
    let reply = fleet.get("/v2", "").expect(429);
    assert_eq!((reply.code(), reply.header("retry-after")), ("rate_limited", "1"));
    fleet.get("/v2/health/ready", "").expect(200);
    // Whoever holds a token of a person has a share of their own; guesses of tokens have the address's.
    fleet.get("/v1/fleet", "publisher").expect(200);
    assert_eq!(fleet.get("/v1/fleet", "guess").expect(429).code(), "rate_limited");
    fleet.pass(1000);
    fleet.get("/v2", "").expect(200);
}

#[test]
fn tokens_made_beside_a_running_server_are_known_and_only_digests_are_kept() {
    let mut fleet = Fleet::start();
    let anna = fleet.new_token(Role::Reviewer, "anna");
    fleet.get("/v1/reviews", &anna).expect(200);
    fleet.restart();
    fleet.get("/v1/reviews", &anna).expect(200);
    fleet.get("/v1/reviews", "reviewer").expect(200);
    fleet.stop();
    let secret = anna.rsplit('-').next().expect("random digits").as_bytes().to_vec();
    for file in std::fs::read_dir(fleet.data())
        .expect("readable")
        .map(|file| file.expect("a file").path())
        .filter(|path| path.is_file())
    {
        let bytes = std::fs::read(&file).expect("readable");
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", file.display());
    }
}

#[test]
fn devices_need_no_token_where_the_operator_says_so() {
    let fleet = Fleet::with(|config| config.anonymous = true);
    assert_eq!(fleet.post("/v1/summaries", "", &json!({})).expect(400).code(), "bad_request");
    assert_eq!(fleet.post("/v1/summaries", "wrong", &json!({})).expect(401).code(), "unauthorized");
}

#[test]
fn one_folder_has_one_server() {
    let fleet = Fleet::start();
    assert!(fleet.start_error().contains("another server"), "{}", fleet.start_error());
}

#[test]
fn counters_are_those_of_what_was_asked() {
    let fleet = Fleet::start();
    fleet.get("/v2", "").expect(200);
    fleet.get("/v2/models/none", "").expect(404);
    let text = String::from_utf8(fleet.get("/metrics", "publisher").expect(200).body).expect("text");
    assert!(text.contains("dunlin_requests_total{endpoint=\"server\",status=\"2xx\"} 1"), "{text}");
    assert!(text.contains("dunlin_requests_total{endpoint=\"model\",status=\"4xx\"} 1"), "{text}");
    assert!(text.contains("dunlin_request_seconds_count{endpoint=\"server\"} 1"), "{text}");
    let named: Value = fleet.get(&format!("/v1/models/{}/baseline", model()), "publisher").expect(404).json();
    assert_eq!(named["error"]["code"], "not_found");
}
