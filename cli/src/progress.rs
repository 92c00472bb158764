//! How far long work has come: one line on standard error, when that is a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// The least time between two lines of the same stage.
const PAUSE: Duration = Duration::from_millis(100);

/// The line; it is erased when this is dropped.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    shown: Option<(String, Instant)>,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new() -> Self {
        Self { terminal: stderr().is_terminal(), shown: None }
    }

    /// Shows the stage with how much of it is done, where there is more than one thing to do.
    pub fn show(&mut self, stage: &str, done: usize, total: usize) {
        let soon = self.shown.as_ref().is_some_and(|(last, at)| last == stage && at.elapsed() < PAUSE);
        if !self.terminal || soon {
            return;
        }
        let line = if total > 1 { format!("{stage} {done}/{total}") } else { stage.to_owned() };
        self.draw(&line);
        self.shown = Some((stage.to_owned(), Instant::now()));
    }

    fn draw(&self, line: &str) {
        let mut stderr = stderr();
        // Progress that can't be shown is no reason to stop the work.
        let _ = write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            self.draw("");
        }
    }
}
