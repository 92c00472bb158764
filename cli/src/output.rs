//! Writing results.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use crate::error::CliError;

/// Writes a record as one JSON document.
///
/// # Errors
/// [`CliError::Stdout`].
pub fn json(record: &impl Serialize, out: &mut dyn Write) -> Result<(), CliError> {
    serde_json::to_writer_pretty(&mut *out, record)?;
    writeln!(out)?;
    Ok(())
}

/// Writes a file as a whole: a reader sees the old one or the new one, and a failure leaves the old one.
///
/// What exists and is no regular file, a pipe for one, is written in place.
///
/// # Errors
/// [`CliError::Write`].
pub fn file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let fault = |source| CliError::Write { path: path.to_owned(), source };
    if fs::metadata(path).is_ok_and(|kind| !kind.is_file()) {
        return fs::write(path, bytes).map_err(fault);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| {
        // The part is of no use to anyone; when it can't be removed the first failure is the one to tell.
        let _ = fs::remove_file(&part);
        fault(source)
    })
}

/// Microseconds, to the nanosecond.
pub fn micros(time: std::time::Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

/// Microseconds for people: three significant digits in the unit that suits.
pub fn time(micros: f64) -> String {
    let (value, unit) = match micros {
        m if m < 1e3 => (m, "µs"),
        m if m < 1e6 => (m / 1e3, "ms"),
        m => (m / 1e6, "s"),
    };
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// A number of bytes, or of anything, with commas between thousands.
pub fn bytes(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// A share of a hundred; `-` for none.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

/// `1x32x32x3`, or `scalar`.
pub fn dims(shape: &[u32]) -> String {
    if shape.is_empty() {
        return "scalar".to_owned();
    }
    shape.iter().map(u32::to_string).collect::<Vec<_>>().join("x")
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The end of a long name, which tells more than its beginning.
pub fn ending(name: &str) -> String {
    const LONGEST: usize = 32;
    let count = name.chars().count();
    if count <= LONGEST {
        return name.to_owned();
    }
    std::iter::once('…').chain(name.chars().skip(count - LONGEST + 1)).collect()
}

/// The first labels, and how many there are.
pub fn shortened(labels: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = labels[..labels.len().min(SHOWN)].join(", ");
    if labels.len() > SHOWN { format!("{shown}, … ({} in all)", labels.len()) } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(time(3.456), "3.46 µs");
        assert_eq!(time(34.56), "34.6 µs");
        assert_eq!(time(345.6), "346 µs");
        assert_eq!(time(3_456.0), "3.46 ms");
        assert_eq!(time(3_456_000.0), "3.46 s");
        assert_eq!(bytes(0), "0");
        assert_eq!(bytes(1234567), "1,234,567");
        assert_eq!(bytes(123456), "123,456");
        assert_eq!(hex(&[0, 255, 16]), "00ff10");
    }

    #[test]
    fn files_are_replaced_as_a_whole() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("out");
        file(&path, b"one").expect("writable");
        file(&path, b"two").expect("writable");
        assert_eq!(fs::read(&path).expect("readable"), b"two");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
        assert!(file(&dir.path().join("no/such/folder"), b"").is_err());
    }
}
