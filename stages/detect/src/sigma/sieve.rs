//! Which rules an event's text may match, told from the text without parsing it.
//!
//! Everything that could be the event's name or source is taken for it, at whatever depth it
//! stands and however often, so that nothing is lost: nested and repeated members, envelopes
//! and log files only add candidates. Where the text could hide a name, it is not told.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use memchr::{memchr, memchr_iter, memmem};

/// How a JSON text is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelling {
    /// Every ASCII character of the text that has no meaning in JSON stands there as itself:
    /// nothing is escaped that need not be, and no other letter folds into one.
    pub(super) is_plain: bool,
    /// A text in it may be an object again, as in the rows of an export.
    pub(super) has_object_in_text: bool,
}

pub(super) fn spelling(raw: &[u8]) -> Spelling {
    let mut spelling = Spelling { is_plain: raw.is_ascii(), has_object_in_text: false };
    for at in memchr_iter(b'\\', raw) {
        match raw.get(at + 1) {
            Some(b'u' | b'/') => spelling.is_plain = false,
            Some(b'"') => {
                let before = at.checked_sub(2).and_then(|from| raw.get(from..at));
                spelling.has_object_in_text |= before == Some(b"\"{");
            }
            Some(_) | None => {}
        }
    }
    spelling
}

pub(super) fn is_plain(raw: &[u8]) -> bool {
    raw.is_ascii()
        && memchr_iter(b'\\', raw).all(|at| !matches!(raw.get(at + 1), Some(b'u' | b'/')))
}

/// The values a member may have.
pub(super) struct Member {
    /// Finds the member's name in quotes.
    name: memmem::Finder<'static>,
}

/// What stands behind a member's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told<'a> {
    Text(&'a [u8]),
    Null,
    /// A text with escapes, or no text.
    Unclear,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Member").field(&String::from_utf8_lossy(self.name.needle())).finish()
    }
}

impl Member {
    pub(super) fn new(name: &str) -> Self {
        Self { name: memmem::Finder::new(&format!("\"{name}\"")).into_owned() }
    }

    /// Whether there may be such a member; `raw` is plain.
    pub(super) fn is_in(&self, raw: &[u8]) -> bool {
        self.name.find(raw).is_some()
    }

    /// Everything that may be the member's value; `raw` is plain.
    pub(super) fn values<'a>(&self, raw: &'a [u8], mut visit: impl FnMut(Told<'a>)) {
        for at in self.name.find_iter(raw) {
            let after = raw.get(at + self.name.needle().len()..).unwrap_or_default();
            // Without the colon it is a value itself.
            let Some(value) = after.trim_ascii_start().strip_prefix(b":") else { continue };
            visit(told(value.trim_ascii_start()));
        }
    }
}

fn told(value: &[u8]) -> Told<'_> {
    let Some(text) = value.strip_prefix(b"\"") else {
        return if value.starts_with(b"null") { Told::Null } else { Told::Unclear };
    };
    match memchr(b'"', text).and_then(|end| text.get(..end)) {
        Some(text) if memchr(b'\\', text).is_none() => Told::Text(text),
        _ => Told::Unclear,
    }
}

/// The multiplier of Firefox' hasher.
const SEED: u64 = 0x517c_c1b7_2722_0a95;

/// A number for a text, the same in whatever case its ASCII letters are. Others may share it.
pub(super) fn folded_hash(text: &[u8]) -> u64 {
    // Sets a bit that small letters have and capital ones lack.
    const SMALL: u64 = 0x2020_2020_2020_2020;
    let mut hash = text.len() as u64;
    let mut add = |word: u64| hash = (hash.rotate_left(5) ^ (word | SMALL)).wrapping_mul(SEED);
    let mut words = text.chunks_exact(8);
    for word in &mut words {
        add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(words.remainder()) {
        *to = *from;
    }
    add(u64::from_le_bytes(last));
    hash
}

/// Names, by a few bits of their hashes: it may seem to have one too many.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Names([u64; 4]);

impl Names {
    /// These names; `None`: all there are.
    pub(super) fn of(names: Option<&BTreeSet<String>>) -> Self {
        let Some(names) = names else { return Self([u64::MAX; 4]) };
        let mut bits = Self::default();
        for name in names {
            let (word, bit) = Self::place(name);
            if let Some(word) = bits.0.get_mut(word) {
                *word |= bit;
            }
        }
        bits
    }

    pub(super) fn and(mut self, others: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= other;
        }
        self
    }

    pub(super) fn may_have(&self, name: &str) -> bool {
        let (word, bit) = Self::place(name);
        self.0.get(word).is_none_or(|word| word & bit != 0)
    }

    fn place(name: &str) -> (usize, u64) {
        let hash = folded_hash(name.as_bytes()).to_be_bytes();
        (usize::from(hash[0] >> 6), 1 << (hash[0] & 63))
    }
}

/// For keys that are of our choosing: rules' and the mapping's. Takes a hash for one.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = self.0.rotate_left(5) ^ folded_hash(bytes);
    }
    fn write_u8(&mut self, byte: u8) {
        // Ends a text, whose hash is best in its upper half.
        self.0 = (self.0 ^ u64::from(byte)).rotate_left(32);
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
    fn write_u32(&mut self, gram: u32) {
        self.0 = u64::from(gram).wrapping_mul(SEED);
    }
}

/// Rules by the [`folded_hash`] of a text. What only shares the hash is a candidate too many.
pub(super) type ByHash = HashMap<u64, Vec<u32>, BuildHasherDefault<Hashed>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn values(raw: &str) -> Vec<Told<'_>> {
        let mut all = Vec::new();
        Member::new("eventName").values(raw.as_bytes(), |value| all.push(value));
        all
    }

    #[test]
    fn every_value_that_may_be_the_members_is_told() {
        use Told::{Null, Text, Unclear};
        let rows = [
            (r#"{"eventName":"A"}"#, vec![Text(b"A")]),
            (r#"{"eventName" : "A","x":{"eventName":null}}"#, vec![Text(b"A"), Null]),
            (r#"{"eventName":"A","eventName":["B"]}"#, vec![Text(b"A"), Unclear]),
            (r#"{"x":"eventName","y":"\"eventName\":\"B\""}"#, vec![]),
            (r#"{"eventName":"a\"b"}"#, vec![Unclear]),
            (r#"{"eventName":7}"#, vec![Unclear]),
            (r#"{"eventName":"cut"#, vec![Unclear]),
            (r#"{"eventName""#, vec![]),
        ];
        for (raw, expected) in rows {
            assert_eq!(values(raw), expected, "{raw}");
        }
    }

    #[test]
    fn a_text_that_may_hide_a_name_is_not_plain() {
        for raw in [r#"{"\u0065ventName":1}"#, r#"{"a":"b\/c"}"#, "{\"\u{212a}\":1}"] {
            assert!(!is_plain(raw.as_bytes()), "{raw}");
        }
        assert!(is_plain(br#"{"a":"b\\\"c\nd"}"#));
    }

    #[test]
    fn a_hash_does_not_tell_the_case() {
        for text in ["", "a", "StopLogging", "AuthorizeSecurityGroupIngress"] {
            let hash = folded_hash(text.as_bytes());
            assert_eq!(hash, folded_hash(text.to_ascii_lowercase().as_bytes()));
            assert_eq!(hash, folded_hash(text.to_ascii_uppercase().as_bytes()));
            assert_ne!(hash, folded_hash(format!("{text}x").as_bytes()));
        }
    }
}
