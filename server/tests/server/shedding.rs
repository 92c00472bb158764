//! Who is turned away first when there is too much to do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::{Fleet, Reply};
use dunlin_server::Cloud;
use serde_json::json;

/// A request whose body doesn't come: it is worked on for as long as this is held. The server has begun to wait for its body.
fn held(fleet: &Fleet, method: &str, path: &str, role: &str) -> TcpStream {
    let address = fleet.address();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
    let token = fleet.token(role);
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut told = [0; 25];
    stream.read_exact(&mut told).expect("an answer");
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n", "{path}: {}", String::from_utf8_lossy(&told));
    stream
}

/// Asks until those that were held are gone.
fn until(status: u16, ask: impl Fn() -> Reply) {
    let begun = Instant::now();
    while ask().status != status {
        assert!(begun.elapsed() < Duration::from_secs(60), "never {status}");
    }
}

#[test]
fn summaries_are_turned_away_before_updates_updates_before_questions_and_health_is_always_told() {
    let fleet = Fleet::with(|config| {
        config.at_once = 8;
        // Nobody is there, and nobody is asked.
        config.cloud = vec![Cloud { name: "far".to_owned(), source: "http://192.0.2.1/v2".to_owned() }];
    });
    let summaries = || fleet.post("/v1/summaries", "device", &json!({ "summaries": [] }));
    let update = || fleet.get("/repository/metadata/timestamp.json", "");
    let question = || fleet.get("/v2", "");
    let turned_away = |reply: Reply| assert_eq!((reply.code(), reply.header("retry-after")), ("overloaded", "2"));
    let upload = format!("/v1/repository/targets/{}.x", "ab".repeat(32));
    let served = summaries().status;
    let mut all: Vec<TcpStream> = (0..4).map(|_| held(&fleet, "POST", "/v1/summaries", "device")).collect();
    turned_away(summaries());
    update().expect(404);
    question().expect(200);
    all.extend((0..2).map(|_| held(&fleet, "PUT", &upload, "publisher")));
    turned_away(update());
    turned_away(summaries());
    question().expect(200);
    all.extend((0..2).map(|_| held(&fleet, "POST", "/v2/models/far/infer", "device")));
    let reply = question();
    assert!(reply.json()["error"].is_string());
    turned_away(reply);
    fleet.get("/v2/health/ready", "").expect(200);
    drop(all);
    until(served, summaries);
    update().expect(404);
    question().expect(200);
}
