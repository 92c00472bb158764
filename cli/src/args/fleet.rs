//! What the user may ask of a fleet's repository.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand};

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
