//! The programs that are deployed.

use std::process::Command;

#[test]
fn a_program_that_is_told_nothing_names_what_is_missing() {
    for program in [env!("CARGO_BIN_EXE_read-under-test"), env!("CARGO_BIN_EXE_write-under-test")] {
        let output = Command::new(program).env_clear().output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains("AISAWS_"), "{text}");
    }
}
