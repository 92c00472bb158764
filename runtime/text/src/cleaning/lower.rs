//! Lower case.

use crate::tables::CharMap;
use alloc::string::String;

/// Writes a text in lower case over what is in `out`.
pub(super) fn make(table: &CharMap<'_>, text: &str, out: &mut String) {
    out.clear();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let from = out.len();
        out.push_str(&rest[..ascii]);
        out[from..].make_ascii_lowercase();
        rest = &rest[ascii..];
        if ascii == 0 {
            match table.get(c) {
                Some(mapped) => out.extend(mapped.chars()),
                None => out.push(c),
            }
            rest = &rest[c.len_utf8()..];
        }
    }
}
