use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::SummaryError;

/// To which coarse groups a device belongs: at most three keys, each with a value out of a short list.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cohort(BTreeMap<String, String>);

/// The value of all that isn't on the list.
pub const OTHER: &str = "other";

impl Cohort {
    /// The most keys.
    pub const MAX_KEYS: usize = 3;

    /// The most bytes of a key or a value.
    pub const MAX_TEXT: usize = 32;

    /// From keys and values of letters, digits, `.`, `_` and `-`.
    ///
    /// # Errors
    /// [`SummaryError::Cohort`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, SummaryError> {
        let mut cohort = BTreeMap::new();
        for (key, value) in pairs {
            if !(is_plain(&key) && is_plain(&value))
                || cohort.insert(key, value).is_some()
                || cohort.len() > Self::MAX_KEYS
            {
                return Err(SummaryError::Cohort);
            }
        }
        Ok(Self(cohort))
    }

    /// Keys with their values, by key.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=Cohort::MAX_TEXT).contains(&text.len()) && text.bytes().all(plain)
}

/// Which keys and values a model's devices may name, as its publisher signed it: few values are crowds, many would be names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Vec<String>>", into = "BTreeMap<String, Vec<String>>")]
pub struct Allowed(BTreeMap<String, Vec<String>>);

impl Allowed {
    /// The most values of a key.
    pub const MAX_VALUES: usize = 64;

    /// From at most three keys with their values.
    ///
    /// # Errors
    /// [`SummaryError::Cohort`].
    pub fn new(keys: BTreeMap<String, Vec<String>>) -> Result<Self, SummaryError> {
        let fine = |(key, values): (&String, &Vec<String>)| {
            is_plain(key) && values.len() <= Self::MAX_VALUES && values.iter().all(|value| is_plain(value))
        };
        if keys.len() > Cohort::MAX_KEYS || !keys.iter().all(fine) {
            return Err(SummaryError::Cohort);
        }
        Ok(Self(keys))
    }

    /// What a device may say of itself: of the keys that are allowed all, so that a missing one doesn't tell it apart, with [`OTHER`] in
    /// the place of values that aren't on the list.
    pub fn cohort<'a>(&self, own: impl Fn(&str) -> Option<&'a str>) -> Cohort {
        let value = |(key, values): (&String, &Vec<String>)| {
            let known = own(key).filter(|own| values.iter().any(|value| value == own));
            (key.clone(), String::from(known.unwrap_or(OTHER)))
        };
        Cohort(self.0.iter().map(value).collect())
    }

    /// Keys with their values.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}

impl TryFrom<BTreeMap<String, Vec<String>>> for Allowed {
    type Error = SummaryError;

    fn try_from(keys: BTreeMap<String, Vec<String>>) -> Result<Self, SummaryError> {
        Self::new(keys)
    }
}

impl From<Allowed> for BTreeMap<String, Vec<String>> {
    fn from(allowed: Allowed) -> Self {
        allowed.0
    }
}
