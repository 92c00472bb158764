//! `dunlin classify --cloud`, with a server that answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::{dunlin, file};

/// Answers one request with a status and a body in which `ID` is the question's id; gives what it was asked.
fn serve(status: &'static str, body: &'static str) -> (String, JoinHandle<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = thread::spawn(move || {
        let mut reader = BufReader::new(listener.accept().expect("a client").0);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).expect("text") > 0 {}
        assert!(head.starts_with("POST /v2/models/my%20spam/infer HTTP/1.1\r\n"), "{head}");
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut asked = vec![0; length.expect("a length")];
        reader.read_exact(&mut asked).expect("a body");
        let asked: Value = serde_json::from_slice(&asked).expect("JSON");
        let body = body.replace("ID", asked["id"].as_str().expect("an id"));
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        reader.into_inner().write_all(format!("{head}{body}").as_bytes()).expect("a client that waits");
        asked
    });
    (url, asked)
}

const ANSWER: &str = r#"{"model_name":"m","id":"ID","outputs":[{"name":"probabilities","shape":[1,2],"datatype":"FP32","data":[0.125,0.875]}]}"#;
const LIE: &str = r#"{"model_name":"m","id":"ID","outputs":[{"name":"probabilities","shape":[1,2],"datatype":"FP32","data":[0.875,0.875]}]}"#;

macro_rules! ask {
    ($deadline:expr, $url:expr, $consent:expr $(, $more:expr)*) => {
        // A model that is out of date is always a reason to ask.
        dunlin!("classify", file("models/sms_spam/sms_spam.dunlin"), "--text", "see you at 5", "--stale", "--cloud", $url,
            "--cloud-model", "my spam", "--consent", $consent, "--cloud-deadline", $deadline $(, $more)*)
    };
}

#[test]
fn the_clouds_answer_is_shown_beside_the_local_one() {
    let (url, asked) = serve("200 OK", ANSWER);
    let shown: Value = serde_json::from_str(&ask!("600000", url, "input", "--json").success()).expect("JSON");
    let result = &shown["results"][0];
    assert_eq!(result["decision"]["reason"], "stale_model");
    assert_eq!(result["cloud"]["answer"]["label"], "spam");
    assert_eq!(result["cloud"]["answer"]["agrees"], false);
    assert_eq!(result["cloud"]["error"], Value::Null);
    assert!(result["cloud"]["time_us"].as_f64().is_some_and(|time| time > 0.0));
    let asked = asked.join().expect("a server");
    assert_eq!(asked["id"], result["cloud"]["id"]);
    assert_eq!(asked["inputs"][0]["data"][0], "see you at 5");
    assert_eq!(asked["parameters"]["dunlin_reason"], "stale_model");
    assert_eq!(asked["parameters"]["dunlin_model"].as_str().map(str::len), Some(64));

    let (url, asked) = serve("200 OK", ANSWER);
    let shown = ask!("600000", url, "features").success();
    assert!(shown.contains("cloud: spam, probability 0.875, unlike the local answer"), "{shown}");
    assert_eq!(asked.join().expect("a server")["inputs"][0]["name"], "logits");
}

#[test]
fn when_the_cloud_fails_the_local_answer_stands() {
    for (status, body, name) in [
        ("500 Internal Server Error", r#"{"error":"no"}"#, "refused"),
        ("404 Not Found", "", "refused"),
        ("200 OK", LIE, "untrue"),
        ("200 OK", "<html>", "unreadable"),
    ] {
        let (url, asked) = serve(status, body);
        let finished = ask!("600000", url, "input", "--json");
        asked.join().expect("a server");
        assert_eq!(finished.0.status.code(), Some(4), "{name}");
        assert!(finished.error().contains("the local answer stands"), "{}", finished.error());
        let shown: Value = serde_json::from_slice(&finished.0.stdout).expect("JSON");
        assert_eq!(shown["results"][0]["cloud"]["error"]["name"], name);
        assert_eq!(shown["results"][0]["classes"][0]["label"], "ham");
    }
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let finished = ask!("50", format!("http://{closed}"), "input");
    assert_eq!(finished.0.status.code(), Some(4));
    let shown = String::from_utf8(finished.0.stdout).expect("text");
    assert!(shown.contains("ham") && shown.contains("; the local answer stands"), "{shown}");
}

#[test]
fn without_consent_nothing_is_sent() {
    // Nobody accepts here: a request would wait for the deadline.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let finished = ask!("600000", url, "none");
    assert_eq!(finished.0.status.code(), Some(4));
    assert!(finished.error().contains("hasn't agreed"), "{}", finished.error());
    assert!(listener.accept().is_err(), "nobody came");
    assert_eq!(dunlin!("classify", "x.png", "--cloud", url).0.status.code(), Some(2), "a model has to be named");
}
