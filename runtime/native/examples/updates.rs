//! Classifies lines of text, and keeps the classifier up to date meanwhile.

use std::error::Error;
use std::io::{BufRead, stdin};
use std::path::{Path, PathBuf};

use dunlin_client::Context;
use dunlin_engine::Limits;
use dunlin_native::{Ask, Client, Http, ModelFile, Options};
use dunlin_protocol::summary::Cohort;
use dunlin_sync::{Conditions, Config, Floor, When};
use dunlin_sync::{drift, fallback};

const USAGE: &str = "updates FOLDER MODEL.dunlin VERSION NAME ROOT.json REPOSITORY
  FOLDER          the client's own folder
  MODEL.dunlin    the model that the app ships, and its VERSION
  NAME            the model's name in the repository
  ROOT.json       the root of trust that the app ships
  REPOSITORY      the repository's address, such as http://127.0.0.1:8750/repository
Reads texts from standard input, a line each; an empty line looks for updates.";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, model, version, name, root, repository] = arguments.as_slice() else {
        println!("{USAGE}");
        return Ok(());
    };
    let client = Client::open(Options {
        folder: PathBuf::from(folder),
        factory: ModelFile::open(Path::new(model))?,
        config: Config {
            model: name.clone(),
            factory: version.parse()?,
            repository: repository.clone(),
            root: std::fs::read(root)?,
            floor: Floor::default(),
            cohorts: Vec::new(),
            runtime: 1,
            build: env!("CARGO_PKG_VERSION").into(),
            interval: 24 * 60 * 60 * 1000,
            when: When::default(),
        },
        cloud: fallback::Config::default(),
        drift: drift::Settings::default(),
        cohort: Cohort::default(),
        limits: Limits::default(),
        transport: Box::new(Http::new()),
        conditions: Box::new(Conditions::default),
        events: Box::new(|event| println!("  {event:?}")),
    })?;
    for line in stdin().lock().lines() {
        let line = line?;
        if line.is_empty() {
            client.check();
            continue;
        }
        let answer = client.classify(Ask::Text(&line), &Context::default())?;
        let label = answer.label.unwrap_or_else(|| answer.class.to_string());
        println!("{} {label} {:.3} (version {})", answer.outcome.name(), answer.probability, answer.version);
    }
    Ok(())
}
