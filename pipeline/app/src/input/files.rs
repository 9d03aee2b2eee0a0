//! Which files are meant.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

/// Bytes read at a time.
const CHUNK: usize = 256 * 1024;
/// How deep folders are followed; deeper ones are refused rather than followed for ever.
const MAX_DEPTH: usize = 64;

/// One source of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// It is not there or may not be read.
    #[error("`{path}` could not be read; check the path and its permissions")]
    Io {
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A folder with no file in it.
    #[error("folder `{0}` holds no file")]
    Empty(String),
    /// Folders nested too deep, probably a loop of links.
    #[error("folder `{0}` is nested more than {MAX_DEPTH} deep; is there a loop of links?")]
    Depth(String),
}

impl Input {
    /// The name users know it by; `-` for standard input.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Its size in bytes as it lies on disk, where known.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Stdin => 0,
            Self::File(path) => std::fs::metadata(path).map_or(0, |m| m.len()),
        }
    }

    /// A reader of its content, unpacked if it is gzip (told by its first bytes, not its name).
    ///
    /// # Errors
    /// [`InputError::Io`].
    pub fn open(&self) -> Result<Box<dyn BufRead + Send>, InputError> {
        let io = |source| InputError::Io { path: self.name(), source };
        let raw: Box<dyn Read + Send> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => Box::new(File::open(path).map_err(io)?),
        };
        let mut reader = BufReader::with_capacity(CHUNK, raw);
        let is_gzip = reader.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
        if is_gzip {
            Ok(Box::new(BufReader::with_capacity(CHUNK, MultiGzDecoder::new(reader))))
        } else {
            Ok(Box::new(reader))
        }
    }
}

/// Resolves paths: `-` is standard input, a folder stands for every file below it in order of
/// name (hidden ones left out), a file for itself.
///
/// # Errors
/// [`InputError`] for a path that is not there or an empty folder.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<Input>, InputError> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input::Stdin);
            continue;
        }
        let io = |source| InputError::Io { path: path.display().to_string(), source };
        let is_folder = std::fs::metadata(path).map_err(io)?.is_dir();
        if is_folder {
            let before = inputs.len();
            walk(path, 0, &mut inputs)?;
            if inputs.len() == before {
                return Err(InputError::Empty(path.display().to_string()));
            }
        } else {
            inputs.push(Input::File(path.clone()));
        }
    }
    Ok(inputs)
}

fn walk(folder: &Path, depth: usize, inputs: &mut Vec<Input>) -> Result<(), InputError> {
    if depth > MAX_DEPTH {
        return Err(InputError::Depth(folder.display().to_string()));
    }
    let io = |source| InputError::Io { path: folder.display().to_string(), source };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        entries.push(entry.map_err(io)?.path());
    }
    entries.sort();
    for path in entries {
        let is_hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        let io = |source| InputError::Io { path: path.display().to_string(), source };
        if std::fs::metadata(&path).map_err(io)?.is_dir() {
            walk(&path, depth + 1, inputs)?;
        } else {
            inputs.push(Input::File(path));
        }
    }
    Ok(())
}
