//! The page around figures and tables.

use std::fmt::Write as _;

use crate::draw::{THEME, escaped};

/// A page that grows by sections.
#[derive(Debug)]
pub struct Page {
    title: String,
    head: String,
    links: String,
    body: String,
}

// Writing to a string can't fail: what `write!` gives is left.
impl Page {
    /// A title alone.
    pub fn new(title: &str) -> Self {
        Self { title: escaped(title), head: String::new(), links: String::new(), body: String::new() }
    }

    /// What stands under the title.
    pub fn lead(&mut self, words: &str) {
        let _ = writeln!(self.head, "<p class=\"dim\">{}</p>", escaped(words));
    }

    /// Names, numbers, and what is to be said of them.
    pub fn tiles(&mut self, tiles: &[[String; 3]]) {
        self.head += "<dl class=\"tiles\">\n";
        for [name, value, note] in tiles.iter().map(|tile| tile.each_ref().map(|text| escaped(text))) {
            let _ = writeln!(
                self.head,
                "<div><dt>{name}</dt><dd><span class=\"value\">{value}</span><span class=\"dim\">{note}</span></dd></div>"
            );
        }
        self.head += "</dl>\n";
    }

    /// A section: its name in links, its heading, a sentence, and HTML.
    pub fn section(&mut self, id: &str, heading: &str, words: &str, html: &str) {
        let (heading, words) = (escaped(heading), escaped(words));
        let _ = write!(self.links, "<a href=\"#{id}\">{heading}</a> ");
        let _ = writeln!(
            self.body,
            "<section id=\"{id}\" aria-labelledby=\"{id}-h\"><h2 id=\"{id}-h\">{heading}</h2>\n<p class=\"dim\">{words}</p>\n{html}</section>"
        );
    }

    /// The whole page.
    pub fn end(self) -> String {
        let Self { title, head, links, body } = self;
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"><meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
             <title>{title}</title>\n<style>\n{THEME}{STYLE}</style></head>\n<body>\n<header><h1>{title}</h1>\n{head}<nav aria-label=\"Sections\">{links}</nav></header>\n\
             <main>\n{body}</main>\n</body></html>\n"
        )
    }
}

/// Nothing is fetched and nothing runs, whatever names and texts may contain.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

const STYLE: &str = "\
*{box-sizing:border-box}html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1180px;padding:24px 20px 60px;background:var(--paper);color:var(--ink);font:15px/1.5 ui-sans-serif,system-ui,sans-serif}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:19px;margin:0}p{margin:4px 0 12px;max-width:80ch;overflow-wrap:anywhere}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;padding:10px 0;border-block:1px solid var(--line)}a{color:var(--c0)}
:focus-visible{outline:2px solid var(--c0);outline-offset:2px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0}
.tiles div{background:var(--faint);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
dt{font-size:13px}dd{margin:0;font-size:12px}.value{display:block;font-size:24px;font-weight:600;line-height:1.3;font-variant-numeric:tabular-nums}
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:22px;margin-top:22px;align-items:start;grid-auto-flow:dense}
section{border:1px solid var(--line);border-radius:12px;padding:16px 18px;min-width:0;scroll-margin-top:12px}
#confusion,#cohorts,#odds,section:has(td.text){grid-column:1/-1}
figure{margin:0}svg{display:block;max-width:100%;height:auto;margin:auto}.wide svg{max-width:none;margin:0 auto}
figcaption{font-size:13px;margin-top:8px}.key{display:inline-block;width:12px;height:12px;border-radius:3px;margin:0 6px 0 8px;vertical-align:-1px}
.key:first-child{margin-left:0}.key.c0{background:var(--c0)}.key.c1{background:var(--c1)}.key.c3{background:var(--c3)}
.key.mark{background:var(--ink);height:3px;vertical-align:3px}.key.dash{border-top:2px dashed var(--dim);height:0;border-radius:0;width:18px;vertical-align:3px}
.key.rule{background:var(--c5);width:3px;border-radius:0}
.scroll{overflow-x:auto}details{margin-top:10px}summary{cursor:pointer;font-size:13px;color:var(--dim)}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}th,td{padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}td.n,th.n{text-align:right;white-space:nowrap}td.text{max-width:60ch;overflow-wrap:anywhere;white-space:pre-wrap}
.grid{stroke:var(--line);stroke-width:1;opacity:.7}.axis{stroke:var(--dim);stroke-width:1}.dash{stroke:var(--dim);stroke-width:1.5;stroke-dasharray:5 4;fill:none}
.rule{stroke:var(--c5);stroke-width:1.5}.rule.dash{stroke:var(--c5)}.mark{stroke:var(--ink);stroke-width:2.5}.whisker{stroke:var(--ink);stroke-width:1;opacity:.65}
.curve{stroke:var(--c1);stroke-width:2;fill:none}.under{fill:var(--c1);opacity:.12}.faint{fill:var(--c7);opacity:.45}
.hollow{fill:var(--paper);stroke-width:2}.hollow.c0{fill:var(--paper);stroke:var(--c0)}.hollow.c1{fill:var(--paper);stroke:var(--c1)}
.pair{stroke-width:2;stroke:var(--dim)}svg .on{fill:var(--paper)}svg .strong{font-weight:600}svg .small{font-size:9px}svg .tiny{font-size:7.5px}
.frame{fill:none;stroke:var(--line)}rect.c0:hover,rect.c1:hover,rect.c3:hover,rect.faint:hover{stroke:var(--ink);stroke-width:1}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{:root{--paper:#fff;--ink:#000;--dim:#444;--line:#ccc;--faint:#fff}body{max-width:none;padding:0;font-size:12px}nav,details{display:none}
main{display:block}section{break-inside:avoid;border:0;padding:8px 0}.wide svg{max-width:100%}.scroll{overflow:visible}*{print-color-adjust:exact}}
";
