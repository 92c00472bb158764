//! Lower case.

use crate::tables::CharMap;
use alloc::string::String;

/// A text in lower case, written over what is in `out`; without a table the text itself.
pub(super) fn make<'t>(table: Option<&CharMap<'_>>, text: &'t str, out: &'t mut String) -> &'t str {
    let Some(table) = table else { return text };
    out.clear();
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (plain, others) = rest.split_at(ascii);
        let from = out.len();
        out.push_str(plain);
        out[from..].make_ascii_lowercase();
        let end = others.bytes().position(|byte| byte.is_ascii()).unwrap_or(others.len());
        for c in others[..end].chars() {
            match table.get(c) {
                Some(mapped) => out.extend(mapped.chars()),
                None => out.push(c),
            }
        }
        rest = &others[end..];
    }
    out
}
