//! Texts in tables (CSV, TSV) and lines of JSON.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::fault::{DataFault, LineFault};
use crate::error::CliError;

/// The most bytes of a line, or of a table's row.
const MAX_LINE: usize = 16 << 20;

/// What a UTF-8 file may begin with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A row of a table, or a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// On which line it begins, from 1.
    pub line: u64,
    /// The fields that were asked for, in that order.
    pub fields: Vec<String>,
}

/// Whether a file's name ends as those of texts do.
pub fn is_text_name(path: &Path) -> bool {
    extension(path).is_some_and(|e| matches!(e.as_str(), "csv" | "tsv" | "jsonl" | "ndjson"))
}

/// The named columns of a file: CSV with quotes as RFC 4180 has them, TSV without quotes, or a JSON object on each
/// line. The first one may be empty, the others not.
///
/// # Errors
/// [`CliError::Read`], [`CliError::Data`] with the line's number when a column is missing, a line isn't UTF-8, is
/// too long or lacks a field.
pub fn table(path: &Path, columns: &[&str]) -> Result<Vec<Row>, CliError> {
    let fault = |source| CliError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(fault)?);
    if reader.fill_buf().map_err(fault)?.starts_with(MARK) {
        reader.consume(MARK.len());
    }
    let rows = match extension(path).as_deref() {
        Some("csv") => separated(reader, b',', true, columns),
        Some("tsv") => separated(reader, b'\t', false, columns),
        _ => json_lines(reader, columns),
    };
    rows.map_err(|why| match why {
        Why::Read(source) => CliError::Read { path: path.to_owned(), source },
        Why::Fault(source) => CliError::Data { path: path.to_owned(), source },
    })
}

fn extension(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase())
}

/// Why a table can't be read.
#[derive(Debug)]
enum Why {
    Read(std::io::Error),
    Fault(DataFault),
}

impl From<std::io::Error> for Why {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<csv::Error> for Why {
    /// Bytes are read, of any number of fields, so that only reading fails.
    fn from(error: csv::Error) -> Self {
        Self::Read(error.into())
    }
}

/// What is wrong with a line.
const fn at(line: u64, what: LineFault) -> Why {
    Why::Fault(DataFault::Line { line, what })
}

fn separated(mut reader: impl Read, delimiter: u8, quoting: bool, columns: &[&str]) -> Result<Vec<Row>, Why> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let mut records = csv::ReaderBuilder::new();
    let mut records = records.delimiter(delimiter).quoting(quoting).flexible(true).from_reader(&bytes[..]);
    let header = records.byte_headers()?;
    let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
    let place = |&name: &&str| {
        let missing = || Why::Fault(DataFault::Column { name: name.to_owned(), found: names.clone() });
        names.iter().position(|found| found == name).ok_or_else(missing)
    };
    let places: Vec<usize> = columns.iter().map(place).collect::<Result<_, _>>()?;
    let mut lines = Lines { bytes: &bytes, at: 0, line: 1 };
    let (mut rows, mut record) = (Vec::new(), csv::ByteRecord::new());
    while records.read_byte_record(&mut record)? {
        let line = lines.line_of(record.position().map_or(0, csv::Position::byte));
        if record.as_slice().len() > MAX_LINE {
            return Err(at(line, LineFault::Long { limit: MAX_LINE }));
        }
        if record.len() != names.len() {
            return Err(at(line, LineFault::Fields { expected: names.len(), found: record.len() }));
        }
        let field = |(order, &place): (usize, &usize)| {
            let text = str::from_utf8(&record[place]).map_err(|_| at(line, LineFault::Utf8))?;
            field(line, columns[order], order == 0, text.to_owned())
        };
        let fields = places.iter().enumerate().map(field).collect::<Result<_, _>>()?;
        rows.push(Row { line, fields });
    }
    Ok(rows)
}

/// Counts lines; the parser's own count is off behind empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which a record begins that the parser found behind what it left unread, line ends among it.
    fn line_of(&mut self, start: u64) -> u64 {
        let start = usize::try_from(start).unwrap_or(usize::MAX).min(self.bytes.len());
        let ends = self.bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = &self.bytes[self.at..start + ends];
        self.line += passed.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.at = start + ends;
        self.line
    }
}

fn field(line: u64, name: &str, may_be_empty: bool, text: String) -> Result<String, Why> {
    if text.is_empty() && !may_be_empty {
        return Err(at(line, LineFault::Field { name: name.to_owned() }));
    }
    Ok(text)
}

fn json_lines(mut reader: impl BufRead, columns: &[&str]) -> Result<Vec<Row>, Why> {
    let (mut rows, mut bytes) = (Vec::new(), Vec::new());
    for line in 1.. {
        bytes.clear();
        if reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() > MAX_LINE {
            return Err(at(line, LineFault::Long { limit: MAX_LINE }));
        }
        let text = str::from_utf8(&bytes).map_err(|_| at(line, LineFault::Utf8))?.trim();
        if text.is_empty() {
            continue;
        }
        let object = object(text).map_err(|what| at(line, LineFault::Json { what }))?;
        let field = |(order, &name): (usize, &&str)| {
            let missing = || at(line, LineFault::Field { name: name.to_owned() });
            field(line, name, order == 0, object.get(name).and_then(scalar).ok_or_else(missing)?)
        };
        let fields = columns.iter().enumerate().map(field).collect::<Result<_, _>>()?;
        rows.push(Row { line, fields });
    }
    Ok(rows)
}

/// A JSON object, or why it is none: with the column but nothing of the text itself.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("another value".to_owned()),
        Err(error) => Err(error.to_string().replace(" at line 1 column", ", column")),
    }
}

/// A value that isn't made of others, as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, bytes: &[u8], columns: &[&str]) -> Result<Vec<(u64, Vec<String>)>, String> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("writable");
        let rows = table(&path, columns).map_err(|error| error.to_string())?;
        Ok(rows.into_iter().map(|row| (row.line, row.fields)).collect())
    }

    fn rows(expected: &[(u64, &[&str])]) -> Vec<(u64, Vec<String>)> {
        expected.iter().map(|&(line, fields)| (line, fields.iter().map(|&f| f.to_owned()).collect())).collect()
    }

    #[test]
    fn columns_are_found_by_name_and_lines_are_counted() {
        let columns = ["text", "label"];
        let csv = b"\xef\xbb\xbflabel,text\r\na,\"x, \"\"y\"\"\nz\"\nb,w\r\n\r\n\nc,\r\n";
        let expected = rows(&[(2, &["x, \"y\"\nz", "a"]), (4, &["w", "b"]), (7, &["", "c"])]);
        assert_eq!(read("t.csv", csv, &columns), Ok(expected));
        let tsv = b"id\ttext\tlabel\n1\tsay \"hi\"\ta\n2\t\"\tb\n";
        assert_eq!(read("t.TSV", tsv, &columns), Ok(rows(&[(2, &["say \"hi\"", "a"]), (3, &["\"", "b"])])));
        let json = b"{\"text\": \"x\\ny\", \"label\": 3}\n\n{\"label\": true, \"text\": \"\", \"more\": []}";
        assert_eq!(read("t.jsonl", json, &columns), Ok(rows(&[(1, &["x\ny", "3"]), (3, &["", "true"])])));
    }

    #[test]
    fn lines_that_cannot_be_used_are_told_by_number() {
        let cases: [(&str, &[u8], &str); 12] = [
            ("t.csv", b"text,class\na,b\n", "no column 'label' (there is: text, class)"),
            ("t.csv", b"", "no column 'text' (there is: )"),
            ("t.csv", b"text,label\na,b\nc\n", "line 3 has 1 fields, the first one 2"),
            ("t.csv", b"text,label\na,b\n\xff,c\n", "line 3 isn't UTF-8"),
            ("t.csv", b"text,label\na,\n", "line 2 has no 'label'"),
            ("t.tsv", b"text\tlabel\na\xc3\tb\n", "line 2 isn't UTF-8"),
            ("t.jsonl", b"{\"text\": \"a\", \"label\": 0}\n\x80\n", "line 2 isn't UTF-8"),
            ("t.jsonl", b"{\"text\": \"a\"}\n", "line 1 has no 'label'"),
            ("t.jsonl", b"{\"text\": \"a\", \"label\": null}\n", "line 1 has no 'label'"),
            ("t.jsonl", b"\n{\"text\": \"a\", \n", "line 2 is no JSON object (EOF"),
            ("t.jsonl", b"\"secret\"\n", "line 1 is no JSON object (another value)"),
            ("t.jsonl", b"{\"text\": \"\\ud800\", \"label\": 0}\n", "line 1 is no JSON object"),
        ];
        for (name, bytes, expected) in cases {
            let error = read(name, bytes, &["text", "label"]).expect_err(expected);
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn long_lines_are_refused_before_they_fill_the_memory() {
        let long = "x".repeat(MAX_LINE + 1);
        for (name, start) in [("t.csv", "text,label\n\""), ("t.jsonl", "\n{\"text\": \"")] {
            let error = read(name, format!("{start}{long}").as_bytes(), &["text", "label"]).expect_err("too long");
            assert!(error.contains("line 2 has more than"), "{error}");
        }
    }
}
