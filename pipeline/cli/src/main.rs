//! The `aisaws` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    aisaws_cli::run()
}
