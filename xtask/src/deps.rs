//! The arrows between crates: what ARCHITECTURE.md draws is what the manifests have.

use crate::workspace::{self, Package};
use crate::{Outcome, verdict};
use std::collections::BTreeSet;

/// Compares the table in ARCHITECTURE.md with the manifests.
pub fn run() -> Outcome {
    let document = std::fs::read_to_string(workspace::root().join("ARCHITECTURE.md"))?;
    let packages = workspace::packages()?;
    verdict(complaints(&read_table(&document), &packages), "the crates' arrows are those of ARCHITECTURE.md")
}

/// A row of the table: a crate and what it may import.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    ours: BTreeSet<String>,
    /// `None`: any.
    others: Option<BTreeSet<String>>,
}

/// The rows below the heading that [`HEADING`] gives. Names stand between backticks; `any` frees a column.
fn read_table(document: &str) -> Vec<Row> {
    let below = document.lines().skip_while(|line| !line.starts_with(HEADING)).skip(2);
    below.take_while(|line| line.starts_with('|')).filter_map(read_row).collect()
}

const HEADING: &str = "| crate | may import of ours | may import of others |";

fn read_row(line: &str) -> Option<Row> {
    let mut columns = line.trim_matches('|').split('|');
    let (name, ours, others) = (columns.next()?, columns.next()?, columns.next()?);
    let any = others.split_whitespace().next() == Some("any");
    Some(Row {
        name: code_spans(name).next()?,
        ours: code_spans(ours).collect(),
        others: (!any).then(|| code_spans(others).collect()),
    })
}

fn code_spans(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(Into::into)
}

fn complaints(table: &[Row], packages: &[Package]) -> Vec<String> {
    let ours: Vec<&Package> = packages.iter().filter(|p| p.ours).collect();
    let known = |name: &str| ours.iter().any(|p| p.name == name);
    let mut complaints: Vec<String> = Vec::new();
    for row in table.iter().filter(|row| !known(&row.name)) {
        complaints.push(format!("ARCHITECTURE.md has a row for {}, which is no crate of this workspace", row.name));
    }
    for package in &ours {
        match table.iter().find(|row| row.name == package.name) {
            Some(row) => complaints.extend(arrows(row, package, known)),
            None => complaints.push(format!("ARCHITECTURE.md's dependency table has no row for {}", package.name)),
        }
    }
    complaints
}

/// What a crate imports and mustn't. Tests may use any crate of others, but none of ours that the table doesn't allow.
fn arrows(row: &Row, package: &Package, known: impl Fn(&str) -> bool) -> Vec<String> {
    let wrong = package.dependencies.iter().filter(|dependency| {
        let name = &dependency.name;
        if known(name) {
            return !row.ours.contains(name);
        }
        !dependency.dev && row.others.as_ref().is_some_and(|others| !others.contains(name))
    });
    wrong
        .map(|d| format!("{} imports {}, which ARCHITECTURE.md's dependency table doesn't allow", package.name, d.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    const TABLE: &str = "\
text
| crate | may import of ours | may import of others |
|---|---|---|
| `low` | nothing | `half`, `libm` |
| `high` | `low` | any |

| `other` | table | here |
";

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependency = |&(name, dev): &(&str, bool)| Dependency { name: name.into(), dev };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package { name: name.into(), version: "1.0.0".into(), licence: None, dependencies, ours: true }
    }

    #[test]
    fn reads_names_between_backticks() {
        let table = read_table(TABLE);
        assert_eq!(table.len(), 2);
        assert_eq!(table[0].others, Some(["half", "libm"].map(String::from).into()));
        assert_eq!((&table[1].ours, &table[1].others), (&["low".to_string()].into(), &None));
    }

    #[test]
    fn allows_the_arrows_of_the_table_and_any_crate_in_tests() {
        let low = package("low", &[("half", false), ("proptest", true)]);
        let high = package("high", &[("low", false), ("tract-onnx", false)]);
        assert_eq!(complaints(&read_table(TABLE), &[low, high]), Vec::<String>::new());
    }

    #[test]
    fn rejects_other_arrows_even_in_tests() {
        let low = package("low", &[("tract-onnx", false), ("high", true)]);
        let found = complaints(&read_table(TABLE), &[low, package("high", &[])]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn wants_one_row_for_each_crate() {
        let found = complaints(&read_table(TABLE), &[package("low", &[]), package("new", &[])]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn this_workspace_keeps_to_its_table() -> Outcome {
        run()
    }
}
