//! What is counted for Prometheus, in its text format.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use dunlin_protocol::summary::Receipt;

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, Endpoint};
use crate::overview::Accuracy;

/// Counters since the server started.
pub struct Metrics {
    endpoints: HashMap<&'static str, Requests>,
    accepted: AtomicU64,
    repeated: AtomicU64,
    refused: AtomicU64,
    replayed: AtomicU64,
}

/// Of one endpoint.
#[derive(Default)]
struct Requests {
    /// By the first digit of the status, 1 to 5; first those with 429.
    statuses: [AtomicU64; 6],
    /// Requests that took as long as the bucket's bound at most, and longer than the one before.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// In microseconds.
const BOUNDS: [u64; 8] = [500, 1_000, 5_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

impl Metrics {
    /// For these endpoints, with nothing counted yet.
    pub fn new(endpoints: &'static [Endpoint]) -> Self {
        let endpoints = endpoints.iter().map(|endpoint| (endpoint.name, Requests::default())).collect();
        Self { endpoints, accepted: 0.into(), repeated: 0.into(), refused: 0.into(), replayed: 0.into() }
    }

    /// Counts a request that was answered.
    pub fn request(&self, endpoint: &Endpoint, status: u16, micros: u64) {
        let Some(requests) = self.endpoints.get(endpoint.name) else { return };
        let class = if status == 429 { 0 } else { usize::from(status / 100).min(5) };
        requests.statuses[class].fetch_add(1, Ordering::Relaxed);
        let bucket = BOUNDS.iter().position(|&bound| micros <= bound).unwrap_or(BOUNDS.len());
        requests.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        requests.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts what became of a batch.
    pub fn summaries(&self, receipt: &Receipt) {
        self.accepted.fetch_add(receipt.accepted.into(), Ordering::Relaxed);
        self.repeated.fetch_add(receipt.repeated.into(), Ordering::Relaxed);
        self.refused.fetch_add(receipt.refused.len() as u64, Ordering::Relaxed);
    }

    /// Counts a question that was asked before.
    pub fn replayed(&self) {
        self.replayed.fetch_add(1, Ordering::Relaxed);
    }

    fn text(&self, gauges: &[(&str, &str, i64)], accuracies: &[([u8; 32], Accuracy)]) -> String {
        let mut text = String::new();
        // Writing into a string doesn't fail.
        let _ = self.write(&mut text, gauges).and_then(|()| write_accuracies(&mut text, accuracies));
        text
    }

    fn write(&self, text: &mut String, gauges: &[(&str, &str, i64)]) -> std::fmt::Result {
        let mut endpoints: Vec<_> = self.endpoints.iter().collect();
        endpoints.sort_unstable_by_key(|(name, _)| **name);
        head(text, "dunlin_requests_total", "counter", "Requests by endpoint and status.")?;
        for (name, requests) in &endpoints {
            for (class, count) in requests.statuses.iter().enumerate() {
                let status = if class == 0 { "429".to_owned() } else { format!("{class}xx") };
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    writeln!(text, "dunlin_requests_total{{endpoint=\"{name}\",status=\"{status}\"}} {count}")?;
                }
            }
        }
        head(text, "dunlin_request_seconds", "histogram", "How long requests took.")?;
        for (name, requests) in &endpoints {
            requests.write(text, name)?;
        }
        head(text, "dunlin_summaries_total", "counter", "Summaries by what became of them.")?;
        for (what, count) in [("accepted", &self.accepted), ("repeated", &self.repeated), ("refused", &self.refused)] {
            writeln!(text, "dunlin_summaries_total{{outcome=\"{what}\"}} {}", count.load(Ordering::Relaxed))?;
        }
        head(text, "dunlin_replays_total", "counter", "Questions that were answered before.")?;
        writeln!(text, "dunlin_replays_total {}", self.replayed.load(Ordering::Relaxed))?;
        for (name, about, value) in gauges {
            head(text, name, "gauge", about)?;
            writeln!(text, "{name} {value}")?;
        }
        Ok(())
    }
}

impl Requests {
    fn write(&self, text: &mut String, name: &str) -> std::fmt::Result {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return Ok(());
        }
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(&counts) {
            below += count;
            let bound = *bound as f64 / 1e6;
            writeln!(text, "dunlin_request_seconds_bucket{{endpoint=\"{name}\",le=\"{bound}\"}} {below}")?;
        }
        let seconds = self.micros.load(Ordering::Relaxed) as f64 / 1e6;
        writeln!(text, "dunlin_request_seconds_bucket{{endpoint=\"{name}\",le=\"+Inf\"}} {total}")?;
        writeln!(text, "dunlin_request_seconds_sum{{endpoint=\"{name}\"}} {seconds}")?;
        writeln!(text, "dunlin_request_seconds_count{{endpoint=\"{name}\"}} {total}")
    }
}

/// The last whole day's estimate of each model.
fn write_accuracies(text: &mut String, accuracies: &[([u8; 32], Accuracy)]) -> std::fmt::Result {
    let about = "Share of right answers of the last whole day: the estimate, and the ends of its interval of 95 %.";
    head(text, "dunlin_estimated_accuracy", "gauge", about)?;
    for (model, Accuracy { share, interval: [low, high], .. }) in accuracies {
        let model = crate::hex::of(model);
        for (bound, value) in [("estimate", share), ("low", low), ("high", high)] {
            writeln!(text, "dunlin_estimated_accuracy{{model=\"{model}\",bound=\"{bound}\"}} {value}")?;
        }
    }
    Ok(())
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) -> std::fmt::Result {
    writeln!(text, "# HELP {name} {about}\n# TYPE {name} {kind}")
}

/// `GET /metrics`
pub async fn metrics(app: Arc<App>, _: Call) -> Result<Response, Fault> {
    let counts = app.store.read(|connection| {
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        Ok([
            (
                "dunlin_summaries_pending",
                "Summaries that no segment holds yet.",
                count("SELECT COUNT(*) FROM pending")?,
            ),
            (
                "dunlin_reviews_open",
                "Items that wait for a person.",
                count("SELECT COUNT(*) FROM reviews WHERE state <> 'agreed'")?,
            ),
            ("dunlin_alerts", "Alerts that are kept.", count("SELECT COUNT(*) FROM alerts")?),
        ])
    });
    let mut gauges = counts.await?.to_vec();
    gauges.push(("dunlin_requests_under_way", "Requests that are being worked on.", app.gate.under_way() as i64));
    let accuracies = crate::overview::latest(&app).await?;
    let mut response = Response::new(Body::from(app.metrics.text(&gauges, &accuracies)));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    Ok(response)
}
