//! What must not stand in the tree.

use crate::{Outcome, verdict, workspace};
use std::path::Path;

/// Looks through the sources and the documents.
pub fn run() -> Outcome {
    let root = workspace::root();
    let mut complaints = Vec::new();
    for path in workspace::files("rs")? {
        let place = path.strip_prefix(&root).unwrap_or(&path);
        complaints.extend(source(place, &std::fs::read_to_string(&path)?));
    }
    for path in workspace::files("md")? {
        let place = path.strip_prefix(&root).unwrap_or(&path);
        complaints.extend(dead_links(&root, place, &std::fs::read_to_string(&path)?));
    }
    verdict(complaints, "no unfinished code, no stray unsafe, no dead link")
}

/// Unfinished code, and unsafe code outside of its one room.
fn source(path: &Path, text: &str) -> Vec<String> {
    let may_be_unsafe = path.starts_with("runtime/kernels");
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let unfinished = UNFINISHED.iter().any(|word| has_word(code, word));
        let stray = !may_be_unsafe && UNSAFE.iter().any(|word| has_word(code, word));
        if unfinished || stray {
            let what = if unfinished { "unfinished code" } else { "unsafe outside of runtime/kernels" };
            complaints.push(format!("{}:{}: {what}: {}", path.display(), number + 1, line.trim()));
        }
    }
    complaints
}

/// Whether `word` stands in `code` where a word can begin, and not in a literal that begins right before it.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '"')
    })
}

const UNFINISHED: [&str; 3] = ["todo!(", "unimplemented!(", "dbg!("];
const UNSAFE: [&str; 4] = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];

/// Links to files of the repository that aren't there.
fn dead_links(root: &Path, document: &Path, text: &str) -> Vec<String> {
    let folder = document.parent().unwrap_or(Path::new(""));
    let dead = links(text).filter(|target| !root.join(folder).join(target).exists());
    dead.map(|target| format!("{}: no such file: {target}", document.display())).collect()
}

/// Targets of `[text](target)`, without those that lie elsewhere and without anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let own = targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
    own.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_has_one_room() {
        let code = &["fn f() {\n    uns", "afe { g() }\n}\n"].concat();
        assert_eq!(source(Path::new("runtime/kernels/src/a.rs"), code).len(), 0);
        assert_eq!(source(Path::new("runtime/engine/src/a.rs"), code).len(), 1);
        assert_eq!(source(Path::new("cli/src/a.rs"), "// unsafe { g() }\nlet unsafely = 1;").len(), 0);
    }

    #[test]
    fn finds_unfinished_code() {
        let code = ["todo", "dbg"].map(|name| format!("    {name}!(1);\n")).concat();
        assert_eq!(source(Path::new("runtime/kernels/src/a.rs"), &code).len(), 2);
    }

    #[test]
    fn links_are_relative_and_without_anchors() {
        let text = "[a](b.md#c) [d](https://e.org/f) [g](#h) ![i](j/k.png)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["b.md", "j/k.png"]);
    }
}
