//! Licences of everything that this workspace is built from, by the lists in deny.toml.
//!
//! `cargo deny check` reads the same lists and knows more (advisories, sources); this check needs no installation.

use crate::workspace::{self, Package};
use crate::{Outcome, verdict};
use spdx::{Expression, ParseMode};
use std::collections::BTreeMap;
use std::error::Error;
use toml::{Table, Value};

/// Checks each dependency's licence expression.
pub fn run() -> Outcome {
    let policy = Policy::read(&std::fs::read_to_string(workspace::root().join("deny.toml"))?)?;
    let packages = workspace::packages()?;
    let others = packages.iter().filter(|p| !p.ours);
    let complaints = others.filter_map(|p| policy.complaint(p)).collect();
    verdict(complaints, "every dependency has a licence that deny.toml allows")
}

/// Licences that are allowed everywhere, and those that are allowed for one crate.
struct Policy {
    allowed: Vec<String>,
    exceptions: BTreeMap<String, Vec<String>>,
}

impl Policy {
    fn read(document: &str) -> Result<Self, Box<dyn Error>> {
        let document: Table = document.parse()?;
        let licences = document.get("licenses").ok_or("deny.toml has no [licenses]")?;
        let exceptions = licences.get("exceptions").and_then(Value::as_array);
        let exceptions = exceptions
            .into_iter()
            .flatten()
            .filter_map(|e| Some((e.get("crate")?.as_str()?.into(), strings(e.get("allow")))));
        Ok(Self { allowed: strings(licences.get("allow")), exceptions: exceptions.collect() })
    }

    fn complaint(&self, package: &Package) -> Option<String> {
        let (name, version) = (&package.name, &package.version);
        let Some(licence) = &package.licence else {
            return Some(format!("{name} {version} names no licence"));
        };
        let Ok(expression) = Expression::parse_mode(licence, ParseMode::LAX) else {
            return Some(format!("{name} {version} has a licence that can't be read: {licence}"));
        };
        let exception = self.exceptions.get(name).map_or(&[][..], Vec::as_slice);
        let fine = expression.evaluate(|requirement| {
            let found = requirement.to_string();
            self.allowed.iter().chain(exception).any(|allowed| *allowed == found)
        });
        (!fine).then(|| format!("{name} {version} is under {licence}, which deny.toml doesn't allow"))
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let values = value.and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "
        [licenses]
        allow = ['MIT', 'Apache-2.0']
        exceptions = [{ crate = 'letters', allow = ['Unicode-3.0'] }]";

    #[test]
    fn reads_expressions_and_exceptions() {
        let policy = Policy::read(POLICY).expect("the policy above is well-formed");
        for (name, licence, fine) in [
            ("a", Some("MIT"), true),
            ("a", Some("MIT/Apache-2.0"), true),
            ("a", Some("GPL-3.0-only OR MIT"), true),
            ("a", Some("MIT AND GPL-3.0-only"), false),
            ("a", Some("Apache-2.0 WITH LLVM-exception OR MIT"), true),
            ("a", Some("Apache-2.0 WITH LLVM-exception"), false),
            ("a", Some("Unicode-3.0"), false),
            ("letters", Some("(MIT OR Apache-2.0) AND Unicode-3.0"), true),
            ("a", Some("do as you like"), false),
            ("a", None, false),
        ] {
            let licence = licence.map(Into::into);
            let package =
                Package { name: name.into(), version: "1.0.0".into(), licence, dependencies: Vec::new(), ours: false };
            assert_eq!(policy.complaint(&package).is_none(), fine, "{package:?}");
        }
    }
}
