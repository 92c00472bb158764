//! What the user may ask of the cloud.

use clap::ValueEnum;
use dunlin_protocol::oip::Consent;

/// Whether, where and how a model server is asked when the decision is to fall back.
#[derive(Clone, Debug, clap::Args)]
pub struct CloudArgs {
    /// Ask this model server (Open Inference Protocol) when the model isn't sure enough: `https://models.example.org`; may be repeated for others that
    /// are asked when the first is late or down. A token is taken from the variable DUNLIN_CLOUD_TOKEN
    #[arg(long = "cloud", value_name = "URL", requires = "cloud_model")]
    pub servers: Vec<String>,
    /// The model's name there
    #[arg(long, value_name = "NAME", requires = "servers")]
    pub cloud_model: Option<String>,
    /// What may be sent there
    #[arg(long, value_enum, default_value_t = ConsentArg::None)]
    pub consent: ConsentArg,
    /// How many milliseconds an answer may take
    #[arg(long, value_name = "MS", default_value_t = 3000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub cloud_deadline: u64,
}

/// How much of an input may leave this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ConsentArg {
    /// Nothing
    None,
    /// What the model made of it, its logits
    Features,
    /// The text or the picture
    Input,
}

impl From<ConsentArg> for Consent {
    fn from(arg: ConsentArg) -> Self {
        match arg {
            ConsentArg::None => Self::None,
            ConsentArg::Features => Self::Features,
            ConsentArg::Input => Self::Input,
        }
    }
}
