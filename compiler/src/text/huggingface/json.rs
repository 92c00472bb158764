//! A place in a JSON document: what stands there, or an error that says where.

use serde_json::{Map, Value};

/// What is wrong with a `tokenizer.json`, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The place, as in `/normalizer/normalizers/1/type`.
    pub path: String,
    /// What is wrong there.
    pub why: String,
}

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Json<'j> {
    value: &'j Value,
    path: String,
}

impl<'j> Json<'j> {
    pub(super) fn root(value: &'j Value) -> Self {
        Self { value, path: String::new() }
    }

    /// An error here.
    pub(super) fn fault(&self, why: impl Into<String>) -> Fault {
        let path = if self.path.is_empty() { "/".to_owned() } else { self.path.clone() };
        Fault { path, why: why.into() }
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| !value.is_null())?;
        Some(Self { value, path: format!("{}/{key}", self.path) })
    }

    /// A member that has to be there.
    pub(super) fn need(&self, key: &str) -> Result<Self> {
        self.get(key).ok_or_else(|| self.fault(format!("`{key}` is missing")))
    }

    pub(super) fn string(&self) -> Result<&'j str> {
        self.value.as_str().ok_or_else(|| self.fault("isn't a string"))
    }

    pub(super) fn number(&self) -> Result<u32> {
        let number = self.value.as_u64().and_then(|number| i32::try_from(number).ok());
        number.map(|number| number as u32).ok_or_else(|| self.fault("isn't a number from 0 to 2147483647"))
    }

    pub(super) fn float(&self) -> Result<f64> {
        self.value.as_f64().ok_or_else(|| self.fault("isn't a number"))
    }

    pub(super) fn object(&self) -> Result<&'j Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.fault("isn't an object"))
    }

    pub(super) fn list(&self) -> Result<Vec<Self>> {
        let list = self.value.as_array().ok_or_else(|| self.fault("isn't a list"))?;
        Ok(list.iter().enumerate().map(|(i, value)| Self { value, path: format!("{}/{i}", self.path) }).collect())
    }

    /// A flag; what it is where nobody says.
    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let Some(flag) = self.get(key) else { return Ok(default) };
        flag.value.as_bool().ok_or_else(|| flag.fault("isn't true or false"))
    }

    /// The name of a variant that the document gives itself: an object of one member, or a string.
    pub(super) fn variant(&self) -> Result<(&'j str, Option<Self>)> {
        if let Some(name) = self.value.as_str() {
            return Ok((name, None));
        }
        let mut members = self.object()?.iter();
        match (members.next(), members.next()) {
            (Some((name, value)), None) => Ok((name, Some(Self { value, path: format!("{}/{name}", self.path) }))),
            _ => Err(self.fault("isn't an object of one member")),
        }
    }

    /// The name in `type`.
    pub(super) fn kind(&self) -> Result<&'j str> {
        self.need("type")?.string()
    }

    /// That this kind of part isn't supported.
    pub(super) fn unsupported(&self, part: &str) -> Fault {
        let kind = self.kind().unwrap_or("nameless");
        self.fault(format!("{part} `{kind}` isn't supported"))
    }
}
