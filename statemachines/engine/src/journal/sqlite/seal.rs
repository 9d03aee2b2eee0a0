//! Checksums in what is stored, so that a damaged record is refused and not believed.

use std::fmt::Display;

/// What a sealed object ends with, before the sixteen digits and `"}`.
const FIELD: &str = r#","check":""#;
const TAIL_BYTES: usize = FIELD.len() + 16 + 2;

/// A multiplicative checksum over words: it is against accidents, not against forgers.
struct Check(u64);

impl Check {
    fn of(context: &[&dyn Display], text: &str) -> Self {
        let mut check = Self(0xcbf2_9ce4_8422_2325);
        for part in context {
            check.take(part.to_string().as_bytes());
            check.take(&[0]);
        }
        check.take(text.as_bytes());
        check
    }

    /// Each step is one to one, so that no single change can cancel itself out.
    fn take(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.mix(u64::from(*byte));
        }
    }

    fn mix(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn tail(&self) -> String {
        format!("{FIELD}{:016x}\"}}", self.0)
    }
}

/// The JSON object `text` with a last member `check` over it and over `context`: what stands
/// in other columns of the row.
pub(super) fn seal(context: &[&dyn Display], mut text: String) -> String {
    text.truncate(text.len().saturating_sub(1));
    let tail = Check::of(context, &text).tail();
    text + &tail
}

/// The object as it was before; `None` where it, its context or its check was changed.
pub(super) fn open(context: &[&dyn Display], mut sealed: String) -> Option<String> {
    let at = sealed.len().checked_sub(TAIL_BYTES)?;
    let (text, tail) = sealed.split_at_checked(at)?;
    if Check::of(context, text).tail() != tail {
        return None;
    }
    sealed.truncate(at);
    sealed.push('}');
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_nothing_else() {
        let text = r#"{"a":1,"b":"ü"}"#;
        let sealed = seal(&[&"e", &7], text.to_owned());
        assert!(serde_json::from_str::<serde_json::Value>(&sealed).unwrap()["check"].is_string());
        assert_eq!(open(&[&"e", &7], sealed.clone()).as_deref(), Some(text));
        assert_eq!(open(&[&"e", &8], sealed.clone()), None);
        assert_eq!(open(&[&"e7"], sealed.clone()), None);
        for (i, bit) in (0..sealed.len()).flat_map(|i| (0..8).map(move |bit| (i, bit))) {
            let mut bytes = sealed.clone().into_bytes();
            bytes[i] ^= 1 << bit;
            if let Ok(damaged) = String::from_utf8(bytes) {
                assert_eq!(open(&[&"e", &7], damaged.clone()), None, "{damaged}");
            }
        }
        for cut in 0..sealed.len() {
            if let Some(head) = sealed.get(..cut) {
                assert_eq!(open(&[&"e", &7], head.to_owned()), None);
            }
        }
    }
}
