//! JSON that is signed: read strictly, written canonically.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

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
        let mut reader = Reader { bytes, at: 0, left: most };
        let value = reader.value(0)?;
        if reader.next().is_ok() { Err(Fault::Json) } else { Ok(value) }
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

    /// An object of fields, those left out that are nothing.
    pub fn of<const N: usize>(fields: [(&str, Option<Value>); N]) -> Self {
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.into(), value?)));
        let mut object = BTreeMap::new();
        // Put in one by one, they need no sorting, whose code is larger.
        fields.for_each(|(name, value)| drop(object.insert(name, value)));
        Self::Object(object)
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
    pub fn field(&self, name: &'static str) -> Result<&Value, Fault> {
        self.optional(name)?.ok_or(Fault::Field(name))
    }

    /// A field that may be left out.
    pub fn optional(&self, name: &'static str) -> Result<Option<&Value>, Fault> {
        let Self::Object(fields) = self else { return Err(Fault::Field(name)) };
        Ok(fields.get(name))
    }

    /// A field that is a text.
    pub fn text(&self, name: &'static str) -> Result<&str, Fault> {
        self.field(name)?.as_text().ok_or(Fault::Field(name))
    }

    /// A field that is a whole number from 0.
    pub fn number(&self, name: &'static str) -> Result<u64, Fault> {
        self.field(name)?.as_number().ok_or(Fault::Field(name))
    }

    /// A field that is an object.
    pub fn object(&self, name: &'static str) -> Result<&BTreeMap<String, Value>, Fault> {
        match self.field(name)? {
            Self::Object(fields) => Ok(fields),
            _ => Err(Fault::Field(name)),
        }
    }

    /// A field that is a list.
    pub fn list(&self, name: &'static str) -> Result<&[Value], Fault> {
        match self.field(name)? {
            Self::List(values) => Ok(values),
            _ => Err(Fault::Field(name)),
        }
    }

    /// A field that is a list of texts.
    pub fn texts(&self, name: &'static str) -> Result<Vec<String>, Fault> {
        let mut texts = Vec::new();
        for value in self.list(name)? {
            texts.push(value.as_text().ok_or(Fault::Field(name))?.into());
        }
        Ok(texts)
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one from 0.
    pub fn as_number(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

impl From<u64> for Value {
    /// The largest that there is, for larger ones.
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
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

/// Reads values one after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// How many values may still come.
    left: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is no space.
    fn next(&mut self) -> Result<u8, Fault> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
        self.take()
    }

    fn take(&mut self) -> Result<u8, Fault> {
        let byte = self.peek().ok_or(Fault::Json)?;
        self.at += 1;
        Ok(byte)
    }

    fn word(&mut self, rest: &[u8], value: Value) -> Result<Value, Fault> {
        if !self.bytes.get(self.at..).is_some_and(|bytes| bytes.starts_with(rest)) {
            return Err(Fault::Json);
        }
        self.at += rest.len();
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        self.left = self.left.checked_sub(1).ok_or(Fault::TooMany("values"))?;
        match self.next()? {
            b'{' | b'[' if depth == DEEPEST => Err(Fault::TooDeep),
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            b'"' => self.text().map(Value::Text),
            b't' => self.word(b"rue", Value::Bool(true)),
            b'f' => self.word(b"alse", Value::Bool(false)),
            b'n' => self.word(b"ull", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::Json),
        }
    }

    /// Whether there is another of something that ends with `end`.
    fn goes_on(&mut self, first: bool, end: u8) -> Result<bool, Fault> {
        match self.next()? {
            byte if byte == end => Ok(false),
            b',' if !first => Ok(true),
            _ if first => {
                self.at -= 1;
                Ok(true)
            }
            _ => Err(Fault::Json),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut list = Vec::new();
        while self.goes_on(list.is_empty(), b']')? {
            list.push(self.value(depth)?);
        }
        Ok(Value::List(list))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut fields = BTreeMap::new();
        while self.goes_on(fields.is_empty(), b'}')? {
            if self.next()? != b'"' {
                return Err(Fault::Json);
            }
            let name = self.text()?;
            if self.next()? != b':' {
                return Err(Fault::Json);
            }
            if fields.insert(name, self.value(depth)?).is_some() {
                return Err(Fault::DuplicateName);
            }
        }
        Ok(Value::Object(fields))
    }

    /// A number, whose first byte was taken. One with a fraction or an exponent, and a zero with a sign, aren't whole.
    fn number(&mut self) -> Result<Value, Fault> {
        let begin = self.at - 1;
        let digits = |reader: &mut Self| {
            let begin = reader.at;
            while reader.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                reader.at += 1;
            }
            reader.at - begin
        };
        self.at = begin + usize::from(self.bytes.get(begin) == Some(&b'-'));
        let zero = self.peek() == Some(b'0');
        let count = digits(self);
        if count == 0 || zero && count > 1 {
            return Err(Fault::Json);
        }
        let whole = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            if digits(self) == 0 {
                return Err(Fault::Json);
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if digits(self) == 0 {
                return Err(Fault::Json);
            }
        }
        let text = self.bytes.get(begin..whole).and_then(|digits| core::str::from_utf8(digits).ok());
        let number = text.filter(|&text| self.at == whole && text != "-0").and_then(|text| text.parse().ok());
        number.map(Value::Integer).ok_or(Fault::Number)
    }

    /// A text, whose first quotation mark was taken.
    fn text(&mut self) -> Result<String, Fault> {
        let mut text = Vec::new();
        loop {
            match self.take()? {
                b'"' => return String::from_utf8(text).map_err(|_| Fault::Json),
                b'\\' => {
                    let escaped = self.escaped()?;
                    text.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return Err(Fault::Json),
                byte => text.push(byte),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, Fault> {
        Ok(match self.take()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let second = if (0xd800..0xdc00).contains(&unit) && self.take()? == b'\\' && self.take()? == b'u' {
                    Some(self.unit()?)
                } else {
                    None
                };
                let mut units = char::decode_utf16([unit].into_iter().chain(second));
                match (units.next(), units.next()) {
                    (Some(Ok(char)), None) => char,
                    _ => return Err(Fault::Json),
                }
            }
            _ => return Err(Fault::Json),
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u16, Fault> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.take()?).to_digit(16).ok_or(Fault::Json)?;
            unit = unit << 4 | digit as u16;
        }
        Ok(unit)
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
        for json in [
            "[1 2]",
            "[,1]",
            "[1,]",
            "{,}",
            "{\"a\" 1}",
            "{1:2}",
            "{\"a\":1 \"b\":2}",
            "tru",
            "truex",
            "-",
            "1.",
            "1e",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\udc00\"",
            "\"\\ud800\\u0041\"",
            "\"a",
            "]",
            "\u{a0}1",
        ] {
            assert_eq!(Value::parse(json.as_bytes(), 100), Err(Fault::Json), "{json}");
        }
        assert!(Value::parse(deep(32).as_bytes(), 100).is_ok());
    }

    /// What another reader makes of the same bytes.
    fn holds_to_serde(json: &[u8]) {
        let theirs = serde_json::from_slice::<serde_json::Value>(json);
        match Value::parse(json, 1000) {
            Ok(value) => assert_eq!(serde_json::from_slice(&value.json()).ok(), theirs.ok(), "{}", json.escape_ascii()),
            Err(Fault::Json) => assert!(theirs.is_err(), "{}", json.escape_ascii()),
            // What JSON has and metadata hasn't.
            Err(_) => (),
        }
    }

    #[test]
    fn reads_what_another_reader_reads() {
        let seeds = [
            r#"{"a":[1,-20,0,true,false,null],"b\u00e9\ud83d\ude00\n":"x\/y","c":{"d":{}}}"#,
            r#" [ "" , "\"\\" , 9007199254740993 , 1.5e+3 , -0 , {"k":[]} ] "#,
        ];
        let inserted = *b"\"\\{}[],:0-1.eEu \t\x01\xc3\xa9tfn";
        for seed in seeds.map(str::as_bytes) {
            holds_to_serde(seed);
            for at in 0..seed.len() {
                holds_to_serde(&seed[..at]);
                holds_to_serde(&[&seed[..at], &seed[at + 1..]].concat());
                for byte in inserted {
                    holds_to_serde(&[&seed[..at], &[byte], &seed[at..]].concat());
                    holds_to_serde(&[&seed[..at], &[byte], &seed[at + 1..]].concat());
                }
            }
        }
    }
}
