//! A model's windows beside what was expected of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use dunlin_drift::references::Origin;
use dunlin_drift::{Finding, Rules, Shares, Streak};
use dunlin_protocol::summary::{Baseline, Cohort, Metric};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::detect::{self, Days};
use crate::fault::Fault;
use crate::http::{Call, json_answer};
use crate::intake::bin_names;

use super::Sheet;
use super::told::{error, reports};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    days: Option<u32>,
    metric: Option<String>,
    cohort: Option<String>,
}

/// A day of the metric and cohort that were asked for.
#[derive(Debug, Serialize)]
struct Window {
    day: u32,
    reports: u64,
    shares: Vec<f64>,
    errors: Vec<Option<f64>>,
    expected: Option<Vec<f64>>,
    origin: Option<&'static str>,
    finding: Option<Test>,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Test {
    statistic: f64,
    freedom: u32,
    chance: f64,
    adjusted: f64,
    moved: f64,
    suspect: bool,
    /// Suspect windows in a row, this one among them.
    streak: u32,
}

/// The same for another metric of the cohort.
#[derive(Serialize)]
struct Found {
    metric: &'static str,
    day: u32,
    #[serde(flatten)]
    test: Test,
}

/// `GET /v1/models/{sha256}/drift`
pub async fn drift(app: Arc<App>, call: Call) -> Result<Response, Fault> {
    let asked: Asked = call.query()?;
    let cohort = super::cohort(asked.cohort.as_deref())?;
    let sheet = Sheet::read(&app, call.digest("sha256")?, asked.days).await?;
    let metric = metric(asked.metric.as_deref(), &sheet.baseline)?;
    let answer = tokio::task::spawn_blocking(move || sheet.compared(metric, cohort)).await;
    json_answer(StatusCode::OK, &answer.map_err(|error| Fault::internal("comparing windows", error))?)
}

/// The metric of that name; without a name a model's first.
fn metric(name: Option<&str>, baseline: &Baseline) -> Result<Metric, Fault> {
    let mut metrics = baseline.schema().metrics();
    let found = metrics.find(|metric| name.is_none_or(|name| metric.name() == name));
    found.ok_or_else(|| Fault::bad("this model has no such metric; 'metrics' of an answer without one names them"))
}

impl Sheet {
    fn compared(self, metric: Metric, cohort: Cohort) -> serde_json::Value {
        let (schema, rules) = (self.baseline.schema(), Rules::default());
        // What isn't over is no window yet: it is shown, and not compared.
        let over: Days = self.days.range(..self.today).map(|(&day, told)| (day, told.clone())).collect();
        let findings: Vec<Found> = detect::findings(&over, &self.baseline)
            .into_iter()
            .filter_map(|(day, finding, streak)| {
                let shown = finding.cohort == cohort && day >= self.since;
                shown.then(|| Found { metric: finding.metric.name(), day, test: Test::of(&finding, streak) })
            })
            .collect();
        serde_json::json!({
            "sha256": crate::hex::of(&self.model),
            "metric": metric.name(),
            "metrics": schema.metrics().map(Metric::name).collect::<Vec<_>>(),
            "labels": bin_names(schema, &self.labels, metric),
            "cohort": super::cohort_text(&cohort),
            "cohorts": self.cohorts(),
            "today": self.today,
            "rules": { "alpha": rules.alpha, "floor": rules.floor, "least": rules.least },
            "days": self.days_of(&cohort),
            "windows": self.windows(&(metric, cohort), &findings),
            "findings": findings,
        })
    }

    /// Days of which devices of the cohort told anything.
    fn days_of(&self, cohort: &Cohort) -> BTreeSet<u32> {
        let told = self.days.range(self.since..);
        told.filter(|(_, metrics)| metrics.keys().any(|(_, of)| of == cohort)).map(|(&day, _)| day).collect()
    }

    fn windows(&self, key: &(Metric, Cohort), findings: &[Found]) -> Vec<Window> {
        let windows =
            detect::windows(&self.days, key, &self.baseline).into_iter().filter(|(day, ..)| *day >= self.since);
        let test = |day| {
            findings.iter().find(|found| found.day == day && found.metric == key.0.name()).map(|found| found.test)
        };
        windows.filter_map(|window| Window::of(window, &test)).collect()
    }
}

impl Window {
    fn of((day, told, reference): detect::Window<'_>, test: &impl Fn(u32) -> Option<Test>) -> Option<Self> {
        let shares = Shares::of(told)?.possible();
        let errors = (0..shares.len()).map(|bin| error(told, |other| other == bin)).collect();
        let origin = reference.as_ref().map(|(origin, _)| match origin {
            Origin::Calibration => "calibration",
            Origin::FirstWindows => "first_windows",
            Origin::Nothing => "nothing",
        });
        let expected = reference.and_then(|(_, tallies)| Shares::of(&tallies)).map(|shares| shares.possible());
        Some(Self { day, reports: reports(told), shares, errors, expected, origin, finding: test(day) })
    }
}

impl Test {
    fn of(finding: &Finding, streak: Streak) -> Self {
        let comparison = &finding.comparison;
        Self {
            statistic: comparison.statistic,
            freedom: comparison.freedom,
            chance: comparison.chance,
            adjusted: finding.adjusted,
            moved: comparison.moved,
            suspect: finding.suspect,
            streak: streak.0,
        }
    }
}
