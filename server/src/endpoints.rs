//! Everything the server does. The router and the OpenAPI document are made of this list.

use axum::http::Method;

use crate::fault::Code;
use crate::http::{Access, Answering, Body, Call, Class, Endpoint, Style};
use crate::{app::App, fleet, health, infer, intake, metrics, openapi, overview, page, repository, review};
use std::sync::Arc;

/// Makes a handler of an async function.
macro_rules! handler {
    ($function:path) => {{
        fn handler(app: Arc<App>, call: Call) -> Answering {
            Box::pin($function(app, call))
        }
        handler
    }};
}

/// An endpoint in one line: what differs from most others follows.
macro_rules! endpoint {
    ($method:ident $path:literal, $name:literal, $about:literal, $access:ident, $class:ident, $function:path $(, $field:ident: $value:expr)*) => {
        Endpoint {
            $($field: $value,)*
            ..Endpoint {
                method: Method::$method,
                path: $path,
                name: $name,
                about: $about,
                access: Access::$access,
                class: Class::$class,
                style: Style::Ours,
                takes: Body::Nothing,
                gives: Body::Nothing,
                query: &[],
                faults: &[],
                handler: handler!($function),
            }
        }
    };
}

const DAYS: &[(&str, &str)] = &[("days", "Days")];

const ASKING: &[Code] = &[Code::NotFound, Code::Consent, Code::Conflict, Code::BadGateway, Code::Deadline];

/// All endpoints.
pub const ENDPOINTS: &[Endpoint] = &[
    endpoint!(GET "/", "page", "The page.", Open, People, page::index, gives: Body::Bytes("text/html")),
    endpoint!(GET "/page/{name}", "pageFile", "A file of the page.", Open, People, page::file, gives: Body::Bytes("text/javascript"), faults: &[Code::NotFound]),
    endpoint!(GET "/openapi.json", "openapi", "This document.", Open, People, openapi::openapi, gives: Body::Json("Document")),
    endpoint!(GET "/metrics", "metrics", "Counters for Prometheus.", Staff, People, metrics::metrics, gives: Body::Bytes("text/plain")),
    endpoint!(GET "/v2/health/live", "live", "Whether the server lives.", Open, Health, health::live, gives: Body::Json("Live"), style: Style::Oip),
    endpoint!(GET "/v2/health/ready", "ready", "Whether it answers.", Open, Health, health::ready, gives: Body::Json("Ready"), style: Style::Oip),
    endpoint!(GET "/v2", "server", "What the server is.", Open, Question, infer::server, gives: Body::Json("ServerMetadata"), style: Style::Oip),
    endpoint!(GET "/v2/", "serverSlash", "What the server is, for clients that end the address so.", Open, Question, infer::server, gives: Body::Json("ServerMetadata"), style: Style::Oip),
    endpoint!(GET "/v2/models/{model}", "model", "What a model takes and gives.", Open, Question, infer::model,
        gives: Body::Json("ModelMetadata"), style: Style::Oip, faults: &[Code::NotFound, Code::BadGateway, Code::Deadline]),
    endpoint!(GET "/v2/models/{model}/versions/{version}", "modelVersion", "The same, of its only version, 1.", Open, Question, infer::model,
        gives: Body::Json("ModelMetadata"), style: Style::Oip, faults: &[Code::NotFound, Code::BadGateway, Code::Deadline]),
    endpoint!(GET "/v2/models/{model}/ready", "modelReady", "Whether a model answers.", Open, Question, infer::model_ready,
        gives: Body::Json("ModelReady"), style: Style::Oip, faults: &[Code::NotFound]),
    endpoint!(GET "/v2/models/{model}/versions/{version}/ready", "modelVersionReady", "The same, of its only version.", Open, Question, infer::model_ready,
        gives: Body::Json("ModelReady"), style: Style::Oip, faults: &[Code::NotFound]),
    endpoint!(POST "/v2/models/{model}/infer", "infer", "Asks a model. A question with a UUID as its id gets the same answer for a day, however often it is asked.", Device, Question, infer::infer,
        takes: Body::Json("InferRequest"), gives: Body::Json("InferResponse"), style: Style::Oip, faults: ASKING),
    endpoint!(POST "/v2/models/{model}/versions/{version}/infer", "inferVersion", "The same, of its only version.", Device, Question, infer::infer,
        takes: Body::Json("InferRequest"), gives: Body::Json("InferResponse"), style: Style::Oip, faults: ASKING),
    endpoint!(GET "/repository/metadata/{name}", "metadata", "A metadata file of The Update Framework.", Open, Update, repository::metadata,
        gives: Body::Json("Metadata"), faults: &[Code::NotFound]),
    endpoint!(GET "/repository/targets/{*path}", "target", "A target, by its path with the SHA-256 before the file's name; one range at a time.", Open, Update, repository::target,
        gives: Body::Bytes("application/octet-stream"), faults: &[Code::NotFound, Code::BadRange]),
    endpoint!(PUT "/v1/repository/targets/{*path}", "putTarget", "Uploads a target. Nobody sees it before metadata that name it are published.", Publisher, Update, repository::put_target,
        takes: Body::Bytes("application/octet-stream"), gives: Body::Json("Uploaded"), faults: &[Code::BadPublication]),
    endpoint!(POST "/v1/repository/publish", "publish", "Publishes metadata, all of them or none, after they were checked as a device checks them.", Publisher, Update, repository::publish,
        takes: Body::Json("Publication"), gives: Body::Json("Published"), faults: &[Code::BadPublication]),
    endpoint!(GET "/v1/models", "models", "Releases that the repository lists.", Staff, People, fleet::models, gives: Body::Json("Models")),
    endpoint!(PUT "/v1/models/{sha256}/baseline", "putBaseline", "What a model's answers look like where all is well.", Publisher, Update, intake::put_baseline,
        takes: Body::Json("Baseline"), gives: Body::Json("Named")),
    endpoint!(GET "/v1/models/{sha256}/baseline", "baseline", "The same, as it was put.", Staff, People, intake::baseline,
        gives: Body::Json("Baseline"), faults: &[Code::NotFound]),
    endpoint!(PUT "/v1/models/{sha256}/labels", "putLabels", "What a model's classes are called.", Publisher, Update, intake::put_labels,
        takes: Body::Json("Labels"), gives: Body::Json("Named")),
    endpoint!(GET "/v1/models/{sha256}/labels", "labels", "The same, as it was put.", Staff, People, intake::labels,
        gives: Body::Json("Labels"), faults: &[Code::NotFound]),
    endpoint!(GET "/v1/models/{sha256}/windows", "windows", "Counts of summaries by day, cohort and metric, and the shares that they speak for.", Staff, People, fleet::windows,
        gives: Body::Json("Windows"), query: DAYS, faults: &[Code::NotFound]),
    endpoint!(GET "/v1/models/{sha256}/drift", "drift", "A metric's days beside what was expected of them, and the tests of all of a cohort's metrics.", Staff, People, overview::drift,
        gives: Body::Json("Drift"), query: &[("days", "Days"), ("metric", "MetricName"), ("cohort", "CohortText")], faults: &[Code::NotFound]),
    endpoint!(GET "/v1/models/{sha256}/answers", "answers", "What devices answered by themselves, why not, how fast, and whether the cloud agreed.", Staff, People, overview::answers,
        gives: Body::Json("Answers"), query: &[("days", "Days"), ("cohort", "CohortText")], faults: &[Code::NotFound]),
    endpoint!(GET "/v1/repository", "repositoryState", "What is signed until when, who published, and what was taken back.", Staff, People, overview::repository, gives: Body::Json("RepositoryState")),
    endpoint!(GET "/v1/me", "me", "Whose token this is.", Staff, People, overview::me, gives: Body::Json("Me")),
    endpoint!(GET "/v1/fleet", "fleet", "How many devices spoke for which model.", Staff, People, fleet::fleet, gives: Body::Json("Fleet"), query: DAYS),
    endpoint!(GET "/v1/alerts", "alerts", "Where the fleet isn't as it was, the newest first.", Staff, People, fleet::alerts, gives: Body::Json("Alerts"), query: DAYS),
    endpoint!(POST "/v1/summaries", "summaries", "Takes summaries of devices; each is counted once, however often it comes.", Device, Telemetry, intake::summaries,
        takes: Body::Json("Batch"), gives: Body::Json("Receipt")),
    endpoint!(GET "/v1/reviews", "reviews", "Items that wait for this reviewer.", Reviewer, People, review::reviews,
        gives: Body::Json("Reviews"), query: &[("limit", "Limit")]),
    endpoint!(POST "/v1/reviews/{id}/label", "label", "Says what an item is.", Reviewer, People, review::label,
        takes: Body::Json("Label"), gives: Body::Json("Reviewed"), faults: &[Code::NotFound]),
    endpoint!(POST "/v1/reviews/{id}/skip", "skip", "Leaves an item to others.", Reviewer, People, review::skip,
        gives: Body::Json("Reviewed"), faults: &[Code::NotFound]),
    endpoint!(POST "/v1/reviews/{id}/disagree", "disagree", "Says that an item is none of the labels.", Reviewer, People, review::disagree,
        gives: Body::Json("Reviewed"), faults: &[Code::NotFound]),
    endpoint!(POST "/v1/reviews/undo", "undo", "Takes back what this reviewer said last, and gives the item to be looked at again.", Reviewer, People, review::undo,
        gives: Body::Json("Undone"), faults: &[Code::NotFound]),
    endpoint!(GET "/v1/reviews/agreement", "agreement", "How far reviewers agree, as Cohen's kappa.", Reviewer, People, review::agreement, gives: Body::Json("Agreement")),
    endpoint!(GET "/v1/reviews/export", "export", "Items and labels: as Label Studio's tasks, or labelled texts as CSV or lines of JSON.", Reviewer, People, review::export,
        gives: Body::Json("Tasks"), query: &[("format", "ExportFormat"), ("agreed", "Agreed")]),
    endpoint!(POST "/v1/reviews/import", "import", "Takes annotations of Label Studio's tasks.", Reviewer, People, review::import,
        takes: Body::Json("Tasks"), gives: Body::Json("Imported")),
];
