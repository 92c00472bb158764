//! How often devices answer by themselves, why not, how long it takes, and whether the cloud says the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use dunlin_drift::{Shares, Tally};
use dunlin_protocol::summary::{Cohort, Metric, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::fault::Fault;
use crate::http::{Call, json_answer};

use super::told::{NORMAL, error, reports};
use super::{Accuracy, Audited, Sheet, accuracy};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    days: Option<u32>,
    cohort: Option<String>,
}

/// A day's estimates; what no device told of is absent.
#[derive(Serialize)]
struct Day {
    day: u32,
    fallback: Option<Share>,
    reasons: Vec<Reason>,
    latency: Option<Latency>,
    agreement: Option<Share>,
    accuracy: Option<Accuracy>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Share {
    reports: u64,
    share: f64,
    /// Of 95 %.
    interval: [f64; 2],
}

#[derive(Serialize)]
struct Reason {
    reason: String,
    share: f64,
    error: Option<f64>,
}

/// Milliseconds.
#[derive(Debug, PartialEq, Serialize)]
struct Latency {
    reports: u64,
    p50: Percentile,
    p90: Percentile,
    p99: Percentile,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Percentile {
    value: f64,
    /// Of an interval of 95 %.
    low: f64,
    high: f64,
}

/// `GET /v1/models/{sha256}/answers`
pub async fn answers(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let asked: Asked = call.query()?;
    let cohort = super::cohort(asked.cohort.as_deref())?;
    let sheet = Sheet::read(&app, call.digest("sha256")?, asked.days).await?;
    let schema = sheet.baseline.schema();
    // Nobody knows of which cohort an audited answer was.
    let audited: &[Audited] = if cohort == Cohort::default() { &sheet.audited } else { &[] };
    let on =
        |tallies: &BTreeMap<_, Vec<Tally>>, metric| tallies.get(&(metric, cohort.clone())).cloned().unwrap_or_default();
    let day = |(&day, tallies): (&u32, &BTreeMap<_, Vec<Tally>>)| Day {
        day,
        fallback: fallback(&on(tallies, Metric::Reason)),
        reasons: reasons(schema, &on(tallies, Metric::Reason)),
        latency: latency(&on(tallies, Metric::Latency)),
        agreement: agreement(&on(tallies, Metric::Agreement)),
        accuracy: accuracy(schema, &on(tallies, Metric::Confidence), day, audited),
    };
    let told = |day: &Day| {
        day.fallback.is_some() || day.latency.is_some() || day.agreement.is_some() || day.accuracy.is_some()
    };
    let days: Vec<Day> = sheet.days.range(sheet.since..).map(day).filter(told).collect();
    json_answer(
        StatusCode::OK,
        &json!({
            "sha256": crate::hex::of(&sheet.model), "cohort": super::cohort_text(&cohort), "cohorts": sheet.cohorts(), "days": days,
        }),
    )
}

/// The share of inputs that weren't answered: all but the first bin.
fn fallback(tallies: &[Tally]) -> Option<Share> {
    let answered = Shares::of(tallies)?.estimates.first().copied()?;
    let off = NORMAL * error(tallies, |bin| bin == 0)?;
    let share = 1.0 - answered;
    Some(Share {
        reports: reports(tallies),
        share: share.clamp(0.0, 1.0),
        interval: [share - off, share + off].map(|end| end.clamp(0.0, 1.0)),
    })
}

fn reasons(schema: &Schema, tallies: &[Tally]) -> Vec<Reason> {
    let shares = Shares::of(tallies).map(|shares| shares.estimates).unwrap_or_default();
    let reason = |(bin, share): (usize, f64)| Reason {
        reason: schema.label(Metric::Reason, bin),
        share: share.clamp(0.0, 1.0),
        error: error(tallies, |other| other == bin),
    };
    shares.into_iter().enumerate().skip(1).map(reason).collect()
}

/// Where the bins of latency begin and end, in milliseconds: each is twice the one before. The first ends at 32 microseconds.
fn border(bin: usize) -> f64 {
    (1_u64 << (bin + FIRST)) as f64 / 1000.0
}

/// The power of two at which the first bin of latency begins: what is faster than that isn't told apart.
const FIRST: usize = 4;

/// Percentiles, between the borders of a bin by equal ratios. Their intervals are where the shares below, with what chance leaves to them,
/// reach the percentile.
fn latency(tallies: &[Tally]) -> Option<Latency> {
    let estimates = Shares::of(tallies)?.estimates;
    let mut below: Vec<(f64, f64)> = Vec::with_capacity(estimates.len());
    let mut sum = 0.0;
    for (bin, share) in estimates.iter().enumerate() {
        sum += share;
        below.push((sum, NORMAL * error(tallies, |other| other <= bin)?));
    }
    let at = |part: f64| Percentile {
        value: reached(below.iter().map(|(sum, _)| *sum), part),
        low: reached(below.iter().map(|(sum, off)| sum + off), part),
        high: reached(below.iter().map(|(sum, off)| sum - off), part),
    };
    Some(Latency { reports: reports(tallies), p50: at(0.5), p90: at(0.9), p99: at(0.99) })
}

/// Where the shares below the end of each bin reach a part of all.
fn reached(below: impl ExactSizeIterator<Item = f64>, part: f64) -> f64 {
    let (mut before, bins) = (0.0_f64, below.len());
    for (bin, sum) in below.enumerate() {
        if sum >= part {
            return border(bin) * ((part - before) / (sum - before)).exp2();
        }
        before = before.max(sum);
    }
    border(bins)
}

/// Of the inputs that the cloud was asked about, the share for which it said the same; none where chance says as much as devices.
fn agreement(tallies: &[Tally]) -> Option<Share> {
    let estimates = Shares::of(tallies)?.estimates;
    let &[_, same, other] = estimates.as_slice() else { return None };
    let (asked, least) = (same + other, NORMAL * error(tallies, |bin| bin > 0)?);
    if asked <= least {
        return None;
    }
    let share = same / asked;
    // The error of a ratio, by its slopes: the parts' errors are nearly those of two shares apart.
    let [of_same, of_other] = [error(tallies, |bin| bin == 1)?, error(tallies, |bin| bin == 2)?];
    let off = NORMAL * ((other * of_same).powi(2) + (same * of_other).powi(2)).sqrt() / (asked * asked);
    Some(Share {
        reports: reports(tallies),
        share: share.clamp(0.0, 1.0),
        interval: [share - off, share + off].map(|end| end.clamp(0.0, 1.0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dunlin_protocol::summary::Input;

    fn exact(counts: &[u64]) -> [Tally; 1] {
        [Tally { epsilon: None, counts: counts.to_vec() }]
    }

    #[test]
    fn borders_are_those_that_labels_name() {
        let schema = Schema::new(2, Input::Text, Vec::new()).expect("a schema");
        let bins = schema.bins(Metric::Latency).expect("every model has it");
        for bin in 1..bins - 1 {
            let [low, high] = [bin, bin + 1].map(|bin| border(bin) * 1000.0);
            assert_eq!(schema.label(Metric::Latency, bin), format!("{low} to {high} µs"));
        }
        assert_eq!(schema.label(Metric::Latency, 0), format!("below {} µs", border(1) * 1000.0));
    }

    #[test]
    fn percentiles_lie_where_the_shares_add_up_to_them() {
        let latency = latency(&exact(&[0, 0, 50, 40, 0, 10])).expect("reports");
        assert_eq!((latency.reports, latency.p50.value), (100, border(3)));
        assert!((latency.p90.value - border(4)).abs() < 1e-9, "{latency:?}");
        assert!((latency.p99.value - border(5) * 0.9_f64.exp2()).abs() < 1e-9, "{latency:?}");
        // 50 of 100 are below the border, 40 to 60 with 95 % of chance.
        assert!(latency.p50.low < border(3) && latency.p50.low > border(2), "{latency:?}");
        assert!(latency.p50.high > border(3) && latency.p50.high < border(4), "{latency:?}");
        assert_eq!(super::latency(&[]), None);
    }

    #[test]
    fn fallbacks_are_all_that_is_no_answer() {
        let share = fallback(&exact(&[900, 60, 40, 0, 0, 0, 0])).expect("reports");
        assert!((share.share - 0.1).abs() < 1e-12 && share.reports == 1000);
        assert!(share.interval[0] > 0.08 && share.interval[1] < 0.12, "{share:?}");
        assert_eq!(fallback(&exact(&[1, 0, 0, 0, 0, 0, 0])), None);
    }

    #[test]
    fn agreement_is_of_what_the_cloud_was_asked() {
        let share = agreement(&exact(&[800, 150, 50])).expect("reports");
        assert!((share.share - 0.75).abs() < 1e-12);
        // Of 200 that were asked.
        let wanted = NORMAL * (0.75 * 0.25 / 200.0_f64).sqrt();
        assert!((share.interval[1] - 0.75 - wanted).abs() < 0.01, "{share:?}");
        assert_eq!(agreement(&exact(&[1000, 0, 0])), None);
    }
}
