//! What the simulation said: for people, for programs, and as a picture.

use super::{Apart, Outcome};
use serde::Serialize;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// All that one run said.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// How often each set was divided.
    pub splits: usize,
    /// Whether each class had a scale and a bias of its own.
    pub vector: bool,
    /// What the sets are.
    pub note: String,
    /// What came of each set, for each alpha.
    pub outcomes: Vec<Outcome>,
    /// How well samples of another kind are told.
    pub aparts: Vec<Apart>,
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
        let mut text = String::from(HEAD);
        for o in &self.outcomes {
            let verdict = if o.exceeded <= o.delta { "yes" } else { "**no**" };
            let _ = writeln!(
                text,
                "| {} | {} of {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                o.set,
                o.calibrating,
                o.samples,
                percent(o.accuracy),
                percent(o.alpha),
                percent(o.exceeded),
                verdict,
                percent(o.exceeded_of_all),
                spread(o.coverage, percent),
                spread(o.error, percent),
                percent(o.accepts_nothing),
            );
        }
        text += CALIBRATION;
        for o in &self.outcomes {
            let [before, after] = [o.calibration_error_before, o.calibration_error_after];
            let [before, after, covered] = [before, after, o.set_coverage].map(|range| spread(range, percent));
            let size = spread(o.set_size, |value| format!("{value:.2}"));
            let _ = writeln!(text, "| {} | {} | {before} | {after} | {covered} | {size} |", o.set, percent(o.alpha));
        }
        if !self.aparts.is_empty() {
            text += APART;
        }
        for a in &self.aparts {
            let Apart { set, outside, samples, energy, probability, logit } = a;
            let _ = writeln!(text, "| {outside} | {set} | {samples} | {energy:.3} | {probability:.3} | {logit:.3} |");
        }
        text
    }

    /// Writes `risk-<date>.md`, `.json` and `.svg`.
    ///
    /// # Errors
    /// When the date isn't known or a file can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        let date = says("date", &["-u", "+%Y-%m-%d"])?;
        let commit = says("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "not committed".into());
        let name = format!("risk-{date}");
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        let scaling = if self.vector { "a scale and a bias for each class" } else { "one temperature" };
        let head = format!(
            "# What calibration promises, {date}\n\nDunlin {} ({commit}), `risk` of the benches: {} random splits of each set, {scaling}. {}\n\n\
             ![Errors among accepted answers over the splits]({name}.svg)\n\n",
            env!("CARGO_PKG_VERSION"),
            self.splits,
            self.note
        );
        std::fs::write(file("md"), head + &self.text())?;
        std::fs::write(file("json"), self.json()? + "\n")?;
        std::fs::write(file("svg"), self.picture())?;
        Ok(())
    }

    /// How many splits had which error among accepted held-out answers, a panel for each set and alpha.
    fn picture(&self) -> String {
        let rows = self.outcomes.len().div_ceil(2);
        let (width, height) = (2.0 * PANEL[0], rows as f64 * PANEL[1]);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
        );
        for (place, outcome) in self.outcomes.iter().enumerate() {
            let corner = [(place % 2) as f64 * PANEL[0], (place / 2) as f64 * PANEL[1]];
            panel(&mut svg, outcome, corner);
        }
        svg + "</svg>\n"
    }
}

/// Bars for errors from 0 to twice alpha, the last one for all above, and a line at alpha.
fn panel(svg: &mut String, outcome: &Outcome, [x, y]: [f64; 2]) {
    let [left, right, top, bottom] = [x + 20.0, x + PANEL[0] - 20.0, y + 40.0, y + PANEL[1] - 30.0];
    let mut counts = [0_usize; BARS];
    for error in &outcome.errors {
        counts[((error / outcome.alpha * BARS as f64 / 2.0) as usize).min(BARS - 1)] += 1;
    }
    let most = counts.iter().max().copied().unwrap_or(0).max(1) as f64;
    let step = (right - left) / BARS as f64;
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\">{}, alpha {}: exceeded in {} of the splits, coverage {}</text>",
        y + 24.0,
        outcome.set,
        percent(outcome.alpha),
        percent(outcome.exceeded),
        percent(outcome.coverage[0]),
    );
    for (bar, &count) in counts.iter().enumerate() {
        let tall = count as f64 / most * (bottom - top);
        let colour = if bar < BARS / 2 { "#3b7dd8" } else { "#d8533b" };
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{colour}\"/>",
            left + bar as f64 * step,
            bottom - tall,
            step - 1.0
        );
    }
    let middle = left.midpoint(right);
    let _ =
        writeln!(svg, "<path d=\"M{left} {bottom}H{right}M{middle} {bottom}V{top}\" stroke=\"#333\" fill=\"none\"/>");
    for (at, share, anchor) in [(left, 0.0, "start"), (middle, 1.0, "middle"), (right, 2.0, "end")] {
        let value = percent(outcome.alpha * share);
        let _ = writeln!(svg, "<text x=\"{at}\" y=\"{}\" text-anchor=\"{anchor}\">{value}</text>", bottom + 18.0);
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn spread([mean, low, high]: [f64; 3], show: impl Fn(f64) -> String) -> String {
    format!("{} ({} to {})", show(mean), show(low), show(high))
}

/// What a program says.
pub(crate) fn says(program: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("{program} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

const HEAD: &str = "\
## Error among accepted answers

A share of each set calibrates, the rest is held out. `exceeded` is the share of the splits in which more than alpha of the held-out answers that were accepted are
wrong; it may be 5 % at most, or what delta says. `in the whole set` counts the accepted answers of the calibrating part too. In brackets the 5th and the 95th percentile over the splits.

| set | calibrating | accuracy | alpha | exceeded | kept | exceeded in the whole set | coverage | error among accepted | nothing accepted |
|---|---:|---:|---:|---:|---|---:|---:|---:|---:|
";

const CALIBRATION: &str = "
## Calibration and prediction sets

Expected calibration error of held-out answers in 15 bins. A set is to have the true class in all but alpha of the samples, of each class by itself.

| set | alpha | calibration error before | after | true class in the set | classes in a set |
|---|---:|---:|---:|---:|---:|
";

const APART: &str = "
## Samples of another kind

Area under the receiver operating characteristic: how probably a sample of another kind has a higher score than one of the set.

| samples | against | count | energy | 1 - probability | - largest logit |
|---|---|---:|---:|---:|---:|
";

/// Width and height of a panel.
const PANEL: [f64; 2] = [560.0, 240.0];

/// Bars of a panel; half of them lie below alpha.
const BARS: usize = 40;
