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
    /// What a folder holds beside files; it is never opened.
    Unfit(PathBuf, Unfit),
}

/// Why something in a folder is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A queue, a socket or a device: reading it might never end.
    #[error("is no file")]
    NoFile,
    /// A link to a folder that it is in.
    #[error("leads back to a folder that it is in")]
    Loop,
    /// A link that leads nowhere, or something that may not be looked at.
    #[error("could not be looked at")]
    Unseen,
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
    /// Something that is passed over.
    #[error("`{path}` {why}; it is passed over")]
    Unfit {
        /// The path.
        path: String,
        /// Why.
        why: Unfit,
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
            Self::File(path) | Self::Unfit(path, _) => path.display().to_string(),
        }
    }

    /// Its size in bytes as it lies on disk, where known.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Stdin | Self::Unfit(..) => 0,
            Self::File(path) => std::fs::metadata(path).map_or(0, |m| m.len()),
        }
    }

    /// A reader of its content, unpacked if it is gzip (told by its first bytes, not its name).
    ///
    /// # Errors
    /// [`InputError::Io`], and [`InputError::Unfit`].
    pub fn open(&self) -> Result<Box<dyn BufRead + Send>, InputError> {
        let io = |source| InputError::Io { path: self.name(), source };
        let raw: Box<dyn Read + Send> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => Box::new(File::open(path).map_err(io)?),
            Self::Unfit(_, why) => return Err(InputError::Unfit { path: self.name(), why: *why }),
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
/// name (hidden ones left out), a file for itself. What a folder holds that is no file is
/// [`Input::Unfit`]; a path that is given is taken for what it is, so that a pipe may be read.
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
            walk(path, &mut Vec::new(), &mut inputs)?;
            let is_file = |input: &Input| matches!(input, Input::File(_));
            if !inputs.get(before..).unwrap_or_default().iter().any(is_file) {
                return Err(InputError::Empty(path.display().to_string()));
            }
        } else {
            inputs.push(Input::File(path.clone()));
        }
    }
    Ok(inputs)
}

/// `above`: the folders it is in, without links.
fn walk(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    inputs: &mut Vec<Input>,
) -> Result<(), InputError> {
    if above.len() > MAX_DEPTH {
        return Err(InputError::Depth(folder.display().to_string()));
    }
    let io = |source| InputError::Io { path: folder.display().to_string(), source };
    let real = std::fs::canonicalize(folder).map_err(io)?;
    if above.contains(&real) {
        inputs.push(Input::Unfit(folder.to_owned(), Unfit::Loop));
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        entries.push(entry.map_err(io)?.path());
    }
    entries.sort();
    above.push(real);
    for path in entries {
        let is_hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => walk(&path, above, inputs)?,
            Ok(found) if found.is_file() => inputs.push(Input::File(path)),
            Ok(_) => inputs.push(Input::Unfit(path, Unfit::NoFile)),
            Err(_) => inputs.push(Input::Unfit(path, Unfit::Unseen)),
        }
    }
    above.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn what_is_no_file_is_passed_over_and_a_loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("in")).unwrap();
        std::fs::write(at("in/a.json"), "{}").unwrap();
        symlink(folder.path(), at("in/back")).unwrap();
        symlink(at("itself"), at("itself")).unwrap();
        symlink(at("absent"), at("nowhere")).unwrap();
        symlink(at("in/a.json"), at("to-a.json")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let expected = [
            Input::File(at("in/a.json")),
            Input::Unfit(at("in/back"), Unfit::Loop),
            Input::Unfit(at("itself"), Unfit::Unseen),
            Input::Unfit(at("nowhere"), Unfit::Unseen),
            Input::Unfit(at("socket"), Unfit::NoFile),
            Input::File(at("to-a.json")),
        ];
        assert_eq!(expand(&[folder.path().to_owned()]).unwrap(), expected);
        let error = expected[4].open().map(|_| ()).unwrap_err();
        assert!(error.to_string().ends_with("is no file; it is passed over"), "{error}");
        std::fs::remove_dir_all(at("in")).unwrap();
        std::fs::remove_file(at("to-a.json")).unwrap();
        let empty = expand(&[folder.path().to_owned()]);
        assert!(matches!(empty, Err(InputError::Empty(_))));
    }
}
