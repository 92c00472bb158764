//! Bytes at cache-line alignment.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// A buffer whose first byte lies at a multiple of 64; its length never changes.
#[derive(Clone, Default)]
pub struct AlignedBytes {
    lines: Vec<Line>,
    len: usize,
}

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

// SAFETY: all bits zero is an array of zero bytes.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: 64 bytes at an alignment of 64 leave no padding, and every bit pattern is an array of bytes.
unsafe impl bytemuck::Pod for Line {}

impl AlignedBytes {
    /// `len` zero bytes.
    pub fn zeroed(len: usize) -> Self {
        Self { lines: vec![Line([0; 64]); len.div_ceil(64)], len }
    }

    /// `len` zero bytes.
    ///
    /// # Errors
    /// The system has no more memory.
    pub fn try_zeroed(len: usize) -> Result<Self, OutOfMemory> {
        let lines = bytemuck::allocation::try_zeroed_vec(len.div_ceil(64)).map_err(|()| OutOfMemory { bytes: len })?;
        Ok(Self { lines, len })
    }

    /// A copy of `bytes`.
    ///
    /// # Errors
    /// The system has no more memory.
    pub fn try_from_slice(bytes: &[u8]) -> Result<Self, OutOfMemory> {
        let mut copy = Self::try_zeroed(bytes.len())?;
        copy.copy_from_slice(bytes);
        Ok(copy)
    }

    /// A copy of `bytes`.
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut copy = Self::zeroed(bytes.len());
        copy.copy_from_slice(bytes);
        copy
    }
}

/// The system has no more memory (the device, or a number of bytes that came from the caller or a file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Bytes that were asked for.
    pub bytes: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of memory can't be had; free some, or use a smaller model", self.bytes)
    }
}

impl core::error::Error for OutOfMemory {}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for AlignedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for AlignedBytes {}

impl Deref for AlignedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }
}

impl DerefMut for AlignedBytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

impl fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBytes").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_nobody_has_is_an_error() {
        let bytes = isize::MAX as usize - 63;
        assert_eq!(AlignedBytes::try_zeroed(bytes), Err(OutOfMemory { bytes }));
        assert_eq!(AlignedBytes::try_zeroed(usize::MAX), Err(OutOfMemory { bytes: usize::MAX }));
        assert_eq!(AlignedBytes::try_zeroed(65), Ok(AlignedBytes::zeroed(65)));
    }

    #[test]
    fn begins_at_a_cache_line_and_keeps_its_length() {
        for len in [0, 1, 63, 64, 65, 1000] {
            let bytes = AlignedBytes::from_slice(&vec![7; len]);
            assert_eq!(bytes.as_ptr() as usize % 64, 0);
            assert_eq!(&bytes[..], &vec![7; len][..]);
        }
    }
}
