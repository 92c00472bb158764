//! Which two characters form one.

use crate::error::SpecError;
use crate::reader::{Halves, Reader, Words};

/// First syllable of Hangul, first leading consonant, vowel, and the place before the first trailing consonant; and how many
/// there are: Unicode composes them by arithmetic (chapter 3.12 of the standard).
const S: u32 = 0xAC00;
const L: u32 = 0x1100;
const V: u32 = 0x1161;
const T: u32 = 0x11A7;
const L_COUNT: u32 = 19;
const V_COUNT: u32 = 21;
const T_COUNT: u32 = 28;

/// Pairs of characters with what they compose to.
///
/// The number of pairs in the basic plane and beyond it, then for the former their keys (first character times 2^16 plus the second, a
/// word each, rising) and what they form (16 bits each), then for the latter three words each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compositions<'a> {
    keys: Words<'a>,
    composed: Halves<'a>,
    beyond: Words<'a>,
}

impl<'a> Compositions<'a> {
    pub(crate) fn parse(mut reader: Reader<'a>) -> Result<Self, SpecError> {
        let (pairs, beyond) = (reader.word()? as usize, reader.word()? as usize);
        let table = Self {
            keys: reader.words(pairs)?,
            composed: reader.halves(pairs)?,
            beyond: reader.words(beyond.checked_mul(3).ok_or(SpecError::Length)?)?,
        };
        reader.end()?;
        if reader.known {
            return Ok(table);
        }
        let rising = table.keys.iter().zip(table.keys.iter().skip(1)).all(|(a, b)| a < b);
        // Those beyond the basic plane are looked through one by one.
        if !rising || beyond > 256 {
            return Err(SpecError::Invalid { part: "compositions", why: "pairs out of order, or too many" });
        }
        Ok(table)
    }

    /// What two characters form, if anything.
    pub(crate) fn get(&self, first: char, second: char) -> Option<char> {
        let (a, b) = (u32::from(first), u32::from(second));
        if let Some(syllable) = hangul(a, b) {
            return char::from_u32(syllable);
        }
        if a >= 0x1_0000 || b >= 0x1_0000 {
            let triples = (0..self.beyond.len()).step_by(3);
            let found =
                triples.into_iter().find(|&i| self.beyond.get(i) == Some(a) && self.beyond.get(i + 1) == Some(b));
            return char::from_u32(self.beyond.get(found? + 2)?);
        }
        let key = a << 16 | b;
        let index = self.keys.partition_point(|k| k < key);
        (self.keys.get(index)? == key).then_some(())?;
        char::from_u32(u32::from(self.composed.get(index)?))
    }
}

/// A leading consonant and a vowel, or such a syllable and a trailing consonant.
fn hangul(a: u32, b: u32) -> Option<u32> {
    if (L..L + L_COUNT).contains(&a) && (V..V + V_COUNT).contains(&b) {
        return Some(S + ((a - L) * V_COUNT + (b - V)) * T_COUNT);
    }
    let open = (S..S + L_COUNT * V_COUNT * T_COUNT).contains(&a) && (a - S).is_multiple_of(T_COUNT);
    (open && (T + 1..T + T_COUNT).contains(&b)).then(|| a + (b - T))
}

/// The parts of a syllable of Hangul: two or three.
pub(crate) fn hangul_parts(c: char) -> Option<impl Iterator<Item = char>> {
    let index = u32::from(c).checked_sub(S).filter(|&index| index < L_COUNT * V_COUNT * T_COUNT)?;
    let vowel = index / T_COUNT % V_COUNT;
    let parts = [L + index / (V_COUNT * T_COUNT), V + vowel, T + index % T_COUNT];
    let count = if index % T_COUNT == 0 { 2 } else { 3 };
    Some(parts.into_iter().take(count).filter_map(char::from_u32))
}

/// What `Compositions::parse` reads, for pairs in rising order; those of Hangul are left out.
#[cfg(feature = "write")]
pub fn write_compositions(pairs: &[(char, char, char)]) -> alloc::vec::Vec<u8> {
    use crate::write::{bytes_of, halves_of};
    let all = pairs.iter().map(|&(a, b, c)| [a, b, c].map(u32::from));
    let (basic, beyond): (alloc::vec::Vec<_>, alloc::vec::Vec<_>) =
        all.partition(|&[a, b, _]| a < 0x1_0000 && b < 0x1_0000);
    let mut bytes = bytes_of(&[basic.len() as u32, beyond.len() as u32]);
    bytes.extend(bytes_of(&basic.iter().map(|[a, b, _]| a << 16 | b).collect::<alloc::vec::Vec<_>>()));
    bytes.extend(halves_of(&basic.iter().map(|&[_, _, c]| c as u16).collect::<alloc::vec::Vec<_>>()));
    bytes.extend(bytes_of(beyond.as_flattened()));
    bytes
}
