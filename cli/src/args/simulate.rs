//! What `dunlin simulate` takes.

use std::path::PathBuf;

use dunlin_protocol::release::Canary;
use dunlin_protocol::summary::Rollback;
use serde::Serialize;

use super::fleet::{canary, permille};

const EXAMPLES: &str = "\
Examples:
  dunlin simulate --devices 10000 --days 30 --drift at=15,share=0.2 --bad-model at=10
  dunlin simulate --devices 2000 --days 20 --bad-model at=5,kind=crash --rollout 10%,100% --json | jq .releases
  dunlin simulate --devices 2000 --days 20 --drift at=10,share=0.5,cohort=de --epsilon 2 --plot fleet.svg
  dunlin simulate --model sms.dunlin --drift at=15,share=0.1 --data fleet && dunlin serve --data fleet

Devices are what an app has, without an engine: the same code looks for updates, tries them and tells of days. The server is the one of
`dunlin serve`, without a socket, and a publisher looks at it once a day. The same --seed gives the same output.
docs/howto/simulate.md says what is made up.

Exit codes: 0 simulated, 1 something you gave is at fault, 2 wrong command line, 3 the model is damaged";

/// Of `dunlin simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SimulateArgs {
    /// What happens.
    #[command(flatten)]
    pub plan: Plan,
    /// The model that is published; its baseline says what its answers look like [default: the built-in model with a made-up baseline]
    #[arg(long, value_name = "MODEL.dunlin")]
    pub model: Option<PathBuf>,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
    /// Draw versions by day, and how sure drift is
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Keep the server's data in this folder, as if the last day were yesterday: `dunlin serve --data DIR` shows it
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// What happens in a simulation.
#[derive(Clone, Debug, PartialEq, Serialize, clap::Args)]
pub struct Plan {
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub devices: u32,
    /// For how many days
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub days: u32,
    /// What chance follows from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// From day `at` on, counted from 0, a share of all inputs, or of one cohort's (de, en, fr), is of another kind
    #[arg(long, value_name = "at=15,share=0.2[,cohort=de]", value_parser = drift)]
    pub drift: Option<Drift>,
    /// On day `at` a bad release is published: it finds other classes (agreement), ends the program (crash), leaves too much to others (fallback), is
    /// slow (latency), can't be loaded (load) or computes something else (golden); so many days after it was taken back a repaired one follows
    #[arg(long, value_name = "at=10[,kind=agreement][,repair=1]", value_parser = bad_model)]
    pub bad_model: Option<BadModel>,
    /// The shares of devices that releases go to, step by step
    #[arg(long, value_name = "SHARES", default_value = "5%,25%,100%", value_parser = steps)]
    pub rollout: Steps,
    /// Days between two steps
    #[arg(long, value_name = "DAYS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=30))]
    pub soak: u32,
    /// What releases must show on a device; as for `dunlin publish`
    #[arg(long, value_name = "inputs=20,agreement=0.8,fallback=0.5,latency=200", default_value = "inputs=20", value_parser = canary)]
    pub canary: Canary,
    /// How many inputs a device has a day
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub inputs: u32,
    /// What a device's summary of a day reveals, 0.01 to 10
    #[arg(long, value_name = "EPSILON", default_value_t = 4.0, value_parser = epsilon)]
    pub epsilon: f64,
    /// Of how many metrics a summary tells, each with its part of epsilon
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=11))]
    pub metrics: u32,
    /// The share of requests that are lost, half of them on the way back
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = permille)]
    pub loss: u16,
    /// The share of sessions in which the program ends amid its work, between any two effects
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = permille)]
    pub restarts: u16,
    /// The share of devices that are away once, for two to ten days
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = permille)]
    pub offline: u16,
    /// The share of devices that lie: half of them tell made-up bins, the others always the same
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = permille)]
    pub poisoned: u16,
}

/// Inputs of another kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// The first day.
    pub at: u32,
    /// The share of inputs.
    pub share: f64,
    /// Whose; everyone's without.
    pub cohort: Option<String>,
}

/// A release that is bad.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BadModel {
    /// The day on which it is published.
    pub at: u32,
    /// What devices find.
    pub kind: Rollback,
    /// Days between its end and the repaired release.
    pub repair: u32,
}

/// Shares of devices in thousandths: they rise, and the last is everyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Steps(pub Vec<u16>);

/// What may be wrong with a bad release.
const KINDS: [Rollback; 6] =
    [Rollback::Agreement, Rollback::Crash, Rollback::Fallback, Rollback::Latency, Rollback::Load, Rollback::Golden];

/// The cohorts that devices are in.
pub const LOCALES: [&str; 3] = ["de", "en", "fr"];

fn drift(text: &str) -> Result<Drift, String> {
    let pairs = Pairs::parse(text, &["at", "share", "cohort"])?;
    let share = pairs.needed("share", "0.2 for a fifth of all inputs")?;
    let share = share.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    let cohort = pairs.get("cohort").map(|cohort| match LOCALES.contains(&cohort) {
        true => Ok(cohort.to_owned()),
        false => Err(format!("cohort: devices are in {}; give one of these, or leave it out", LOCALES.join(", "))),
    });
    Ok(Drift {
        at: day(pairs.needed("at", "15 for the day on which it begins")?)?,
        share: share.ok_or("share: give a number above 0, and 1 at most, such as 0.2")?,
        cohort: cohort.transpose()?,
    })
}

fn bad_model(text: &str) -> Result<BadModel, String> {
    let pairs = Pairs::parse(text, &["at", "kind", "repair"])?;
    let kind = pairs.get("kind").unwrap_or("agreement");
    let unknown = || format!("kind: give one of {}", KINDS.map(Rollback::name).join(", "));
    Ok(BadModel {
        at: day(pairs.needed("at", "10 for the day on which it is published")?)?,
        kind: KINDS.into_iter().find(|known| known.name() == kind).ok_or_else(unknown)?,
        repair: pairs.get("repair").map_or(Ok(1), |days| {
            days.parse()
                .ok()
                .filter(|days| (1..=365).contains(days))
                .ok_or("repair: give days, 1 to 365, such as repair=1")
        })?,
    })
}

fn day(text: &str) -> Result<u32, String> {
    let day = text.parse().ok().filter(|day| (1..365).contains(day));
    day.ok_or_else(|| "at: give a day, 1 to 364, such as at=15; the first day is 0".to_owned())
}

fn steps(text: &str) -> Result<Steps, String> {
    let steps: Vec<u16> = text.split(',').map(|share| permille(share.trim())).collect::<Result<_, _>>()?;
    let rise = steps.windows(2).all(|pair| pair[0] < pair[1]) && steps.first().is_some_and(|&first| first > 0);
    if rise && steps.last() == Some(&1000) {
        Ok(Steps(steps))
    } else {
        Err("shares rise from above 0% to 100%, such as 5%,25%,100%".to_owned())
    }
}

fn epsilon(text: &str) -> Result<f64, String> {
    let wrong = || "expected a number from 0.01 to 10".to_owned();
    text.parse().ok().filter(|epsilon| (0.01..=10.0).contains(epsilon)).ok_or_else(wrong)
}

/// `key=value` after `key=value`, each key once.
struct Pairs<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Pairs<'a> {
    fn parse(text: &'a str, known: &[&str]) -> Result<Self, String> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for part in text.split(',') {
            let Some((key, value)) = part.split_once('=') else {
                return Err(format!(
                    "'{part}' has no '='; give {}, with commas between",
                    known.join("=..., ") + "=..."
                ));
            };
            if !known.contains(&key) {
                return Err(format!("there is no '{key}' here; known are {}", known.join(", ")));
            }
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(format!("{key}: it is there twice; give it once"));
            }
            pairs.push((key, value));
        }
        Ok(Self(pairs))
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    fn needed(&self, key: &str, example: &str) -> Result<&'a str, String> {
        self.get(key).ok_or_else(|| format!("{key}: it is missing; give {key}={example}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_and_bad_models_are_read() {
        let everyone = Drift { at: 15, share: 0.2, cohort: None };
        assert_eq!(drift("at=15,share=0.2"), Ok(everyone.clone()));
        assert_eq!(drift("cohort=de,share=0.2,at=15"), Ok(Drift { cohort: Some("de".to_owned()), ..everyone }));
        assert_eq!(bad_model("at=10"), Ok(BadModel { at: 10, kind: Rollback::Agreement, repair: 1 }));
        let slow = BadModel { at: 1, kind: Rollback::Latency, repair: 5 };
        assert_eq!(bad_model("at=1,repair=5,kind=latency"), Ok(slow));
        assert_eq!(steps("5%, 25%,100%"), Ok(Steps(vec![50, 250, 1000])));
        assert_eq!(steps("100%"), Ok(Steps(vec![1000])));
    }

    #[test]
    fn what_is_wrong_names_its_key() {
        for (text, key) in [
            ("", "'='"),
            ("at", "'at'"),
            ("at=15", "share"),
            ("share=0.2", "at"),
            ("at=x,share=0.2", "at"),
            ("at=0,share=0.2", "at"),
            ("at=365,share=0.2", "at"),
            ("at=1,share=0", "share"),
            ("at=1,share=1.1", "share"),
            ("at=1,share=NaN", "share"),
            ("at=1,share=0.2,cohort=xx", "cohort"),
            ("at=1,at=2,share=0.2", "at"),
            ("at=1,share=0.2,speed=1", "'speed'"),
        ] {
            let error = drift(text).expect_err(text);
            assert!(error.contains(key), "{text}: {error}");
        }
        for (text, key) in
            [("kind=crash", "at"), ("at=1,kind=withdrawn", "kind"), ("at=1,kind=", "kind"), ("at=1,repair=0", "repair")]
        {
            let error = bad_model(text).expect_err(text);
            assert!(error.contains(key), "{text}: {error}");
        }
        for text in ["", "0%,100%", "5%", "25%,5%,100%", "5%,5%,100%", "5,100%"] {
            assert!(steps(text).is_err(), "{text}");
        }
    }
}
