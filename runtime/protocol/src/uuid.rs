//! Random numbers by which something is known again.

use alloc::string::String;

use crate::hex;

/// A random number by which something is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

/// Where dashes stand in its text.
const DASHES: [usize; 4] = [8, 13, 18, 23];

impl Uuid {
    /// From random bytes, six bits of which say that it is one (version 4).
    pub const fn random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads `8-4-4-4-12` hexadecimal digits, in lower case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 36 || DASHES.iter().any(|&place| text.as_bytes()[place] != b'-') {
            return None;
        }
        let digits: String = text.char_indices().filter(|(place, _)| !DASHES.contains(place)).map(|(_, c)| c).collect();
        Some(Self(hex::decode(&digits)?.try_into().ok()?))
    }

    /// As [`Uuid::parse`] reads it.
    pub fn text(self) -> String {
        let mut text = hex::encode(&self.0);
        DASHES.into_iter().for_each(|place| text.insert(place, '-'));
        text
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}
