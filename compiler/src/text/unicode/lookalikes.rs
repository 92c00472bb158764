//! Letters that look like those of another script, from Unicode's confusables (UTS #39).

use std::collections::BTreeMap;

use dunlin_text::tables::{Mapping, write_map};
use dunlin_text::write::bytes_of;
use unicode_normalization::UnicodeNormalization;
use unicode_security::GeneralSecurityProfile;
use unicode_security::confusable_detection::skeleton;

use super::classes::having;

/// The number of the Latin script.
pub const LATIN: u8 = 1;
/// The number for letters that belong to Latin but to no language's usual alphabet.
const UNUSUAL: u8 = 2;
/// The number of the first other script.
const OTHERS: u8 = 3;

/// Scripts with letters that pass for Latin ones. Where words aren't separated by spaces, as in the scripts of East and South-East
/// Asia, letters of several scripts in a row are nothing unusual: those are left out.
const SCRIPTS: &[&str] = &[
    "Cyrillic",
    "Greek",
    "Armenian",
    "Cherokee",
    "Coptic",
    "Georgian",
    "Lisu",
    "Canadian_Aboriginal",
    "Deseret",
    "Osage",
    "Warang_Citi",
    "Carian",
    "Lycian",
    "Old_Italic",
    "Elbasan",
    "Tifinagh",
    "Hebrew",
    "Arabic",
    "Runic",
    "Vai",
    "Miao",
    "Nko",
];

/// Scripts whose words are defended too, against letters of Latin.
const DEFENDED: &[&str] = &["Cyrillic", "Greek"];

/// Which letters look alike.
#[derive(Clone, Debug)]
pub struct Lookalikes {
    /// The number of each letter's script.
    scripts: BTreeMap<char, u8>,
    /// The letter of ASCII that a letter looks like.
    to_latin: BTreeMap<char, char>,
    /// For a script the letters that those of ASCII look like.
    from_latin: Vec<(u8, BTreeMap<char, char>)>,
}

/// Reads Unicode's confusables.
pub fn lookalikes() -> Lookalikes {
    let plain = Plain::new();
    let mut scripts: BTreeMap<char, u8> = letters("Latin").map(|c| (c, LATIN)).collect();
    let mut to_latin = BTreeMap::new();
    let mut from_latin = Vec::new();
    for c in letters("Latin").filter(|c| !c.is_ascii() && !c.identifier_allowed()) {
        if let Some(latin) = plain.like(c) {
            scripts.insert(c, UNUSUAL);
            to_latin.insert(c, latin);
        }
    }
    for (script, number) in SCRIPTS.iter().zip(OTHERS..) {
        let mut back = BTreeMap::new();
        for c in letters(script) {
            scripts.insert(c, number);
            if let Some(latin) = plain.like(c) {
                to_latin.insert(c, latin);
                // The letters of living alphabets stand first in each script's block.
                if c.identifier_allowed() && c.is_uppercase() == latin.is_uppercase() {
                    back.entry(latin).or_insert(c);
                }
            }
        }
        if DEFENDED.contains(script) {
            from_latin.push((number, back));
        }
    }
    Lookalikes { scripts, to_latin, from_latin }
}

/// The letters of a script that NFKC leaves as they are.
fn letters(script: &str) -> impl Iterator<Item = char> {
    having(&format!("{{script={script}}}")).filter(|&c| c.is_alphabetic() && std::iter::once(c).nfkc().eq([c]))
}

/// The letters of ASCII, by what UTS #39 makes of each.
struct Plain(BTreeMap<String, Vec<char>>);

impl Plain {
    fn new() -> Self {
        let mut letters: BTreeMap<String, Vec<char>> = BTreeMap::new();
        for c in ('a'..='z').chain('A'..='Z') {
            letters.entry(bones(c)).or_default().push(c);
        }
        Self(letters)
    }

    /// The letter that another looks like, of the same case where there is one (`l` and `I` are alike).
    fn like(&self, c: char) -> Option<char> {
        let alike = self.0.get(&bones(c))?;
        let same = alike.iter().find(|latin| latin.is_uppercase() == c.is_uppercase());
        same.or(alike.first()).copied()
    }
}

fn bones(c: char) -> String {
    skeleton(c.encode_utf8(&mut [0; 4])).collect()
}

impl Lookalikes {
    /// The number of each letter's script, where it has one.
    pub(super) fn scripts(&self) -> impl Iterator<Item = (char, u8)> {
        self.scripts.iter().map(|(&c, &script)| (c, script))
    }

    /// What the runtime reads: the map to Latin, then the number of maps from it, and each with its script's number.
    pub fn bytes(&self) -> Vec<u8> {
        let map = |letters: &BTreeMap<char, char>| {
            write_map(&letters.iter().map(|(&c, to)| (c, to.to_string())).collect::<Vec<Mapping>>())
        };
        let mut bytes = map(&self.to_latin);
        bytes.extend(bytes_of(&[self.from_latin.len() as u32]));
        for (script, letters) in &self.from_latin {
            bytes.extend(bytes_of(&[u32::from(*script)]));
            bytes.extend(map(letters));
        }
        bytes
    }

    /// The letter of ASCII that a letter looks like.
    pub fn to_latin(&self) -> &BTreeMap<char, char> {
        &self.to_latin
    }
}
