//! The two programs as they are deployed.

use std::process::Command;
use std::sync::OnceLock;

use aisaws_aws::deploy::{Program, package};

/// The zip file of each program.
#[derive(Debug)]
pub(crate) struct Zips {
    pub(crate) read: Vec<u8>,
    pub(crate) write: Vec<u8>,
}

/// Packaged once for all deployments of this process.
pub(crate) fn zips() -> &'static Zips {
    static ZIPS: OnceLock<Zips> = OnceLock::new();
    ZIPS.get_or_init(|| Zips {
        read: zip(env!("CARGO_BIN_EXE_read-under-test")),
        write: zip(env!("CARGO_BIN_EXE_write-under-test")),
    })
}

fn zip(program: &str) -> Vec<u8> {
    let bytes = without_symbols(program).unwrap_or_else(|| std::fs::read(program).unwrap());
    package(&Program::read(&bytes).unwrap()).unwrap()
}

/// As a distribution build leaves them out: half of a test build is symbols, which the emulator
/// would copy for each function. Where there is no `strip` they are copied.
fn without_symbols(program: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program");
    let status = Command::new("strip").arg("-o").arg(&file).arg(program).status().ok()?;
    status.success().then(|| std::fs::read(&file).unwrap())
}
