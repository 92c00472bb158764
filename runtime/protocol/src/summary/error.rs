use core::error::Error;
use core::fmt;

/// What is wrong with a summary, a schema or a baseline. Whoever sent it is the culprit; nothing of its content is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SummaryError {
    /// More bytes than any has.
    TooLong,
    /// More summaries than a request may have.
    TooMany,
    /// No JSON, or not with these fields and types.
    Malformed,
    /// Another version.
    Version,
    /// The id is no UUID in lower case.
    Id,
    /// The model is no SHA-256 in hexadecimal, in lower case.
    Model,
    /// A day beyond all.
    Day,
    /// Too many keys, or a key or value that isn't short and plain.
    Cohort,
    /// An epsilon out of bounds.
    Epsilon,
    /// No bins, or no summaries.
    Empty,
    /// A metric that isn't known, or that this model doesn't have.
    Metric,
    /// A bin beyond the metric's last.
    Bin,
    /// A number of classes, or borders of energy, that no schema has.
    Schema,
    /// Counts that don't fit the schema or the number of samples.
    Counts,
}

impl SummaryError {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::TooLong,
        Self::TooMany,
        Self::Malformed,
        Self::Version,
        Self::Id,
        Self::Model,
        Self::Day,
        Self::Cohort,
        Self::Epsilon,
        Self::Empty,
        Self::Metric,
        Self::Bin,
        Self::Schema,
        Self::Counts,
    ];

    /// A name that stays.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
            Self::Malformed => "malformed",
            Self::Version => "version",
            Self::Id => "id",
            Self::Model => "model",
            Self::Day => "day",
            Self::Cohort => "cohort",
            Self::Epsilon => "epsilon",
            Self::Empty => "empty",
            Self::Metric => "metric",
            Self::Bin => "bin",
            Self::Schema => "schema",
            Self::Counts => "counts",
        }
    }
}

impl fmt::Display for SummaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than any summary or baseline is; send less",
            Self::TooMany => "too many summaries; send at most 100 at once",
            Self::Malformed => "no JSON of this form; docs/formats/summary.md has the fields",
            Self::Version => "a version that isn't known here; update the server, or send version 1",
            Self::Id => "the id is no UUID in lower case",
            Self::Model => "the model is no SHA-256 in hexadecimal, in lower case",
            Self::Day => "the day is beyond all; give days since 1970-01-01",
            Self::Cohort => {
                "a cohort has at most 3 keys, and keys and values of at most 32 letters, digits, '.', '_', '-'"
            }
            Self::Epsilon => "epsilon is to be from 0.01 to 10",
            Self::Empty => "nothing is in it",
            Self::Metric => "a metric that isn't known, or that this model doesn't have",
            Self::Bin => "a bin beyond the metric's last",
            Self::Schema => "a schema has 1 to 1048576 classes, and none or 7 borders of energy that rise",
            Self::Counts => "counts don't fit the schema, or are more than the samples",
        })
    }
}

impl Error for SummaryError {}
