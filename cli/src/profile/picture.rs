//! A profile as one self-contained picture.
//!
//! On top all steps of a run side by side, as wide as they take time; below a line for each operator and for each
//! step. The dark part of a bar is the time that its arithmetic would take at the core's peak. Colours follow
//! the reader's light or dark theme; more is told when the pointer rests on a bar.

use std::fmt::Write as _;

use super::{Profile, Step, percent};
use crate::draw::{Canvas, LETTER, escaped};
use crate::output;

/// Width of the picture in pixels.
const WIDTH: f64 = 1200.0;
/// Free space at its sides.
const MARGIN: f64 = 20.0;
/// Where the bars of lines begin.
const BARS: f64 = 330.0;
/// Width of the longest bar of a line.
const LONGEST: f64 = 520.0;
/// Height of a line.
const LINE: f64 = 20.0;
/// Height of the strip of all steps.
const STRIP: f64 = 56.0;
/// Operators with a colour of their own; those of less time share the last.
const COLOURS: usize = 8;
const STYLE: &str = "\
.head{font-size:18px;font-weight:600}.on{fill:#fff;pointer-events:none}
.peak{fill:#000;opacity:.35;pointer-events:none}.paper{fill:var(--paper)}.cut{stroke:var(--paper);stroke-width:.6}
.cut:hover{opacity:.75}";

/// The picture as a page.
pub fn page(title: &str, svg: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{}</title>\n<style>body{{margin:0;background:var(--paper)}}svg{{display:block;margin:auto;max-width:100%;height:auto}}</style>\n{svg}</html>\n",
        escaped(title)
    )
}

/// The picture as an image.
pub fn svg(profile: &Profile, title: &str) -> String {
    let mut drawing = Drawing { profile, canvas: Canvas::default(), y: MARGIN };
    drawing.head(title);
    drawing.strip();
    drawing.operators();
    drawing.steps();
    let height = drawing.y + MARGIN;
    drawing.canvas.image([WIDTH, height], STYLE)
}

/// What has been drawn, down to `y`.
struct Drawing<'a> {
    profile: &'a Profile,
    canvas: Canvas,
    y: f64,
}

impl Drawing<'_> {
    fn head(&mut self, title: &str) {
        let Profile { runs, total_us, macs, peak, steps, .. } = self.profile;
        self.y += 16.0;
        self.text(MARGIN, "head", title);
        self.y += 22.0;
        let rate = if *total_us > 0.0 { *macs as f64 / total_us / 1e3 } else { 0.0 };
        let line = format!(
            "{} for {} steps (medians of {runs} runs), {:.2} million MACs, {rate:.1} GMAC/s{}",
            output::time(*total_us),
            steps.len(),
            *macs as f64 / 1e6,
            peak.words().map_or_else(String::new, |peak| format!("; peak {peak}. Dark: the time at the peak."))
        );
        self.text(MARGIN, "dim num", &line);
        self.y += 14.0;
    }

    /// All steps side by side.
    fn strip(&mut self) {
        let (mut x, y) = (MARGIN, self.y);
        for step in &self.profile.steps {
            let width = step.share * (WIDTH - 2.0 * MARGIN);
            self.bar(x, y, [width, STRIP], step.op, &details(step), step.of_peak);
            if step.op.len() as f64 * LETTER < width {
                self.canvas.text([x + 4.0, y + STRIP / 2.0 + 4.0], "on", step.op);
            }
            x += width;
        }
        self.y += STRIP + 28.0;
    }

    fn operators(&mut self) {
        self.text(MARGIN, "dim", "operators");
        let longest = self.profile.operators.first().map_or(0.0, |operator| operator.share);
        for operator in &self.profile.operators {
            let numbers = format!("{} · {}", output::time(operator.time_us), percent(operator.share));
            let label = format!("{} × {}", operator.steps, operator.op);
            self.line("", &label, &numbers, operator.share / longest, (operator.op, &numbers, None));
        }
        self.y += 32.0;
    }

    fn steps(&mut self) {
        self.text(MARGIN, "dim", "steps");
        let longest = self.profile.steps.iter().map(|step| step.share).fold(0.0, f64::max);
        for step in &self.profile.steps {
            let mut numbers = format!("{} · {}", output::time(step.time_us), percent(step.share));
            if let (Some(gmacs), Some(of_peak)) = (step.gmacs, step.of_peak) {
                // Writing to a string can't fail.
                let _ = write!(numbers, " · {gmacs:.1} GMAC/s, {} of peak", percent(of_peak));
            }
            let label = format!("{} {}", step.op, output::dims(&step.shape));
            let drawn = (step.op, details(step), step.of_peak);
            self.line(&step.node.to_string(), &label, &numbers, step.share / longest, (drawn.0, &drawn.1, drawn.2));
        }
    }

    /// A number, a label, a bar and what it says.
    fn line(&mut self, number: &str, label: &str, numbers: &str, length: f64, bar: (&str, &str, Option<f64>)) {
        self.y += LINE;
        self.text(MARGIN, "dim num", number);
        self.text(MARGIN + 36.0, "", label);
        let width = if length.is_finite() { length * LONGEST } else { 0.0 };
        self.bar(BARS, self.y - 12.0, [width.max(0.5), LINE - 4.0], bar.0, bar.1, bar.2);
        self.text(BARS + width + 8.0, "dim num", numbers);
    }

    fn bar(&mut self, x: f64, y: f64, [width, height]: [f64; 2], op: &str, title: &str, peak: Option<f64>) {
        let rank = self.profile.operators.iter().position(|operator| operator.op == op).unwrap_or(COLOURS);
        let colour = rank.min(COLOURS - 1);
        self.canvas.rect([x, y, width, height], &format!("cut c{colour}"), title);
        if let Some(peak) = peak {
            let (width, inner) = (width * peak.min(1.0), height / 3.0);
            self.canvas.rect([x, y + height - inner, width, inner], "peak", "");
        }
    }

    fn text(&mut self, x: f64, class: &str, text: &str) {
        self.canvas.text([x, self.y], class, text);
    }
}

/// What is told when the pointer rests on a step.
fn details(step: &Step) -> String {
    let mut text = format!(
        "{} {}: {}\n{} {}\n{} ({} of the run)",
        step.node,
        step.op,
        step.name,
        step.dtype,
        output::dims(&step.shape),
        output::time(step.time_us),
        percent(step.share)
    );
    // Writing to a string can't fail.
    if let (Some(gmacs), Some(of_peak)) = (step.gmacs, step.of_peak) {
        let _ = write!(text, "\n{} MACs, {gmacs:.1} GMAC/s, {} of peak", step.macs, percent(of_peak));
    }
    let _ = write!(text, "\n{} bytes, {:.1} GB/s\n{}", output::bytes(step.bytes), step.gbytes, step.kernel);
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Operator, Peak};
    use super::*;

    fn profile() -> Profile {
        let step = |node, op, share: f64, of_peak: Option<f64>| Step {
            node,
            op,
            name: "a<b&\"c\"\u{1}".to_owned(),
            kernel: "conv/8x16c4/avx2".to_owned(),
            dtype: "u8",
            shape: vec![1, 8, 8, 16],
            time_us: share * 10.0,
            share,
            macs: 1000,
            gmacs: of_peak.map(|share| share * 100.0),
            of_peak,
            bytes: 2048,
            gbytes: 1.5,
        };
        let steps = vec![step(0, "conv", 0.75, Some(0.5)), step(1, "add", 0.25, None)];
        let operator = |op, share: f64| Operator { op, steps: 1, time_us: share * 10.0, share, macs: 1000 };
        let peak = Peak { int8_gmacs: Some(100.0), f32_gmacs: None };
        let operators = vec![operator("conv", 0.75), operator("add", 0.25)];
        Profile { runs: 3, total_us: 10.0, macs: 2000, peak, steps, operators }
    }

    #[test]
    fn steps_are_as_wide_as_they_take_time() {
        let svg = svg(&profile(), "t");
        for (x, width) in [(20.0, 870.0), (890.0, 290.0)] {
            assert!(svg.contains(&format!("x=\"{x:.2}\" y=\"72.0\" width=\"{width:.2}\"")), "{svg}");
        }
        // The darker part of the first: half of its width.
        assert!(svg.contains("width=\"435.00\""), "{svg}");
    }

    #[test]
    fn foreign_names_stay_text() {
        let page = page("<script>", &svg(&profile(), "<script>"));
        assert!(!page.contains("<script>") && page.contains("a&lt;b&amp;&quot;c&quot;\u{fffd}"), "{page}");
    }

    #[test]
    fn a_profile_of_nothing_is_a_picture_too() {
        let none = Profile { total_us: 0.0, macs: 0, steps: Vec::new(), operators: Vec::new(), ..profile() };
        assert!(!svg(&none, "t").contains("NaN"));
    }
}
