//! A few literals searched for in one pass over an event's text, whatever their case and
//! wherever they stand.

use aho_corasick::packed::{Config, MatchKind, Searcher};

/// Bytes that are searched for, out of each literal.
const WINDOW: usize = 3;
/// More windows than the search is made for.
const MAX_WINDOWS: usize = 64;

/// The search for literals of at least [`WINDOW`] bytes.
#[derive(Debug)]
pub(super) struct Literals {
    searcher: Searcher,
    /// By window, as the searcher numbers them: the literals it belongs to.
    windows: Vec<Vec<Part>>,
    texts: Vec<Vec<u8>>,
}

/// Where in which literal a window stands.
#[derive(Debug, Clone, Copy)]
struct Part {
    literal: usize,
    at: usize,
}

impl Literals {
    /// Takes lower-case literals; `None`: too many, too short, or this processor cannot.
    pub(super) fn new(literals: Vec<Vec<u8>>) -> Option<Self> {
        let mut searched: Vec<Vec<u8>> = Vec::new();
        let mut windows: Vec<Vec<Part>> = Vec::new();
        for (literal, text) in literals.iter().enumerate() {
            let rarest = text.windows(WINDOW).enumerate().min_by_key(|(_, window)| cost(window));
            let (at, window) = rarest?;
            for variant in cases(window) {
                let part = Part { literal, at };
                if let Some(known) = searched.iter().position(|t| *t == variant) {
                    windows.get_mut(known)?.push(part);
                } else {
                    searched.push(variant);
                    windows.push(vec![part]);
                }
            }
        }
        if searched.is_empty() || searched.len() > MAX_WINDOWS {
            return None;
        }
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        let searcher = builder.extend(&searched).build()?;
        Some(Self { searcher, windows, texts: literals })
    }

    /// Calls `found` with the number of each literal in the text, perhaps repeatedly.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(usize)) {
        let mut from = 0;
        // Matches may overlap, so the search goes on behind the beginning of each.
        while let Some(hit) = self.searcher.find_in(text, (from..text.len()).into()) {
            from = hit.start() + 1;
            for part in self.windows.get(hit.pattern().as_usize()).into_iter().flatten() {
                let Some(literal) = self.texts.get(part.literal) else { continue };
                let whole = hit
                    .start()
                    .checked_sub(part.at)
                    .and_then(|start| text.get(start..start + literal.len()));
                if whole.is_some_and(|whole| whole.eq_ignore_ascii_case(literal)) {
                    found(part.literal);
                }
            }
        }
    }
}

/// How often a window is met in an event, and in how many ways it is written: less is better.
/// Each letter doubles the ways, and up to 32 of them the search is twice as fast.
fn cost(window: &[u8]) -> usize {
    let letters = window.iter().filter(|b| b.is_ascii_alphabetic()).count();
    window.iter().map(|b| commonness(*b)).sum::<usize>() + 12 * letters
}

/// How common a byte is in CloudTrail records; most are not.
pub(super) fn commonness(byte: u8) -> usize {
    /// The commonest first.
    const COMMON: &[u8] = b"\"eaistnro:lcud,m.p-hg1y02";
    COMMON.iter().position(|c| *c == byte).map_or(0, |p| COMMON.len() - p)
}

/// Every way to write it with capital and small letters.
fn cases(window: &[u8]) -> Vec<Vec<u8>> {
    let mut variants = vec![Vec::new()];
    for byte in window {
        let mut longer = Vec::new();
        for variant in variants {
            longer.push([&variant[..], &[*byte]].concat());
            if byte.is_ascii_alphabetic() {
                longer.push([&variant[..], &[byte.to_ascii_uppercase()]].concat());
            }
        }
        variants = longer;
    }
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_in_any_case_even_where_they_overlap() {
        let texts = ["\"root\"", "oot\":\"a", "kali", "x-kali1"];
        let literals = texts.map(|t| t.as_bytes().to_vec()).to_vec();
        let Some(literals) = Literals::new(literals) else { return };
        let found = |text: &str| {
            let mut all = std::collections::BTreeSet::new();
            literals.find(text.as_bytes(), |n| _ = all.insert(n));
            all.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(found(r#"{"type":"Root":"a"}"#), [0, 1]);
        assert_eq!(found("aws X-KaLi1 x"), [2, 3]);
        assert_eq!(found("kal"), [0; 0]);
        assert_eq!(found(&format!("{}kaLI", "ka".repeat(99))), [2]);
    }

    #[test]
    fn what_is_too_short_or_too_much_is_left_to_others() {
        assert!(Literals::new(vec![b"ab".to_vec()]).is_none());
        assert!(
            Literals::new((0..99).map(|n| format!("literal{n:x}z").into_bytes()).collect())
                .is_none()
        );
    }
}
