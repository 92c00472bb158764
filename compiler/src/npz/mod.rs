//! NumPy's `.npz`: a ZIP archive of named arrays, and the `.npy` format of each.
//!
//! Booleans, integers and floats of 8 to 64 bits, little-endian, are read; arrays in Fortran order are put into row-major order. Strings are
//! read from arrays of one dimension.
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

mod array;
mod error;
mod header;

use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

pub use array::{Array, NpyType};
pub use error::NpzError;

/// The most bytes that an array has: 8 GiB.
pub const MAX_BYTES: u64 = 8 << 30;

/// An archive, open to read its arrays one at a time.
#[derive(Debug)]
pub struct Npz<R> {
    archive: ZipArchive<R>,
}

impl Npz<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    /// [`NpzError`] when it can't be read or isn't a ZIP archive.
    pub fn open(path: &Path) -> Result<Self, NpzError> {
        Self::new(BufReader::new(File::open(path).map_err(NpzError::Io)?))
    }
}

impl<R: Read + Seek> Npz<R> {
    /// Reads the archive's directory.
    ///
    /// # Errors
    /// [`NpzError::Archive`] when it isn't a ZIP archive.
    pub fn new(reader: R) -> Result<Self, NpzError> {
        Ok(Self { archive: ZipArchive::new(reader)? })
    }

    /// The arrays' names, in the archive's order; those that aren't Unicode are left out.
    pub fn names(&self) -> Vec<String> {
        let names = self.archive.file_names().flatten();
        names.filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect()
    }

    /// Reads one array; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`NpzError`] when it is damaged, larger than [`MAX_BYTES`] or of a type that isn't read here.
    pub fn array(&mut self, name: &str) -> Result<Option<Array>, NpzError> {
        let Some(index) = self.archive.index_for_name(&format!("{name}.npy")) else { return Ok(None) };
        let mut file = self.archive.by_index(index)?;
        Array::read(name, &mut file).map(Some)
    }

    /// Reads an array of strings with one dimension; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`NpzError`] as for [`Npz::array`], and [`NpzError::Type`] when it is of something else than strings.
    pub fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, NpzError> {
        let Some(index) = self.archive.index_for_name(&format!("{name}.npy")) else { return Ok(None) };
        array::read_strings(name, &mut self.archive.by_index(index)?).map(Some)
    }
}

/// Writes an archive, uncompressed as `numpy.savez` does.
#[derive(Debug)]
pub struct NpzWriter<W: Write + Seek> {
    archive: ZipWriter<W>,
}

impl<W: Write + Seek> NpzWriter<W> {
    /// Begins an archive.
    pub fn new(writer: W) -> Self {
        Self { archive: ZipWriter::new(writer) }
    }

    /// Adds an array.
    ///
    /// # Errors
    /// [`NpzError::Io`] when it can't be written, [`NpzError::Archive`] for a name twice.
    pub fn add(&mut self, name: &str, array: &Array) -> Result<(), NpzError> {
        let large = array.bytes.len() as u64 >= u64::from(u32::MAX) - 4096;
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(large);
        self.archive.start_file(format!("{name}.npy"), options)?;
        array.write(&mut self.archive)
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// [`NpzError::Io`] when it can't be written.
    pub fn finish(self) -> Result<W, NpzError> {
        Ok(self.archive.finish()?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn archive(arrays: &[(&str, Array)]) -> Vec<u8> {
        let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
        for (name, array) in arrays {
            writer.add(name, array).expect("memory takes it");
        }
        writer.finish().expect("memory takes it").into_inner()
    }

    #[test]
    fn gives_back_what_was_written() {
        let array = Array::f32s(&[2, 3], &[1.0, -2.0, 3.5, 0.0, 5.0, f32::MAX]);
        let bytes = archive(&[("input", array.clone()), ("empty", Array::f32s(&[0], &[]))]);
        let mut npz = Npz::new(Cursor::new(bytes)).expect("a ZIP archive");
        assert_eq!(npz.names(), ["input", "empty"]);
        assert_eq!(npz.array("input").expect("readable"), Some(array));
        assert_eq!(npz.array("other").expect("readable"), None);
    }

    #[test]
    fn truncated_archives_are_errors() {
        let bytes = archive(&[("input", Array::f32s(&[4], &[1.0; 4]))]);
        for end in 0..bytes.len() {
            let read = Npz::new(Cursor::new(&bytes[..end])).and_then(|mut npz| npz.array("input"));
            assert!(!matches!(read, Ok(Some(_))), "{end} bytes");
        }
    }
}
