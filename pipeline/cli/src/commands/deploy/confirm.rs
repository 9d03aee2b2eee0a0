//! Asking before AWS is changed.

use std::io::{BufRead as _, IsTerminal as _};

use crate::{Usage, output};

/// Asks at the terminal. Where there is none, nobody can have looked: then only `--yes` counts.
pub(super) fn confirmed(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Usage("there is no terminal to ask at; give --yes".to_owned()).into());
    }
    output::note(&format!("{question} [y/N]"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
