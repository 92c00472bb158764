use alloc::string::String;

/// A random number by which something is known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid([u8; 16]);

impl Uuid {
    /// From random bytes, six bits of which say that it is one (version 4).
    pub const fn random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// Reads `8-4-4-4-12` hexadecimal digits, in lower case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let dashes = [8, 13, 18, 23];
        if bytes.len() != 36 || dashes.iter().any(|&place| bytes[place] != b'-') {
            return None;
        }
        let digits = bytes.iter().enumerate().filter(|(place, _)| !dashes.contains(place));
        Some(Self(bytes_of(digits.map(|(_, &digit)| digit))?))
    }

    /// As [`Uuid::parse`] reads it.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(36);
        for (index, byte) in self.0.into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            push(byte, &mut text);
        }
        text
    }

    /// Its bytes.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

/// The SHA-256 of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelHash(pub [u8; 32]);

impl ModelHash {
    /// Reads 64 hexadecimal digits, in lower case; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        Some(Self(bytes_of(text.bytes())?))
    }

    /// As [`ModelHash::parse`] reads it.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(64);
        self.0.into_iter().for_each(|byte| push(byte, &mut text));
        text
    }
}

/// Bytes of twice as many digits.
fn bytes_of<const N: usize>(mut digits: impl Iterator<Item = u8>) -> Option<[u8; N]> {
    let mut digit = || match digits.next()? {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for byte in &mut bytes {
        *byte = digit()? << 4 | digit()?;
    }
    Some(bytes)
}

fn push(byte: u8, text: &mut String) {
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from_digit(u32::from(digit), 16).expect("four bits"));
    }
}
