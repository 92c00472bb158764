//! Summaries: checked, counted once each, and kept as segments for whoever wants to look closer.
//!
//! An id, what it adds to the counts, and the summary itself go to the disk in one commit, before the device hears of it.

mod baselines;
mod bucket;
mod columns;
mod count;
mod labels;
mod segments;

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use dunlin_protocol::summary::{Batch, Receipt, Refusal, Summary, SummaryError};

use crate::app::App;
use crate::fault::{Code, Fault};
use crate::http::{Call, json_answer};
use crate::store::Urgency;

pub use baselines::{Baselines, baseline, put_baseline};
pub use labels::{Labels, bin_names, labels, put_labels};
pub use segments::Segments;

/// Days ahead of the server's that a device's may be: clocks differ, and so do zones.
const AHEAD: u32 = 1;

/// `POST /v1/summaries`
pub async fn summaries(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    json_only(&call.headers)?;
    let body = call.bytes(Batch::MAX_BYTES).await?;
    let batch = Batch::parse(&body).map_err(refused)?;
    let mut receipt = Receipt::default();
    let mut sound = Vec::new();
    for (index, summary) in (0..).zip(batch.0) {
        match summary.and_then(|summary| check(&app, summary)) {
            Ok(summary) => sound.push((index, summary)),
            Err(error) => receipt.refused.push(Refusal { index, code: error.code().to_owned() }),
        }
    }
    let now = app.config.clock.now();
    let (accepted, repeated, crowded) = if sound.is_empty() {
        (0, 0, Vec::new())
    } else {
        app.store.write(Urgency::Telemetry, move |connection| count::count(connection, &sound, now)).await?
    };
    receipt.accepted = accepted;
    receipt.repeated = repeated;
    let cohort = |index| Refusal { index, code: SummaryError::Cohort.code().to_owned() };
    receipt.refused.extend(crowded.into_iter().map(cohort));
    receipt.refused.sort_by_key(|refusal| refusal.index);
    app.metrics.summaries(&receipt);
    json_answer(StatusCode::OK, &receipt)
}

/// What can be said of a summary without looking at those that are counted.
fn check(app: &App, summary: Summary) -> Result<Summary, SummaryError> {
    let today = app.config.clock.now().day();
    let oldest = today.saturating_sub(app.config.retain_days);
    if !(oldest..=today + AHEAD).contains(&summary.day()) {
        return Err(SummaryError::Day);
    }
    let baseline = app.baselines.of(&summary.model().0).ok_or(SummaryError::Model)?;
    summary.fits(baseline.schema())?;
    Ok(summary)
}

fn refused(error: SummaryError) -> Fault {
    let code = if error == SummaryError::TooLong { Code::TooLarge } else { Code::BadRequest };
    Fault::new(code, format!("the batch can't be taken: {error}"))
}

fn json_only(headers: &HeaderMap) -> Result<(), Fault> {
    if crate::http::is_json(headers) { Ok(()) } else { Err(crate::http::wants_json()) }
}
