//! Pictures as SVG: shapes, axes, and the colours of a light and of a dark page.

mod axes;

use std::fmt::Write as _;

pub use axes::{Frame, Scale, Tick, percent_ticks, plain_ticks};

/// Colours, which follow the reader's theme, and the look of text.
pub const THEME: &str = "\
:root{--paper:#fff;--ink:#1c2128;--dim:#5d6570;--line:#d5d9e0;--faint:#f3f5f8;\
--c0:#2f6fde;--c1:#c9561c;--c2:#2c8a57;--c3:#a243b5;--c4:#9a7610;--c5:#c23b5e;--c6:#17868f;--c7:#7d7f87}
@media (prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e4e8ee;--dim:#9aa3b0;--line:#363c46;--faint:#1d2128;\
--c0:#5b93f5;--c1:#e58653;--c2:#4db07c;--c3:#c377d3;--c4:#cfab3c;--c5:#e26a88;--c6:#43adb6;--c7:#949ca8}}
svg text{font:12px ui-sans-serif,system-ui,sans-serif;fill:var(--ink)}
.dim{color:var(--dim)}svg .dim{fill:var(--dim)}.num{font-variant-numeric:tabular-nums}svg .e{text-anchor:end}svg .m{text-anchor:middle}
.c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}.c5{fill:var(--c5)}.c6{fill:var(--c6)}.c7{fill:var(--c7)}
";

/// About the width of a letter, to know whether a word fits.
pub const LETTER: f64 = 7.0;

/// Shapes that have been drawn.
#[derive(Debug, Default)]
pub struct Canvas {
    body: String,
}

// Writing to a string can't fail: what `write!` gives is left.
impl Canvas {
    /// A line of text; classes `e` and `m` put its end or its middle at `x`.
    pub fn text(&mut self, [x, y]: [f64; 2], class: &str, text: &str) {
        let _ = writeln!(self.body, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
    }

    /// A line of text that runs upwards from a point; class `m` puts its middle there.
    pub fn upwards(&mut self, [x, y]: [f64; 2], class: &str, text: &str) {
        let _ = writeln!(
            self.body,
            "<text class=\"{class}\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\">{}</text>",
            escaped(text)
        );
    }

    /// A rectangle: left, top, width, height. The title is told when the pointer rests on it.
    pub fn rect(&mut self, [x, y, width, height]: [f64; 4], class: &str, title: &str) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x:.2}\" y=\"{y:.1}\" width=\"{width:.2}\" height=\"{height:.1}\""
        );
        self.end("rect", title);
    }

    /// A rectangle of which the paper shows through as much as `opacity` lacks to 1.
    pub fn shade(&mut self, [x, y, width, height]: [f64; 4], class: &str, opacity: f64, title: &str) {
        let _ = write!(
            self.body,
            "<rect class=\"{class}\" fill-opacity=\"{opacity:.3}\" x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\""
        );
        self.end("rect", title);
    }

    /// A dot around a point.
    pub fn dot(&mut self, [x, y]: [f64; 2], radius: f64, class: &str, title: &str) {
        let _ = write!(self.body, "<circle class=\"{class}\" cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius}\"");
        self.end("circle", title);
    }

    /// A straight line.
    pub fn line(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], class: &str) {
        let _ = writeln!(
            self.body,
            "<line class=\"{class}\" x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\"/>"
        );
    }

    /// A line through points.
    pub fn path(&mut self, points: impl IntoIterator<Item = [f64; 2]>, class: &str) {
        let points: Vec<String> = points.into_iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// The inside of a line that ends where it began.
    pub fn area(&mut self, points: impl IntoIterator<Item = [f64; 2]>, class: &str) {
        let points: Vec<String> = points.into_iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(self.body, "<polygon class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    /// The picture, to be part of a page: `label` says in words what it shows.
    pub fn figure(self, [width, height]: [f64; 2], label: &str) -> String {
        format!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
            escaped(label),
            self.body
        )
    }

    /// The picture by itself: on paper, with a style.
    pub fn image(self, [width, height]: [f64; 2], style: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n\
             <style>{THEME}{style}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n{}</svg>\n",
            self.body
        )
    }

    fn end(&mut self, element: &str, title: &str) {
        let _ = match title {
            "" => writeln!(self.body, "/>"),
            title => writeln!(self.body, "><title>{}</title></{element}>", escaped(title)),
        };
    }
}

/// Text that XML takes: names come from foreign files.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // XML has no way to write these.
            c if (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            // These turn what follows them around, beyond the name's end.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The beginning of a name that is longer than `letters`.
pub fn beginning(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        assert_eq!(
            escaped("<b a=\"&\">\u{1}\u{202e}\u{ffff}ü\n"),
            "&lt;b a=&quot;&amp;&quot;&gt;\u{fffd}\u{fffd}\u{fffd}ü\n"
        );
        let mut canvas = Canvas::default();
        canvas.text([0.0; 2], "", "</text><script>");
        canvas.rect([0.0; 4], "", "\"><script>");
        let svg = canvas.figure([1.0; 2], "\"onload=\"");
        assert!(!svg.contains("<script>") && !svg.contains("\"onload"), "{svg}");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(beginning("äöü", 3), "äöü");
        assert_eq!(beginning("äöüß", 3), "äö…");
    }
}
