//! What the simulation said: for people, for programs, and as a picture.

use super::{Outcome, Privacy};
use crate::risk::record::says;
use serde::Serialize;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

/// All that one run said.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Fleets of each line.
    pub fleets: usize,
    /// The simulation's seed.
    pub seed: u64,
    /// Fleets without drift.
    pub quiet: Vec<Outcome>,
    /// Fleets with drift.
    pub drifting: Vec<Outcome>,
}

impl Record {
    /// One JSON document.
    ///
    /// # Errors
    /// When a number isn't finite.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Tables in Markdown.
    pub fn text(&self) -> String {
        let mut text = String::from(QUIET);
        for outcome in &self.quiet {
            let Outcome { reports, quiet_windows, false_alerts, false_suspects, thumb, .. } = outcome;
            let [alerts, suspects, thumb] = [*false_alerts, *false_suspects, *thumb].map(percent);
            let privacy = outcome.privacy.name();
            let _ = writeln!(text, "| {privacy} | {reports} | {quiet_windows} | {alerts} | {suspects} | {thumb} |");
        }
        text += DRIFTING;
        for outcome in &self.drifting {
            let by =
                |windows: usize| outcome.detected.get(windows - 1).map_or_else(|| "-".into(), |&share| percent(share));
            let half = outcome.detected.iter().position(|&share| share >= 0.5);
            let half = half.map_or_else(|| format!("over {}", outcome.detected.len()), |index| (index + 1).to_string());
            let (privacy, reports) = (outcome.privacy.name(), outcome.reports);
            let _ = writeln!(
                text,
                "| {privacy} | {reports} | {} | {} | {} | {} | {half} |",
                percent(outcome.moved),
                by(2),
                by(7),
                by(14)
            );
        }
        text
    }

    /// Writes `drift-<date>.md`, `.json` and `.svg`.
    ///
    /// # Errors
    /// When the date isn't known or a file can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let date = says("date", &["-u", "+%Y-%m-%d"])?;
        let commit = says("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "not committed".into());
        let name = format!("drift-{date}");
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        let head = format!(
            "# What detection of drift finds, {date}\n\nDunlin {} ({commit}), `drift` of the benches, seed {}: {} fleets a line, up to five times as many of few reports.\n\n\
             ![How many of the fleets have an alert within two and within seven windows]({name}.svg)\n\n",
            env!("CARGO_PKG_VERSION"),
            self.seed,
            self.fleets
        );
        std::fs::write(file("md"), head + &self.text())?;
        std::fs::write(file("json"), self.json()? + "\n")?;
        std::fs::write(file("svg"), self.picture())?;
        Ok(())
    }

    /// Power over the number of reports: a panel for each effect, a line for each kind of privacy.
    fn picture(&self) -> String {
        let mut effects: Vec<f64> = self.drifting.iter().map(|outcome| outcome.moved).collect();
        effects.dedup();
        effects.sort_by(f64::total_cmp);
        effects.dedup();
        let (width, height) = (PANEL[0] * effects.len() as f64, PANEL[1]);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        for (panel, &moved) in effects.iter().enumerate() {
            let outcomes: Vec<&Outcome> = self.drifting.iter().filter(|outcome| outcome.moved == moved).collect();
            self::panel(&mut svg, &outcomes, moved, panel as f64 * PANEL[0]);
        }
        svg + "</svg>\n"
    }
}

/// Shares of fleets with an alert, whole lines for seven windows and dashed ones for two.
fn panel(svg: &mut String, outcomes: &[&Outcome], moved: f64, x: f64) {
    let [left, right, top, bottom] = [x + 50.0, x + PANEL[0] - 110.0, 40.0, PANEL[1] - 40.0];
    let across = |reports: u64| {
        let [low, high] = AXIS.map(f64::ln);
        left + ((reports as f64).ln() - low) / (high - low) * (right - left)
    };
    let up = |share: f64| bottom - share * (bottom - top);
    let _ = writeln!(svg, "<text x=\"{left}\" y=\"24\">{} of the answers moved</text>", percent(moved));
    for share in [0.0, 0.5, 1.0] {
        let y = up(share);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {y}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.0} %</text>",
            left - 6.0,
            y + 4.0,
            100.0 * share
        );
    }
    for reports in [200, 500, 1000, 2000, 5000] {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{reports}</text>",
            across(reports),
            bottom + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">reports a metric and window</text>",
        left.midpoint(right),
        bottom + 34.0
    );
    let mut kinds: Vec<Privacy> = Vec::new();
    for outcome in outcomes {
        if !kinds.iter().any(|kind| kind.epsilon == outcome.privacy.epsilon) {
            kinds.push(outcome.privacy);
        }
    }
    for (kind, privacy) in kinds.iter().enumerate() {
        let colour = COLOURS[kind % COLOURS.len()];
        for (windows, dashes) in [(7, ""), (2, " stroke-dasharray=\"4 3\"")] {
            let points = outcomes.iter().filter(|outcome| outcome.privacy.epsilon == privacy.epsilon);
            let points: Vec<String> = points
                .map(|outcome| format!("{:.1},{:.1}", across(outcome.reports), up(outcome.detected[windows - 1])))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>",
                points.join(" ")
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" fill=\"{colour}\">{}</text>",
            right + 10.0,
            top + 12.0 + 18.0 * kind as f64,
            privacy.name()
        );
    }
}

impl Privacy {
    fn name(self) -> String {
        self.epsilon.map_or_else(|| "exact counts".to_owned(), |epsilon| format!("epsilon {epsilon:.2}"))
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

const QUIET: &str = "\
A fleet is made up: ten metrics as a text model of ten classes may have, all devices and three locales (60, 30 and 10 of 100), compared with the fleet's own first
1,000 reports, or with 2,000 calibration samples until there are so many. `reports` is the number of devices that tell a metric in a window, which is a day.
With `local_dp` a device tells one metric a day, so that a fleet has ten times as many devices; epsilon 0.22 is what each of nine metrics would have
of a daily epsilon of 2, if a device told all of them.

## False alarms

No drift, 30 windows a fleet. `alerts`: windows with an alert of any metric in any cohort. `suspects`: windows that had one but for the second window that it takes.
The last column is the rule of thumb that a population stability index above 0.1 is drift, on one metric of eight bins alone.

| privacy | reports | windows | alerts | suspects | index > 0.1 |
|---|---:|---:|---:|---:|---:|
";

const DRIFTING: &str = "
## Power

From window 8 on answers become doubtful: this share of them moves from the surest bins of `confidence` to the most doubtful one. Shares of the fleets that have an
alert by then; the second window is the earliest.

| privacy | reports | moved | in 2 windows | in 7 | in 14 | half of the fleets after |
|---|---:|---:|---:|---:|---:|---:|
";

/// Width and height of a panel.
const PANEL: [f64; 2] = [520.0, 300.0];

/// Reports at both ends of the axis.
const AXIS: [f64; 2] = [200.0, 5000.0];

const COLOURS: [&str; 5] = ["#333333", "#3b7dd8", "#2a9d5c", "#d8533b", "#9b59b6"];
