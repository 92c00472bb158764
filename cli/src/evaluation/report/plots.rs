//! Plots of probabilities, risks and energies.

use super::super::record::{Evaluation, ReliabilityBin};
use super::super::show::percent;
use super::tables::{decisions, table};
use super::{Report, key, numbers};
use crate::draw::{Canvas, Frame, Scale, percent_ticks, plain_ticks};
use crate::output::bytes;

/// Size of a plot.
const SIZE: [f64; 2] = [540.0, 400.0];
/// Left and right end of the x axis.
const ACROSS: [f64; 2] = [66.0, 522.0];
/// Bottom and top of a plot that stands alone.
const UPWARDS: [f64; 2] = [348.0, 18.0];
/// Columns of a histogram.
const COLUMNS: usize = 30;
/// Risks at a smaller coverage, which few answers make, don't stretch the axis.
const LEAST_COVERAGE: f64 = 0.05;

impl Report<'_> {
    pub(super) fn reliability(&self) -> String {
        let Evaluation { reliability, .. } = self.evaluation;
        let mut canvas = Canvas::default();
        let frame = Frame { x: unit(ACROSS), y: unit([262.0, 14.0]) };
        frame.y_axis(&mut canvas, "right", 5, percent_ticks);
        reliability.iter().for_each(|bin| reliable(&mut canvas, &frame, bin));
        canvas.path([frame.at(0.0, 0.0), frame.at(1.0, 1.0)], "dash");
        let most = reliability.iter().map(|bin| bin.count).max().unwrap_or(0);
        let counts = Frame { y: Scale { values: [0.0, most as f64], places: [348.0, 294.0] }, ..frame };
        counts.x_axis(&mut canvas, "probability of the answer", 5, percent_ticks);
        for bin in reliability.iter().filter(|bin| bin.count > 0) {
            let (x, width, top) = column(&counts, bin.low, bin.high, bin.count as f64);
            canvas.rect([x, top, width, 348.0 - top], "faint", &format!("{} answers", bytes(bin.count)));
            canvas.text([x + width / 2.0, top - 4.0], "dim num m small", &compact(bin.count));
        }
        let keys = [key("c0", "right answers"), key("mark", "mean probability"), key("dash", "as right as probable")];
        let row = |bin: &ReliabilityBin| {
            let range = format!("{:.1} to {:.1} %", bin.low * 100.0, bin.high * 100.0);
            let interval = format!("{} to {}", percent(Some(bin.accuracy_low)), percent(Some(bin.accuracy_high)));
            vec![range, bytes(bin.count), percent(bin.confidence), percent(bin.accuracy), interval]
        };
        let columns = ["probability", "#answers", "#mean probability", "#right", "#95 % interval"];
        let rows = table(&columns, reliability.iter().filter(|bin| bin.count > 0).map(row));
        let label =
            format!("Reliability diagram; expected calibration error {}", percent(self.evaluation.calibration_error));
        figure(canvas, &label, &keys.concat()) + &numbers(&rows)
    }

    pub(super) fn risk(&self) -> String {
        let Evaluation { risk_coverage, policy, accuracy, .. } = self.evaluation;
        let seen = risk_coverage.iter().filter(|point| point.coverage >= LEAST_COVERAGE);
        let error = policy.as_ref().map_or(0.0, |policy| policy.error.unwrap_or(0.0).max(policy.alpha));
        let highest = seen.map(|point| point.risk).fold(error, f64::max).max(1e-4) * 1.12;
        let y = Scale { values: [0.0, highest.min(1.0)], places: UPWARDS };
        let frame = Frame { x: unit(ACROSS), y };
        let mut canvas = Canvas::default();
        frame.y_axis(&mut canvas, "wrong, of the accepted", 5, percent_ticks);
        frame.x_axis(&mut canvas, "coverage: accepted, of all answers", 5, percent_ticks);
        let points = || risk_coverage.iter().map(|point| frame.at(point.coverage, point.risk));
        let ends = [frame.at(1.0, 0.0), frame.at(0.0, 0.0)];
        canvas.area(points().chain(ends), "under");
        canvas.path(ideal(accuracy.unwrap_or(0.0)).map(|[coverage, risk]| frame.at(coverage, risk)), "dash");
        canvas.path(points(), "curve");
        if let Some(policy) = policy {
            let allowed = frame.y.at(policy.alpha);
            canvas.path([[ACROSS[0], allowed], [ACROSS[1], allowed]], "rule dash");
            canvas.text([ACROSS[0] + 6.0, allowed - 6.0], "dim", &format!("{} allowed", percent(Some(policy.alpha))));
            if let (Some(coverage), Some(error)) = (policy.coverage, policy.error) {
                let [x, y] = frame.at(coverage, error);
                let words = format!("{} wrong of {}", percent(Some(error)), percent(Some(coverage)));
                canvas.dot([x, y], 6.0, "c0", &words);
                let class = if x > 300.0 { "strong e" } else { "strong" };
                let aside = if x > 300.0 { -10.0 } else { 10.0 };
                canvas.text([x + aside, (y - 12.0).max(14.0)], class, &words);
            }
        }
        let mut keys = vec![key("c1", "these probabilities"), key("dash", "the best order of the same answers")];
        keys.extend(policy.as_ref().map(|_| key("c0", "the policy")));
        let step = (risk_coverage.len() / 20).max(1);
        let picked = risk_coverage
            .iter()
            .rev()
            .step_by(step)
            .map(|point| [point.coverage, point.threshold, point.risk].map(|share| percent(Some(share))).to_vec());
        let rows = table(&["#coverage", "#from probability", "#wrong"], picked);
        let aurc = self.evaluation.aurc.map_or_else(|| "-".to_owned(), |aurc| format!("{aurc:.4}"));
        figure(canvas, &format!("Risk over coverage; area under the curve {aurc}"), &keys.concat()) + &numbers(&rows)
    }

    pub(super) fn scores(&self) -> String {
        let answers = &self.judged.answers;
        let (right, wrong): (Vec<_>, Vec<_>) =
            answers.confidence.iter().zip(&answers.right).partition(|(_, right)| **right);
        let values = |pairs: Vec<(&f64, &bool)>| pairs.into_iter().map(|(&p, _)| p).collect::<Vec<_>>();
        let threshold = self.evaluation.policy.as_ref().map(|policy| policy.threshold);
        let (up, down) = ((values(right), "c0", "right answers"), (values(wrong), "c1", "wrong answers"));
        let range = Scale { values: [0.0, 1.0], places: ACROSS };
        mirrored(range, "probability of the answer", percent_ticks, [up, down], threshold)
    }

    pub(super) fn ood(&self) -> String {
        let (Some(ood), Some(other)) = (&self.evaluation.ood, self.other) else { return String::new() };
        let (own, others) = (&self.judged.energies, &other.energies);
        let range = Scale { values: extent(own.iter().chain(others)), places: ACROSS };
        let threshold = self.evaluation.policy.as_ref().and_then(|policy| policy.energy);
        let (up, down) = ((own.clone(), "c0", &*self.evaluation.data), (others.clone(), "c3", &*ood.data));
        let mut html = mirrored(range, "energy", plain_ticks, [up, down], threshold);
        if !ood.decisions.is_empty() {
            html += &decisions(&ood.decisions);
        }
        html
    }
}

/// A bar of right answers, a mark at their mean probability, and the interval.
fn reliable(canvas: &mut Canvas, frame: &Frame, bin: &ReliabilityBin) {
    let (Some(accuracy), Some(confidence)) = (bin.accuracy, bin.confidence) else { return };
    let (x, width, top) = column(frame, bin.low, bin.high, accuracy);
    let words = format!(
        "{} right of {} answers with a mean probability of {}",
        percent(Some(accuracy)),
        bytes(bin.count),
        percent(Some(confidence))
    );
    canvas.rect([x, top, width, frame.y.places[0] - top], "c0", &words);
    let (middle, mark) = (x + width / 2.0, frame.y.at(confidence));
    canvas.line([middle, frame.y.at(bin.accuracy_low)], [middle, frame.y.at(bin.accuracy_high)], "whisker");
    canvas.line([x, mark], [x + width, mark], "mark");
}

/// Left, width and top of a column between two values.
fn column(frame: &Frame, low: f64, high: f64, value: f64) -> (f64, f64, f64) {
    let (left, right) = (frame.x.at(low) + 1.0, frame.x.at(high) - 1.0);
    (left, (right - left).max(0.5), frame.y.at(value))
}

/// The curve of a classifier that puts all its wrong answers last.
fn ideal(accuracy: f64) -> impl Iterator<Item = [f64; 2]> {
    let last = (0..=40).map(move |step| accuracy + (1.0 - accuracy) * f64::from(step) / 40.0);
    let risk = move |coverage: f64| if coverage > 0.0 { (coverage - accuracy) / coverage } else { 0.0 };
    [[0.0, 0.0]].into_iter().chain(last.map(move |coverage| [coverage, risk(coverage)]))
}

/// Values with a colour and a name.
type Group<'a> = (Vec<f64>, &'a str, &'a str);

/// Two histograms, one upwards and one downwards, in shares of their own, and a threshold.
fn mirrored(x: Scale, name: &str, tick: crate::draw::Tick, groups: [Group<'_>; 2], threshold: Option<f64>) -> String {
    let shares = groups.each_ref().map(|(values, ..)| histogram(values, x.values));
    let most = shares.iter().flatten().copied().fold(0.0, f64::max).max(1e-9) * 1.05;
    let middle = (UPWARDS[0] + UPWARDS[1]) / 2.0;
    let mut canvas = Canvas::default();
    let whole = Frame { x, y: Scale { values: [-most, most], places: UPWARDS } };
    whole.x_axis(&mut canvas, name, 6, tick);
    whole.y_axis(&mut canvas, "share of each group", 5, |value, step| percent_ticks(value.abs(), step));
    for ((shares, (values, class, words)), end) in shares.iter().zip(&groups).zip([UPWARDS[1], UPWARDS[0]]) {
        let frame = Frame { x, y: Scale { values: [0.0, most], places: [middle, end] } };
        let width = (x.values[1] - x.values[0]) / COLUMNS as f64;
        for (place, &share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let low = x.values[0] + place as f64 * width;
            let (left, width, tip) = column(&frame, low, low + width, share);
            let count = (share * values.len() as f64).round() as usize;
            let told = format!("{} of {}: {words}", bytes(count), bytes(values.len()));
            canvas.rect([left, tip.min(middle), width, (tip - middle).abs()], class, &told);
        }
    }
    canvas.line([ACROSS[0], middle], [ACROSS[1], middle], "axis");
    let mut keys: Vec<String> =
        groups.iter().map(|(values, class, words)| key(class, &format!("{words} ({})", bytes(values.len())))).collect();
    if let Some(threshold) = threshold {
        let at = x.at(threshold);
        canvas.line([at, UPWARDS[1]], [at, UPWARDS[0]], "rule");
        keys.push(key("rule", "the policy's threshold"));
    }
    let label = format!("Histograms: {} upwards, {} downwards", groups[0].2, groups[1].2);
    figure(canvas, &label, &keys.concat())
}

/// Shares of values in columns; what is no number is in the first.
fn histogram(values: &[f64], [low, high]: [f64; 2]) -> Vec<f64> {
    let mut shares = vec![0.0; COLUMNS];
    for &value in values {
        let place = ((value - low) / (high - low) * COLUMNS as f64).floor();
        shares[(place as usize).min(COLUMNS - 1)] += 1.0 / values.len() as f64;
    }
    shares
}

/// From the least to the greatest value.
fn extent<'a>(values: impl Iterator<Item = &'a f64>) -> [f64; 2] {
    let finite = values.copied().filter(|value| value.is_finite());
    let [low, high] =
        finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
    if low < high {
        [low, high]
    } else if low.is_finite() {
        [low - 0.5, low + 0.5]
    } else {
        [0.0, 1.0]
    }
}

fn unit(places: [f64; 2]) -> Scale {
    Scale { values: [0.0, 1.0], places }
}

/// A count in four letters at most.
fn compact(count: usize) -> String {
    match count {
        0..1000 => count.to_string(),
        1000..9950 => format!("{:.1}k", count as f64 / 1e3),
        9950..999_500 => format!("{:.0}k", count as f64 / 1e3),
        _ => format!("{:.0}M", count as f64 / 1e6),
    }
}

fn figure(canvas: Canvas, label: &str, keys: &str) -> String {
    format!("<figure>{}<figcaption>{keys}</figcaption></figure>\n", canvas.figure(SIZE, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_hold_every_value() {
        let shares = histogram(&[0.0, 0.5, 1.0, 2.0, -1.0, f64::NAN, f64::INFINITY, 0.999], [0.0, 1.0]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!((shares[0], shares[15], shares[29]), (0.375, 0.125, 0.5));
        assert_eq!(extent([3.0, 3.0].iter()), [2.5, 3.5]);
        assert_eq!(extent([f64::NAN].iter()), [0.0, 1.0]);
        assert_eq!(extent([1.0, f64::NAN, -2.0].iter()), [-2.0, 1.0]);
    }

    #[test]
    fn the_best_order_ends_at_the_error_of_all() {
        let points: Vec<[f64; 2]> = ideal(0.8).collect();
        assert_eq!(points[1], [0.8, 0.0]);
        assert!((points.last().expect("some")[1] - 0.2).abs() < 1e-9);
        assert!(ideal(0.0).all(|[_, risk]| (0.0..=1.0).contains(&risk)));
    }

    #[test]
    fn counts_are_short() {
        let words = [0, 999, 1000, 9949, 9950, 74_141, 1_300_000].map(compact);
        assert_eq!(words, ["0", "999", "1.0k", "9.9k", "10k", "74k", "1M"]);
    }
}
