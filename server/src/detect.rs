//! Looks for drift in windows that have ended, and raises alerts. What is drift is `dunlin_drift`'s to say; this counts, asks and remembers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dunlin_drift::{Action, Finding, Question, Release, Rules, Streak, Tally, act, examine, references};
use dunlin_protocol::summary::{Baseline, Cohort, Metric};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::app::App;
use crate::fault::Fault;
use crate::intake::bin_names;
use crate::overview::{Accuracy, Audited, accuracy, audited};
use crate::store::Urgency;

/// How often the server looks, in milliseconds: reports of a day come in for days.
const AGAIN: u64 = 10_000;

/// The reports of each day, by metric and cohort: one key and its value, or nobody in particular.
pub(crate) type Days = BTreeMap<u32, BTreeMap<(Metric, Cohort), Vec<Tally>>>;

/// Looks at every model that has new reports of a day that is over.
///
/// # Errors
/// `internal`.
pub async fn detect(app: &App) -> Result<(), Fault> {
    let now = app.config.clock.now();
    let last = app.looked.load(Ordering::Relaxed);
    if last != 0 && now.0.abs_diff(last) < AGAIN {
        return Ok(());
    }
    app.looked.store(now.0, Ordering::Relaxed);
    let today = now.day();
    for model in app.store.read(move |connection| changed(connection, today)).await? {
        look(app, model, today).await?;
    }
    Ok(())
}

fn changed(connection: &Connection, today: u32) -> Result<Vec<[u8; 32]>, Fault> {
    let mut rows = connection.prepare("SELECT DISTINCT model FROM changed WHERE day < ?")?;
    Ok(rows.query_map([today], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

async fn look(app: &App, model: [u8; 32], today: u32) -> Result<(), Fault> {
    // What comes in while this looks is looked at the next time.
    let forget = move |connection: &Connection| {
        Ok(connection.execute("DELETE FROM changed WHERE model = ? AND day < ?", params![model, today])?)
    };
    app.store.write(Urgency::Control, forget).await?;
    let Some(baseline) = app.baselines.of(&model) else { return Ok(()) };
    let (schema, labels) = (Arc::clone(&baseline), app.labels.of(&model));
    let names = Arc::clone(&labels);
    let (days, audited, release) = app
        .store
        .read(move |connection| {
            let audited = audited(connection, &model, &names)?;
            Ok((days(connection, &model, today, &schema)?, audited, release(connection, &model)?))
        })
        .await?;
    let alerts = tokio::task::spawn_blocking(move || alerts(&days, &audited, &baseline, &labels, release)).await;
    let alerts = alerts.map_err(|error| Fault::internal("looking for drift", error))?;
    let now = app.config.clock.now().stored();
    let write = move |connection: &Connection| {
        let mut raised = 0;
        for alert in &alerts {
            raised += alert.write(connection, &model, now)?;
        }
        Ok(raised)
    };
    let raised = app.store.write(Urgency::Control, write).await?;
    if raised > 0 {
        crate::log::event("alerts", json!({ "model": crate::hex::of(&model), "raised": raised }));
    }
    Ok(())
}

/// All reports of days before one.
pub(crate) fn days(connection: &Connection, model: &[u8; 32], today: u32, baseline: &Baseline) -> Result<Days, Fault> {
    let mut rows =
        connection.prepare("SELECT day, cohort, epsilon, metric, bin, n FROM counts WHERE model = ? AND day < ?")?;
    let mut rows = rows.query(params![model, today])?;
    let mut days = Days::new();
    while let Some(row) = rows.next()? {
        let (day, cohort, epsilon, metric): (u32, String, f64, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let (bin, n) = (row.get::<_, u32>(4)? as usize, row.get::<_, u32>(5)?);
        // A baseline that was put anew may lack what an older one had.
        let Some(metric) = Metric::named(&metric) else { continue };
        let Some(bins) = baseline.schema().bins(metric).filter(|&bins| bin < bins) else { continue };
        let mut tally = Tally { epsilon: Some(epsilon), counts: vec![0; bins] };
        tally.counts[bin] = n.into();
        for cohort in groups(&cohort) {
            references::add(days.entry(day).or_default().entry((metric, cohort)).or_default(), &tally);
        }
    }
    Ok(days)
}

/// Everyone, and each key of a cohort by itself.
fn groups(cohort: &str) -> Vec<Cohort> {
    let pairs: BTreeMap<String, String> = serde_json::from_str(cohort).unwrap_or_default();
    let single = |pair| Cohort::new([pair]).ok();
    std::iter::once(Cohort::default()).chain(pairs.into_iter().filter_map(single)).collect()
}

/// How far the release is that has this file.
fn release(connection: &Connection, model: &[u8; 32]) -> Result<Release, Fault> {
    use dunlin_protocol::release::Release as Signed;
    let mut rows = connection.prepare("SELECT sha256, custom FROM targets WHERE listed = 1 AND custom IS NOT NULL")?;
    let rows = rows.query_map([], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?)))?;
    let mut signed = Vec::new();
    for row in rows {
        let (sha256, custom) = row?;
        signed.extend(Signed::parse(custom.as_bytes()).ok().map(|release| (sha256, release)));
    }
    let Some((_, own)) = signed.iter().find(|(sha256, _)| sha256 == model) else { return Ok(Release::default()) };
    let before = |other: &Signed| other.model == own.model && other.version < own.version;
    let has_previous = signed.iter().any(|(_, other)| before(other));
    Ok(Release { rolling_out: own.rollout.permille < 1000 && !own.rollout.held, has_previous })
}

/// Something to tell.
struct Alert {
    day: u32,
    finding: Finding,
    body: String,
}

/// What is to be told of the days.
fn alerts(days: &Days, audited: &[Audited], baseline: &Baseline, labels: &[String], release: Release) -> Vec<Alert> {
    let alert = |(day, finding, streak): (u32, Finding, Streak)| {
        let action = act(streak, &finding, release)?;
        let names = bin_names(baseline.schema(), labels, finding.metric);
        let told = days.get(&day).and_then(|told| told.get(&(Metric::Confidence, finding.cohort.clone())));
        // Nobody knows of which cohort an audited answer was.
        let audited = if finding.cohort == Cohort::default() { audited } else { &[] };
        let accuracy = told.and_then(|told| accuracy(baseline.schema(), told, day, audited));
        Some(Alert::new(day, finding, streak, action, names, accuracy))
    };
    findings(days, baseline).into_iter().filter_map(alert).collect()
}

/// Goes through the days as they came, each compared with what came before it.
pub(crate) fn findings(days: &Days, baseline: &Baseline) -> Vec<(u32, Finding, Streak)> {
    let asked: BTreeSet<&(Metric, Cohort)> = days.values().flat_map(BTreeMap::keys).collect();
    let mut questions: BTreeMap<u32, Vec<Question>> = BTreeMap::new();
    for key @ (metric, cohort) in asked {
        for (day, window, reference) in windows(days, key, baseline) {
            if let Some((_, reference)) = reference {
                let question = Question { metric: *metric, cohort: cohort.clone(), reference, window: window.to_vec() };
                questions.entry(day).or_default().push(question);
            }
        }
    }
    let mut streaks: BTreeMap<(Metric, Cohort), Streak> = BTreeMap::new();
    let mut findings = Vec::new();
    for (day, questions) in questions {
        for finding in examine(&questions, &Rules::default()) {
            let streak = streaks.entry((finding.metric, finding.cohort.clone())).or_default();
            *streak = streak.after(&finding);
            findings.push((day, finding, *streak));
        }
    }
    findings
}

/// A day's tallies, and what they are compared with where that is known.
pub(crate) type Window<'a> = (u32, &'a [Tally], Option<(references::Origin, Vec<Tally>)>);

/// The days of a cohort's metric.
pub(crate) fn windows<'a>(days: &'a Days, key: &(Metric, Cohort), baseline: &Baseline) -> Vec<Window<'a>> {
    let with: Vec<(u32, &Vec<Tally>)> =
        days.iter().filter_map(|(&day, of_day)| Some((day, of_day.get(key)?))).collect();
    let all: Vec<Vec<Tally>> = with.iter().map(|(_, tallies)| (*tallies).clone()).collect();
    let window = |(index, (day, window)): (usize, (u32, &'a Vec<Tally>))| {
        // A day's reference is of days before it; that nothing happened is known without any.
        let known = if key.0 == Metric::Rollback { &all[..=index] } else { &all[..index] };
        let reference = references::reference(key.0, &key.1, Some(baseline), known);
        (day, window.as_slice(), reference.map(|(origin, tallies, _)| (origin, tallies)))
    };
    with.into_iter().enumerate().map(window).collect()
}

impl Alert {
    fn new(
        day: u32,
        finding: Finding,
        streak: Streak,
        action: Action,
        labels: Vec<String>,
        accuracy: Option<Accuracy>,
    ) -> Self {
        let comparison = &finding.comparison;
        let cohort: BTreeMap<&str, &str> = finding.cohort.pairs().collect();
        let body = json!({
            "day": day,
            "cohort": cohort,
            "metric": finding.metric.name(),
            "action": name(action),
            "windows": streak.0,
            "reports": comparison.reports,
            "labels": labels,
            "expected": comparison.expected,
            "seen": comparison.seen,
            "moved": comparison.moved,
            "chance": finding.adjusted,
            "stability": comparison.stability,
            "divergence": comparison.divergence,
            "liars": comparison.liars,
            "accuracy": accuracy,
        });
        Self { day, body: body.to_string(), finding }
    }

    /// Writes it down; 1 if it is new.
    fn write(&self, connection: &Connection, model: &[u8; 32], now: i64) -> Result<usize, Fault> {
        let cohort: BTreeMap<&str, &str> = self.finding.cohort.pairs().collect();
        let key = params![now, model, self.day, json!(cohort).to_string(), self.finding.metric.name(), self.body];
        let insert =
            "INSERT OR IGNORE INTO alerts (raised, model, day, cohort, metric, body) VALUES (?, ?, ?, ?, ?, ?)";
        let new = connection.execute(insert, key)?;
        if new == 0 {
            let update = "UPDATE alerts SET body = ? WHERE model = ? AND day = ? AND cohort = ? AND metric = ?";
            connection.execute(
                update,
                params![self.body, model, self.day, json!(cohort).to_string(), self.finding.metric.name()],
            )?;
        }
        Ok(new)
    }
}

const fn name(action: Action) -> &'static str {
    match action {
        Action::Alert => "alert",
        Action::RaiseFallback => "raise_fallback",
        Action::Hold => "hold",
        Action::RollBack => "roll_back",
    }
}
