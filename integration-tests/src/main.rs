//! The `aisaws` command line under test: the same library, and a variable that makes it die at
//! a chosen commit of its store.

use std::process::ExitCode;

fn main() -> ExitCode {
    let point = std::env::var("AISAWS_TEST_DIE_AT").ok().and_then(|text| text.parse().ok());
    if let Some(point) = point {
        aisaws_sqlite::crash::die_at(point);
    }
    aisaws_cli::run()
}
