//! What `dunlin serve` takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ArgAction;
use clap::builder::PossibleValuesParser;
use dunlin_server::Cloud;

const EXAMPLES: &str = "\
Examples:
  dunlin serve --data fleet
  dunlin serve --data fleet --listen 0.0.0.0:8750 --tls-cert chain.pem --tls-key key.pem
  dunlin serve --data fleet --cloud spam=large.onnx --cloud pictures=https://triton.example.org/v2
  dunlin serve --data fleet --new-token reviewer --name anna

The first start makes the folder and shows a token for devices, one for a publisher and one for a reviewer; only their digests are kept.
docs/howto/server.md says what the folder holds and how a model that answers questions is described.

Exit codes: 0 stopped, 1 it can't start with what you gave, 2 wrong command line";

/// Of `dunlin serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// The folder that holds everything the server knows
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where it listens; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8750")]
    pub listen: SocketAddr,
    /// Makes a token, shows it once, and ends; a server that runs knows it at once
    #[arg(long, value_name = "ROLE", value_parser = PossibleValuesParser::new(["device", "publisher", "reviewer"]))]
    pub new_token: Option<String>,
    /// What the token is called; reviewers are told apart by it
    #[arg(long, value_name = "NAME", requires = "new_token")]
    pub name: Option<String>,
    /// Certificate chain for TLS, as PEM; leave TLS to a proxy without
    #[arg(long, value_name = "FILE.pem", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE.pem", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Devices need no token
    #[arg(long)]
    pub anonymous: bool,
    /// A proxy of yours tells each client's address in X-Forwarded-For
    #[arg(long)]
    pub behind_proxy: bool,
    /// Requests per second of one client, in the long run; 0 for as many as it likes
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub rate: u32,
    /// Days for which summaries, alerts and reviews are kept
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub retain: u32,
    /// A folder or a bucket for segments of summaries; credentials are in the variables of the store's own tools, such as
    /// AWS_ACCESS_KEY_ID [default: segments in the data folder]
    #[arg(long, value_name = "DIR|s3://BUCKET/DIR|gs://BUCKET/DIR|az://CONTAINER/DIR")]
    pub segments: Option<String>,
    /// Summaries of one segment; a smaller one is written after an hour
    #[arg(long, value_name = "N", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub segment_rows: u32,
    /// A model that answers questions: an ONNX file, or another server of the Open Inference Protocol; may be repeated
    #[arg(long, value_name = "NAME=MODEL.onnx|NAME=URL", value_parser = cloud, action = ArgAction::Append)]
    pub cloud: Vec<Cloud>,
    /// Milliseconds within which a question must be answered
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    pub deadline: u64,
    /// The repository's first root.json [default: that of the first publication]
    #[arg(long, value_name = "root.json")]
    pub root: Option<PathBuf>,
    /// How much is told on standard error
    #[arg(long, value_enum, default_value_t = LogArg::Events)]
    pub log: LogArg,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogArg {
    /// What must be repaired
    Trouble,
    /// Also when it starts, stops, takes a publication or raises an alert
    Events,
    /// Also each request
    Requests,
}

fn cloud(text: &str) -> Result<Cloud, String> {
    let (name, source) = text.split_once('=').ok_or("give NAME=MODEL.onnx or NAME=https://other/v2")?;
    if !dunlin_server::is_name(name) {
        return Err("a model's name has letters, digits, '-', '_' and '.', at most 64 of them".to_owned());
    }
    Ok(Cloud { name: name.to_owned(), source: source.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_named() {
        let named = cloud("spam=models/large.onnx").expect("a model");
        assert_eq!((named.name.as_str(), named.source.as_str()), ("spam", "models/large.onnx"));
        assert_eq!(cloud("a=https://b/v2?c=d").map(|cloud| cloud.source), Ok("https://b/v2?c=d".to_owned()));
        for text in ["model.onnx", "=x", "a/b=x", ".=x"] {
            assert!(cloud(text).is_err(), "{text}");
        }
    }
}
