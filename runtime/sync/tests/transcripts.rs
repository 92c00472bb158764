//! What other makers' servers answered: conformance/oip/transcripts. Each answer is given to the device as if it had come just now.

use std::path::Path;

use dunlin_protocol::hex::{self, Hash};
use dunlin_protocol::oip::{
    Consent, Data, HEADER_LENGTH, InferRequest, InferResponse, Input, Limits, ModelMetadata, ServerMetadata,
};
use dunlin_sync::fallback::{Config, Event, Fallback, Question, Server, Ticket};
use dunlin_sync::{Chance, Effect, Machine, Response, Stored, Time};
use serde_json::Value;

const ID: &str = "0b6f29cf-4a5c-4d0e-9d42-0f8c5d7f5a11";

fn exchanges(server: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/oip/transcripts");
    let text = std::fs::read_to_string(folder.join(server)).expect("a transcript");
    let transcript: Value = serde_json::from_str(&text).expect("JSON");
    transcript["exchanges"].as_array().expect("exchanges").clone()
}

fn bytes(exchange: &Value, name: &str) -> Vec<u8> {
    let digits = exchange[format!("{name}_hex")].as_str();
    digits.map_or_else(
        || exchange[name].as_str().unwrap_or_default().as_bytes().to_vec(),
        |digits| hex::decode(digits).expect("digits"),
    )
}

/// The answer, to the question with this id.
fn answer(exchange: &Value, id: &str) -> Response {
    let mut body = bytes(exchange, "answer");
    if let Some(at) = body.windows(ID.len()).position(|part| part == ID.as_bytes()) {
        body[at..at + ID.len()].copy_from_slice(id.as_bytes());
    }
    let headers = exchange["answer_headers"].as_object().expect("headers");
    let headers = headers.iter().map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()));
    let status = exchange["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    Response { status: status.expect("a status"), headers: headers.collect(), body }
}

fn named(exchanges: &[Value], name: &str) -> Value {
    exchanges.iter().find(|exchange| exchange["name"] == name).unwrap_or_else(|| panic!("no exchange {name}")).clone()
}

/// What becomes of a question that is answered so.
fn outcome(exchange: &Value) -> String {
    let server = Server { url: "https://example.org".into(), model: "words".into(), version: None, token: None };
    let config = Config { servers: vec![server], consent: Consent::Input, ..Config::default() };
    let mut fallback = Fallback::restore(config, &Stored::new(), Chance::new([4; 32]), Time(0));
    let question = Question {
        model: Hash([1; 32]),
        reason: "ambiguous".into(),
        labels: vec!["ham".into(), "spam".into()],
        class: 0,
        input: Some(Input::Text("free entry".into())),
        features: None,
        review: false,
    };
    // Not even the first random wait ends before the deadline.
    let ticket: Ticket = fallback.ask(Time(0), question, 1);
    while let Some(effect) = fallback.poll(Time(0)) {
        match effect {
            Effect::Commit(commit) => fallback.handle_commit(Time(0), commit.id, Ok(())),
            Effect::Send(request) => {
                fallback.handle_response(Time(0), request.id, Ok(answer(exchange, &ticket.to_string())));
            }
            _ => (),
        }
    }
    fallback.handle_wake(Time(1));
    let events = std::iter::from_fn(|| fallback.poll_event());
    let told = events.filter_map(|event| match event {
        Event::Answered { answer, .. } => Some(format!("class {}", answer.class)),
        Event::Local { why, later, .. } => Some(format!("{}{}", why.name(), if later { ", later" } else { "" })),
        _ => None,
    });
    told.collect::<Vec<_>>().join("; ")
}

#[test]
fn answers_of_other_servers_have_their_outcome() {
    for (server, cases) in [
        (
            "mlserver.json",
            &[
                ("text", "class 1"),
                ("nested logits", "class 1"),
                ("image", "class 0"),
                ("a lie", "untrue"),
                ("wrong shape", "refused"),
                ("a model that fails", "refused"),
                ("unknown data type", "refused"),
                ("broken JSON", "refused"),
                ("infer without a model", "refused"),
                ("binary data", "refused"),
            ][..],
        ),
        (
            "triton.json",
            &[
                ("probabilities in binary, a label in JSON", "class 1"),
                // Answers no question of ours.
                ("binary data", "untrue"),
                ("wrong shape", "refused"),
                ("data of another length than the shape", "refused"),
                ("an empty answer", "unavailable, later"),
            ],
        ),
    ] {
        let exchanges = exchanges(server);
        for (name, expected) in cases {
            assert_eq!(outcome(&named(&exchanges, name)), *expected, "{server}: {name}");
        }
        let asked = exchanges.iter().filter(|exchange| exchange["method"] == "POST").count();
        assert_eq!(asked, cases.len(), "{server}: each exchange is looked at");
    }
}

#[test]
fn metadata_say_who_takes_binary_data() {
    for (server, model, binary) in [("mlserver.json", "words", false), ("triton.json", "simple", true)] {
        let exchanges = exchanges(server);
        let body = bytes(&named(&exchanges, "server"), "answer");
        assert_eq!(ServerMetadata::read(&body, &Limits::DEVICE).map(|server| server.takes_binary()), Ok(binary));
        let body = bytes(&named(&exchanges, "model"), "answer");
        assert_eq!(ModelMetadata::read(&body, &Limits::DEVICE).map(|read| read.name), Ok(model.to_owned()));
    }
}

#[test]
fn binary_data_are_read_both_ways() {
    let exchange = named(&exchanges("triton.json"), "binary data");
    let header = exchange["headers"][HEADER_LENGTH].as_str();
    let request = InferRequest::read(&bytes(&exchange, "body"), header, &Limits::SERVER).expect("a request");
    assert_eq!(request.inputs[0].data(), &Data::Uint32(vec![1, 2, 3, 4]));
    assert_eq!(request.inputs[1].data(), &Data::Bool(vec![true, false, true]));
    assert!(request.wants_binary());
    let response = answer(&exchange, ID);
    let read =
        InferResponse::read(&response.body, response.header(HEADER_LENGTH), &Limits::DEVICE).expect("a response");
    assert_eq!(read.outputs[0].data(), &Data::Fp32(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
}
