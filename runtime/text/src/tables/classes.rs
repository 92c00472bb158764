//! What kind of character each one is.

use super::CODE_POINTS;
use crate::error::SpecError;
use crate::reader::{Halves, Reader, Words};

/// Properties that a character has or hasn't.
pub mod flags {
    /// Shows nothing by itself (Default_Ignorable_Code_Point).
    pub const IGNORABLE: u8 = 1;
    /// Changes the direction in which text is shown (Bidi_Control).
    pub const BIDI: u8 = 2;
    /// NFKC may change it, or put it together with what stands before it.
    pub const UNSTABLE: u8 = 4;
    /// A pictograph, after which a joiner or a variation selector has a meaning.
    pub const PICTOGRAPH: u8 = 8;
    /// Next to it a joiner or non-joiner has a meaning.
    pub const JOINS: u8 = 16;
    /// Of NFKC's making a letter or digit of ASCII, and no language's usual way to write one.
    pub const STYLED: u8 = 32;
    /// Of the scripts of China, Japan and Korea, whose texts have wide letters.
    pub const CJK: u8 = 64;
    /// After it a variation selector has a meaning.
    pub const VARIES: u8 = 128;
}

/// General categories, by the number that the table has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category(pub u8);

macro_rules! categories {
    ($($name:ident = $number:literal, $long:literal;)*) => {
        impl Category {
            $(#[doc = $long] pub const $name: Self = Self($number);)*
            /// All of them, with their long names in Unicode's data.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $long)),*];
        }
    };
}

categories! {
    CN = 0, "Unassigned";
    LU = 1, "Uppercase_Letter";
    LL = 2, "Lowercase_Letter";
    LT = 3, "Titlecase_Letter";
    LM = 4, "Modifier_Letter";
    LO = 5, "Other_Letter";
    MN = 6, "Nonspacing_Mark";
    MC = 7, "Spacing_Mark";
    ME = 8, "Enclosing_Mark";
    ND = 9, "Decimal_Number";
    NL = 10, "Letter_Number";
    NO = 11, "Other_Number";
    PC = 12, "Connector_Punctuation";
    PD = 13, "Dash_Punctuation";
    PS = 14, "Open_Punctuation";
    PE = 15, "Close_Punctuation";
    PI = 16, "Initial_Punctuation";
    PF = 17, "Final_Punctuation";
    PO = 18, "Other_Punctuation";
    SM = 19, "Math_Symbol";
    SC = 20, "Currency_Symbol";
    SK = 21, "Modifier_Symbol";
    SO = 22, "Other_Symbol";
    ZS = 23, "Space_Separator";
    ZL = 24, "Line_Separator";
    ZP = 25, "Paragraph_Separator";
    CC = 26, "Control";
    CF = 27, "Format";
    CO = 28, "Private_Use";
}

/// What a table says of a character, in one word: its general category (8 bits from the lowest), its canonical combining class (8 bits), the
/// number of its script where mixing it with others is a sign (8 bits; 0 otherwise), its [`flags`] (8 bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Class(u32);

impl Class {
    /// Of a character that needs no table.
    pub(crate) fn of(category: Category, script: u8) -> Self {
        Self(u32::from(category.0) | u32::from(script) << 16)
    }

    pub(crate) fn category(self) -> Category {
        Category(self.0 as u8)
    }

    pub(crate) fn combining(self) -> u8 {
        (self.0 >> 8) as u8
    }

    pub(crate) fn script(self) -> u8 {
        (self.0 >> 16) as u8
    }

    pub(crate) fn has(self, flag: u8) -> bool {
        (self.0 >> 24) as u8 & flag != 0
    }

    pub(crate) fn is_letter(self) -> bool {
        (Category::LU.0..=Category::LO.0).contains(&self.category().0)
    }

    pub(crate) fn is_mark(self) -> bool {
        (Category::MN.0..=Category::ME.0).contains(&self.category().0)
    }

    pub(crate) fn is_number(self) -> bool {
        (Category::ND.0..=Category::NO.0).contains(&self.category().0)
    }
}

/// Classes of all characters.
///
/// The number of classes, of ranges and of pages, then the classes, the ranges, and the pages. A range is a word: its first
/// character (21 bits) and its class's number (11 bits); it ends where the next begins. A page is 256 characters, and has 16 bits: the
/// number of the range that its first character is in. What is beyond the last page is searched in all ranges.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Classes<'a> {
    classes: Words<'a>,
    ranges: Words<'a>,
    pages: Halves<'a>,
}

impl<'a> Classes<'a> {
    pub(crate) fn parse(mut reader: Reader<'a>) -> Result<Self, SpecError> {
        let (classes, ranges, pages) = (reader.word()? as usize, reader.word()? as usize, reader.word()? as usize);
        let table =
            Self { classes: reader.words(classes)?, ranges: reader.words(ranges)?, pages: reader.halves(pages)? };
        reader.end()?;
        if reader.known {
            return Ok(table);
        }
        let invalid = SpecError::Invalid { part: "classes", why: "ranges or pages out of order, or out of range" };
        let starts = || table.ranges.iter().map(start);
        let rising = starts().zip(starts().skip(1)).all(|(a, b)| a < b) && starts().all(|start| start < CODE_POINTS);
        let known = table.ranges.iter().all(|range| (range >> 21) < classes as u32);
        let paged =
            table.pages.iter().enumerate().all(|(page, range)| table.holds(usize::from(range), page as u32 * 256));
        if rising && known && paged && table.ranges.get(0).map(start) == Some(0) { Ok(table) } else { Err(invalid) }
    }

    /// Whether a character is in a range.
    fn holds(&self, range: usize, c: u32) -> bool {
        self.ranges.get(range).is_some_and(|r| start(r) <= c) && self.ranges.get(range + 1).is_none_or(|r| c < start(r))
    }

    /// A character's class.
    pub(crate) fn get(&self, c: char) -> Class {
        let c = u32::from(c);
        let page = (c >> 8) as usize;
        let from = self.pages.get(page).map_or(0, usize::from);
        let to = self.pages.get(page + 1).map_or(self.ranges.len(), |range| usize::from(range) + 1);
        let index = self.ranges.partition_point_in(from, to, |range| start(range) <= c);
        let range = self.ranges.get(index.saturating_sub(1)).unwrap_or_default();
        Class(self.classes.get((range >> 21) as usize).unwrap_or_default())
    }
}

fn start(range: u32) -> u32 {
    range & 0x1F_FFFF
}

/// What `Classes::parse` reads: the class words of all code points, from 0 to U+10FFFF.
///
/// # Panics
/// For more than 2048 different words, or 65536 ranges: no Unicode table has them.
#[cfg(feature = "write")]
pub fn write_classes(class_of: impl Fn(u32) -> u32) -> alloc::vec::Vec<u8> {
    use alloc::vec::Vec;
    /// Pages behind this character would hardly ever be asked for.
    const PAGED: u32 = 0x2_0000;
    let (mut classes, mut ranges, mut pages) = (Vec::new(), Vec::<u32>::new(), Vec::<u16>::new());
    let mut last = None;
    for c in 0..CODE_POINTS {
        let class = class_of(c);
        if last.replace(class) != Some(class) {
            let number = classes.iter().position(|&known| known == class).unwrap_or_else(|| {
                classes.push(class);
                classes.len() - 1
            });
            assert!(number < 0x800 && ranges.len() < 0xFFFF, "tables of Unicode are smaller");
            ranges.push(c | (number as u32) << 21);
        }
        if c % 256 == 0 && c < PAGED {
            pages.push(ranges.len() as u16 - 1);
        }
    }
    let mut bytes = crate::write::bytes_of(&[classes.len() as u32, ranges.len() as u32, pages.len() as u32]);
    bytes.extend(crate::write::bytes_of(&classes));
    bytes.extend(crate::write::bytes_of(&ranges));
    bytes.extend(crate::write::halves_of(&pages));
    bytes
}
