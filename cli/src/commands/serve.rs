//! `dunlin serve`: one server for a fleet.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use dunlin_server::{Config, Level, NewToken, Role, Server, StartError, Tls};
use tokio::runtime::{Builder, Runtime};

use crate::args::{LogArg, ServeArgs};
use crate::error::CliError;
use crate::text;

/// Serves until it is told to stop, or makes a token.
pub fn run(args: &ServeArgs, out: &mut dyn Write) -> Result<ExitCode, CliError> {
    let config = config(args)?;
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(CliError::Thread)?;
    match args.new_token.as_deref().and_then(Role::of) {
        Some(role) => token(&runtime, &config, role, args.name.as_deref(), out)?,
        None => serve(&runtime, config, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn config(args: &ServeArgs) -> Result<Config, CliError> {
    let read =
        |path: &std::path::PathBuf| std::fs::read(path).map_err(|source| CliError::Read { path: path.clone(), source });
    let tls = args.tls_cert.clone().zip(args.tls_key.clone());
    Ok(Config {
        listen: args.listen,
        tls: tls.map(|(certificates, key)| Tls { certificates, key }),
        anonymous: args.anonymous,
        behind_proxy: args.behind_proxy,
        rate: args.rate,
        retain_days: args.retain,
        segments: args.segments.clone(),
        segment_rows: args.segment_rows as usize,
        cloud: args.cloud.clone(),
        deadline: args.deadline,
        root: args.root.as_ref().map(read).transpose()?,
        log: match args.log {
            LogArg::Trouble => Level::Trouble,
            LogArg::Events => Level::Events,
            LogArg::Requests => Level::Requests,
        },
        text: Some(section),
        ..Config::new(&args.data)
    })
}

fn section(path: &Path) -> Result<Vec<u8>, String> {
    text::spec(path).map_err(|error| error.to_string())
}

fn token(
    runtime: &Runtime,
    config: &Config,
    role: Role,
    name: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let made = runtime.block_on(dunlin_server::new_token(config, role, name.unwrap_or(role.name())));
    let token = made.map_err(fault)?;
    Ok(writeln!(out, "{}", token.secret)?)
}

fn serve(runtime: &Runtime, config: Config, out: &mut dyn Write) -> Result<(), CliError> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    // Before it listens, so that who is told to stop early stops.
    let stop = runtime.block_on(async { Stop::new() }).map_err(CliError::Thread)?;
    let server = runtime.block_on(Server::start(config)).map_err(fault)?;
    if !server.first_tokens().is_empty() {
        writeln!(out, "Tokens, shown this once:")?;
        for NewToken { role, secret, .. } in server.first_tokens() {
            writeln!(out, "  {:<10} {secret}", role.name())?;
        }
    }
    writeln!(out, "Serving at {scheme}://{}", server.address())?;
    out.flush()?;
    runtime.block_on(async {
        stop.wait().await;
        server.stop().await;
    });
    Ok(())
}

fn fault(error: StartError) -> CliError {
    CliError::Serve(Box::new(error))
}

/// What tells a process to stop.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    /// Ctrl-C, or what a supervisor sends.
    #[cfg(unix)]
    async fn wait(mut self) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn wait(self) {
        // Where it can't be heard, whoever started the process ends it.
        let _ = tokio::signal::ctrl_c().await;
    }
}
