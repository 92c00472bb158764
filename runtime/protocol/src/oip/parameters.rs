//! Parameters of messages and tensors.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Limits, OipError};

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Parameter {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Real(f64),
    /// A text.
    Text(String),
}

/// Parameters by name. Values that the protocol doesn't have, such as lists, are skipped when they are read.
pub type Parameters = BTreeMap<String, Parameter>;

/// As they stand in a message; `null` is as good as none.
#[derive(Debug, Default)]
pub(super) struct Read(pub Parameters);

impl Read {
    /// Within limits.
    pub(super) fn checked(self) -> Result<Parameters, OipError> {
        let (most, longest) = (Limits::PARAMETERS, Limits::PARAMETER);
        let long = |text: &str| text.len() > longest;
        let too_long =
            |(name, value): (&String, &Parameter)| long(name) || matches!(value, Parameter::Text(text) if long(text));
        if self.0.len() > most || self.0.iter().any(too_long) {
            return Err(OipError::Parameters { most, longest });
        }
        Ok(self.0)
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Map)
    }
}

struct Map;

impl<'de> Visitor<'de> for Map {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parameters")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Read, A::Error> {
        let mut read = Parameters::new();
        while let Some((name, Value(value))) = map.next_entry::<String, Value>()? {
            // One too many is enough to be refused.
            if let (Some(value), 0..=Limits::PARAMETERS) = (value, read.len()) {
                read.insert(name, value);
            }
        }
        Ok(Read(read))
    }
}

/// A value, or nothing where the protocol doesn't have such.
struct Value(Option<Parameter>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a parameter")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value(Some(Parameter::Bool(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value(Some(Parameter::Integer(value))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value(Some(i64::try_from(value).map_or(Parameter::Real(value as f64), Parameter::Integer))))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value(Some(Parameter::Real(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value(Some(Parameter::Text(value.into()))))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value(None))
    }
}
