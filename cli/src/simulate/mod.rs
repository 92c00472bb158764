//! A fleet in simulated time: real clients without an engine, the real server without a socket, and a publisher that follows a rule.
//!
//! Time goes on by hours. Within an hour devices don't hear of each other, so that their sessions run side by side, and what comes of them is added up:
//! the result is the same whichever comes first. Between two hours the server looks for drift, and once a day the publisher looks at the server.

mod answers;
mod device;
mod dice;
mod fault;
mod line;
mod plot;
mod record;
mod release;
mod report;
mod session;
mod steward;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dunlin_engine::artifact;
use dunlin_server::{Clock, Config, Level, Millis, QuietServer, Role};
use dunlin_sync::Time;
use dunlin_sync::drift::{LocalDp, Mode};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::args::Plan;
use crate::error::CliError;
use crate::progress::Progress;

use answers::Answers;
use device::Device;
use line::Line;
use record::{Day, Seen};
use session::{Session, Tally, World};
use steward::Steward;

pub use fault::SimulationFault;
pub use plot::plot;
pub use record::Record;
pub use release::Model;
pub use report::show;

/// Simulates a fleet. The server's data and the publisher's repository are in `dir`; `start` is day 0, in days since the epoch.
///
/// # Errors
/// [`CliError::Simulation`], [`CliError::Serve`], and what a publisher's files may have.
pub fn simulate(plan: &Plan, model: &Model, dir: &Path, start: u32) -> Result<Record, CliError> {
    check(plan)?;
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().map_err(CliError::Thread)?;
    let clock = Arc::new(AtomicU64::new(u64::from(start) * DAY));
    let server = runtime.block_on(QuietServer::open(config(dir, &clock)));
    let server = server.map_err(|error| CliError::Serve(Box::new(error)))?;
    let token = |role: Role| {
        let tokens = server.first_tokens().iter().find(|token| token.role == role);
        tokens.map(|token| token.secret.clone()).unwrap_or_default()
    };
    let (device, publisher) = (token(Role::Device), token(Role::Publisher));
    let line = Arc::new(Line::new(server, plan.loss));
    let steward = Steward::new(plan, model, Arc::clone(&line), publisher, &dir.join("publisher"))?;
    let mut fleet = Fleet::new(plan, model, runtime, clock, line, steward, device)?;
    let mut progress = Progress::new();
    for day in 0..plan.days {
        progress.show("days", day as usize, plan.days as usize);
        fleet.live(day)?;
    }
    drop(progress);
    fleet.finish()
}

/// That nothing is to happen after the last day.
fn check(plan: &Plan) -> Result<(), CliError> {
    let drift = plan.drift.as_ref().map(|drift| ("--drift", drift.at));
    let bad = plan.bad_model.as_ref().map(|bad| ("--bad-model", bad.at));
    match [drift, bad].into_iter().flatten().find(|&(_, at)| at >= plan.days) {
        Some((option, at)) => Err(CliError::Simulation(SimulationFault::Late { option, at, days: plan.days })),
        None => Ok(()),
    }
}

fn config(dir: &Path, clock: &Arc<AtomicU64>) -> Config {
    let now = Arc::clone(clock);
    Config {
        log: Level::Trouble,
        clock: Clock::new(move || Millis(now.load(Ordering::Relaxed))),
        // As many as are under way at once.
        at_once: 4 * SIDE_BY_SIDE,
        retain_days: 400,
        ..Config::new(dir)
    }
}

/// All that lives on from hour to hour.
struct Fleet<'a> {
    plan: &'a Plan,
    model: &'a Model,
    runtime: Runtime,
    clock: Arc<AtomicU64>,
    steward: Steward<'a>,
    world: Arc<World>,
    /// None while a device's session runs.
    devices: Vec<Option<Box<Device>>>,
    days: Vec<Day>,
    /// The most requests in an hour.
    busiest: u64,
    total: Tally,
}

impl<'a> Fleet<'a> {
    fn new(
        plan: &'a Plan,
        model: &'a Model,
        runtime: Runtime,
        clock: Arc<AtomicU64>,
        line: Arc<Line>,
        mut steward: Steward<'a>,
        token: String,
    ) -> Result<Self, CliError> {
        let start = Time(clock.load(Ordering::Relaxed));
        steward.begin(&runtime, start.0 / 1000)?;
        let local_dp = LocalDp::new(plan.epsilon, plan.metrics as usize).expect("arguments are in range");
        let world = World {
            plan: plan.clone(),
            start,
            answers: Answers::of(&model.baseline),
            baseline: Arc::clone(&model.baseline),
            model: steward::NAME.to_owned(),
            root: steward.fetch(&runtime, "/repository/metadata/1.root.json")?,
            runtime: artifact::VERSION,
            token,
            mode: Mode::LocalDp(local_dp),
            line,
        };
        let devices = (0..plan.devices).map(|number| Some(Box::new(Device::new(number, plan)))).collect();
        let (days, total, world) = (Vec::new(), Tally::default(), Arc::new(world));
        Ok(Self { plan, model, runtime, clock, steward, world, devices, days, busiest: 0, total })
    }

    /// A day.
    fn live(&mut self, day: u32) -> Result<(), CliError> {
        let mut hours = vec![Vec::new(); 24];
        for device in self.devices.iter().flatten() {
            let sessions = device.sessions(self.plan, day);
            let each = self.plan.inputs / sessions.len().max(1) as u32;
            let rest = self.plan.inputs % sessions.len().max(1) as u32;
            for (at, (hour, after)) in (0..).zip(sessions) {
                hours[hour as usize].push((device.number, after, each + u32::from(at < rest)));
            }
        }
        let mut tally = Tally::default();
        for (hour, sessions) in (0..).zip(hours) {
            let now = self.world.start.after(u64::from(day) * DAY + u64::from(hour) * HOUR);
            self.clock.store(now.0, Ordering::Relaxed);
            let tended = self.runtime.block_on(self.world.line.server().tend());
            tended.map_err(|_| CliError::Simulation(SimulationFault::Tending))?;
            if hour == steward::HOUR {
                self.steward.look(&self.runtime, day, now.0 / 1000)?;
            }
            let of_hour = self.pass(now, sessions);
            self.busiest = self.busiest.max(of_hour.traffic.requests);
            tally.add(&of_hour);
        }
        self.total.add(&tally);
        self.days.push(Day::of(day, self.devices.iter().flatten().map(|device| device.version), &tally));
        Ok(())
    }

    /// The sessions of an hour, many side by side, so that the server's writes share commits.
    fn pass(&mut self, now: Time, sessions: Vec<(u32, u64, u32)>) -> Tally {
        let releases = Arc::new(self.steward.releases.clone());
        let Self { runtime, world, devices, .. } = self;
        runtime.block_on(async {
            let (mut tally, mut running, mut waiting) = (Tally::default(), JoinSet::new(), sessions.into_iter());
            loop {
                for (number, after, inputs) in waiting.by_ref().take(SIDE_BY_SIDE - running.len()) {
                    let device = devices[number as usize].take().expect("a device has one session in an hour");
                    let (world, releases) = (Arc::clone(world), Arc::clone(&releases));
                    let session =
                        async move { Session::begin(world, releases, device, now.after(after)).run(inputs).await };
                    running.spawn(session);
                }
                let Some(done) = running.join_next().await else { return tally };
                let (device, of_one) = done.expect("a session that panics ends the simulation");
                tally.add(&of_one);
                let place = device.number as usize;
                devices[place] = Some(device);
            }
        })
    }

    /// What the server has in the end, and what became of the devices.
    fn finish(self) -> Result<Record, CliError> {
        let Self { plan, model, runtime, clock, steward, world, devices, days, busiest, total } = self;
        clock.store(world.start.after(u64::from(plan.days) * DAY).0, Ordering::Relaxed);
        let tended = runtime.block_on(world.line.server().tend());
        tended.map_err(|_| CliError::Simulation(SimulationFault::Tending))?;
        let devices: Vec<Box<Device>> = devices.into_iter().flatten().collect();
        let seen = Seen { plan, model, devices: &devices, days, busiest, total, start: world.start };
        let record = seen.record(&steward, |path| steward.ask(&runtime, path))?;
        drop(steward);
        let line = Arc::into_inner(world).and_then(|world| Arc::into_inner(world.line));
        runtime.block_on(line.expect("neither devices nor the publisher have it any longer").close());
        Ok(record)
    }
}

/// Milliseconds.
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Threads of sessions and of the server.
const THREADS: usize = 2;

/// Sessions that are under way at once.
const SIDE_BY_SIDE: usize = 256;
