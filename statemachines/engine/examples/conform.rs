//! Runs a file of recorded cases: `cargo run --example conform -- CASES.jsonl > out.jsonl`.

use std::io::{BufRead as _, BufReader, Error, ErrorKind, Write as _};

fn main() -> Result<(), Error> {
    let path = std::env::args()
        .nth(1)
        .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "usage: conform CASES.jsonl"))?;
    let mut out = std::io::stdout().lock();
    for line in BufReader::new(std::fs::File::open(path)?).lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(out, "{}", aisaws_engine::conform::run(&line)?)?;
        }
    }
    Ok(())
}
