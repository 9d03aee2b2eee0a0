//! Rule files as text: documents in a file, and the line a key stands in.

use std::sync::Arc;

use memchr::memchr_iter;
use memchr::memmem::Finder;

use super::error::{Place, Problem, RuleError};

/// The section of a rule that says what it matches.
pub(super) const DETECTION: &str = "detection";
/// The section that does so for a filter.
pub(super) const FILTER: &str = "filter";

/// One YAML document of a file, with the number of lines before it.
#[derive(Debug, Clone)]
pub(super) struct Source<'a> {
    pub(super) file: Arc<str>,
    pub(super) text: &'a str,
    /// Name of the section that holds selections and condition.
    pub(super) section: &'static str,
    lines_before: usize,
    /// Whether it is known to be usable: what only tells that is left out.
    pub(super) is_proven: bool,
}

impl<'a> Source<'a> {
    /// The same document, of which another section is compiled.
    pub(super) fn of_section(&self, section: &'static str) -> Self {
        Self { section, ..self.clone() }
    }

    /// Cuts a file at its document markers (`---` and `...` at the start of a line). A byte order
    /// mark before it, and directives (`%YAML 1.2`), are no part of a document.
    pub(super) fn split(file: &str, text: &'a str) -> Vec<Self> {
        let file: Arc<str> = Arc::from(file);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut found = Vec::new();
        let (mut start, mut line_of_start) = (0, 0);
        let (mut offset, mut lines) = (0, 0);
        let mut push = |from: usize, to: usize, lines_before| {
            if let Some(text) = text.get(from..to)
                && text.lines().any(|line| !is_blank(line) && !line.starts_with('%'))
            {
                found.push(Source {
                    file: file.clone(),
                    text,
                    section: DETECTION,
                    lines_before,
                    is_proven: false,
                });
            }
        };
        for line in text.split_inclusive('\n') {
            lines += 1;
            let marker = line.get(..3).filter(|marker| ["---", "..."].contains(marker));
            let after = marker.and_then(|marker| line.strip_prefix(marker));
            if let Some(after) =
                after.filter(|a| a.is_empty() || a.starts_with([' ', '\t', '\r', '\n']))
            {
                push(start, offset, line_of_start);
                // A document may begin behind its marker.
                let (length, before) =
                    if is_blank(after) { (line.len(), lines) } else { (3, lines - 1) };
                (start, line_of_start) = (offset + length, before);
            }
            offset += line.len();
        }
        push(start, text.len(), line_of_start);
        found
    }

    /// The place of the innermost key of `path` that can be found, else of the document.
    pub(super) fn place(&self, path: &[&str]) -> Place {
        let (mut from, mut line) = (0, None);
        for key in path {
            let Some((start, end)) = self.line_of(key, from) else { break };
            line = Some(start);
            from = end;
        }
        let number = |start| {
            let before = self.text.as_bytes().get(..start).unwrap_or_default();
            1 + memchr_iter(b'\n', before).count()
        };
        Place {
            file: self.file.clone(),
            line: Some(self.lines_before + line.map_or_else(|| self.first_line(), number)),
        }
    }

    /// Beginning and end of the first line, of those that begin there or later, which holds the key.
    fn line_of(&self, key: &str, mut from: usize) -> Option<(usize, usize)> {
        let finder = Finder::new(key);
        loop {
            let rest = self.text.get(from..)?;
            let at = finder.find(rest.as_bytes())?;
            let start = rest.get(..at)?.rfind('\n').map_or(0, |before| before + 1);
            let end = rest.get(at..)?.find('\n').map_or(rest.len(), |after| at + after + 1);
            if stands_at(rest.get(start..end)?, &finder) {
                return Some((from + start, from + end));
            }
            // At the end of the text, a key that is empty would be met for ever.
            if end == 0 || from + end >= self.text.len() {
                return None;
            }
            from += end;
        }
    }

    /// The place of an item of the list under `path`, else of the list.
    pub(super) fn place_of_item(&self, path: &[&str], item: &str) -> Place {
        let list = self.place(path);
        let before = list.line.and_then(|line| line.checked_sub(self.lines_before));
        let Some(first) = before else { return list };
        let mut lines = self.text.lines().enumerate().skip(first.saturating_sub(1));
        match lines.find(|(_, line)| line.contains(item)) {
            Some((n, _)) => Place { line: Some(self.lines_before + n + 1), ..list },
            None => list,
        }
    }

    pub(super) fn error(&self, path: &[&str], problem: Problem) -> RuleError {
        RuleError { place: self.place(path), problem }
    }

    pub(super) fn yaml_error(&self, error: yaml_serde::Error) -> RuleError {
        let line = error.location().map(|l| self.lines_before + l.line());
        let place = Place { file: self.file.clone(), line };
        RuleError { place, problem: Problem::Yaml(error) }
    }

    fn first_line(&self) -> usize {
        1 + self.text.lines().take_while(|l| l.trim().is_empty()).count()
    }
}

/// Whether there is nothing in this line but, perhaps, a comment.
fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Whether this line holds `key:`, plain or quoted, perhaps as a member of a list or flow map.
fn stands_at(line: &str, key: &Finder<'_>) -> bool {
    let line = line.trim_start();
    key.find_iter(line.as_bytes()).any(|at| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + key.needle().len()..).unwrap_or_default();
        let opens = before.is_empty() || before.ends_with(['"', '\'', ' ', '{', ',', '-']);
        let after = after.trim_start_matches(['"', '\'']).trim_start();
        opens && !before.starts_with('#') && after.starts_with(':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_the_line_numbers_of_their_file() {
        let text = "---\ntitle: a\n---\n# only a comment\n---\n\ntitle: b\ndetection:\n  s:\n    - x|re: 1\n";
        let documents = Source::split("f.yml", text);
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].place(&["title"]).to_string(), "f.yml:2");
        assert_eq!(documents[1].place(&["detection", "s", "x|re"]).to_string(), "f.yml:10");
        assert_eq!(documents[1].place(&["level"]).to_string(), "f.yml:7");
    }

    /// YAML 1.2.2: 5.2 (byte order mark), 6.8 (directives), 9.1.2 (markers).
    #[test]
    fn marks_directives_and_comments_are_no_documents() {
        let rows: [(&str, &[usize]); 6] = [
            ("\u{feff}title: a\n", &[1]),
            ("title: a\n--- # the other\ntitle: b\n", &[1, 3]),
            ("%YAML 1.2\n---\ntitle: a\n", &[3]),
            ("title: a\n...\n", &[1]),
            ("# x\n%YAML 1.2\n---\ntitle: a\n... # end\r\n%YAML 1.2\n---\ntitle: b\n", &[4, 8]),
            ("--- { title: a }\n---\ttitle: b\n---x: 1\n", &[1, 2]),
        ];
        for (text, lines) in rows {
            let documents = Source::split("f.yml", text);
            let found: Vec<_> =
                documents.iter().map(|d| d.place(&["title"]).line.unwrap()).collect();
            assert_eq!(found, lines, "{text}");
            for document in documents.iter().filter(|d| !d.text.contains("---x")) {
                let map: yaml_serde::Mapping = yaml_serde::from_str(document.text).unwrap();
                assert!(map.contains_key("title"), "{text}");
            }
        }
    }
}
