//! A simulation as a picture: versions by day, and below how surely some window isn't as it was, with alerts.

use super::record::{Cause, Record};
use crate::draw::{Canvas, Frame, Scale, percent_ticks, plain_ticks};

/// The picture, as SVG.
pub fn plot(record: &Record) -> String {
    let mut canvas = Canvas::default();
    canvas.text([ACROSS[0], 22.0], "title", "Devices by version at the end of each day");
    let last = (record.asked.days.max(2) - 1).into();
    let frame =
        Frame { x: Scale { values: [0.0, last], places: ACROSS }, y: Scale { values: [0.0, 1.0], places: VERSIONS } };
    frame.y_axis(&mut canvas, "of all devices", 4, percent_ticks);
    versions(record, &frame, &mut canvas);
    frame.x_axis(&mut canvas, "", 10, plain_ticks);
    canvas.text([ACROSS[0], CERTAINTY[1] - 22.0], "title", "How surely a day's answers aren't what they were");
    let frame = Frame { y: Scale { values: [0.0, 20.0], places: CERTAINTY }, ..frame };
    frame.y_axis(&mut canvas, "−log₁₀ of the least chance", 4, plain_ticks);
    certainty(record, &frame, &mut canvas);
    frame.x_axis(&mut canvas, "day", 10, plain_ticks);
    keys(record, &mut canvas);
    canvas.image(SIZE, STYLE)
}

/// One area on the other.
fn versions(record: &Record, frame: &Frame, canvas: &mut Canvas) {
    let devices = f64::from(record.asked.devices);
    let mut below = vec![0.0; record.days.len()];
    for release in &record.releases {
        let share = |day: usize| f64::from(*record.days[day].versions.get(&release.version).unwrap_or(&0)) / devices;
        let above: Vec<f64> = below.iter().enumerate().map(|(day, below)| below + share(day)).collect();
        let at = |heights: &[f64]| {
            heights.iter().enumerate().map(|(day, &height)| frame.at(day as f64, height)).collect::<Vec<_>>()
        };
        let (upper, lower) = (at(&above), at(&below));
        canvas.area(upper.into_iter().chain(lower.into_iter().rev()), &colour(release.version));
        below = above;
    }
}

fn certainty(record: &Record, frame: &Frame, canvas: &mut Canvas) {
    if let Some(drift) = &record.asked.drift {
        let [[x, bottom], [_, top]] = [frame.at(drift.at.into(), 0.0), frame.at(drift.at.into(), 20.0)];
        canvas.line([x, bottom], [x, top], "mark");
        canvas.text([x - 5.0, top + 12.0], "dim e", "drift begins");
    }
    let threshold = frame.at(0.0, -THRESHOLD.log10())[1];
    canvas.line([ACROSS[0], threshold], [ACROSS[1], threshold], "dash");
    let points = record.days.iter().filter_map(|day| Some(frame.at(day.day.into(), day.certainty?)));
    canvas.path(points, "trace");
    for day in &record.days {
        let Some(certainty) = day.certainty else { continue };
        let of_day = || record.alerts.iter().filter(|alert| alert.window == day.day);
        let class = match of_day().map(|alert| alert.cause).min() {
            None => "quiet",
            Some(Cause::Drift) => "c5",
            Some(Cause::Release) => "c4",
            Some(Cause::Chance) => "c3",
        };
        let radius = if class == "quiet" { 2.5 } else { 5.0 };
        let title = format!(
            "day {}: {} suspect of {} windows, {} alerts",
            day.day,
            day.suspect,
            day.compared,
            of_day().count()
        );
        canvas.dot(frame.at(day.day.into(), certainty), radius, class, &title);
    }
}

/// What the colours mean, at the right.
fn keys(record: &Record, canvas: &mut Canvas) {
    for (place, release) in record.releases.iter().enumerate() {
        let y = VERSIONS[1] + 14.0 + 20.0 * place as f64;
        canvas.rect([KEYS, y - 10.0, 12.0, 12.0], &colour(release.version), "");
        let what = release.fault.map_or_else(String::new, |fault| format!(", bad: {}", fault.name()));
        canvas.text([KEYS + 18.0, y], "", &format!("version {}{what}", release.version));
    }
    let causes = [("c5", "alert: drift"), ("c4", "alert: a bad release"), ("c3", "false alarm"), ("quiet", "no alert")];
    for (place, (class, what)) in causes.into_iter().enumerate() {
        let y = CERTAINTY[1] + 14.0 + 20.0 * place as f64;
        canvas.dot([KEYS + 6.0, y - 4.0], 5.0, class, "");
        canvas.text([KEYS + 18.0, y], "", what);
    }
    let y = CERTAINTY[1] + 14.0 + 20.0 * causes.len() as f64;
    canvas.line([KEYS, y - 4.0], [KEYS + 12.0, y - 4.0], "dash");
    canvas.text([KEYS + 18.0, y], "", "suspect above it");
}

fn colour(version: u32) -> String {
    format!("c{}", (version - 1) % 8)
}

const SIZE: [f64; 2] = [820.0, 520.0];
const ACROSS: [f64; 2] = [70.0, 620.0];
/// Bottom and top of either plot.
const VERSIONS: [f64; 2] = [230.0, 36.0];
const CERTAINTY: [f64; 2] = [470.0, 310.0];
const KEYS: f64 = 640.0;

/// A finding is suspect whose adjusted chance is at most this, if it is large enough.
const THRESHOLD: f64 = 0.05;

const STYLE: &str = "\
.paper{fill:var(--paper)}svg .title{font-weight:600}.grid{stroke:var(--line);stroke-width:.5}.axis{stroke:var(--dim)}\
.dash{stroke:var(--dim);stroke-dasharray:4 4}.mark{stroke:var(--c5);stroke-width:1.5}\
.trace{fill:none;stroke:var(--c0);stroke-width:1.5}.quiet{fill:var(--c0)}";
