//! Tables of a page.

use std::fmt::Write as _;

use super::super::record::{DecisionCount, Evaluation, Mistake};
use super::super::show::{percent, words};
use super::{Report, numbers};
use crate::draw::escaped;
use crate::output::bytes;

/// From so many classes on their table is folded.
const MANY: usize = 20;

/// Columns whose name begins with a hash are of numbers.
pub fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let number = |column: usize| columns.get(column).is_some_and(|name| name.starts_with('#'));
    let mut html = "<table><thead><tr>".to_owned();
    // Writing to a string can't fail.
    for (place, column) in columns.iter().enumerate() {
        let class = if number(place) { " class=\"n\"" } else { "" };
        let _ = write!(html, "<th scope=\"col\"{class}>{}</th>", escaped(column.trim_start_matches('#')));
    }
    html += "</tr></thead><tbody>\n";
    for row in rows {
        html += "<tr>";
        for (place, cell) in row.iter().enumerate() {
            let class = match number(place) {
                true => " class=\"n\"",
                false if columns.get(place) == Some(&"text") => " class=\"text\"",
                false => "",
            };
            let _ = write!(html, "<td{class}>{}</td>", escaped(cell));
        }
        html += "</tr>\n";
    }
    html + "</tbody></table>\n"
}

/// What a policy makes of samples.
pub fn decisions(counts: &[DecisionCount]) -> String {
    let row = |count: &DecisionCount| vec![words(count), bytes(count.samples), percent(count.share)];
    table(&["decision", "#samples", "#share"], counts.iter().map(row))
}

/// A share with its interval.
fn between(share: Option<f64>, low: f64, high: f64) -> String {
    match share {
        Some(_) => format!("{} ({:.1} to {:.1})", percent(share), low * 100.0, high * 100.0),
        None => percent(None),
    }
}

impl Report<'_> {
    pub(super) fn decisions(&self) -> String {
        let Some(policy) = &self.evaluation.policy else { return String::new() };
        let mut html = decisions(&policy.decisions);
        if let (Some(coverage), Some(size)) = (policy.set_coverage, policy.set_size) {
            html += &format!(
                "<p>Prediction sets hold the true class in {} ({} wanted) and have {size:.2} classes on average.</p>\n",
                percent(Some(coverage)),
                percent(Some(1.0 - policy.alpha))
            );
        }
        html
    }

    pub(super) fn classes(&self) -> String {
        let Evaluation { classes, .. } = self.evaluation;
        let row = |class: &super::super::record::ClassResult| {
            vec![
                class.label.clone(),
                bytes(class.samples as usize),
                between(class.recall, class.recall_low, class.recall_high),
                bytes(class.answers as usize),
                between(class.precision, class.precision_low, class.precision_high),
            ]
        };
        let all = table(&["class", "#samples", "#recall", "#answers", "#precision"], classes.iter().map(row));
        if classes.len() > MANY {
            return numbers(&all);
        }
        format!("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Classes\">{all}</div>\n")
    }

    pub(super) fn mistakes(&self) -> String {
        let mistakes = &self.evaluation.mistakes;
        if mistakes.is_empty() {
            return "<p>There are none.</p>\n".to_owned();
        }
        let texts = mistakes.iter().any(|mistake| mistake.text.is_some());
        let mut columns = vec!["sample", "class", "answer", "#probability"];
        let policy = self.evaluation.policy.is_some();
        columns.extend(policy.then_some("decision"));
        columns.extend(texts.then_some("text"));
        let row = |mistake: &Mistake| {
            let mut row = vec![
                mistake.sample.clone(),
                mistake.label.clone(),
                mistake.answer_label.clone(),
                percent(Some(mistake.probability)),
            ];
            row.extend(mistake.decision.filter(|_| policy).map(str::to_owned));
            row.extend(mistake.text.clone());
            row
        };
        let all = table(&columns, mistakes.iter().map(row));
        format!("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Worst mistakes\">{all}</div>\n")
    }
}
