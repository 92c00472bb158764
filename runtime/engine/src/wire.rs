//! How values lie in the artifact's graph section: little-endian 32-bit words, read with checks.
//!
//! A struct is its fields in order, an enum is one word, an operator is its tag followed by its fields.
//! docs/formats/artifact.md is the specification.

use alloc::vec::Vec;

/// A forward reader over the words of a section.
#[derive(Clone, Debug)]
pub struct Words<'a> {
    rest: &'a [u8],
    /// Whether some value wasn't valid, or wasn't there.
    rejected: bool,
}

impl<'a> Words<'a> {
    /// Reads `bytes` from the start.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, rejected: false }
    }

    /// The next word; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "not an iterator: a reader that many callers share")]
    pub fn next(&mut self) -> Option<u32> {
        let (word, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        Some(u32::from_le_bytes(*word))
    }

    /// A value; `None` when it isn't valid.
    pub fn read<T: Take>(&mut self) -> Option<T> {
        self.read_with(T::take)
    }

    /// A value that is taken in another way; `None` when it isn't valid.
    pub fn read_with<T>(&mut self, take: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let value = take(self);
        (!self.rejected).then_some(value)
    }

    /// The next word of a value; 0 at the end, where the value is rejected.
    pub fn word(&mut self) -> u32 {
        self.next().unwrap_or_else(|| self.reject(0))
    }

    /// Remembers that a value isn't valid, and gives one to go on with.
    pub fn reject<T>(&mut self, instead: T) -> T {
        self.rejected = true;
        instead
    }

    /// A count of things that take at least `words_each` words each; `None` when they can't all be there,
    /// so that nothing allocates more than the file's size allows.
    pub fn count(&mut self, words_each: usize) -> Option<usize> {
        let count = self.next()? as usize;
        (count.checked_mul(words_each.max(1) * 4)? <= self.rest.len()).then_some(count)
    }

    /// A count, then that many things of at least `words_each` words.
    pub fn list<T>(&mut self, words_each: usize, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = self.count(words_each).unwrap_or_else(|| self.reject(0));
        // No longer than the file's own words, and exactly as long as it has to be.
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(read(self));
        }
        list
    }

    /// A list of words where it lies in the file, which has to be aligned.
    pub fn slice(&mut self) -> &'a [u32] {
        let count = self.count(1).unwrap_or_else(|| self.reject(0));
        let (list, rest) = self.rest.split_at(4 * count);
        self.rest = rest;
        bytemuck::try_cast_slice(list).unwrap_or_else(|_| self.reject(&[]))
    }

    /// A text: its length in bytes, then its UTF-8 bytes, padded with zeros to a whole word.
    pub fn text(&mut self) -> Option<&'a str> {
        let len = self.next()? as usize;
        let padded = len.checked_next_multiple_of(4)?;
        let (text, rest) = self.rest.split_at_checked(padded)?;
        self.rest = rest;
        let (text, padding) = text.split_at(len);
        padding.iter().all(|&b| b == 0).then_some(())?;
        core::str::from_utf8(text).ok()
    }

    /// Bytes that haven't been read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// `Some` when everything has been read and nothing rejected: leftovers are an error.
    pub fn end(&self) -> Option<()> {
        (self.rest.is_empty() && !self.rejected).then_some(())
    }
}

/// Reads itself from words, see [`Words::read`]. That some are no valid value is remembered there, not asked for after each of them.
pub trait Take: Sized {
    /// Takes as many words as the value has; any value where they were rejected.
    fn take(words: &mut Words<'_>) -> Self;
}

/// Writes itself as words; the inverse of [`Take`].
#[cfg(feature = "write")]
pub trait Put {
    /// Appends the value's words.
    fn put(&self, out: &mut alloc::vec::Vec<u32>);
}

/// Appends a text as [`Words::text`] reads it.
#[cfg(feature = "write")]
pub fn put_text(text: &str, out: &mut alloc::vec::Vec<u32>) {
    out.push(text.len() as u32);
    for chunk in text.as_bytes().chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        out.push(u32::from_le_bytes(word));
    }
}

macro_rules! wire_word {
    ($($type:ty: $take:expr, $put:expr;)*) => {$(
        impl Take for $type {
            fn take(words: &mut Words<'_>) -> Self {
                let take: fn(u32) -> Option<Self> = $take;
                take(words.word()).unwrap_or_else(|| words.reject(Self::default()))
            }
        }
        #[cfg(feature = "write")]
        impl Put for $type {
            fn put(&self, out: &mut alloc::vec::Vec<u32>) {
                let put: fn(&Self) -> u32 = $put;
                out.push(put(self));
            }
        }
    )*};
}

wire_word! {
    u32: Some, |v| *v;
    i32: |w| Some(w as i32), |v| *v as u32;
    u8: |w| u8::try_from(w).ok(), |v| u32::from(*v);
    u16: |w| u16::try_from(w).ok(), |v| u32::from(*v);
    // A NaN is no parameter; infinities are bounds of clamps.
    f32: |w| Some(f32::from_bits(w)).filter(|v| !v.is_nan()), |v| v.to_bits();
    bool: |w| match w { 0 => Some(false), 1 => Some(true), _ => None }, |v| u32::from(*v);
}

impl<T: Take, const N: usize> Take for [T; N] {
    fn take(words: &mut Words<'_>) -> Self {
        core::array::from_fn(|_| T::take(words))
    }
}

#[cfg(feature = "write")]
impl<T: Put, const N: usize> Put for [T; N] {
    fn put(&self, out: &mut alloc::vec::Vec<u32>) {
        self.iter().for_each(|v| v.put(out));
    }
}

/// A C-like enum that is one word in the file, with `name()` giving its variant's name.
macro_rules! wire_enum {
    ($(#[$meta:meta])* pub enum $name:ident: $what:literal {
        $($(#[$doc:meta])* $variant:ident = $value:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant = $value,)* }

        impl $name {
            /// Every value, in the order of their numbers in the file.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
        }

        impl $crate::wire::Take for $name {
            fn take(words: &mut $crate::wire::Words<'_>) -> Self {
                match words.word() { $($value => Self::$variant,)* _ => words.reject(Self::ALL[0]) }
            }
        }
        #[cfg(feature = "write")]
        impl $crate::wire::Put for $name {
            fn put(&self, out: &mut alloc::vec::Vec<u32>) {
                out.push(*self as u32);
            }
        }
    };
}
pub(crate) use wire_enum;

/// A struct that is its fields in order.
macro_rules! wire_struct {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$doc:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name { $($(#[$doc])* pub $field: $type,)* }

        impl $crate::wire::Take for $name {
            fn take(words: &mut $crate::wire::Words<'_>) -> Self {
                Self { $($field: $crate::wire::Take::take(words),)* }
            }
        }
        #[cfg(feature = "write")]
        impl $crate::wire::Put for $name {
            fn put(&self, out: &mut alloc::vec::Vec<u32>) {
                $($crate::wire::Put::put(&self.$field, out);)*
            }
        }
    };
}
pub(crate) use wire_struct;
