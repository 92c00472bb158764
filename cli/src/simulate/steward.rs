//! A publisher that looks at the fleet once a day and follows a rule: a release that sticks goes to more devices, one that doesn't is taken back.
//!
//! It knows what a person with a publisher's token knows: how many devices told of which release, and the server's alerts.

use std::io::sink;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use dunlin_protocol::summary::Rollback;
use dunlin_sync::{Method, Request};
use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::dice::Dice;
use super::fault::SimulationFault;
use super::line::{Line, SITE};
use super::release::{Model, Release};
use crate::args::Plan;
use crate::error::CliError;
use crate::repository::{Draft, KeyFolder, Publisher, Server};

/// The publisher.
pub struct Steward<'a> {
    plan: &'a Plan,
    model: &'a Model,
    line: Arc<Line>,
    token: String,
    publisher: Publisher,
    course: Course,
    /// All releases that there were, in the order of their versions.
    pub releases: Vec<Arc<Release>>,
    /// What it did.
    pub log: Vec<Entry>,
    /// The day of the last signature.
    signed: u32,
}

/// What the publisher did, or saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The day.
    pub day: u32,
    /// The hour, in UTC.
    pub hour: u32,
    /// What it did.
    pub act: Act,
    /// The release.
    pub version: u32,
    /// To how many of a thousand devices it goes.
    pub permille: u16,
    /// Why, in words.
    pub why: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A new release.
    Published,
    /// It goes to more devices.
    Promoted,
    /// It goes to no further device.
    Held,
    /// It is listed no longer.
    RolledBack,
}

/// Where the publisher is.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// Everyone may have the newest release.
    Steady,
    /// The newest release goes to a share of devices since a day, or to nobody else.
    Rolling { step: usize, since: u32, is_held: bool },
    /// A bad release was taken back; a repaired one comes on a day.
    Repairing { until: u32 },
}

impl<'a> Steward<'a> {
    /// Begins an empty repository in a folder.
    ///
    /// # Errors
    /// [`CliError::Write`].
    pub fn new(plan: &'a Plan, model: &'a Model, line: Arc<Line>, token: String, dir: &Path) -> Result<Self, CliError> {
        let mut dice = Dice::of(plan.seed, "keys", [0, 0]);
        let keys = KeyFolder::of_seeds(std::array::from_fn(|_| dice.seed()));
        let publisher = Publisher::begin(dir, keys)?;
        let (releases, log, course) = (Vec::new(), Vec::new(), Course::Steady);
        Ok(Self { plan, model, line, token, publisher, course, releases, log, signed: 0 })
    }

    /// Publishes the release that the app ships, for everyone.
    ///
    /// # Errors
    /// [`CliError::Upload`], [`CliError::Write`], [`CliError::Read`].
    pub fn begin(&mut self, runtime: &Runtime, seconds: u64) -> Result<(), CliError> {
        self.publish(runtime, 0, None, 1000, seconds, "the release that the app ships")
    }

    /// The daily look, at this hour of a day.
    ///
    /// # Errors
    /// As [`Steward::begin`], and [`CliError::Simulation`].
    pub fn look(&mut self, runtime: &Runtime, day: u32, seconds: u64) -> Result<(), CliError> {
        if let Course::Rolling { step, since, is_held } = self.course {
            match self.told(runtime, self.newest())? {
                Some((action, metric)) => {
                    let why = format!("the server says {action}, for {metric}");
                    if action == "roll_back" {
                        self.roll_back(runtime, day, seconds, why)?;
                    } else {
                        self.hold(runtime, day, seconds, why)?;
                    }
                }
                None if day < since + self.plan.soak => (),
                None if is_held => {
                    self.promote(runtime, day, seconds, step, "the server says so no longer".to_owned())?
                }
                None => self.judge(runtime, day, seconds, step)?,
            }
        }
        let first = self.plan.rollout.0[0];
        if let Some(bad) = self.plan.bad_model.as_ref().filter(|bad| bad.at == day) {
            self.publish(runtime, day, Some(bad.kind), first, seconds, "a new release, which is bad")?;
        } else if matches!(self.course, Course::Repairing { until } if until <= day) {
            self.publish(runtime, day, None, first, seconds, "the repaired release")?;
        } else if day >= self.signed + REFRESH {
            self.publisher.refresh(seconds);
            self.show(runtime, day, seconds)?;
        }
        Ok(())
    }

    /// Gives the newest release to more devices if it sticks, and else takes it back.
    fn judge(&mut self, runtime: &Runtime, day: u32, seconds: u64, step: usize) -> Result<(), CliError> {
        let permille = self.plan.rollout.0[step];
        let share = self.share(runtime, self.newest(), day)?;
        let why = format!("{:.1} % of devices told of it, of {:.1} %", share * 100.0, f64::from(permille) / 10.0);
        if share * 1000.0 < f64::from(permille) * STICKS {
            return self.roll_back(runtime, day, seconds, why);
        }
        if step + 1 < self.plan.rollout.0.len() {
            return self.promote(runtime, day, seconds, step + 1, why);
        }
        self.course = Course::Steady;
        Ok(())
    }

    fn promote(&mut self, runtime: &Runtime, day: u32, seconds: u64, step: usize, why: String) -> Result<(), CliError> {
        let permille = self.plan.rollout.0[step];
        self.publisher.promote(NAME, permille)?;
        self.show(runtime, day, seconds)?;
        self.course = Course::Rolling { step, since: day, is_held: false };
        self.note(day, Act::Promoted, permille, why);
        Ok(())
    }

    /// Gives the newest release to nobody else, if it isn't so already.
    fn hold(&mut self, runtime: &Runtime, day: u32, seconds: u64, why: String) -> Result<(), CliError> {
        let Course::Rolling { step, since, is_held } = &mut self.course else { return Ok(()) };
        *since = day;
        if std::mem::replace(is_held, true) {
            return Ok(());
        }
        let permille = self.plan.rollout.0[*step];
        self.publisher.hold(NAME)?;
        self.show(runtime, day, seconds)?;
        self.note(day, Act::Held, permille, why);
        Ok(())
    }

    /// What the server's alerts say is to be done with a release. What the release before shows as well is the world's doing, and not the release's.
    fn told(&self, runtime: &Runtime, release: &Release) -> Result<Option<(String, String)>, CliError> {
        let answer = self.ask(runtime, "/v1/alerts?days=4")?;
        let alerts: Vec<&Value> = answer["alerts"].as_array().into_iter().flatten().collect();
        let of = |release: &Release| {
            let sha256 = release.sha256.to_string();
            alerts.iter().filter(move |alert| alert["model"] == sha256.as_str())
        };
        let control = self.releases.iter().rev().find(|other| other.version < release.version && other.fault.is_none());
        let is_elsewhere =
            |alert: &Value| control.is_some_and(|control| of(control).any(|other| other["metric"] == alert["metric"]));
        let told = of(release).filter(|alert| ["hold", "roll_back"].iter().any(|action| alert["action"] == *action));
        let text = |alert: &Value, field: &str| alert[field].as_str().unwrap_or_default().to_owned();
        let told = told.filter(|alert| !is_elsewhere(alert));
        Ok(told.map(|alert| (text(alert, "action"), text(alert, "metric"))).max())
    }

    /// The share of devices that told of a release, of those that told anything of yesterday.
    fn share(&self, runtime: &Runtime, release: &Release, day: u32) -> Result<f64, CliError> {
        let answer = self.ask(runtime, "/v1/fleet?days=3")?;
        let yesterday = answer["today"].as_u64().unwrap_or(u64::from(day)).saturating_sub(1);
        let sha256 = release.sha256.to_string();
        let mut spoke = [0, 0];
        for model in answer["models"].as_array().into_iter().flatten() {
            let days = model["days"].as_array().into_iter().flatten().filter(|told| told["day"] == yesterday);
            let devices: u64 = days.filter_map(|told| told["devices"].as_u64()).sum();
            spoke[0] += if model["sha256"] == sha256.as_str() { devices } else { 0 };
            spoke[1] += devices;
        }
        Ok(spoke[0] as f64 / spoke[1].max(1) as f64)
    }

    fn roll_back(&mut self, runtime: &Runtime, day: u32, seconds: u64, why: String) -> Result<(), CliError> {
        self.publisher.roll_back(NAME, None, &why)?;
        self.show(runtime, day, seconds)?;
        self.note(day, Act::RolledBack, 0, why);
        let repair = self.plan.bad_model.as_ref().map_or(1, |bad| bad.repair);
        self.course = Course::Repairing { until: day + repair };
        Ok(())
    }

    fn publish(
        &mut self,
        runtime: &Runtime,
        day: u32,
        fault: Option<Rollback>,
        permille: u16,
        seconds: u64,
        why: &str,
    ) -> Result<(), CliError> {
        let version = self.releases.last().map_or(1, |last| last.version + 1);
        let release = self.model.release(version, fault)?;
        let seed = Dice::of(self.plan.seed, "salt", [version, 0]).seed();
        let draft = Draft {
            model: NAME.to_owned(),
            salt: std::array::from_fn(|at| seed[at]),
            permille,
            cohorts: Vec::new(),
            canary: (version > 1).then_some(self.plan.canary),
            notes: Some(why.to_owned()),
        };
        self.publisher.release(draft, &release.bytes)?;
        self.releases.push(Arc::new(release));
        self.show(runtime, day, seconds)?;
        self.course = match version {
            1 => Course::Steady,
            _ => Course::Rolling { step: 0, since: day, is_held: false },
        };
        self.note(day, Act::Published, permille, why.to_owned());
        Ok(())
    }

    /// Signs what has changed, and uploads it.
    fn show(&mut self, runtime: &Runtime, day: u32, seconds: u64) -> Result<(), CliError> {
        self.publisher.publish(seconds)?;
        self.signed = day;
        let line = |request: &Request| {
            runtime.block_on(self.line.pass(OFFICE, request)).map_err(|_| dunlin_sync::Failure::Broken)
        };
        let server = Server { url: SITE, token: Some(self.token.clone()), line: &line };
        self.publisher.upload_to(&server, &mut sink())
    }

    /// What the server answers to a publisher, as JSON.
    ///
    /// # Errors
    /// [`CliError::Simulation`].
    pub fn ask(&self, runtime: &Runtime, path: &str) -> Result<Value, CliError> {
        let body = self.fetch(runtime, path)?;
        serde_json::from_slice(&body).map_err(|_| fault(path, 200))
    }

    /// The same, as bytes.
    ///
    /// # Errors
    /// [`CliError::Simulation`].
    pub fn fetch(&self, runtime: &Runtime, path: &str) -> Result<Vec<u8>, CliError> {
        let request = Request {
            id: 0,
            method: Method::Get,
            url: format!("{SITE}{path}"),
            headers: vec![("authorization", format!("Bearer {}", self.token))],
            body: Vec::new(),
            max_bytes: u64::MAX,
            timeout: 0,
        };
        let response = runtime.block_on(self.line.pass(OFFICE, &request)).map_err(|_| fault(path, 0))?;
        if response.status == 200 { Ok(response.body) } else { Err(fault(path, response.status)) }
    }

    fn newest(&self) -> &Arc<Release> {
        self.releases.last().expect("the first release comes before all else")
    }

    fn note(&mut self, day: u32, act: Act, permille: u16, why: String) {
        let hour = if self.log.is_empty() { 0 } else { HOUR };
        let version = self.newest().version;
        self.log.push(Entry { day, hour, act, version, permille, why });
    }
}

fn fault(path: &str, status: u16) -> CliError {
    CliError::Simulation(SimulationFault::Answer { path: path.to_owned(), status })
}

/// The model's name in the fleet.
pub const NAME: &str = "model";

/// The hour of the daily look.
pub const HOUR: u32 = 9;

/// The publisher's address.
const OFFICE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Days after which everything is signed anew.
const REFRESH: u32 = 7;

/// A release sticks if at least this part of the devices that should have it told of it.
const STICKS: f64 = 0.5;
