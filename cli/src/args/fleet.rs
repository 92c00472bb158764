//! What the user may ask of a fleet's repository.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueEnum};
use dunlin_protocol::release::{Canary, is_model};
use dunlin_protocol::tuf::Role;

const KEYS_EXAMPLES: &str = "\
Examples:
  dunlin keys init --dir keys/
  dunlin keys rotate timestamp --dir keys/ --repository repository/

A key is a file of PKCS #8 in PEM, readable by its owner alone, one for each role: root, targets, snapshot, timestamp. Keep that of the root
where no machine on the network reads it. Devices trust a new key because the root says so, and a new root because the old one signed it.

Exit codes: 0 done, 1 a file is there already or the repository isn't sound, 2 wrong command line";

const PUBLISH_EXAMPLES: &str = "\
Examples:
  dunlin publish sms.dunlin --repository repository/ --keys keys/ --model sms_spam --rollout 5% \\
      --canary inputs=50,agreement=0.8,fallback=0.5,latency=200
  dunlin publish sms.dunlin --repository repository/ --keys keys/ --model sms_spam --rollout 100% --cohort de --notes 'new words'
  dunlin publish sms.dunlin ... --server https://fleet.example.org --token \"$TOKEN\"

The repository is a folder of static files for any web server: metadata/ and targets/. The first publication makes it; devices begin with its
metadata/1.root.json. A release gets the model's next version, and patches from the last two where these are short.

Exit codes: 0 published, 1 something you gave is at fault, 2 wrong command line, 3 the model is damaged";

const PROMOTE_EXAMPLES: &str = "\
Examples:
  dunlin promote sms_spam --rollout 25% --repository repository/ --keys keys/
  dunlin promote sms_spam --rollout 100% --repository repository/ --keys keys/

Devices that have the release keep it whatever happens to the share; 'dunlin rollback' takes it back from them.

Exit codes: 0 published, 1 something you gave is at fault, 2 wrong command line";

const HOLD_EXAMPLES: &str = "\
Examples:
  dunlin hold sms_spam --repository repository/ --keys keys/

No further device gets the newest release until it is promoted; those that have it keep it.

Exit codes: 0 published, 1 something you gave is at fault, 2 wrong command line";

const ROLLBACK_EXAMPLES: &str = "\
Examples:
  dunlin rollback sms_spam --reason 'too many false alarms' --repository repository/ --keys keys/
  dunlin rollback sms_spam --to 3 --reason 'wrong labels' --repository repository/ --keys keys/

Releases after that version are no longer listed, and devices go back to it. Their numbers aren't given again.

Exit codes: 0 published, 1 something you gave is at fault, 2 wrong command line";

const REFRESH_EXAMPLES: &str = "\
Examples:
  dunlin refresh --repository repository/ --keys keys/

Signs snapshot and timestamp anew, before their time is over: daily, from a timer. Targets and root are signed anew as well when a month is
left and their keys are in the folder.

Exit codes: 0 signed, 1 something you gave is at fault, 2 wrong command line";

const STATUS_EXAMPLES: &str = "\
Examples:
  dunlin status --repository repository/
  dunlin status --repository repository/ --json | jq .releases
  dunlin status --repository repository/ --server https://fleet.example.org --token \"$TOKEN\"

With a server its alerts are shown as well, each with the step that it advises and the command that takes it. The server itself has no keys.

Exit codes: 0 shown, 1 no sound repository, 2 wrong command line";

/// Of `dunlin keys`.
#[derive(Debug, clap::Args)]
#[command(after_help = KEYS_EXAMPLES)]
pub struct KeysArgs {
    /// What is to be done.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What is to be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Makes a key for each role
    #[command(after_help = KEYS_EXAMPLES)]
    Init {
        /// The folder for the keys; made if it isn't there
        #[arg(long, value_name = "KEYS")]
        dir: PathBuf,
    },
    /// Gives a role a new key, and publishes that
    #[command(after_help = KEYS_EXAMPLES)]
    Rotate {
        /// The role
        #[arg(value_enum)]
        role: RoleArg,
        /// The folder with the keys
        #[arg(long, value_name = "KEYS")]
        dir: PathBuf,
        /// The repository
        #[arg(long, value_name = "DIR")]
        repository: PathBuf,
        /// Where it is uploaded to.
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// A role that has a key.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum RoleArg {
    /// Says who has the other roles.
    Root,
    /// Vouches for models.
    Targets,
    /// Says which versions belong together.
    Snapshot,
    /// Says what is newest.
    Timestamp,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Root => Self::Root,
            RoleArg::Targets => Self::Targets,
            RoleArg::Snapshot => Self::Snapshot,
            RoleArg::Timestamp => Self::Timestamp,
        }
    }
}

/// Which repository, and who signs.
#[derive(Debug, clap::Args)]
pub struct RepositoryArgs {
    /// The repository, a folder
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
    /// The folder with the keys
    #[arg(long, value_name = "KEYS")]
    pub keys: PathBuf,
    /// Where it is uploaded to.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// To which server a repository goes.
#[derive(Debug, clap::Args)]
pub struct ServerArgs {
    /// A server of `dunlin serve`: what is published is uploaded to it
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The publisher's token for it [default: the variable DUNLIN_TOKEN]
    #[arg(long, value_name = "TOKEN", requires = "server")]
    pub token: Option<String>,
}

/// Of `dunlin publish`.
#[derive(Debug, clap::Args)]
#[command(after_help = PUBLISH_EXAMPLES)]
pub struct PublishArgs {
    /// The artifact
    #[arg(value_name = "MODEL.dunlin")]
    pub artifact: PathBuf,
    /// Which repository, and who signs.
    #[command(flatten)]
    pub repository: RepositoryArgs,
    /// The model's name in the fleet: up to 64 of `a-z`, `0-9`, `_` and `-`
    #[arg(long, value_name = "NAME", value_parser = model_name)]
    pub model: String,
    /// The share of devices that get it, such as 5% or 0.5%
    #[arg(long, value_name = "SHARE", value_parser = permille)]
    pub rollout: u16,
    /// What it must show on a device, beside the model before it, to be kept: the number of inputs, the least share of same answers, the
    /// largest share of inputs without one, and the milliseconds that 95 of 100 may take at most
    #[arg(long, value_name = "inputs=50,agreement=0.8,fallback=0.5,latency=200", value_parser = canary)]
    pub canary: Option<Canary>,
    /// Only devices in this cohort; may be repeated
    #[arg(long = "cohort", value_name = "NAME", action = ArgAction::Append)]
    pub cohorts: Vec<String>,
    /// What is new, for people
    #[arg(long, value_name = "TEXT")]
    pub notes: Option<String>,
}

/// Of `dunlin promote`.
#[derive(Debug, clap::Args)]
#[command(after_help = PROMOTE_EXAMPLES)]
pub struct PromoteArgs {
    /// The model
    #[arg(value_name = "NAME", value_parser = model_name)]
    pub model: String,
    /// The share of devices that get its newest release from now on
    #[arg(long, value_name = "SHARE", value_parser = permille)]
    pub rollout: u16,
    /// Which repository, and who signs.
    #[command(flatten)]
    pub repository: RepositoryArgs,
}

/// Of `dunlin hold`.
#[derive(Debug, clap::Args)]
#[command(after_help = HOLD_EXAMPLES)]
pub struct HoldArgs {
    /// The model
    #[arg(value_name = "NAME", value_parser = model_name)]
    pub model: String,
    /// Which repository, and who signs.
    #[command(flatten)]
    pub repository: RepositoryArgs,
}

/// Of `dunlin rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = ROLLBACK_EXAMPLES)]
pub struct RollbackArgs {
    /// The model
    #[arg(value_name = "NAME", value_parser = model_name)]
    pub model: String,
    /// The version to go back to [default: the one before the newest]
    #[arg(long, value_name = "VERSION")]
    pub to: Option<u32>,
    /// Why, for people
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Which repository, and who signs.
    #[command(flatten)]
    pub repository: RepositoryArgs,
}

/// Of `dunlin refresh`.
#[derive(Debug, clap::Args)]
#[command(after_help = REFRESH_EXAMPLES)]
pub struct RefreshArgs {
    /// Which repository, and who signs.
    #[command(flatten)]
    pub repository: RepositoryArgs,
}

/// Of `dunlin status`.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArgs {
    /// The repository, a folder
    #[arg(long, value_name = "DIR")]
    pub repository: PathBuf,
    /// Whose alerts are shown.
    #[command(flatten)]
    pub server: ServerArgs,
    /// One JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

fn model_name(text: &str) -> Result<String, String> {
    if is_model(text) { Ok(text.to_owned()) } else { Err("a name has 1 to 64 of a-z, 0-9, _ and -".to_owned()) }
}

/// `5%` or `0.5%`, as thousandths.
pub(super) fn permille(text: &str) -> Result<u16, String> {
    let wrong = || "a share has a percent sign and at most one digit after the point, such as 5% or 0.5%".to_owned();
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, tenth) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if whole.is_empty() || tenth.len() != 1 || !digits(whole) || !digits(tenth) {
        return Err(wrong());
    }
    let permille = whole.parse::<u16>().ok().and_then(|whole| whole.checked_mul(10)?.checked_add(tenth.parse().ok()?));
    permille.filter(|&permille| permille <= 1000).ok_or_else(|| "a share is at most 100%".to_owned())
}

pub(super) fn canary(text: &str) -> Result<Canary, String> {
    let mut canary = Canary { inputs: 50, agreement: 0.8, fallback: 0.5, latency_ms: 200 };
    for part in text.split(',') {
        let wrong = || {
            format!(
                "'{part}' is none of inputs=N, agreement=SHARE, fallback=SHARE, latency=MILLISECONDS, in their ranges"
            )
        };
        let (name, value) = part.split_once('=').ok_or_else(wrong)?;
        let share = || value.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(wrong);
        let count = |most| value.parse().ok().filter(|count| (1..=most).contains(count)).ok_or_else(wrong);
        match name {
            "inputs" => canary.inputs = count(10_000)?,
            "agreement" => canary.agreement = share()?,
            "fallback" => canary.fallback = share()?,
            "latency" => canary.latency_ms = count(u32::MAX)?,
            _ => return Err(wrong()),
        }
    }
    Ok(canary)
}

/// Of `dunlin tuf-client`.
#[derive(Debug, clap::Args)]
pub struct TufClientArgs {
    /// The folder in which trusted metadata lies
    #[arg(long, value_name = "DIR")]
    pub metadata_dir: PathBuf,
    /// The address of the repository's metadata
    #[arg(long, value_name = "URL", default_value = "")]
    pub metadata_url: String,
    /// A target to fetch; may be repeated
    #[arg(long = "target-name", value_name = "PATH", action = ArgAction::Append)]
    pub target_names: Vec<String>,
    /// The address of the repository's targets
    #[arg(long, value_name = "URL", default_value = "")]
    pub target_base_url: String,
    /// The folder for targets
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub target_dir: PathBuf,
    /// What is to be done.
    #[command(subcommand)]
    pub action: TufAction,
}

/// What a client of The Update Framework is to do.
#[derive(Debug, Subcommand)]
pub enum TufAction {
    /// Begins with a trusted root
    Init {
        /// The root
        root: PathBuf,
    },
    /// Brings metadata up to date
    Refresh,
    /// Brings metadata up to date and fetches targets
    Download,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percent() {
        for (text, expected) in
            [("5%", Some(50)), ("0.5%", Some(5)), ("100%", Some(1000)), ("0%", Some(0)), ("99.9%", Some(999))]
        {
            assert_eq!(permille(text).ok(), expected, "{text}");
        }
        for text in ["", "5", "%", "0.05%", "101%", "100.1%", "-5%", "+5%", "5%%", "5.%", ".5%", "99999999999%"] {
            assert!(permille(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_canary_has_what_it_is_given_and_else_the_usual() {
        let usual = Canary { inputs: 50, agreement: 0.8, fallback: 0.5, latency_ms: 200 };
        assert_eq!(canary("inputs=50"), Ok(usual));
        let given = Canary { inputs: 10, agreement: 1.0, fallback: 0.0, latency_ms: 5 };
        assert_eq!(canary("inputs=10,agreement=1,fallback=0,latency=5"), Ok(given));
        for text in ["", "inputs", "inputs=0", "inputs=10001", "agreement=1.1", "agreement=NaN", "latency=0", "speed=1"]
        {
            assert!(canary(text).is_err(), "{text}");
        }
    }
}
