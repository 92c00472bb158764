//! Digests and ids as people and JSON have them.

use dunlin_protocol::uuid::Uuid;

/// Bytes in hexadecimal, in lower case.
pub use dunlin_protocol::hex::encode as of;

/// The bytes of exactly `2 * N` digits, in either case.
pub fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    dunlin_protocol::hex::decode(&text.to_ascii_lowercase())?.try_into().ok()
}

/// The bytes of a UUID with its four dashes, in either case.
pub fn uuid(text: &str) -> Option<[u8; 16]> {
    Uuid::parse(&text.to_ascii_lowercase()).map(Uuid::bytes)
}

/// A UUID as text.
pub fn of_uuid(bytes: &[u8; 16]) -> String {
    Uuid::from_bytes(*bytes).text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_uuids_go_there_and_back_and_nothing_else_is_taken() {
        let text = "0123abcd-4567-89ef-0123-456789abcdef";
        let id = uuid(text).expect("a uuid");
        assert_eq!(of_uuid(&id), text);
        assert_eq!(uuid(&text.to_uppercase()), Some(id));
        for wrong in [
            "",
            "0123abcd456789ef0123456789abcdef",
            "0123abcd-4567-89ef-0123-456789abcde",
            "0123abcd-4567-89ef-0123-456789abcdeg",
            "0123abcd--456789ef-0123-456789abcdef",
            "é123abcd-4567-89ef-0123-456789abcde",
        ] {
            assert_eq!(uuid(wrong), None, "{wrong}");
        }
        assert_eq!(bytes::<2>("00fF"), Some([0, 255]));
        assert_eq!(bytes::<2>("00f"), None);
        assert_eq!(bytes::<1>("+1"), None);
    }
}
