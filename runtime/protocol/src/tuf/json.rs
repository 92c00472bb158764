//! JSON that is signed: read strictly, written canonically.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Fault;

/// A JSON value as metadata has it: numbers are whole, and no object has a name twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Names with their values.
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// Reads one value, and nothing after it but space.
    ///
    /// # Errors
    /// [`Fault::Json`], [`Fault::DuplicateName`], [`Fault::Number`], [`Fault::TooDeep`], and [`Fault::TooMany`] beyond `most` values.
    pub fn parse(bytes: &[u8], most: usize) -> Result<Self, Fault> {
        let reading = Reading { left: Cell::new(most), fault: Cell::new(None) };
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let value = Seed { reading: &reading, depth: 0 }.deserialize(&mut json);
        let value = value.map_err(|_| reading.fault.get().unwrap_or(Fault::Json))?;
        json.end().map_err(|_| Fault::Json)?;
        Ok(value)
    }

    /// The bytes that are signed: names in the order of their code points, no space, and only `"` and `\` escaped. That is JSON as long
    /// as no text has control characters.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, false);
        out
    }

    /// The same as JSON, whatever texts have in them.
    pub fn json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, true);
        out
    }

    /// No deeper than what was parsed, or written by this library.
    fn write(&self, out: &mut Vec<u8>, escape: bool) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Integer(number) => out.extend_from_slice(alloc::format!("{number}").as_bytes()),
            Self::Text(text) => write_text(text, out, escape),
            Self::List(values) => {
                out.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    value.write(out, escape);
                }
                out.push(b']');
            }
            Self::Object(fields) => {
                out.push(b'{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_text(name, out, escape);
                    out.push(b':');
                    value.write(out, escape);
                }
                out.push(b'}');
            }
        }
    }

    /// A field that must be there.
    pub(super) fn field(&self, name: &'static str) -> Result<&Value, Fault> {
        self.optional(name)?.ok_or(Fault::Field(name))
    }

    /// A field that may be left out.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&Value>, Fault> {
        let Self::Object(fields) = self else { return Err(Fault::Field(name)) };
        Ok(fields.get(name))
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &'static str) -> Result<&str, Fault> {
        self.field(name)?.as_text().ok_or(Fault::Field(name))
    }

    /// A field that is a whole number from 0.
    pub(super) fn number(&self, name: &'static str) -> Result<u64, Fault> {
        self.field(name)?.as_number().ok_or(Fault::Field(name))
    }

    /// A field that is an object.
    pub(super) fn object(&self, name: &'static str) -> Result<&BTreeMap<String, Value>, Fault> {
        match self.field(name)? {
            Self::Object(fields) => Ok(fields),
            _ => Err(Fault::Field(name)),
        }
    }

    /// A field that is a list.
    pub(super) fn list(&self, name: &'static str) -> Result<&[Value], Fault> {
        match self.field(name)? {
            Self::List(values) => Ok(values),
            _ => Err(Fault::Field(name)),
        }
    }

    /// A field that is a list of texts.
    pub(super) fn texts(&self, name: &'static str) -> Result<Vec<String>, Fault> {
        let mut texts = Vec::new();
        for value in self.list(name)? {
            texts.push(value.as_text().ok_or(Fault::Field(name))?.into());
        }
        Ok(texts)
    }

    /// The text, if it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one from 0.
    pub(super) fn as_number(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

fn write_text(text: &str, out: &mut Vec<u8>, escape: bool) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        if escape && byte < 0x20 {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(crate::hex::encode(&[byte]).as_bytes());
            continue;
        }
        if byte == b'"' || byte == b'\\' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// How deep values may lie in each other.
const DEEPEST: usize = 32;

/// What is left of the number of values, and what is wrong with them.
struct Reading {
    left: Cell<usize>,
    fault: Cell<Option<Fault>>,
}

/// Reads a value at a depth.
#[derive(Clone, Copy)]
struct Seed<'a> {
    reading: &'a Reading,
    depth: usize,
}

impl Seed<'_> {
    fn fail<E: serde::de::Error>(self, fault: Fault) -> E {
        self.reading.fault.set(Some(fault));
        E::custom("refused")
    }

    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == DEEPEST {
            return Err(self.fail(Fault::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.reading.left.get().checked_sub(1) else {
            return Err(self.fail(Fault::TooMany("values")));
        };
        self.reading.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value).map(Value::Integer).map_err(|_| self.fail(Fault::Number))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(self.fail(Fault::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut list = Vec::new();
        while let Some(value) = values.next_element_seed(inside)? {
            list.push(value);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut fields = BTreeMap::new();
        while let Some(name) = values.next_key::<String>()? {
            if fields.insert(name, values.next_value_seed(inside)?).is_some() {
                return Err(self.fail(Fault::DuplicateName));
            }
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_is_signed() {
        let cases = [
            (" { \"b\" : [ 1 , -2 ] , \"a\" : null } ", "{\"a\":null,\"b\":[1,-2]}"),
            (r#""a\"b\\c\n\u0041\/é\ud83d\ude00""#, "\"a\\\"b\\\\c\nA/é😀\""),
            (r#"{"é":1,"z":2,"Z":3,"\uffff":4,"\ud83d\ude00":5}"#, "{\"Z\":3,\"z\":2,\"é\":1,\"\u{ffff}\":4,\"😀\":5}"),
            ("[true,false,{},[]]", "[true,false,{},[]]"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
        ];
        for (json, expected) in cases {
            let value = Value::parse(json.as_bytes(), 100);
            assert_eq!(value.as_ref().map(Value::canonical).as_deref(), Ok(expected.as_bytes()), "{json}");
            let again = value.as_ref().map(Value::json).map(|json| Value::parse(&json, 100));
            assert_eq!(again, Ok(value.clone()), "{json}");
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let cases = [
            (r#"{"a":1,"a":1}"#.into(), Fault::DuplicateName),
            (r#"{"a":1,"\u0061":1}"#.into(), Fault::DuplicateName),
            (r#"{"x":[{"a":1,"a":2}]}"#.into(), Fault::DuplicateName),
            ("1.0".into(), Fault::Number),
            ("1e3".into(), Fault::Number),
            ("-0".into(), Fault::Number),
            ("9223372036854775808".into(), Fault::Number),
            ("NaN".into(), Fault::Json),
            ("01".into(), Fault::Json),
            ("{} {}".into(), Fault::Json),
            ("{\"a\":1,}".into(), Fault::Json),
            ("\"\u{1}\"".into(), Fault::Json),
            ("\"\\ud800\"".into(), Fault::Json),
            ("".into(), Fault::Json),
            ("{\"a\":".into(), Fault::Json),
            (deep(33), Fault::TooDeep),
            (deep(100_000), Fault::TooDeep),
            ("[1,2,3]".into(), Fault::TooMany("values")),
        ];
        for (json, expected) in cases {
            let most = if expected == Fault::TooMany("values") { 3 } else { 100 };
            let name = &json[..json.len().min(40)];
            assert_eq!(Value::parse(json.as_bytes(), most), Err(expected), "{name}");
        }
        assert_eq!(Value::parse(b"\"\xff\"", 1), Err(Fault::Json));
        assert!(Value::parse(deep(32).as_bytes(), 100).is_ok());
    }
}
