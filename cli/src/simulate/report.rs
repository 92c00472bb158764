//! A simulation for people: what happened in order, releases, drift, days, and what it took.

use std::fmt::Write as _;
use std::io::Write;

use super::record::{Alert, Cause, Record, ReleaseRecord};
use super::steward::{Act, Entry};
use crate::error::CliError;
use crate::output::bytes as grouped;
use crate::table::{Align, Table};

/// Shows a record.
///
/// # Errors
/// [`CliError::Stdout`].
pub fn show(record: &Record, out: &mut dyn Write) -> Result<(), CliError> {
    head(record, out)?;
    writeln!(out, "\nWhat happened (hours in UTC)")?;
    let mut happened: Vec<_> =
        record.publisher.iter().map(published).chain(alerts(record)).chain(begins(record)).collect();
    happened.sort();
    for (day, hour, what) in happened {
        writeln!(out, "  day {day:>3} {hour:>2}:00  {what}")?;
    }
    writeln!(out, "\nReleases\n{}", releases(record))?;
    detection(record, out)?;
    writeln!(out, "\nDevices by version at the end of each day, and what the day took\n{}", days(record))?;
    took(record, out)
}

fn head(record: &Record, out: &mut dyn Write) -> Result<(), CliError> {
    let Record { asked, model, total, .. } = record;
    writeln!(out, "{} devices for {} days, seed {}", grouped(asked.devices as usize), asked.days, asked.seed)?;
    let baseline = if model.baseline == "measured" { "its own baseline" } else { "a made-up baseline" };
    writeln!(out, "  model: {}, {} bytes, answers after {baseline}", model.name, grouped(model.bytes))?;
    writeln!(
        out,
        "  devices: {} inputs a day; a summary tells {} of {} metrics with epsilon {}; {} are away once, {} tell made-up bins, {} always the same",
        asked.inputs,
        model.metrics.min(asked.metrics as usize),
        model.metrics,
        asked.epsilon,
        grouped(total.away as usize),
        grouped(total.made_up as usize),
        grouped(total.constant as usize),
    )?;
    writeln!(
        out,
        "  hardships: {} of requests are lost; in {} of sessions the program ends amid its work",
        permille(asked.loss),
        permille(asked.restarts)
    )?;
    Ok(())
}

/// Day, hour, and what happened.
type Happened = (u32, u32, String);

fn published(entry: &Entry) -> Happened {
    let Entry { day, hour, act, version, permille: share, why } = entry;
    let what = match act {
        Act::Published => format!("version {version} goes to {}: {why}", permille(*share)),
        Act::Promoted => format!("version {version} goes to {} from now on: {why}", permille(*share)),
        Act::Held => format!("version {version} goes to nobody else: {why}"),
        Act::RolledBack => format!("version {version} is taken back: {why}"),
    };
    (*day, *hour, what)
}

/// Alerts that were raised on one day for the same window are one line, with the hour of the first.
fn alerts(record: &Record) -> impl Iterator<Item = Happened> {
    let together = |a: &Alert, b: &Alert| {
        let key = |alert: &Alert| (alert.raised, alert.version, alert.window, alert.cause);
        key(a) == key(b)
    };
    let mut alerts = record.alerts.clone();
    alerts.sort_by_key(|alert| (alert.raised, alert.version, alert.window, alert.cause, alert.hour));
    let lines: Vec<Happened> = alerts.chunk_by(together).map(line).collect();
    lines.into_iter()
}

fn line(alerts: &[Alert]) -> Happened {
    let first = &alerts[0];
    let whose = |alert: &Alert| if alert.cohort.is_empty() { String::new() } else { format!(" of {}", alert.cohort) };
    let mut metrics: Vec<&Alert> = alerts.iter().collect();
    metrics.sort_by_key(|alert| (&alert.cohort, &alert.metric));
    let mut metrics: Vec<String> = metrics.into_iter().map(|alert| alert.metric.clone() + &whose(alert)).collect();
    let more = metrics.len().saturating_sub(SHOWN);
    metrics.truncate(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let about = match first.cause {
        Cause::Drift => "drift",
        Cause::Release => "a bad release",
        Cause::Chance => "a false alarm",
    };
    let actions = ["roll_back", "hold", "raise_fallback"];
    let action =
        actions.into_iter().find(|action| alerts.iter().any(|alert| alert.action == *action)).unwrap_or("alert");
    let moved = alerts.iter().map(|alert| alert.moved).fold(0.0, f64::max);
    let windows = alerts.iter().map(|alert| alert.windows).max().unwrap_or(0);
    let what = format!(
        "alert ({about}): day {} of version {}, {windows} windows in a row, {:.0} % moved: {}{more}; {action}",
        first.window,
        first.version,
        moved * 100.0,
        metrics.join(", ")
    );
    (first.raised, first.hour, what)
}

fn begins(record: &Record) -> Option<Happened> {
    let drift = record.asked.drift.as_ref()?;
    let whose = drift.cohort.as_ref().map(|cohort| format!(" of locale:{cohort}")).unwrap_or_default();
    Some((drift.at, 0, format!("{:.1} % of inputs{whose} are of another kind from now on", drift.share * 100.0)))
}

fn releases(record: &Record) -> Table {
    let mut table = Table::new(&[
        ("version", Align::Right),
        ("what it is", Align::Left),
        ("taken", Align::Right),
        ("in the end", Align::Right),
        ("taken back", Align::Left),
    ]);
    for release in &record.releases {
        let ReleaseRecord { version, fault, taken, serving, back } = release;
        let what = match (version, fault) {
            (1, _) => "the app's own".to_owned(),
            (_, Some(fault)) => format!("bad: {}", fault.name()),
            (_, None) => "good".to_owned(),
        };
        let taken = if *version == 1 { "-".to_owned() } else { grouped(*taken as usize) };
        let mut reasons = String::new();
        for reason in back {
            let begin = if reasons.is_empty() { "" } else { ", " };
            let days = if reason.first == reason.last {
                format!("day {}", reason.first)
            } else {
                format!("days {} to {}", reason.first, reason.last)
            };
            // Writing to a string can't fail.
            let _ = write!(reasons, "{begin}{} {} ({days})", reason.reason.name(), grouped(reason.devices as usize));
        }
        table.row([
            version.to_string(),
            what,
            taken,
            grouped(*serving as usize),
            if reasons.is_empty() { "-".to_owned() } else { reasons },
        ]);
    }
    table
}

fn detection(record: &Record, out: &mut dyn Write) -> Result<(), CliError> {
    let detection = &record.detection;
    writeln!(out, "Drift")?;
    match (&record.asked.drift, detection.delay_windows, detection.raised) {
        (None, ..) => writeln!(out, "  there is none")?,
        (Some(drift), Some(delay), Some([day, hour])) => {
            writeln!(out, "  begins on day {}; found with window {delay} of it, on day {day} at {hour}:00", drift.at)?
        }
        (Some(drift), ..) => writeln!(out, "  begins on day {}; it isn't found", drift.at)?,
    }
    writeln!(
        out,
        "  false alarms: {} in {} windows without drift, of {} that were compared",
        detection.false_alarms,
        grouped(detection.quiet as usize),
        grouped(detection.compared as usize)
    )?;
    Ok(())
}

fn days(record: &Record) -> Table {
    let versions: Vec<u32> = record.releases.iter().map(|release| release.version).collect();
    let names: Vec<String> = versions.iter().map(|version| format!("version {version}")).collect();
    let mut columns = vec![("day", Align::Right)];
    columns.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    columns.extend([
        ("requests", Align::Right),
        ("lost", Align::Right),
        ("sent", Align::Right),
        ("received", Align::Right),
        ("suspect", Align::Right),
        ("compared", Align::Right),
    ]);
    let mut table = Table::new(&columns);
    let devices = f64::from(record.asked.devices);
    for day in &record.days {
        let share = |version| {
            day.versions
                .get(version)
                .map_or_else(|| "-".to_owned(), |&on| format!("{:.1} %", f64::from(on) / devices * 100.0))
        };
        let mut row = vec![day.day.to_string()];
        row.extend(versions.iter().map(share));
        let numbers = [day.traffic.requests, day.traffic.lost, day.traffic.sent_bytes, day.traffic.received_bytes];
        row.extend(numbers.map(|number| grouped(number as usize)));
        let of_compared = |number: u32| if day.compared == 0 { "-".to_owned() } else { number.to_string() };
        row.extend([day.suspect, day.compared].map(of_compared));
        table.row(row);
    }
    table
}

fn took(record: &Record, out: &mut dyn Write) -> Result<(), CliError> {
    let (total, traffic) = (&record.total, &record.total.traffic);
    let device_days = f64::from(record.asked.devices) * f64::from(record.asked.days);
    let each = |count: u64| count as f64 / device_days;
    let hours = f64::from(record.asked.days) * 24.0;
    writeln!(out, "What it took")?;
    writeln!(
        out,
        "  a device and day: {:.1} requests, {:.0} bytes sent, {:.0} bytes received, without heads",
        each(traffic.requests),
        each(traffic.sent_bytes),
        each(traffic.received_bytes)
    )?;
    writeln!(
        out,
        "  the busiest hour had {} requests, {:.1} times the mean",
        grouped(total.busiest_hour as usize),
        total.busiest_hour as f64 * hours / traffic.requests.max(1) as f64
    )?;
    writeln!(
        out,
        "  summaries: {} counted, {} came again, {} refused",
        grouped(traffic.counted as usize),
        grouped(traffic.repeated as usize),
        grouped(traffic.refused as usize)
    )?;
    writeln!(
        out,
        "  {} requests were lost, {} programs ended amid their work; devices found {} times that their own answers had changed",
        grouped(traffic.lost as usize),
        grouped(total.ends as usize),
        grouped(total.diverged as usize)
    )?;
    Ok(())
}

fn permille(share: u16) -> String {
    format!("{}.{} %", share / 10, share % 10)
}

/// Metrics of an alert that are named.
const SHOWN: usize = 4;
