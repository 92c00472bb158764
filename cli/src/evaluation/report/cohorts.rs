//! How cohorts are served, as pictures.

use super::super::record::{CohortResult, Evaluation, GapResult};
use super::super::show::percent;
use super::tables::table;
use super::{Report, key, numbers};
use crate::draw::{Canvas, Frame, Scale, beginning, percent_ticks};
use crate::output::bytes;

/// The most lines of a picture; of more, those with the lowest share or the largest gap.
const MOST: usize = 60;
/// Height of a line.
const LINE: f64 = 22.0;
/// The most letters of a name.
const LETTERS: usize = 26;
/// Left and right ends of the columns of whiskers.
const COLUMNS: [[f64; 2]; 2] = [[290.0, 680.0], [740.0, 1080.0]];
/// Width of a picture.
const WIDTH: f64 = 1110.0;
/// Where the first line is.
const TOP: f64 = 34.0;

/// What a column of whiskers shows of a cohort: a share with its interval.
type Of = fn(&CohortResult) -> Option<[f64; 3]>;

impl Report<'_> {
    pub(super) fn cohorts(&self) -> String {
        let Evaluation { cohorts, policy, accuracy, .. } = self.evaluation;
        let mut sorted: Vec<&CohortResult> = cohorts.iter().collect();
        let share = |cohort: &CohortResult| cohort.accuracy.unwrap_or(0.0);
        sorted.sort_by(|a, b| share(a).total_cmp(&share(b)).then_with(|| a.cohort.cmp(&b.cohort)));
        sorted.truncate(MOST);
        let bottom = TOP + LINE * sorted.len() as f64;
        let mut canvas = Canvas::default();
        canvas.text([248.0, 16.0], "dim e", "samples");
        for (place, cohort) in sorted.iter().enumerate() {
            let y = line(place) + 4.0;
            canvas.text([0.0, y], "", &beginning(&cohort.cohort, LETTERS));
            canvas.text([248.0, y], "dim num e", &bytes(cohort.samples));
        }
        let accuracy_of: Of = |cohort| Some([cohort.accuracy?, cohort.accuracy_low, cohort.accuracy_high]);
        let coverage_of: Of = |cohort| Some([cohort.coverage?, cohort.coverage_low?, cohort.coverage_high?]);
        let places = if policy.is_some() { COLUMNS[0] } else { [COLUMNS[0][0], COLUMNS[1][1]] };
        whiskers(&mut canvas, places, bottom, ("accuracy", "c0", *accuracy), &sorted, accuracy_of);
        if let Some(policy) = policy {
            whiskers(&mut canvas, COLUMNS[1], bottom, ("coverage", "c3", policy.coverage), &sorted, coverage_of);
        }
        let label = format!("Accuracy of {} cohorts with intervals", sorted.len());
        let more = if sorted.len() < cohorts.len() {
            format!("Of {} cohorts, the {} with the lowest accuracy.", cohorts.len(), sorted.len())
        } else {
            String::new()
        };
        wide(canvas, [WIDTH, bottom + 44.0], &label, &more) + &numbers(&self.cohort_table())
    }

    fn cohort_table(&self) -> String {
        let columns =
            ["cohort", "#samples", "#accuracy", "#95 % interval", "#calibration error", "#AURC", "#coverage", "#error"];
        let row = |cohort: &CohortResult| {
            vec![
                cohort.cohort.clone(),
                bytes(cohort.samples),
                percent(cohort.accuracy),
                format!("{} to {}", percent(Some(cohort.accuracy_low)), percent(Some(cohort.accuracy_high))),
                percent(cohort.calibration_error),
                cohort.aurc.map_or_else(|| "-".to_owned(), |aurc| format!("{aurc:.4}")),
                percent(cohort.coverage),
                percent(cohort.error),
            ]
        };
        table(&columns, self.evaluation.cohorts.iter().map(row))
    }

    pub(super) fn odds(&self) -> String {
        let odds: Vec<_> = self.evaluation.equalized_odds.iter().filter(|odds| odds.difference.is_some()).collect();
        if odds.is_empty() {
            return "<p>No two cohorts can be compared.</p>\n".to_owned();
        }
        // The largest gaps come first; where there is none, a picture shows nothing.
        let unlike = odds.iter().filter(|odds| odds.difference > Some(0.0)).count();
        let shown = &odds[..unlike.clamp(1, MOST)];
        let bottom = TOP + LINE * shown.len() as f64;
        let mut canvas = Canvas::default();
        let frames = [("recognized", COLUMNS[0]), ("others taken for it", COLUMNS[1])].map(|(name, places)| {
            let rates = shown.iter().flat_map(|odds| {
                [&odds.true_positive, &odds.false_positive][usize::from(places == COLUMNS[1])]
                    .iter()
                    .flat_map(|gap| [gap.low.rate, gap.high.rate])
            });
            let frame = frame(rates.flatten(), places, bottom);
            frame.x_axis(&mut canvas, name, 4, percent_ticks);
            // The axis is far below where there are many lines.
            canvas.text([f64::midpoint(places[0], places[1]), 16.0], "dim m", name);
            frame
        });
        for (place, odds) in shown.iter().enumerate() {
            let y = line(place);
            canvas.text([0.0, y + 4.0], "", &beginning(&odds.label, LETTERS));
            canvas.text([248.0, y + 4.0], "dim num e", &percent(odds.difference));
            for (gap, frame) in [&odds.true_positive, &odds.false_positive].into_iter().zip(&frames) {
                gap.iter().for_each(|gap| pair(&mut canvas, frame, y, gap));
            }
        }
        canvas.text([248.0, 16.0], "dim e", "largest gap");
        let label = format!("Gaps between cohorts for {} classes", shown.len());
        let mut keys = key("c1", "the cohort with the lowest share") + &key("c0", "the one with the highest");
        if shown.len() < odds.len() {
            keys += &format!("<br>Of {} classes, the {} with the largest gap.", odds.len(), shown.len());
        }
        wide(canvas, [WIDTH, bottom + 44.0], &label, &keys) + &numbers(&self.odds_table())
    }

    fn odds_table(&self) -> String {
        let mut rows = Vec::new();
        for odds in &self.evaluation.equalized_odds {
            for (what, gap) in [("recognized", &odds.true_positive), ("taken for it", &odds.false_positive)] {
                let Some(GapResult { gap, clear, low, high }) = gap else { continue };
                let clear = if *clear { "yes" } else { "no" };
                rows.push(vec![
                    odds.label.clone(),
                    what.to_owned(),
                    percent(Some(*gap)),
                    clear.to_owned(),
                    format!("{} {}", percent(low.rate), low.cohort),
                    format!("{} {}", percent(high.rate), high.cohort),
                ]);
            }
        }
        table(&["class", "samples", "#gap", "beyond the intervals", "lowest", "highest"], rows)
    }
}

/// Dots with whiskers, and a line at the share of all.
fn whiskers(
    canvas: &mut Canvas,
    places: [f64; 2],
    bottom: f64,
    (name, class, all): (&str, &str, Option<f64>),
    cohorts: &[&CohortResult],
    of: Of,
) {
    let ends = cohorts.iter().filter_map(|cohort| of(cohort)).flatten();
    let frame = frame(ends.chain(all), places, bottom);
    frame.x_axis(canvas, name, 4, percent_ticks);
    if let Some(all) = all {
        let x = frame.x.at(all);
        canvas.path([[x, TOP - 12.0], [x, bottom]], "dash");
        canvas.text([x, 16.0], "dim num m", &format!("all {}", percent(Some(all))));
    }
    for (place, cohort) in cohorts.iter().enumerate() {
        let Some([share, low, high]) = of(cohort) else { continue };
        let y = line(place);
        canvas.line([frame.x.at(low), y], [frame.x.at(high), y], "whisker");
        let words =
            format!("{}: {} ({} to {})", cohort.cohort, percent(Some(share)), percent(Some(low)), percent(Some(high)));
        canvas.dot([frame.x.at(share), y], 4.5, class, &words);
    }
}

/// The lowest and the highest share of a class, joined.
fn pair(canvas: &mut Canvas, frame: &Frame, y: f64, gap: &GapResult) {
    let rate = |rate: Option<f64>| frame.x.at(rate.unwrap_or(0.0));
    canvas.line([rate(gap.low.rate), y], [rate(gap.high.rate), y], "pair");
    for (end, class) in [(&gap.low, "c1"), (&gap.high, "c0")] {
        let words = format!("{}: {} of {} samples", end.cohort, percent(end.rate), bytes(end.samples));
        let class = if gap.clear { class.to_owned() } else { format!("hollow {class}") };
        canvas.dot([rate(end.rate), y], 4.5, &class, &words);
    }
}

/// An axis from a bit below the least to a bit above the greatest share.
fn frame(shares: impl Iterator<Item = f64>, places: [f64; 2], bottom: f64) -> Frame {
    let [low, high] = shares.fold([1.0_f64, 0.0_f64], |[low, high], share| [low.min(share), high.max(share)]);
    let room = ((high - low) * 0.05).max(0.005);
    let values = [(low - room).max(0.0), (high + room).min(1.0)];
    Frame { x: Scale { values, places }, y: Scale { values: [0.0, 1.0], places: [bottom, TOP - 12.0] } }
}

/// The middle of a line.
fn line(place: usize) -> f64 {
    TOP + LINE * place as f64 + LINE / 2.0
}

fn wide(canvas: Canvas, size: [f64; 2], label: &str, caption: &str) -> String {
    format!(
        "<figure><div class=\"scroll wide\" tabindex=\"0\" role=\"group\" aria-label=\"{label}\">{}</div><figcaption>{caption}</figcaption></figure>\n",
        canvas.figure(size, label)
    )
}
