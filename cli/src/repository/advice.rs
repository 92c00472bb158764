//! What a server has noticed, and the command by which its publisher acts on it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::Path;

use dunlin_protocol::hex::Hash;
use dunlin_protocol::tuf;
use serde::Serialize;
use serde_json::Value;

use super::{Listed, Releases, Server};
use crate::error::CliError;

/// An alert, and what to do.
#[derive(Debug, Serialize)]
pub struct Advice {
    /// The model's name and version, as they are published.
    pub model: String,
    pub version: u32,
    /// What isn't as it was, and of whom; nobody in particular where it is empty.
    pub metric: String,
    pub cohort: String,
    /// The last of so many suspect windows in a row.
    pub day: String,
    pub windows: u64,
    /// The share of answers that moved to other bins.
    pub moved: f64,
    /// The step that is advised.
    pub action: Action,
    /// What takes it; none where there is nothing more to be done by a command.
    pub command: Option<String>,
}

/// Steps, each more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// See what changed.
    Alert,
    /// Let devices ask the cloud more often.
    RaiseFallback,
    /// Give the release to nobody else.
    Hold,
    /// Go back to the release before.
    RollBack,
}

impl Action {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Alert => "look at what changed",
            Self::RaiseFallback => "let devices ask the cloud more often: calibrate with recent labels, and publish",
            Self::Hold => "hold the rollout",
            Self::RollBack => "go back to the version before",
        }
    }
}

/// Days whose alerts are told.
const DAYS: u32 = 7;

/// The newest alert of each model, metric and cohort of the last days, the gravest first. What is of no release that is listed is left out.
///
/// # Errors
/// [`CliError::Upload`].
pub fn advice(server: &Server<'_>, releases: &Releases, repository: &Path) -> Result<Vec<Advice>, CliError> {
    let answer = server.get(&format!("/v1/alerts?days={DAYS}"))?;
    let mut told = BTreeSet::new();
    let mut all = Vec::new();
    // The newest day comes first.
    for alert in answer["alerts"].as_array().into_iter().flatten() {
        let Some(model) = alert["model"].as_str().and_then(Hash::parse) else { continue };
        let Some(listed) = releases.all().find(|listed| listed.sha256 == model) else { continue };
        if told.insert((model.to_string(), alert["metric"].to_string(), alert["cohort"].to_string())) {
            all.extend(Advice::of(alert, listed, releases, server.url, repository));
        }
    }
    all.sort_by_key(|advice| Reverse(advice.action));
    Ok(all)
}

impl Advice {
    /// None for an alert of another kind than this command knows.
    fn of(alert: &Value, listed: &Listed, releases: &Releases, url: &str, repository: &Path) -> Option<Self> {
        let action = serde_json::from_value(alert["action"].clone()).ok()?;
        let pairs = alert["cohort"].as_object()?.iter();
        let cohort: Vec<String> =
            pairs.map(|(key, value)| format!("{key}:{}", value.as_str().unwrap_or_default())).collect();
        let seconds = alert["day"].as_u64()?.checked_mul(86_400)?;
        let mut advice = Self {
            model: listed.release.model.clone(),
            version: listed.release.version,
            metric: plain(alert["metric"].as_str()?),
            cohort: plain(&cohort.join(",")),
            day: tuf::format_time(seconds).chars().take(10).collect(),
            windows: alert["windows"].as_u64()?,
            moved: alert["moved"].as_f64()?,
            action,
            command: None,
        };
        advice.command = advice.command(listed, releases, url, &quoted(&repository.to_string_lossy()));
        Some(advice)
    }

    /// `hold` and `rollback` are of a model's newest release.
    fn command(&self, listed: &Listed, releases: &Releases, url: &str, repository: &str) -> Option<String> {
        let of_model = releases.of_model(&self.model);
        let newest = of_model.last().is_some_and(|newest| newest.sha256 == listed.sha256);
        let on = format!("--repository {repository} --keys KEYS --server {}", quoted(url));
        let model = &self.model;
        match self.action {
            Action::Alert => None,
            Action::RaiseFallback => Some(format!("dunlin calibrate {model}.dunlin --data labelled.csv")),
            Action::Hold if newest && !listed.release.rollout.held => Some(format!("dunlin hold {model} {on}")),
            Action::RollBack if newest && of_model.len() > 1 => {
                let reason = quoted(&format!("{} moved", self.metric));
                Some(format!("dunlin rollback {model} --reason {reason} {on}"))
            }
            Action::Hold | Action::RollBack => None,
        }
    }
}

/// Without what would move a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let usual = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(usual) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more_than_one() {
        for (text, expected) in [
            ("repository/", "repository/"),
            ("my models", "'my models'"),
            ("it's", "'it'\\''s'"),
            ("", "''"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
