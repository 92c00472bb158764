//! The header of a `.npy` file: a Python dictionary with three entries.

use super::NpyType;

/// First bytes of a `.npy` file.
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// What the dictionary says.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// NumPy's name of the element type, with its byte order.
    pub descr: String,
    /// Whether the first index varies fastest.
    pub fortran: bool,
    /// Dimensions.
    pub dims: Vec<usize>,
}

impl Header {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`; `None` when an entry is missing or malformed.
    ///
    /// NumPy writes keys in this order but doesn't promise it. Structured types have a list as `descr` and are refused.
    pub fn parse(text: &str) -> Option<Self> {
        let descr = quoted(entry(text, "descr")?)?.to_owned();
        let order = entry(text, "fortran_order")?;
        let fortran = match (order.starts_with("True"), order.starts_with("False")) {
            (true, _) => true,
            (_, true) => false,
            _ => return None,
        };
        let (dims, _) = entry(text, "shape")?.strip_prefix('(')?.split_once(')')?;
        let dims = dims.split(',').map(str::trim).filter(|dim| !dim.is_empty());
        Some(Self { descr, fortran, dims: dims.map(|dim| dim.parse().ok()).collect::<Option<_>>()? })
    }

    /// Bytes of a whole version 1 header, the magic included; its length is a multiple of 64.
    pub fn bytes(dtype: NpyType, dims: &[usize]) -> Vec<u8> {
        let shape: String = dims.iter().map(|dim| format!("{dim}, ")).collect();
        let shape = if dims.len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
        let mut text = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}", dtype.descr());
        let prefix = MAGIC.len() + 4;
        let padded = (prefix + text.len() + 1).next_multiple_of(64) - prefix;
        text.extend(std::iter::repeat_n(' ', padded - 1 - text.len()));
        text.push('\n');
        let mut bytes = MAGIC.to_vec();
        bytes.extend([1, 0]);
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }
}

/// What follows a key and its colon.
fn entry<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

fn quoted(text: &str) -> Option<&str> {
    Some(text.strip_prefix('\'')?.split_once('\'')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_numpy_writes() {
        let header = |descr: &str, fortran, dims: &[usize]| {
            Some(Header { descr: descr.to_owned(), fortran, dims: dims.to_vec() })
        };
        let cases = [
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", header("<f4", false, &[2, 3])),
            ("{'descr': '|u1', 'fortran_order': True, 'shape': (7,), }\n", header("|u1", true, &[7])),
            ("{'shape': (), 'descr': '<i8', 'fortran_order': False}", header("<i8", false, &[])),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", None),
            ("{'descr': '<f4', 'fortran_order': 1, 'shape': (2,), }", None),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", None),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Header::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for dims in [&[][..], &[5], &[1, 2, 3, 4]] {
            let bytes = Header::bytes(NpyType::F32, dims);
            assert_eq!(bytes.len() % 64, 0);
            let text = std::str::from_utf8(&bytes[10..]).expect("ASCII");
            assert_eq!(Header::parse(text).map(|h| h.dims).as_deref(), Some(dims));
        }
    }
}
