//! Why there is no simulation.

use std::fmt;
use std::path::PathBuf;

/// What is wrong with what was asked for, or with the server's answers.
#[derive(Debug)]
pub enum SimulationFault {
    /// Something is to happen after the last day.
    Late {
        /// The option.
        option: &'static str,
        /// The day.
        at: u32,
        /// How many days there are.
        days: u32,
    },
    /// The model's answers aren't known.
    NoBaseline(PathBuf),
    /// The folder for the server's data has something in it.
    Used(PathBuf),
    /// The server's answer isn't the one that there must be: its folder can't be written, for one.
    Answer {
        /// What was asked for.
        path: String,
        /// The status.
        status: u16,
    },
    /// The server can't do what it does between requests: its folder can't be written, for one.
    Tending,
}

impl fmt::Display for SimulationFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late { option, at, days } => {
                write!(f, "{option} at={at} is after the last day, {}; take an earlier day, or more --days", days - 1)
            }
            Self::NoBaseline(path) => write!(
                f,
                "{}: the model has no baseline, which says what its answers look like; 'dunlin calibrate' writes one",
                path.display()
            ),
            Self::Used(path) => {
                write!(f, "{}: the folder isn't empty; give --data one that is, or isn't there", path.display())
            }
            Self::Answer { path, status } => {
                write!(
                    f,
                    "the simulated server answers {path} with status {status}; what it wrote before this says why"
                )
            }
            Self::Tending => f.write_str("the simulated server can't go on; what it wrote before this says why"),
        }
    }
}
