//! Where emulators are installed.

use std::path::PathBuf;

use crate::EmulatorError;

/// The folder of all emulators.
pub(crate) fn folder() -> Result<PathBuf, EmulatorError> {
    let folder = match std::env::var_os("AISAWS_EMULATORS_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => target()?.join("emulators"),
    };
    std::fs::create_dir_all(&folder).map_err(EmulatorError::file(&folder))?;
    Ok(folder)
}

/// The target folder, in which the running test lies: the nearest one above it that cargo marked
/// as a cache, else the one that holds `<profile>/deps/<test>`.
fn target() -> Result<PathBuf, EmulatorError> {
    let test = std::env::current_exe().map_err(EmulatorError::file("the running test"))?;
    let marked = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    marked.or_else(|| test.ancestors().nth(3)).map(PathBuf::from).ok_or_else(|| {
        let source = std::io::Error::other("no target folder above it; set AISAWS_EMULATORS_DIR");
        EmulatorError::File { path: test.clone(), source }
    })
}
