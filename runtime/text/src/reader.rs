//! How a section's bytes are read: little-endian words, and arrays that stay where they lie.

use crate::error::SpecError;

/// A forward reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// Whether the bytes were read before and found sound, so that tables aren't gone through again.
    pub(crate) known: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self::of(bytes, false)
    }

    /// As [`Reader::new`], of bytes that may be `known`.
    pub(crate) fn of(bytes: &'a [u8], known: bool) -> Self {
        Self { rest: bytes, known }
    }

    /// The next word.
    pub(crate) fn word(&mut self) -> Result<u32, SpecError> {
        let (word, rest) = self.rest.split_first_chunk::<4>().ok_or(SpecError::Length)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*word))
    }

    /// So many bytes, and zeros behind them up to a whole word.
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], SpecError> {
        let padded = len.checked_next_multiple_of(4).ok_or(SpecError::Length)?;
        let (bytes, rest) = self.rest.split_at_checked(padded).ok_or(SpecError::Length)?;
        self.rest = rest;
        let (bytes, padding) = bytes.split_at(len);
        if padding.iter().any(|&b| b != 0) {
            return Err(SpecError::Length);
        }
        Ok(bytes)
    }

    /// So many words, in place.
    pub(crate) fn words(&mut self, len: usize) -> Result<Words<'a>, SpecError> {
        let bytes = self.bytes(len.checked_mul(4).ok_or(SpecError::Length)?)?;
        Ok(Words(bytes.as_chunks().0))
    }

    /// So many halves of words, in place.
    pub(crate) fn halves(&mut self, len: usize) -> Result<Halves<'a>, SpecError> {
        let bytes = self.bytes(len.checked_mul(2).ok_or(SpecError::Length)?)?;
        Ok(Halves(bytes.as_chunks().0))
    }

    /// `Ok` when everything has been read: leftovers are an error.
    pub(crate) fn end(&self) -> Result<(), SpecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(SpecError::Length) }
    }
}

/// An array of words, in place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words<'a>(&'a [[u8; 4]]);

impl<'a> Words<'a> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, index: usize) -> Option<u32> {
        self.0.get(index).map(|&word| u32::from_le_bytes(word))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.0.iter().map(|&word| u32::from_le_bytes(word))
    }

    /// How many of the first ones `before` holds for; it must hold for those alone.
    pub(crate) fn partition_point(&self, before: impl Fn(u32) -> bool) -> usize {
        self.partition_point_in(0, self.len(), before)
    }

    /// As [`Words::partition_point`], where it is known to lie in a range.
    pub(crate) fn partition_point_in(&self, from: usize, to: usize, before: impl Fn(u32) -> bool) -> usize {
        let range = self.0.get(from..to).unwrap_or_default();
        from + range.partition_point(|&word| before(u32::from_le_bytes(word)))
    }
}

/// An array of 16-bit numbers, in place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Halves<'a>(&'a [[u8; 2]]);

impl<'a> Halves<'a> {
    pub(crate) fn get(&self, index: usize) -> Option<u16> {
        self.0.get(index).map(|&half| u16::from_le_bytes(half))
    }

    /// So many of them from an index on.
    pub(crate) fn range(&self, from: usize, len: usize) -> Option<Self> {
        self.0.get(from..)?.get(..len).map(Self)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.0.iter().map(|&half| u16::from_le_bytes(half))
    }
}
