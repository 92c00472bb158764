//! The record as one page that needs nothing else: no network, no script. Made to be looked at, in light and in
//! dark, by keyboard and on paper.

mod cohorts;
mod matrix;
mod page;
mod plots;
mod tables;

use super::judged::Judged;
use super::record::Evaluation;
use super::show::percent;
use crate::draw::escaped;
use crate::output::{self, bytes};

/// What a report is about.
#[derive(Debug)]
pub struct Report<'a> {
    /// What was measured.
    pub evaluation: &'a Evaluation,
    /// The samples behind it.
    pub judged: &'a Judged,
    /// Samples of another kind.
    pub other: Option<&'a Judged>,
}

impl Report<'_> {
    /// The page.
    pub fn html(&self) -> String {
        let Evaluation { model, data, kernels, samples, unreadable, cohorts, ood, .. } = self.evaluation;
        let of_head = self.evaluation.of_head();
        let mut page = page::Page::new(&format!("{}{of_head} on {}", name(model), name(data)));
        let left_out =
            if *unreadable > 0 { format!(", {} couldn't be read", bytes(*unreadable)) } else { String::new() };
        page.lead(&format!("{model}{of_head} on {data}: {} samples{left_out}; {kernels}", bytes(*samples)));
        page.tiles(&self.tiles());
        page.section("reliability", "Reliability", RELIABILITY, &self.reliability());
        page.section("risk", "Risk and coverage", RISK, &self.risk());
        page.section("scores", "Probabilities of right and of wrong answers", SCORES, &self.scores());
        if ood.is_some() {
            page.section("ood", "Out of distribution", OOD, &self.ood());
        }
        if self.evaluation.policy.is_some() {
            page.section("decisions", "Decisions", DECISIONS, &self.decisions());
        }
        page.section("confusion", "Confusion", CONFUSION, &self.confusion());
        page.section("classes", "Classes", CLASSES, &self.classes());
        if !cohorts.is_empty() {
            page.section("cohorts", "Cohorts", COHORTS, &self.cohorts());
            page.section("odds", "Equalized odds", ODDS, &self.odds());
        }
        page.section("mistakes", "Worst mistakes", MISTAKES, &self.mistakes());
        page.end()
    }

    /// A name, a number and what is to be said of it, for what is looked at first.
    fn tiles(&self) -> Vec<[String; 3]> {
        let evaluation = self.evaluation;
        let range = |low: f64, high: f64| format!("{} to {}", percent(Some(low)), percent(Some(high)));
        let tile = |name: &str, value: String, note: String| [name.to_owned(), value, note];
        let aurc = evaluation.aurc.map_or_else(|| "-".to_owned(), |aurc| format!("{aurc:.4}"));
        let mut tiles = vec![
            tile("accuracy", percent(evaluation.accuracy), range(evaluation.accuracy_low, evaluation.accuracy_high)),
            tile("calibration error", percent(evaluation.calibration_error), "expected, 15 bins".to_owned()),
            tile("AURC", aurc, "mean risk over all coverages".to_owned()),
        ];
        if let Some(policy) = &evaluation.policy {
            let from = format!("from a probability of {}", percent(Some(policy.threshold)));
            tiles.push(tile("coverage", percent(policy.coverage), from));
            let allowed = format!("{} allowed", percent(Some(policy.alpha)));
            tiles.push(tile("error", percent(policy.error), allowed));
        }
        if let Some(ood) = &evaluation.ood {
            let auroc = ood.auroc.map_or_else(|| "-".to_owned(), |auroc| format!("{auroc:.4}"));
            tiles.push(tile("AUROC", auroc, "energy, out of distribution".to_owned()));
        }
        let p90 = format!("{} for nine of ten", output::time(evaluation.p90_us));
        tiles.push(tile("time", output::time(evaluation.p50_us), p90));
        tiles
    }
}

/// The last part of a path.
fn name(path: &str) -> &str {
    path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A swatch of a colour with its meaning.
fn key(class: &str, words: &str) -> String {
    format!("<span class=\"key {class}\"></span>{} ", escaped(words))
}

/// Tables that may be looked at.
fn numbers(table: &str) -> String {
    format!(
        "<details><summary>Numbers</summary><div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Numbers\">{table}</div></details>\n"
    )
}

const RELIABILITY: &str = "Of answers with a probability, how many are right? Bars on the dashed line mean that the probabilities are to be believed. \
    Below is how many answers there are of each probability.";
const RISK: &str = "When only the most probable answers are given, how many of these are wrong? The lower the curve, the better do the probabilities tell \
    right answers from wrong ones.";
const DECISIONS: &str = "What the policy in the artifact makes of these samples.";
const SCORES: &str = "Where answers stand, in shares of the right ones (upwards) and of the wrong ones (downwards).";
const CONFUSION: &str =
    "Rows are true classes, columns answers. The stronger a cell's colour, the larger its share of the row.";
const CLASSES: &str = "Recall is the share of a class's samples that were recognized, precision the share of its answers that are right, with 95 % intervals.";
const COHORTS: &str = "Dots are shares, whiskers their 95 % intervals (Wilson), the line is that of all samples.";
const ODDS: &str = "How unlike cohorts are served with a class: from the cohort with the lowest to the one with the highest share, of the class's samples that were \
    recognized and of other samples that were taken for it. A filled pair has intervals that don't overlap.";
const OOD: &str = "The energy of scores is high where nothing speaks for any class. Upwards are the labelled data, downwards the others.";
const MISTAKES: &str = "Wrong answers, the most probable first: wrong labels, often, or what the model doesn't see.";
