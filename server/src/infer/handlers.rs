//! The Open Inference Protocol, version 2.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use dunlin_protocol::oip::{
    BINARY_EXTENSION, Form, HEADER_LENGTH, InferRequest, InferResponse, Limits, ModelMetadata, OipError, Question,
    QuestionFault, ServerMetadata,
};
use serde_json::json;

use crate::app::App;
use crate::fault::{Code, Fault};
use crate::http::{Call, json_answer};
use crate::review;

use super::answer::check_consent;
use super::{Engine, Local, Model, VERSION, replay};

/// `GET /v2`
pub async fn server(_: Arc<App>, _: Call) -> Result<Response, Fault> {
    let metadata = ServerMetadata {
        name: "dunlin".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        extensions: vec![BINARY_EXTENSION.to_owned()],
    };
    json_answer(StatusCode::OK, &metadata)
}

/// `GET /v2/models/{model}`, also with `/versions/{version}`
pub async fn model(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let model = find(&app, &call)?;
    match &model.engine {
        Engine::Here(local) => json_answer(StatusCode::OK, &local.metadata),
        Engine::There(_) => {
            let name = model.name.clone();
            let metadata = apart(model, |forward| forward.metadata()).await?;
            // Name and version are those by which this server is asked.
            json_answer(StatusCode::OK, &ModelMetadata { name, versions: Some(vec![VERSION.to_owned()]), ..metadata })
        }
    }
}

/// `GET /v2/models/{model}/ready`, also with `/versions/{version}`
pub async fn model_ready(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let model = find(&app, &call)?;
    json_answer(StatusCode::OK, &json!({ "name": model.name, "ready": true }))
}

/// `POST /v2/models/{model}/infer`, also with `/versions/{version}`
pub async fn infer(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let model = find(&app, &call)?;
    let length = call.headers.get(HEADER_LENGTH).map(|value| value.to_str().unwrap_or_default().to_owned());
    let body = call.bytes(Limits::SERVER.bytes).await?;
    let request = InferRequest::read(&body, length.as_deref(), &Limits::SERVER).map_err(unreadable)?;
    check_consent(&request)?;
    let form = if request.wants_binary() { Form::Binary } else { Form::Json };
    let id = request.id.as_deref().and_then(crate::hex::uuid);
    let until = Instant::now() + Duration::from_millis(app.config.deadline);
    let Some(id) = id else {
        let response = ask(&app, model, request, until).await?;
        return answer(&response, form);
    };
    // The same bytes to another model are another question.
    let asked = [model.name.as_bytes(), b"\n", &body[..]].concat();
    let ask = || async {
        let response = ask(&app, Arc::clone(&model), request, until).await?;
        let message = response.write(Form::Json).map_err(|error| Fault::internal("an answer", error))?;
        Ok(Bytes::from(message.body))
    };
    let (kept, replayed) = replay::once(&app, id, &asked, ask).await?;
    if replayed {
        app.metrics.replayed();
    }
    let response = InferResponse::read(&kept, None, &Limits::SERVER)
        .map_err(|error| Fault::internal("an answer that was kept", error))?;
    answer(&response, form)
}

fn find(app: &App, call: &Call) -> Result<Arc<Model>, Fault> {
    let missing = || Fault::not_found("model");
    let model = app.models.find(call.param("model")).ok_or_else(missing)?;
    let version = call.param("version");
    if version.is_empty() || version == VERSION { Ok(Arc::clone(model)) } else { Err(missing()) }
}

fn unreadable(error: OipError) -> Fault {
    let code = if matches!(error, OipError::TooLong { .. }) { Code::TooLarge } else { Code::BadRequest };
    Fault::new(code, error.to_string())
}

async fn ask(app: &Arc<App>, model: Arc<Model>, request: InferRequest, until: Instant) -> Result<InferResponse, Fault> {
    match &model.engine {
        Engine::There(_) => passed_on(app, model, request).await,
        Engine::Here(local) if local.settings.takes.question().is_none() => {
            local.raw(&model.name, &request, until).await
        }
        Engine::Here(local) => question(app, &model, local, request, until).await,
    }
}

async fn question(
    app: &App,
    model: &Model,
    local: &Local,
    mut request: InferRequest,
    until: Instant,
) -> Result<InferResponse, Fault> {
    let id = request.id.clone();
    // Clients of other kinds need none: their questions aren't known again.
    request.id.get_or_insert_with(|| "-".to_owned());
    let question = Question::read(request).map_err(|fault| {
        let consent = fault == QuestionFault::Consent;
        Fault::new(if consent { Code::Consent } else { Code::BadRequest }, fault.to_string())
    })?;
    let answer = local.question(&question, until).await?;
    let (label, probability) = (&model.labels[answer.class], answer.probabilities[answer.class]);
    review::offer(app, &model.name, &question, label, probability).await?;
    let response = answer.response(&model.name, &question.id, &model.labels);
    let mut response = response.ok_or_else(|| Fault::internal("an answer", "there is no label for it"))?;
    response.id = id;
    response.model_version = Some(VERSION.to_owned());
    Ok(response)
}

/// Asks another server. What a person may look at is kept with its answer.
async fn passed_on(app: &App, model: Arc<Model>, request: InferRequest) -> Result<InferResponse, Fault> {
    let (asked, id, name) = (request.clone(), request.id.clone(), model.name.clone());
    let question = Question::read(request);
    if let Err(fault @ QuestionFault::Found) = question {
        return Err(Fault::bad(fault.to_string()));
    }
    let mut response = apart(model, move |forward| forward.ask(&asked)).await?;
    // Name and version are those by which this server was asked.
    response.model_name.clone_from(&name);
    response.model_version = response.model_version.map(|_| VERSION.to_owned());
    response.id = id;
    if let Ok(question) = question {
        let (label, probability) = review::said(&response);
        review::offer(app, &name, &question, &label, probability).await?;
    }
    Ok(response)
}

/// What blocks goes to a thread of its own.
async fn apart<T: Send + 'static>(
    model: Arc<Model>,
    work: impl FnOnce(&super::Forward) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(move || match &model.engine {
        Engine::There(forward) => work(forward),
        Engine::Here(_) => Err(Fault::not_found("model")),
    });
    done.await.map_err(|error| Fault::internal("a question that was passed on", error))?
}

fn answer(response: &InferResponse, form: Form) -> Result<Response, Fault> {
    let message = response.write(form).map_err(|error| Fault::internal("an answer", error))?;
    let mut answer = Response::new(Body::from(message.body));
    let headers = answer.headers_mut();
    let media = if message.header_length.is_some() { "application/octet-stream" } else { "application/json" };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(length) = message.header_length {
        headers.insert(HeaderName::from_static(HEADER_LENGTH), HeaderValue::from(length));
    }
    Ok(answer)
}
