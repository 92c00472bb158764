//! The record for people, in a terminal.

use std::io::Write;

use super::record::{CurvePoint, DecisionCount, Evaluation, GapResult};
use crate::error::CliError;
use crate::output::{self, bytes};
use crate::table::{self, Align, Table};

/// The most classes whose confusion matrix is shown, and the most lines of other tables.
const SHOWN: usize = 20;

/// Width of a bar.
const BAR: usize = 30;

/// Coverages at which the risk is shown.
const COVERAGES: [f64; 7] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0];

impl Evaluation {
    /// Which head was measured, where that is a question.
    pub(super) fn of_head(&self) -> String {
        self.head.as_ref().map_or_else(String::new, |head| format!(", head '{head}',"))
    }

    /// Writes tables.
    ///
    /// # Errors
    /// [`CliError::Stdout`].
    pub fn show(&self, out: &mut dyn Write) -> Result<(), CliError> {
        writeln!(out, "{}{} on {}: {} samples", self.model, self.of_head(), self.data, bytes(self.samples))?;
        let interval = format!("({} to {})", percent(Some(self.accuracy_low)), percent(Some(self.accuracy_high)));
        writeln!(out, "  accuracy           {} {interval}", percent(self.accuracy))?;
        writeln!(out, "  calibration error  {}", percent(self.calibration_error))?;
        writeln!(out, "  AURC               {}", self.aurc.map_or_else(none, |aurc| format!("{aurc:.4}")))?;
        let (p50, p90) = (output::time(self.p50_us), output::time(self.p90_us));
        writeln!(out, "  time               {p50} (p50), {p90} (p90) on {}", self.kernels)?;
        writeln!(out, "\nreliability: of answers with a probability, how many are right (│ their mean probability)")?;
        write!(out, "{}", self.reliability_bars())?;
        writeln!(out, "\nrisk: how many are wrong when only the most probable answers are given")?;
        write!(out, "{}", self.risks())?;
        self.show_policy(out)?;
        if !self.cohorts.is_empty() {
            writeln!(out, "\ncohorts")?;
            write!(out, "{}", self.cohort_table())?;
            writeln!(out, "\nequalized odds: the largest gaps between cohorts (* their intervals don't overlap)")?;
            write!(out, "{}", self.gaps())?;
        }
        if let Some(ood) = &self.ood {
            writeln!(out, "\nout of distribution: {}, {} samples", ood.data, bytes(ood.samples))?;
            let auroc = ood.auroc.map_or_else(none, |auroc| format!("{auroc:.4}"));
            writeln!(out, "  AUROC of the energy  {auroc}")?;
            if !ood.decisions.is_empty() {
                write!(out, "{}", decisions(&ood.decisions))?;
            }
        }
        writeln!(out, "\nclasses")?;
        if self.classes.len() <= SHOWN {
            writeln!(out, "{}rows are true classes, columns answers", self.matrix())?;
        } else {
            writeln!(out, "{}", self.worst_classes())?;
            write!(out, "{}", self.confused())?;
        }
        Ok(())
    }

    fn show_policy(&self, out: &mut dyn Write) -> Result<(), CliError> {
        let Some(policy) = &self.policy else { return Ok(()) };
        writeln!(out, "\npolicy: answers from a probability of {} on", percent(Some(policy.threshold)))?;
        writeln!(out, "  coverage           {}", percent(policy.coverage))?;
        let interval = format!("({} to {})", percent(Some(policy.error_low)), percent(Some(policy.error_high)));
        let allowed = percent(Some(policy.alpha));
        writeln!(out, "  error              {} {interval}, {allowed} allowed", percent(policy.error))?;
        if let (Some(coverage), Some(size)) = (policy.set_coverage, policy.set_size) {
            let wanted = percent(Some(1.0 - policy.alpha));
            writeln!(
                out,
                "  prediction sets    hold the class in {}, {wanted} wanted; {size:.2} classes each",
                percent(Some(coverage))
            )?;
        }
        write!(out, "{}", decisions(&policy.decisions))?;
        Ok(())
    }

    fn reliability_bars(&self) -> Table {
        let mut table = Table::new(&[
            ("probability", Align::Right),
            ("answers", Align::Right),
            ("right", Align::Right),
            ("", Align::Left),
        ]);
        for bin in self.reliability.iter().filter(|bin| bin.count > 0) {
            let range = format!("{:.1} - {:.1} %", bin.low * 100.0, bin.high * 100.0);
            let bar = marked(bin.accuracy.unwrap_or(0.0), bin.confidence.unwrap_or(0.0));
            table.row([range, bytes(bin.count), percent(bin.accuracy), bar]);
        }
        table
    }

    fn risks(&self) -> Table {
        let mut table = Table::new(&[
            ("coverage", Align::Right),
            ("from probability", Align::Right),
            ("wrong", Align::Right),
            ("", Align::Left),
        ]);
        let worst = self.risk_coverage.iter().map(|point| point.risk).fold(0.0, f64::max);
        let reached = |coverage: f64| self.risk_coverage.iter().find(|point| point.coverage >= coverage - 1e-9);
        let mut last = 0.0;
        for CurvePoint { threshold, coverage, risk } in COVERAGES.into_iter().filter_map(reached) {
            if *coverage > last {
                let bar = table::bar(if worst > 0.0 { (risk / worst) as f32 } else { 0.0 }, BAR);
                table.row([percent(Some(*coverage)), percent(Some(*threshold)), percent(Some(*risk)), bar]);
                last = *coverage;
            }
        }
        table
    }

    fn cohort_table(&self) -> Table {
        let (left, right) = (Align::Left, Align::Right);
        let mut columns = vec![
            ("cohort", left),
            ("samples", right),
            ("accuracy", right),
            ("95 % interval", right),
            ("cal. error", right),
            ("AURC", right),
        ];
        if self.policy.is_some() {
            columns.extend([("coverage", right), ("error", right)]);
        }
        let mut table = Table::new(&columns);
        for cohort in &self.cohorts {
            let interval = format!("{} to {}", percent(Some(cohort.accuracy_low)), percent(Some(cohort.accuracy_high)));
            table.row([
                cohort.cohort.clone(),
                bytes(cohort.samples),
                percent(cohort.accuracy),
                interval,
                percent(cohort.calibration_error),
                cohort.aurc.map_or_else(none, |aurc| format!("{aurc:.4}")),
                percent(cohort.coverage),
                percent(cohort.error),
            ]);
        }
        table
    }

    fn gaps(&self) -> Table {
        let (left, right) = (Align::Left, Align::Right);
        let columns = [("gap", right), ("", left), ("class", left), ("", left), ("lowest", left), ("highest", left)];
        let mut table = Table::new(&columns);
        let mut gaps: Vec<(&str, &str, &GapResult)> = Vec::new();
        for odds in &self.equalized_odds {
            gaps.extend(odds.true_positive.as_ref().map(|gap| (&*odds.label, "recognized", gap)));
            gaps.extend(odds.false_positive.as_ref().map(|gap| (&*odds.label, "mistaken for it", gap)));
        }
        gaps.sort_by(|(.., a), (.., b)| b.gap.total_cmp(&a.gap));
        for (label, what, GapResult { gap, clear, low, high }) in gaps.into_iter().take(SHOWN) {
            table.row([
                percent(Some(*gap)),
                if *clear { "*" } else { "" }.to_owned(),
                label.to_owned(),
                what.to_owned(),
                format!("{} {}", percent(low.rate), low.cohort),
                format!("{} {}", percent(high.rate), high.cohort),
            ]);
        }
        table
    }

    /// Recall, precision and confusions of few classes.
    fn matrix(&self) -> Table {
        let names: Vec<String> = self.classes.iter().map(|class| class.label.chars().take(10).collect()).collect();
        let right = Align::Right;
        let mut columns = vec![("class", Align::Left), ("samples", right), ("recall", right), ("precision", right)];
        columns.extend(names.iter().map(|name| (name.as_str(), right)));
        let mut table = Table::new(&columns);
        for (class, row) in self.classes.iter().zip(&self.confusion) {
            let [recall, precision] = [class.recall, class.precision].map(percent);
            let cells = [class.label.clone(), class.samples.to_string(), recall, precision];
            table
                .row(cells.into_iter().chain(row.iter().map(|&n| if n == 0 { "·".to_owned() } else { n.to_string() })));
        }
        table
    }

    /// Those of many classes that are recognized least.
    fn worst_classes(&self) -> Table {
        let (left, right) = (Align::Left, Align::Right);
        let columns = [("class", left), ("samples", right), ("recall", right), ("precision", right)];
        let mut table = Table::new(&columns);
        let mut classes: Vec<_> = self.classes.iter().filter_map(|class| Some((class.recall?, class))).collect();
        classes.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        for (_, class) in classes.into_iter().take(SHOWN) {
            let [recall, precision] = [class.recall, class.precision].map(percent);
            table.row([class.label.clone(), class.samples.to_string(), recall, precision]);
        }
        table
    }

    /// The most frequent confusions of many classes.
    fn confused(&self) -> Table {
        let mut table = Table::new(&[("confused", Align::Right), ("class", Align::Left), ("answer", Align::Left)]);
        for (n, truth, answer) in self.confusions().into_iter().take(SHOWN) {
            table.row([n.to_string(), self.classes[truth].label.clone(), self.classes[answer].label.clone()]);
        }
        table
    }

    /// How often a class got another as answer, the most frequent first.
    pub(super) fn confusions(&self) -> Vec<(u64, usize, usize)> {
        let mut wrong: Vec<(u64, usize, usize)> = Vec::new();
        for (truth, row) in self.confusion.iter().enumerate() {
            let others = row.iter().enumerate().filter(|&(answer, &n)| n > 0 && answer != truth);
            wrong.extend(others.map(|(answer, &n)| (n, truth, answer)));
        }
        wrong.sort_by_key(|&(n, truth, answer)| (std::cmp::Reverse(n), truth, answer));
        wrong
    }
}

fn decisions(counts: &[DecisionCount]) -> Table {
    let mut table = Table::new(&[("decision", Align::Left), ("samples", Align::Right), ("share", Align::Right)]);
    for count in counts {
        table.row([words(count), bytes(count.samples), percent(count.share)]);
    }
    table
}

/// A decision with its reason.
pub(super) fn words(count: &DecisionCount) -> String {
    count.reason.map_or_else(|| count.decision.to_owned(), |reason| format!("{}: {reason}", count.decision))
}

/// A bar with a mark.
fn marked(share: f64, mark: f64) -> String {
    let place = ((mark.clamp(0.0, 1.0) * BAR as f64) as usize).min(BAR - 1);
    let bar = table::bar(share as f32, BAR);
    bar.chars().enumerate().map(|(at, c)| if at == place { '│' } else { c }).collect()
}

/// A share for people.
pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(none, |share| format!("{:.2} %", share * 100.0))
}

fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_a_mark() {
        assert_eq!(marked(0.5, 0.75).chars().position(|c| c == '│'), Some(22));
        assert_eq!(marked(0.5, 0.75).chars().filter(|&c| c == '█').count(), 15);
        assert_eq!(marked(1.0, 1.0).chars().count(), BAR);
        assert_eq!(marked(0.0, f64::NAN).chars().position(|c| c == '│'), Some(0));
    }
}
