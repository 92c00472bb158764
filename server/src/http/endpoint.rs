//! One list of endpoints makes both the router and the OpenAPI document, so that neither says what the other doesn't.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body as HttpBody;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Extension, Router};
use http_body_util::{BodyExt, Limited};

use crate::app::App;
use crate::fault::{CODE_HEADER, Code, Fault};

use super::access::{Caller, Role};
use super::call::Call;
use super::cors;
use super::gate::Pass;
use super::rate::Client;

/// Something the server does.
pub struct Endpoint {
    /// GET (which answers HEAD too), POST or PUT.
    pub method: Method,
    /// The path, with `{name}` for a part and `{*name}` for the rest.
    pub path: &'static str,
    /// Its name in the OpenAPI document.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Who may.
    pub access: Access,
    /// Who is turned away first.
    pub class: Class,
    /// How errors are told.
    pub style: Style,
    /// What it takes.
    pub takes: Body,
    /// What it answers.
    pub gives: Body,
    /// Parameters of the query: names with schemas of `schemas.json`.
    pub query: &'static [(&'static str, &'static str)],
    /// What else can be wrong, beyond what access and body imply.
    pub faults: &'static [Code],
    /// What does it.
    pub handler: Handler,
}

/// What does it: everything shared, and the request.
pub type Handler = fn(Arc<App>, Call) -> Answering;

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Result<Response, Fault>> + Send>>;

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Open,
    /// Devices; anyone where the operator says that devices need no token.
    Device,
    /// Publishers.
    Publisher,
    /// Reviewers.
    Reviewer,
    /// Publishers and reviewers.
    Staff,
}

/// Who is turned away first when there is too much to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Summaries, first.
    Telemetry,
    /// Models, then.
    Update,
    /// What people look at and do.
    People,
    /// Questions to a model, last.
    Question,
    /// Never.
    Health,
}

/// How errors are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `{"error": {"code": "...", "message": "..."}}`
    Ours,
    /// `{"error": "..."}`, the Open Inference Protocol's.
    Oip,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    Nothing,
    /// JSON, by the name of a schema in `schemas.json`.
    Json(&'static str),
    /// Bytes of a media type.
    Bytes(&'static str),
}

impl Access {
    /// The roles whose token is taken; none where no token is asked for.
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Open => &[],
            Self::Device => &[Role::Device],
            Self::Publisher => &[Role::Publisher],
            Self::Reviewer => &[Role::Reviewer],
            Self::Staff => &[Role::Publisher, Role::Reviewer],
        }
    }
}

/// The router of all endpoints.
pub fn router(app: &Arc<App>, endpoints: &'static [Endpoint]) -> Router {
    let mut routes: BTreeMap<&str, MethodRouter> = BTreeMap::new();
    for endpoint in endpoints {
        let filter = MethodFilter::try_from(endpoint.method.clone()).expect("GET, POST and PUT are known");
        let shared = Arc::clone(app);
        let answer = move |peer: Extension<SocketAddr>, request: Request| {
            let app = Arc::clone(&shared);
            async move { answer(app, endpoint, peer.0, request).await }
        };
        let route = routes.remove(endpoint.path).unwrap_or_default();
        routes.insert(endpoint.path, route.merge(on(filter, answer)));
    }
    let routes = routes.into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
    routes.method_not_allowed_fallback(wrong_method).fallback(no_path)
}

async fn wrong_method(request: Request) -> Response {
    drain(request.into_body()).await;
    bare(Fault::new(Code::MethodNotAllowed, "this path takes other methods; Allow names them"))
}

async fn no_path(request: Request) -> Response {
    drain(request.into_body()).await;
    bare(Fault::not_found("path"))
}

/// Reads a body that nobody wants, if it is short: the connection could take no other request before, and who still sends wouldn't hear why.
pub(crate) async fn drain(body: HttpBody) {
    const SHORT: usize = 1 << 20;
    const SOON: Duration = Duration::from_secs(1);
    // What is longer, or comes later, closes the connection.
    let _ = tokio::time::timeout(SOON, Limited::new(body, SHORT).collect()).await;
}

/// An error that belongs to no endpoint.
fn bare(fault: Fault) -> Response {
    let mut response = fault.into_response();
    cors::allow(response.headers_mut());
    response
}

async fn answer(app: Arc<App>, endpoint: &'static Endpoint, peer: SocketAddr, request: Request) -> Response {
    let begun = Instant::now();
    let (mut parts, mut body) = request.into_parts();
    let method = parts.method.clone();
    let admitted = admit(&app, endpoint, peer, &mut parts).await;
    if admitted.is_err() || endpoint.takes == Body::Nothing {
        drain(std::mem::take(&mut body)).await;
    }
    let done = match admitted {
        Ok((pass, caller, params)) => {
            let answering = (endpoint.handler)(Arc::clone(&app), Call::new(caller, params, parts, body));
            // What was begun is finished, also for a client that goes away meanwhile.
            let done = tokio::spawn(async move {
                let _pass = pass;
                answering.await
            });
            done.await.unwrap_or_else(|error| Err(Fault::internal(endpoint.name, error)))
        }
        Err(fault) => Err(fault),
    };
    let mut response = done.unwrap_or_else(|fault| match endpoint.style {
        Style::Ours => fault.into_response(),
        Style::Oip => fault.into_oip(),
    });
    cors::allow(response.headers_mut());
    let micros = begun.elapsed().as_micros() as u64;
    app.metrics.request(endpoint, response.status().as_u16(), micros);
    let code = response.headers().get(CODE_HEADER).and_then(|code| code.to_str().ok());
    crate::log::request(method.as_str(), endpoint.path, response.status().as_u16(), code, micros);
    response
}

/// Who sends it, if they may, and what the path says.
async fn admit(
    app: &App,
    endpoint: &Endpoint,
    peer: SocketAddr,
    parts: &mut Parts,
) -> Result<(Pass, Caller, BTreeMap<String, String>), Fault> {
    let pass = app.gate.enter(endpoint.class)?;
    let client = Client::at(address(app, peer, &parts.headers).ip());
    let caller = match caller(app, endpoint, &parts.headers).await {
        Ok(caller) => caller,
        Err(fault) => {
            // Guesses of tokens are slowed down like anything else.
            app.rates.take(client, app.config.clock.now())?;
            return Err(fault);
        }
    };
    if endpoint.class != Class::Health {
        let person = matches!(caller.role, Some(Role::Publisher | Role::Reviewer));
        let client = if person { Client::Name(caller.name.clone()) } else { client };
        app.rates.take(client, app.config.clock.now())?;
    }
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let params = params.map_err(|_| Fault::bad("the path isn't UTF-8"))?;
    Ok((pass, caller, params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
}

async fn caller(app: &App, endpoint: &Endpoint, headers: &HeaderMap) -> Result<Caller, Fault> {
    let roles = endpoint.access.roles();
    let nobody = Caller { role: None, name: String::new() };
    if roles.is_empty() {
        return Ok(nobody);
    }
    let anyone = endpoint.access == Access::Device && app.config.anonymous;
    let Some(secret) = bearer(headers) else {
        let missing = || Fault::new(Code::Unauthorized, "send a token as 'Authorization: Bearer ...'");
        return if anyone { Ok(nobody) } else { Err(missing()) };
    };
    let caller = app.keyring.caller(&app.store, secret, app.config.clock.now()).await?;
    match caller.role {
        Some(role) if roles.contains(&role) => Ok(caller),
        _ => Err(Fault::new(Code::Forbidden, format!("this needs a token of a {}", names(roles)))),
    }
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" or ")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION).map(HeaderValue::to_str)?.ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
}

/// Where a request comes from: the peer, or what the operator's proxy says.
fn address(app: &App, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
    if !app.config.behind_proxy {
        return peer;
    }
    let last = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let last = last.and_then(|list| list.rsplit(',').next()).and_then(|address| address.trim().parse().ok());
    last.map_or(peer, |ip| SocketAddr::new(ip, peer.port()))
}
