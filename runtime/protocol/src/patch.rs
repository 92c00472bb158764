//! The difference between two files: which parts of the old one make up the new one, and what is new.
//!
//! A patch is `DUNLINP1`, then commands up to its end. A command is a number `n`, as LEB128. An even one copies `n / 2` bytes of the old
//! file, from a place that a second number gives: where the last copy ended, plus the number's upper bits, or minus one more than these if
//! its lowest bit is set. An odd one takes `n / 2` bytes from the patch itself.
//!
//! Models that differ in a few layers, in thresholds or in a temperature share long runs of bytes, and nothing needs to be unpacked. What a
//! patch gives is checked against the digest that was signed, like a file that was fetched whole.

use alloc::vec::Vec;
use core::fmt;

/// A patch that isn't one for this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// It doesn't begin as a patch.
    Magic,
    /// It ends within a command.
    Short,
    /// It copies what the old file doesn't have.
    Outside,
    /// It gives more than it may.
    Long,
}

impl fmt::Display for PatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Magic => "no patch of a format that is known here",
            Self::Short => "the patch ends too early",
            Self::Outside => "the patch is for another file",
            Self::Long => "the patch gives more than it should",
        })
    }
}

impl core::error::Error for PatchError {}

/// The new file, of `most` bytes at most.
///
/// # Errors
/// [`PatchError`]: the publisher's fault, or an attacker's.
pub fn apply(old: &[u8], patch: &[u8], most: u64) -> Result<Vec<u8>, PatchError> {
    let mut rest = patch.strip_prefix(MAGIC).ok_or(PatchError::Magic)?;
    let mut new = Vec::new();
    let mut place = 0_u64;
    while !rest.is_empty() {
        let command = number(&mut rest)?;
        let length = command >> 1;
        if length > most - new.len() as u64 {
            return Err(PatchError::Long);
        }
        if command & 1 == 0 {
            let step = number(&mut rest)?;
            let from = if step & 1 == 0 { place.checked_add(step >> 1) } else { place.checked_sub((step >> 1) + 1) };
            let from = from.ok_or(PatchError::Outside)?;
            place = from.checked_add(length).filter(|&end| end <= old.len() as u64).ok_or(PatchError::Outside)?;
            new.extend_from_slice(&old[from as usize..place as usize]);
        } else {
            let (bytes, after) = usize::try_from(length)
                .ok()
                .and_then(|length| rest.split_at_checked(length))
                .ok_or(PatchError::Short)?;
            new.extend_from_slice(bytes);
            rest = after;
        }
    }
    Ok(new)
}

/// Takes a number of LEB128 off the front.
fn number(rest: &mut &[u8]) -> Result<u64, PatchError> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(PatchError::Short)?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(PatchError::Short)
}

/// A patch that makes `new` of `old`.
///
/// Short if the two share runs of 32 bytes and more, wherever these lie; otherwise a little longer than `new`.
#[cfg(feature = "write")]
pub fn diff(old: &[u8], new: &[u8]) -> Vec<u8> {
    let index = write::Index::new(old);
    let mut patch = write::Writer::new();
    let (mut at, mut fresh) = (0, 0);
    while at < new.len() {
        let on = patch.place() + (at - fresh);
        let found = write::Run::at(old, on, new, at).or_else(|| index.find(old, new, at));
        match found.map(|run| run.widened(old, new, fresh)) {
            Some(run) => {
                patch.insert(&new[fresh..run.new]);
                patch.copy(run.old, run.length);
                at = run.new + run.length;
                fresh = at;
            }
            None => at += 1,
        }
    }
    patch.insert(&new[fresh..]);
    patch.bytes
}

#[cfg(feature = "write")]
mod write {
    use super::MAGIC;
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    /// Where blocks of the old file are, each at its first place.
    pub struct Index<'a>(BTreeMap<&'a [u8], usize>);

    impl<'a> Index<'a> {
        pub fn new(old: &'a [u8]) -> Self {
            Self(old.chunks_exact(BLOCK).enumerate().rev().map(|(n, block)| (block, n * BLOCK)).collect())
        }

        pub fn find(&self, old: &[u8], new: &[u8], at: usize) -> Option<Run> {
            let place = *self.0.get(new.get(at..at + BLOCK)?)?;
            Run::at(old, place, new, at)
        }
    }

    /// Bytes that both files have.
    pub struct Run {
        pub old: usize,
        pub new: usize,
        pub length: usize,
    }

    impl Run {
        /// From two places on, if it is long enough to be worth a command.
        pub fn at(old: &[u8], place: usize, new: &[u8], at: usize) -> Option<Self> {
            let pairs = old.get(place..)?.iter().zip(&new[at..]);
            let length = pairs.take_while(|(old, new)| old == new).count();
            (length >= BLOCK).then_some(Self { old: place, new: at, length })
        }

        /// With what is the same before it, down to `least` in the new file.
        pub fn widened(self, old: &[u8], new: &[u8], least: usize) -> Self {
            let pairs = old[..self.old].iter().rev().zip(new[least..self.new].iter().rev());
            let more = pairs.take_while(|(old, new)| old == new).count();
            Self { old: self.old - more, new: self.new - more, length: self.length + more }
        }
    }

    pub struct Writer {
        pub bytes: Vec<u8>,
        place: usize,
    }

    impl Writer {
        pub fn new() -> Self {
            Self { bytes: MAGIC.to_vec(), place: 0 }
        }

        /// Where the last copy ended.
        pub const fn place(&self) -> usize {
            self.place
        }

        pub fn copy(&mut self, from: usize, length: usize) {
            self.number((length as u64) << 1);
            match from.checked_sub(self.place) {
                Some(step) => self.number((step as u64) << 1),
                None => self.number(((self.place - from - 1) as u64) << 1 | 1),
            }
            self.place = from + length;
        }

        pub fn insert(&mut self, bytes: &[u8]) {
            if !bytes.is_empty() {
                self.number((bytes.len() as u64) << 1 | 1);
                self.bytes.extend_from_slice(bytes);
            }
        }

        fn number(&mut self, mut number: u64) {
            while number >= 0x80 {
                self.bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            self.bytes.push(number as u8);
        }
    }

    const BLOCK: usize = 16;
}

const MAGIC: &[u8] = b"DUNLINP1";

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(commands: &[u8]) -> Vec<u8> {
        [MAGIC, commands].concat()
    }

    #[test]
    fn copies_and_inserts() {
        let old = b"0123456789";
        // Copy 4 from 2, insert "ab", copy 3 from 0 (six back from where the last copy ended), nothing, copy 1 from 9.
        let commands = [8, 4, 5, b'a', b'b', 6, 11, 1, 2, 12];
        assert_eq!(apply(old, &patch(&commands), 10), Ok(b"2345ab0129".to_vec()));
        assert_eq!(apply(old, &patch(&[]), 0), Ok(Vec::new()));
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let old = b"0123456789";
        let cases: [(&[u8], u64, PatchError); 10] = [
            (&[8, 4], 3, PatchError::Long),
            (&[8, 4, 8, 4], 7, PatchError::Long),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 1 << 20, PatchError::Long),
            (&[8, 14], 10, PatchError::Outside),
            (&[8, 1], 10, PatchError::Outside),
            (&[2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 10, PatchError::Outside),
            (&[8], 10, PatchError::Short),
            (&[0x80], 10, PatchError::Short),
            (&[7, b'a', b'b'], 10, PatchError::Short),
            (&[0x80; 10], 10, PatchError::Short),
        ];
        for (commands, most, error) in cases {
            assert_eq!(apply(old, &patch(commands), most), Err(error), "{commands:?}");
        }
        assert_eq!(apply(old, b"DUNLINP2", 10), Err(PatchError::Magic));
        assert_eq!(apply(old, b"", 10), Err(PatchError::Magic));
    }

    #[cfg(feature = "write")]
    #[test]
    fn a_difference_is_short_and_comes_back() {
        let mut state = 1_u32;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let old: Vec<u8> = (0..100_000).map(|_| byte()).collect();
        let mut changed = old.clone();
        changed[50_000] ^= 1;
        changed[99_999] ^= 1;
        let moved = [&old[60_000..], b"something new", &old[..60_000]].concat();
        let head = [&old[..90_000], &(0..1000).map(|_| byte()).collect::<Vec<_>>()].concat();
        let other: Vec<u8> = (0..1000).map(|_| byte()).collect();
        let zeros = alloc::vec![0; 5000];
        let cases: [(&str, &[u8], &[u8], usize); 9] = [
            ("the same", &old, &old, 16),
            ("two bytes", &old, &changed, 32),
            ("moved", &old, &moved, 48),
            ("a new end", &old, &head, 1032),
            ("shorter", &old, &old[..70_000], 16),
            ("nothing shared", &old, &other, 1016),
            ("to nothing", &old, &[], 8),
            ("from nothing", &[], &other, 1016),
            ("zeros", &zeros, &zeros[..4990], 16),
        ];
        for (name, old, new, most) in cases {
            let patch = diff(old, new);
            assert_eq!(apply(old, &patch, new.len() as u64).as_deref(), Ok(new), "{name}");
            assert!(patch.len() <= most, "{name}: {} bytes", patch.len());
        }
    }
}
