//! Keys that sign, and metadata that is signed.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};

use super::json::Value;
use crate::hex;

/// A private ed25519 key.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// From 32 random bytes.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The SHA-256 digest of the public key as metadata has it, in hexadecimal.
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.public().canonical()))
    }

    /// The public key as metadata has it.
    pub fn public(&self) -> Value {
        let public = hex::encode(self.0.verifying_key().as_bytes());
        object([
            ("keytype", text("ed25519")),
            ("keyval", object([("public", Value::Text(public))])),
            ("scheme", text("ed25519")),
        ])
    }

    /// As PKCS #8 in PEM, the form of `openssl genpkey -algorithm ed25519`.
    pub fn to_pem(&self) -> String {
        let line = base64([&PKCS8, self.0.as_bytes().as_slice()].concat().as_slice());
        alloc::format!("{BEGIN}\n{line}\n{END}\n")
    }

    /// From PKCS #8 in PEM, of an ed25519 key without a password.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let line: String = pem.trim().strip_prefix(BEGIN)?.strip_suffix(END)?.split_whitespace().collect();
        let bytes = from_base64(&line)?;
        let seed = bytes.strip_prefix(&PKCS8)?;
        Some(Self::from_seed(seed.try_into().ok()?))
    }

    fn sign(&self, message: &[u8]) -> Value {
        object([("keyid", Value::Text(self.id())), ("sig", Value::Text(hex::encode(&self.0.sign(message).to_bytes())))])
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.id()).finish()
    }
}

/// A file of metadata with the signatures of all keys.
pub fn sign(signed: &Value, keys: &[&SigningKey]) -> Vec<u8> {
    let message = signed.canonical();
    let signatures = keys.iter().map(|key| key.sign(&message)).collect();
    object([("signatures", Value::List(signatures)), ("signed", signed.clone())]).json()
}

/// An object of these fields.
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect::<BTreeMap<_, _>>())
}

/// A text.
pub fn text(text: &str) -> Value {
    Value::Text(text.to_string())
}

/// A number; the largest that JSON's readers agree on if it is larger.
pub fn number(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// What comes before the 32 bytes of an ed25519 key in PKCS #8: version 0, the algorithm 1.3.101.112, an octet string in an octet string.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in threes, so that nothing is padded.
fn base64(bytes: &[u8]) -> String {
    let digits = |three: &[u8; 3]| {
        let [a, b, c] = *three;
        let number = u32::from_be_bytes([0, a, b, c]);
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(number >> shift & 63) as usize]))
    };
    bytes.as_chunks::<3>().0.iter().flat_map(digits).collect()
}

fn from_base64(digits: &str) -> Option<Vec<u8>> {
    let (fours, []) = digits.as_bytes().as_chunks::<4>() else { return None };
    let mut bytes = Vec::new();
    for four in fours {
        let mut number = 0;
        for digit in four {
            number = number << 6 | DIGITS.iter().position(|other| other == digit)? as u32;
        }
        let [_, a, b, c] = number.to_be_bytes();
        bytes.extend_from_slice(&[a, b, c]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by OpenSSL 3.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";

    #[test]
    fn keys_come_back() {
        let key = SigningKey::from_pem(PEM).expect("a key");
        assert_eq!(key.to_pem(), PEM);
        // The example of RFC 8032, 7.1, test 1.
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let value = key.public();
        assert_eq!(value.field("keyval").and_then(|value| value.text("public")), Ok(public));
        assert!(!alloc::format!("{key:?}").contains("9d61"));
    }

    #[test]
    fn refuses_what_is_no_key() {
        for (from, to) in [("MC4C", "MC4D"), ("PRIVATE", "PUBLIC"), ("9g\n", "9\n"), ("9g", "=="), ("\n", "")] {
            let pem = PEM.replacen(from, to, 1);
            assert_eq!(SigningKey::from_pem(&pem).is_some(), from == "\n", "{to}");
        }
        assert!(SigningKey::from_pem("").is_none());
    }
}
