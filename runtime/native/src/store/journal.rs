//! The journal's bytes: commits one after the other, each as a whole or not at all.
//!
//! `DUNLINJ1`, then records: the payload's length as a little-endian u32, a SHA-256 digest, the payload. The digest is of the digest before
//! (zeros at first) and the payload, so that what follows a record that was torn, or belongs elsewhere, doesn't count. A payload has
//! changes: the key's length as u16, the key, then 0 (removed), 1 with a u32 length and the value, or 2 with the SHA-256 digest that is the
//! name of a file and a u64 length.

use std::collections::BTreeMap;

use dunlin_protocol::hex::Hash;
use sha2::{Digest as _, Sha256};

/// A value of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// In the journal.
    Inline(Vec<u8>),
    /// In a file of its own, by its digest and length.
    File(Hash, u64),
}

/// Keys with their values.
pub type Values = BTreeMap<String, Value>;

/// A key with its new value.
pub type Change = (String, Option<Value>);

/// The end of a journal to which records are added.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// The journal's length.
    pub length: u64,
    digest: [u8; 32],
}

impl End {
    /// Of a journal without records.
    pub const EMPTY: Self = Self { length: MAGIC.len() as u64, digest: [0; 32] };

    /// The record of a commit, and the end after it; `None` where it is too long to be one.
    pub fn record(&self, changes: &[Change]) -> Option<(Vec<u8>, Self)> {
        let mut payload = Vec::new();
        for (key, value) in changes {
            write_change(&mut payload, key, value.as_ref())?;
        }
        let digest = chained(&self.digest, &payload);
        let mut record = u32::try_from(payload.len()).ok()?.to_le_bytes().to_vec();
        record.extend_from_slice(&digest);
        record.append(&mut payload);
        let end = Self { length: self.length + record.len() as u64, digest };
        Some((record, end))
    }
}

/// What a journal says, as far as it is whole; `None` where it isn't one.
pub fn replay(journal: &[u8]) -> Option<(Values, End)> {
    let mut rest = journal.strip_prefix(MAGIC)?;
    let (mut values, mut end) = (Values::new(), End::EMPTY);
    while let Some((record, changes, after)) = take_record(rest, &end) {
        for (key, value) in changes {
            match value {
                Some(value) => values.insert(key, value),
                None => values.remove(&key),
            };
        }
        end = record;
        rest = after;
    }
    Some((values, end))
}

/// The first record, if it is whole and follows on what came before.
fn take_record<'a>(bytes: &'a [u8], end: &End) -> Option<(End, Vec<Change>, &'a [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    if chained(&end.digest, payload) != *digest {
        return None;
    }
    let length = end.length + HEAD + payload.len() as u64;
    Some((End { length, digest: *digest }, changes(payload)?, rest))
}

fn chained(before: &[u8; 32], payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(before).chain_update(payload).finalize().into()
}

fn write_change(payload: &mut Vec<u8>, key: &str, value: Option<&Value>) -> Option<()> {
    payload.extend_from_slice(&u16::try_from(key.len()).ok()?.to_le_bytes());
    payload.extend_from_slice(key.as_bytes());
    match value {
        None => payload.push(REMOVED),
        Some(Value::Inline(bytes)) => {
            payload.push(INLINE);
            payload.extend_from_slice(&u32::try_from(bytes.len()).ok()?.to_le_bytes());
            payload.extend_from_slice(bytes);
        }
        Some(Value::File(hash, length)) => {
            payload.push(FILE);
            payload.extend_from_slice(&hash.0);
            payload.extend_from_slice(&length.to_le_bytes());
        }
    }
    Some(())
}

fn changes(mut payload: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while !payload.is_empty() {
        let length = u16::from_le_bytes(*take::<2>(&mut payload)?);
        let (key, rest) = payload.split_at_checked(length.into())?;
        payload = rest;
        let [kind] = *take::<1>(&mut payload)?;
        let value = match kind {
            REMOVED => None,
            INLINE => {
                let length = u32::from_le_bytes(*take::<4>(&mut payload)?);
                let (bytes, rest) = payload.split_at_checked(length as usize)?;
                payload = rest;
                Some(Value::Inline(bytes.to_vec()))
            }
            FILE => {
                let hash = Hash(*take::<32>(&mut payload)?);
                Some(Value::File(hash, u64::from_le_bytes(*take::<8>(&mut payload)?)))
            }
            _ => return None,
        };
        changes.push((String::from_utf8(key.to_vec()).ok()?, value));
    }
    Some(changes)
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(first)
}

/// How a journal begins.
pub const MAGIC: &[u8] = b"DUNLINJ1";
const HEAD: u64 = 36;
const REMOVED: u8 = 0;
const INLINE: u8 = 1;
const FILE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (Vec<u8>, Vec<Values>) {
        let commits = [
            vec![("a".to_owned(), Some(Value::Inline(b"one".to_vec()))), ("b/c".to_owned(), None)],
            vec![("slot/a".to_owned(), Some(Value::File(Hash([7; 32]), 1 << 40)))],
            vec![("a".to_owned(), None), ("".to_owned(), Some(Value::Inline(Vec::new())))],
        ];
        let (mut bytes, mut end) = (MAGIC.to_vec(), End::EMPTY);
        let mut states = vec![Values::new()];
        for commit in commits {
            let (record, after) = end.record(&commit).expect("short");
            bytes.extend(record);
            end = after;
            assert_eq!(end.length, bytes.len() as u64);
            states.push(replay(&bytes).expect("a journal").0);
        }
        (bytes, states)
    }

    #[test]
    fn whatever_is_cut_off_or_flipped_leaves_what_came_before() {
        let (bytes, states) = journal();
        assert_eq!(states[1].len() + states[2].len() + states[3].len(), 1 + 2 + 2);
        for length in 0..bytes.len() {
            let found = replay(&bytes[..length]).map(|(values, end)| (values, end.length));
            assert_eq!(found.is_some(), length >= MAGIC.len());
            if let Some((values, end)) = found {
                assert!(states.contains(&values) && end <= length as u64);
            }
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = replay(&flipped);
            assert_eq!(found.is_some(), bit >= MAGIC.len() * 8);
            assert!(found.is_none_or(|(values, _)| states[..3].contains(&values)), "{bit}");
        }
    }

    #[test]
    fn a_record_out_of_its_place_does_not_count() {
        let (first, end) = End::EMPTY.record(&[("a".to_owned(), Some(Value::Inline(vec![1])))]).expect("short");
        let (second, _) = end.record(&[("a".to_owned(), None)]).expect("short");
        for records in [[&second, &first], [&first, &first]] {
            let values = replay(&[MAGIC, records[0], records[1]].concat()).map(|(values, _)| values.len());
            assert_eq!(values, Some(usize::from(records[0] == &first)));
        }
    }
}
