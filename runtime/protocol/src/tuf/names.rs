//! Names of roles and targets as files and addresses have them.

use alloc::string::String;

/// A role's name as part of an address: everything but letters, digits, `-`, `.`, `_` and `~` is escaped, slashes as well.
pub(super) fn in_address(role: &str) -> String {
    let mut out = String::new();
    for &byte in role.as_bytes() {
        escape(byte, &mut out);
    }
    out
}

/// A target's path as part of an address, its parts escaped. `None` when a part is empty, `.` or `..`, which browsers would resolve.
pub(super) fn path_in_address(path: &str) -> Option<String> {
    let mut out = String::new();
    for (index, part) in path.split('/').enumerate() {
        if matches!(part, "" | "." | "..") {
            return None;
        }
        if index > 0 {
            out.push('/');
        }
        out += &in_address(part);
    }
    Some(out)
}

fn escape(byte: u8, out: &mut String) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        out.push(char::from(byte));
    } else {
        *out += &alloc::format!("%{byte:02X}");
    }
}

/// The name under which a role's metadata is kept.
pub(super) fn stored(role: &str) -> String {
    file_name(role) + ".json"
}

/// A name for a file of its own, for a role or a target's path: of `a-z`, `0-9` and `-`, and another for each even where files' names
/// have no case.
pub fn file_name(of: &str) -> String {
    let mut out = String::new();
    for &byte in of.as_bytes() {
        if byte.is_ascii_lowercase() || byte.is_ascii_digit() {
            out.push(char::from(byte));
        } else {
            out += &alloc::format!("-{byte:02x}");
        }
    }
    out
}

/// Whether a delegation's pattern has a path. `*` stands for any characters and `?` for one, but neither for a slash.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if part_matches(pattern, part) => {}
            _ => return false,
        }
    }
}

/// Goes through both once; where they differ it gives the last `*` one character more. At most the product of their lengths in steps.
fn part_matches(pattern: &str, part: &str) -> bool {
    let (mut pattern, mut part) = (pattern.chars(), part.chars());
    let mut last_star = None;
    loop {
        let at = part.clone();
        match (pattern.next(), part.next()) {
            (Some('*'), _) => {
                part = at;
                last_star = Some((pattern.clone(), part.clone()));
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {}
            _ => {
                let Some((after_star, mut held)) = last_star.take() else { return false };
                if held.next().is_none() {
                    return false;
                }
                last_star = Some((after_star.clone(), held.clone()));
                (pattern, part) = (after_star, held);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_within_parts() {
        let cases = [
            ("*", "a", true),
            ("*", "", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("*.md", "README.md", true),
            ("*.md", "README.MD", false),
            ("foo-?.tgz", "foo-1.tgz", true),
            ("foo-?.tgz", "foo-.tgz", false),
            ("foo-?.tgz", "foo-é.tgz", true),
            ("a*b*c", "abbbc", true),
            ("a*b*c", "abbb", false),
            ("*a", "aaab", false),
            ("**", "abc", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("ab", "a", false),
            ("[a]", "a", false),
            ("", "", true),
            ("a/", "a", false),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        assert!(!matches(&("*a".repeat(2000) + "b"), &"a".repeat(4000)));
    }

    #[test]
    fn names_are_safe_and_differ() {
        assert_eq!(in_address("../a?#é"), "..%2Fa%3F%23%C3%A9");
        assert_eq!(path_in_address("a b/c.txt").as_deref(), Some("a%20b/c.txt"));
        for path in ["", "/a", "a/", "a//b", "../a", "a/./b", "a/.."] {
            assert_eq!(path_in_address(path), None, "{path}");
        }
        assert_eq!(stored("targets"), "targets.json");
        assert_eq!(stored("A/..%"), "-41-2f-2e-2e-25.json");
        assert_ne!(stored("a"), stored("A"));
    }
}
