//! An artifact's bytes, where possible mapped and not read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dunlin_engine::AlignedBytes;
use mmap_io::{MemoryMappedFile, MmapIoError};

/// An artifact's bytes at the alignment that the engine asks for.
///
/// A mapped file must not be cut short while it is used: the system would end the process (SIGBUS). `dunlin compile`
/// replaces artifacts as a whole, never in place.
#[derive(Debug)]
pub enum ModelFile {
    /// A regular file, mapped.
    Mapped(MemoryMappedFile),
    /// What can't be mapped, a pipe for one, read; or bytes that came another way.
    Held(AlignedBytes),
    /// A model that is part of this program.
    Static(&'static [u8]),
}

impl ModelFile {
    /// Maps a file, or reads what can't be mapped.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let kind = file.metadata()?;
        if kind.is_file() && kind.len() > 0 {
            return MemoryMappedFile::open_ro(path).map(Self::Mapped).map_err(system);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Self::held(&bytes)
    }

    /// A copy of bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`]
    pub fn held(bytes: &[u8]) -> io::Result<Self> {
        let held = AlignedBytes::try_from_slice(bytes);
        held.map(Self::Held).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))
    }
}

impl AsRef<[u8]> for ModelFile {
    fn as_ref(&self) -> &[u8] {
        match self {
            // A read-only mapping always gives its bytes.
            Self::Mapped(map) => map.as_slice_bytes(0, map.len()).unwrap_or_default(),
            Self::Held(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }
}

fn system(error: MmapIoError) -> io::Error {
    match error {
        MmapIoError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_aligned_bytes() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        for len in [0, 1, 64, 5000] {
            let path = dir.path().join("file");
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            std::fs::write(&path, &bytes)?;
            let file = ModelFile::open(&path)?;
            assert_eq!(file.as_ref(), bytes);
            assert_eq!(file.as_ref().as_ptr() as usize % 64, 0);
        }
        Ok(())
    }

    #[test]
    fn a_missing_file_is_an_error() {
        let error = ModelFile::open(Path::new("/nowhere/model.dunlin")).map(|_| ()).map_err(|e| e.kind());
        assert_eq!(error, Err(io::ErrorKind::NotFound));
    }
}
