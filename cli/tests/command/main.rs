//! The command as its users and their scripts see it: what it prints, where, and with which exit code.

mod bench;
mod calibrate;
mod classify;
mod cloud;
mod compile;
mod eval;
mod fleet;
mod heads;
mod help;
mod inspect;
mod run;
#[cfg(feature = "server")]
mod simulate;
mod texts;
mod tokens;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A file of the repository.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The artifact that the repository ships.
fn shipped() -> PathBuf {
    file("models/cifar10/cifar10.dunlin")
}

/// A photograph that the repository ships: a cat.
fn cat() -> PathBuf {
    file("models/pictures/chelsea.png")
}

fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dunlin"));
    command.args(args).env_remove("DUNLIN_ISA").stdin(Stdio::null());
    command
}

fn finish(mut command: Command) -> Finished {
    Finished(command.output().expect("the command can be started"))
}

/// Runs the command.
macro_rules! dunlin {
    ($($arg:expr),* $(,)?) => {
        crate::finish(crate::command([$(std::ffi::OsStr::new(&$arg)),*]))
    };
}
use dunlin;

/// A command that has ended.
struct Finished(Output);

impl Finished {
    /// What it printed; it must have succeeded and said nothing on standard error.
    fn success(&self) -> String {
        assert_eq!(self.error(), "");
        assert_eq!(self.0.status.code(), Some(0));
        self.out()
    }

    /// As [`Finished::success`], parsed.
    fn json(&self) -> Value {
        serde_json::from_str(&self.success()).expect("JSON")
    }

    /// What it said on standard error; it must have failed with this code.
    fn failure(&self, code: i32) -> String {
        assert_eq!(self.0.status.code(), Some(code), "{}{}", self.out(), self.error());
        self.error()
    }

    /// As [`Finished::failure`], and it was one sentence that has these words.
    fn sentence(&self, code: i32, words: &[&str]) {
        let error = self.failure(code);
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.starts_with("dunlin: "), "{error}");
        for word in words {
            assert!(error.contains(word), "'{word}' isn't in: {error}");
        }
    }

    fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).expect("UTF-8")
    }

    fn error(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).expect("UTF-8")
    }
}

/// Runs a command on what it gets from standard input.
fn with_input(mut command: Command, input: &[u8]) -> Finished {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    // A command that fails early doesn't read everything.
    let _ = child.stdin.take().expect("piped").write_all(input);
    Finished(child.wait_with_output().expect("ends"))
}

/// A folder that is gone after the test.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// That an object has exactly these entries.
fn assert_keys(value: &Value, expected: &[&str]) {
    let mut found: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}
