//! What a simulation comes to, for programs; `report` and `plot` show it to people.

use std::collections::BTreeMap;

use dunlin_protocol::summary::{Metric, Rollback};
use dunlin_sync::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::device::{Device, Lie};
use super::line::Traffic;
use super::release::{Model, Release};
use super::session::Tally;
use super::steward::{Entry, Steward};
use crate::args::{LOCALES, Plan};
use crate::error::CliError;

/// Everything. Days are counted from 0.
#[derive(Debug, Serialize)]
pub struct Record {
    /// Of this document.
    pub version: u32,
    /// What was asked for.
    pub asked: Plan,
    /// What was published.
    pub model: ModelRecord,
    /// What the publisher did.
    pub publisher: Vec<Entry>,
    /// What became of each release.
    pub releases: Vec<ReleaseRecord>,
    /// The server's alerts, the oldest first.
    pub alerts: Vec<Alert>,
    /// How drift was found.
    pub detection: Detection,
    /// Each day.
    pub days: Vec<Day>,
    /// All of them together.
    pub total: Total,
}

/// What was published.
#[derive(Debug, Serialize)]
pub struct ModelRecord {
    /// The file, or `built-in`.
    pub name: String,
    /// Its length.
    pub bytes: usize,
    /// How many metrics it has.
    pub metrics: usize,
    /// `measured`, or `made_up`.
    pub baseline: &'static str,
}

/// What became of a release.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseRecord {
    /// Its version.
    pub version: u32,
    /// What is wrong with it.
    pub fault: Option<Rollback>,
    /// Devices that had it in their store at some time; none of what the app ships.
    pub taken: u32,
    /// Devices that it answers on in the end.
    pub serving: u32,
    /// Devices that took it back, by reason.
    pub back: Vec<Back>,
}

/// Devices that took a release back.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Back {
    /// Why.
    pub reason: Rollback,
    /// How many.
    pub devices: u32,
    /// The first day on which one did.
    pub first: u32,
    /// The last.
    pub last: u32,
}

/// Something that the server told people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alert {
    /// The day on which it did.
    pub raised: u32,
    /// The hour, in UTC.
    pub hour: u32,
    /// The day that it is about.
    pub window: u32,
    /// The release.
    pub version: u32,
    /// The metric.
    pub metric: String,
    /// Of which cohort: `locale:de`, or all devices.
    pub cohort: String,
    /// What to do.
    pub action: String,
    /// Suspect windows in a row.
    pub windows: u32,
    /// Reports of the window.
    pub reports: u64,
    /// The share of answers that moved to other bins.
    pub moved: f64,
    /// Whether it should have.
    pub cause: Cause,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Inputs that are of another kind.
    Drift,
    /// A release that is bad, or was taken back.
    Release,
    /// Nothing: a false alarm.
    Chance,
}

/// How drift was found.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Detection {
    /// The first window with an alert about it.
    pub window: Option<u32>,
    /// Windows from the first with drift to that one, both counted.
    pub delay_windows: Option<u32>,
    /// The day and the hour of the alert.
    pub raised: Option<[u32; 2]>,
    /// Windows that were compared: of each metric, cohort and release those with enough reports.
    pub compared: u32,
    /// Of these, windows without drift.
    pub quiet: u32,
    /// Alerts about quiet windows of good releases.
    pub false_alarms: u32,
}

/// A day.
#[derive(Debug, Serialize)]
pub struct Day {
    /// Which one.
    pub day: u32,
    /// Devices by the version that answers at its end.
    pub versions: BTreeMap<u32, u32>,
    /// Inputs that were answered.
    pub inputs: u64,
    /// Programs that ended amid their work.
    pub ends: u64,
    /// What went over the line.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Windows of this day that were compared.
    pub compared: u32,
    /// Those that were suspect.
    pub suspect: u32,
    /// How surely some window of this day isn't as it was: minus the logarithm to base 10 of the least adjusted chance, 20 at most.
    pub certainty: Option<f64>,
}

/// All days together.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Inputs that were answered.
    pub inputs: u64,
    /// Programs that ended amid their work.
    pub ends: u64,
    /// What went over the line.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Requests of the hour that had the most.
    pub busiest_hour: u64,
    /// Devices that were away for some days.
    pub away: u32,
    /// Devices that told made-up bins.
    pub made_up: u32,
    /// Devices that always told the same.
    pub constant: u32,
    /// How often a device found that its own answers weren't what they were.
    pub diverged: u64,
}

/// What a simulation has in the end.
pub struct Seen<'a> {
    pub plan: &'a Plan,
    pub model: &'a Model,
    pub devices: &'a [Box<Device>],
    pub days: Vec<Day>,
    pub busiest: u64,
    pub total: Tally,
    pub start: Time,
}

/// A window that the server compared.
#[derive(Deserialize)]
struct Finding {
    metric: String,
    day: u32,
    adjusted: f64,
    suspect: bool,
}

impl Day {
    /// A day as it ends; what the server thinks of it comes later.
    pub fn of(day: u32, versions: impl Iterator<Item = u32>, tally: &Tally) -> Self {
        let mut by_version = BTreeMap::new();
        versions.for_each(|version| *by_version.entry(version).or_insert(0) += 1);
        let Tally { traffic, ends, inputs, .. } = *tally;
        Self { day, versions: by_version, inputs, ends, traffic, compared: 0, suspect: 0, certainty: None }
    }
}

impl Seen<'_> {
    /// The record; `ask` asks the server.
    ///
    /// # Errors
    /// What `ask` says.
    pub fn record(
        mut self,
        steward: &Steward<'_>,
        ask: impl Fn(&str) -> Result<Value, CliError>,
    ) -> Result<Record, CliError> {
        let alerts = self.alerts(&steward.releases, &ask("/v1/alerts?days=400")?);
        let mut detection = Detection::default();
        for release in &steward.releases {
            for cohort in std::iter::once(String::new()).chain(LOCALES.map(|locale| format!("locale:{locale}"))) {
                let path = format!("/v1/models/{}/drift?days=400&cohort={cohort}", release.sha256);
                let findings = serde_json::from_value(ask(&path)?["findings"].take()).unwrap_or_default();
                self.compare(release, &cohort, findings, &mut detection);
            }
        }
        let first = alerts
            .iter()
            .filter(|alert| alert.cause == Cause::Drift)
            .min_by_key(|alert| (alert.window, alert.raised, alert.hour));
        let begins = self.plan.drift.as_ref().map(|drift| drift.at);
        detection.window = first.map(|alert| alert.window);
        detection.raised = first.map(|alert| [alert.raised, alert.hour]);
        detection.delay_windows = detection.window.zip(begins).map(|(window, at)| window - at + 1);
        detection.false_alarms = alerts.iter().filter(|alert| alert.cause == Cause::Chance).count() as u32;
        let releases = steward.releases.iter().map(|release| self.release(release)).collect();
        let baseline = if self.model.is_measured { "measured" } else { "made_up" };
        Ok(Record {
            version: VERSION,
            asked: self.plan.clone(),
            model: ModelRecord {
                name: self.model.name.clone(),
                bytes: self.model.length(),
                metrics: self.model.baseline.schema().metrics().count(),
                baseline,
            },
            publisher: steward.log.clone(),
            releases,
            alerts,
            detection,
            total: self.total(),
            days: self.days,
        })
    }

    fn alerts(&self, releases: &[std::sync::Arc<Release>], answer: &Value) -> Vec<Alert> {
        let alert = |alert: &Value| {
            let release = releases.iter().find(|release| alert["model"] == release.sha256.to_string().as_str())?;
            let window = u32::try_from(alert["day"].as_u64()?).ok()?.checked_sub(self.start.day())?;
            let raised = Time(alert["raised"].as_u64()?).since(self.start) / 3_600_000;
            let cohort: String = alert["cohort"]
                .as_object()?
                .iter()
                .map(|(key, value)| format!("{key}:{}", value.as_str().unwrap_or_default()))
                .collect();
            let metric = alert["metric"].as_str()?.to_owned();
            Some(Alert {
                raised: (raised / 24) as u32,
                hour: (raised % 24) as u32,
                window,
                version: release.version,
                cause: self.cause(release, window, &metric, &cohort),
                metric,
                cohort,
                action: alert["action"].as_str()?.to_owned(),
                windows: alert["windows"].as_u64()? as u32,
                reports: alert["reports"].as_u64()?,
                moved: alert["moved"].as_f64()?,
            })
        };
        let mut alerts: Vec<Alert> = answer["alerts"].as_array().into_iter().flatten().filter_map(alert).collect();
        alerts.sort_by(|a, b| {
            (a.raised, a.hour, a.version, a.window, &a.metric, &a.cohort)
                .cmp(&(b.raised, b.hour, b.version, b.window, &b.metric, &b.cohort))
        });
        alerts
    }

    /// What makes a window unlike its reference, if anything does.
    fn cause(&self, release: &Release, window: u32, metric: &str, cohort: &str) -> Cause {
        let drifts = self.plan.drift.as_ref().is_some_and(|drift| {
            let whose = drift.cohort.as_ref().map(|cohort| format!("locale:{cohort}"));
            window >= drift.at && (cohort.is_empty() || whose.is_none_or(|whose| whose == cohort))
        });
        let rollback = metric == Metric::Rollback.name();
        match (drifts, release.fault.is_some() || rollback) {
            (_, true) => Cause::Release,
            (true, false) => Cause::Drift,
            (false, false) => Cause::Chance,
        }
    }

    /// Adds what was compared of a release and cohort.
    fn compare(&mut self, release: &Release, cohort: &str, findings: Vec<Finding>, detection: &mut Detection) {
        for finding in findings {
            let Some(window) = finding.day.checked_sub(self.start.day()) else { continue };
            let quiet = self.cause(release, window, &finding.metric, cohort) == Cause::Chance;
            detection.compared += 1;
            detection.quiet += u32::from(quiet);
            if let Some(day) = self.days.get_mut(window as usize) {
                day.compared += 1;
                day.suspect += u32::from(finding.suspect);
                let certainty = -finding.adjusted.max(LEAST_CHANCE).log10();
                day.certainty = Some(day.certainty.unwrap_or(0.0).max(certainty));
            }
        }
    }

    fn release(&self, release: &Release) -> ReleaseRecord {
        let mut back: BTreeMap<&str, Back> = BTreeMap::new();
        let (mut taken, mut serving) = (0, 0);
        for device in self.devices {
            serving += u32::from(device.version == release.version);
            let fates = || device.fates.iter().filter(|fate| fate.version == release.version);
            taken += u32::from(fates().next().is_some());
            for (day, reason) in fates().filter_map(|fate| fate.back) {
                let of_reason = back.entry(reason.name()).or_insert(Back { reason, devices: 0, first: day, last: day });
                of_reason.devices += 1;
                (of_reason.first, of_reason.last) = (of_reason.first.min(day), of_reason.last.max(day));
            }
        }
        ReleaseRecord {
            version: release.version,
            fault: release.fault,
            taken,
            serving,
            back: back.into_values().collect(),
        }
    }

    fn total(&self) -> Total {
        let Tally { traffic, ends, diverged, inputs } = self.total;
        let count = |of: &dyn Fn(&Device) -> bool| self.devices.iter().filter(|device| of(device)).count() as u32;
        Total {
            inputs,
            ends,
            traffic,
            busiest_hour: self.busiest,
            away: count(&Device::goes_away),
            made_up: count(&|device| device.lie == Some(Lie::MadeUp)),
            constant: count(&|device| device.lie == Some(Lie::Constant)),
            diverged,
        }
    }
}

/// Of the record.
const VERSION: u32 = 1;

/// Chances below this are as good as none.
const LEAST_CHANCE: f64 = 1e-20;
