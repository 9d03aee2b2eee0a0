//! The only place that prints. Results go to standard output, everything else to standard
//! error; colours are dropped where there is no terminal or `NO_COLOR` is set.

use std::io::Write;

use owo_colors::{OwoColorize, Style};
use serde::Serialize;

/// Writes a line to standard output. A reader that has gone away ends the program quietly.
pub(crate) fn line(text: &str) {
    write(anstream::stdout(), text);
}

/// Writes a line to standard error.
pub(crate) fn note(text: &str) {
    write(anstream::stderr(), text);
}

/// Writes lines that are whole already to standard output, as they are.
pub(crate) fn bytes(lines: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if stdout.write_all(lines).and_then(|()| stdout.flush()).is_err() {
        std::process::exit(0);
    }
}

fn write(mut stream: impl Write, text: &str) {
    if writeln!(stream, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// Writes one JSON value to standard output.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Text from outside as it may stand in a terminal: control characters, which could move the
/// cursor or forge lines, and marks that reverse the reading direction are shown as escapes.
pub(crate) fn data(text: &str) -> String {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if is_unsafe(c) { c.escape_unicode().to_string() } else { c.to_string() })
        .collect()
}

/// A heading.
pub(crate) fn bold(text: &str) -> String {
    text.bold().to_string()
}

/// Something of lesser weight.
pub(crate) fn dim(text: &str) -> String {
    text.dimmed().to_string()
}

/// A text in a style.
pub(crate) fn styled(text: &str, style: Style) -> String {
    text.style(style).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_drive_the_terminal() {
        assert_eq!(data("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(data("\u{202e}x"), "\\u{202e}x");
        assert_eq!(data("Zürich ✓"), "Zürich ✓");
    }
}
