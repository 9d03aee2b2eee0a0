//! Installing once, whoever comes first; the others wait.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::{EmulatorError, home};

/// What a failing step may say.
const SHOWN_BYTES: usize = 2000;
/// Written last: a folder without it was left half-way.
const READY: &str = "ready";

/// A Python environment with exactly these packages; its `bin` folder.
pub(crate) fn python(name: &str, requirements: &str) -> Result<PathBuf, EmulatorError> {
    needs("python3", "Python 3.10 or later with its venv module (Debian: python3-venv)")?;
    let folder = once(name, requirements, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
        let list = folder.join("requirements.txt");
        std::fs::write(&list, requirements).map_err(EmulatorError::file(&list))?;
        run(Command::new(folder.join("venv/bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&list))
    })?;
    Ok(folder.join("venv/bin"))
}

/// An npm package, unpacked; the folder of its files.
pub(crate) fn npm(package: &str) -> Result<PathBuf, EmulatorError> {
    needs("npm", "Node.js with npm")?;
    let name = package.split('@').next().unwrap_or(package);
    let folder = once(name, package, |folder| {
        run(Command::new("npm").current_dir(folder).args(["pack", "--silent", package]))?;
        let packed = folder.join(format!("{}.tgz", package.replace('@', "-")));
        run(Command::new("tar").arg("xzf").arg(&packed).arg("-C").arg(folder))
    })?;
    Ok(folder.join("package"))
}

/// Whether a program can be started here.
pub(crate) fn needs(program: &'static str, install: &'static str) -> Result<(), EmulatorError> {
    let asked = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match asked {
        Ok(status) if status.success() => Ok(()),
        // A shim without a program behind it answers with a failure.
        Ok(_) | Err(_) => Err(EmulatorError::Missing { program, install }),
    }
}

/// Runs `install` in an empty folder named after what is pinned, unless that was done before.
fn once(
    name: &str,
    pins: &str,
    install: impl FnOnce(&Path) -> Result<(), EmulatorError>,
) -> Result<PathBuf, EmulatorError> {
    let home = home::folder()?;
    let mut hash = hex::encode(Sha256::digest(pins.as_bytes()));
    hash.truncate(12);
    let folder = home.join(format!("{name}-{hash}"));
    // The lock goes with the process that holds it.
    let lock = home.join(format!("{name}-{hash}.lock"));
    let file = File::create(&lock).map_err(EmulatorError::file(&lock))?;
    file.lock().map_err(EmulatorError::file(&lock))?;
    if folder.join(READY).is_file() {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(EmulatorError::file(&folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(EmulatorError::file(&folder))?;
    install(&folder)?;
    std::fs::write(folder.join(READY), pins).map_err(EmulatorError::file(&folder))?;
    Ok(folder)
}

fn run(command: &mut Command) -> Result<(), EmulatorError> {
    let step = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    let failed = |output| EmulatorError::Install { step, output };
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failed(end_of(&output.stderr))),
        Err(e) => Err(failed(e.to_string())),
    }
}

/// The last part of what a program said.
pub(crate) fn end_of(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(SHOWN_BYTES);
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
}
