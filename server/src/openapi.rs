//! The OpenAPI document, made of the list of endpoints and the schemas of their bodies.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::endpoints::ENDPOINTS;
use crate::fault::{Code, Fault};
use crate::http::{Access, Body, Call, Class, Endpoint, Style, json_answer};

/// `GET /openapi.json`
pub async fn openapi(_: Arc<App>, _: Call) -> Result<Response, Fault> {
    json_answer(StatusCode::OK, &document())
}

/// The document.
pub fn document() -> Value {
    let schemas: Value = serde_json::from_str(include_str!("schemas.json")).expect("schemas.json is JSON");
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for endpoint in ENDPOINTS {
        let path = endpoint.path.replace("{*", "{");
        paths.entry(path).or_default().insert(endpoint.method.as_str().to_lowercase(), operation(endpoint));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Dunlin",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "Models, summaries, answers and reviews of a fleet. /v2 is the Open Inference Protocol, /repository one of The Update Framework.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let mut operation =
        json!({ "operationId": endpoint.name, "summary": endpoint.about, "responses": responses(endpoint) });
    let parameters = parameters(endpoint);
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(content) = content(endpoint.takes) {
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    let roles: Vec<&str> = endpoint.access.roles().iter().map(|role| role.name()).collect();
    if !roles.is_empty() {
        operation["description"] = json!(format!("With a token of a {}.", roles.join(" or ")));
        operation["security"] = match endpoint.access {
            Access::Device => json!([{ "token": [] }, {}]),
            _ => json!([{ "token": [] }]),
        };
    }
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let names = endpoint.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = names.map(|name| name.trim_start_matches('*')).map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "$ref": format!("#/components/schemas/path-{name}") } })
    });
    let in_query = endpoint.query.iter().map(|(name, schema)| {
        json!({ "name": name, "in": "query", "schema": { "$ref": format!("#/components/schemas/{schema}") } })
    });
    in_path.chain(in_query).collect()
}

fn content(body: Body) -> Option<Value> {
    match body {
        Body::Nothing => None,
        Body::Json(schema) => {
            Some(json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } }))
        }
        Body::Bytes(media) => Some(json!({ media: {} })),
    }
}

fn responses(endpoint: &Endpoint) -> Value {
    let mut responses = Map::new();
    let mut good = json!({ "description": "Done." });
    if let Some(content) = content(endpoint.gives) {
        good["content"] = content;
    }
    if endpoint.name == "export" {
        good["content"]["text/csv"] = json!({});
        good["content"]["application/jsonl"] = json!({});
    }
    if endpoint.name == "putTarget" {
        responses.insert("201".to_owned(), good.clone());
    }
    if endpoint.name == "target" {
        responses.insert("206".to_owned(), good.clone());
    }
    if endpoint.name == "pageFile" {
        good["content"]["text/css"] = json!({});
        good["content"]["text/html"] = json!({});
        good["content"]["image/svg+xml"] = json!({});
    }
    if endpoint.path.starts_with("/repository") || endpoint.name.starts_with("page") {
        responses.insert("304".to_owned(), json!({ "description": "The client has it already." }));
    }
    responses.insert("200".to_owned(), good);
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in faults(endpoint) {
        by_status.entry(code.status().as_u16()).or_default().push(code.name());
    }
    let schema = match endpoint.style {
        Style::Ours => "Error",
        Style::Oip => "OipError",
    };
    for (status, names) in by_status {
        let content = json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } });
        responses.insert(status.to_string(), json!({ "description": names.join(", "), "content": content }));
    }
    Value::Object(responses)
}

/// What can be wrong: with the request in general, by who may send it and what it takes, and by what the endpoint does.
fn faults(endpoint: &Endpoint) -> Vec<Code> {
    let mut codes = vec![Code::BadRequest, Code::Internal];
    if endpoint.class != Class::Health {
        codes.extend([Code::RateLimited, Code::Overloaded]);
    }
    if endpoint.access != Access::Open {
        codes.extend([Code::Unauthorized, Code::Forbidden]);
    }
    if endpoint.takes != Body::Nothing {
        codes.extend([Code::TooLarge, Code::Slow]);
    }
    if matches!(endpoint.takes, Body::Json(_)) && endpoint.style == Style::Ours {
        codes.push(Code::UnsupportedMedia);
    }
    if endpoint.method == Method::POST && endpoint.style == Style::Oip {
        codes.push(Code::Stopping);
    }
    codes.extend(endpoint.faults);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every reference of the document leads to something.
    #[test]
    fn all_schemas_that_are_named_are_there_and_all_that_are_there_are_named() {
        let document = document();
        let text = document.to_string();
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for (index, _) in text.match_indices("#/components/schemas/") {
            let name = text[index + 21..].split('"').next().expect("the end of a name");
            assert!(schemas.contains_key(name), "{name}");
        }
        for name in schemas.keys() {
            assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name} is named nowhere");
        }
    }

    #[test]
    fn the_committed_document_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/formats/openapi.json");
        let text = serde_json::to_string_pretty(&document()).expect("JSON") + "\n";
        if std::env::var_os("DUNLIN_BLESS").is_some() {
            std::fs::write(path, &text).expect("writable");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == text,
            "docs/formats/openapi.json is an older one; write it with DUNLIN_BLESS=1 cargo test -p dunlin-server openapi"
        );
    }
}
