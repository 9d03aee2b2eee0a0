//! Any number of literals searched for in one pass over an event's text, whatever their case
//! and wherever they stand.
//!
//! A literal of seven bytes holds, wherever it stands, four bytes that begin at a multiple of
//! four: so only every fourth place of the text is looked at, and of each literal four such
//! pieces (grams) are known, one for each way it can lie.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::literals::commonness;
use super::sieve::Hashed;

/// Bytes of a gram, and the distance of the places looked at.
const GRAM: usize = 4;
/// The shortest literal that holds a gram however it lies.
pub(super) const MIN_LENGTH: usize = 2 * GRAM - 1;
/// Bits of the filter for each gram, and the bounds of its size as powers of two.
const BITS_A_GRAM: usize = 32;
const FILTER_BITS: std::ops::RangeInclusive<u32> = 15..=20;

/// The search for literals of at least [`MIN_LENGTH`] bytes.
#[derive(Debug)]
pub(super) struct Grams {
    /// A bit for the hash of every gram: most places of a text are no gram's.
    filter: Box<[u64]>,
    /// Bits of a hash that are used.
    bits: u32,
    by_gram: HashMap<u32, Vec<Part>, BuildHasherDefault<Hashed>>,
    texts: Vec<Vec<u8>>,
}

/// Where in which literal a gram stands.
#[derive(Debug, Clone, Copy)]
struct Part {
    literal: u32,
    at: u32,
}

/// A gram without the case of its letters; other characters may share it.
fn gram(bytes: [u8; GRAM]) -> u32 {
    u32::from_le_bytes(bytes) | 0x2020_2020
}

fn hash(gram: u32, bits: u32) -> usize {
    (gram.wrapping_mul(0x9e37_79b1) >> (u32::BITS - bits)) as usize
}

/// The grams of a literal, by place.
fn grams(text: &[u8]) -> impl Iterator<Item = (usize, u32)> {
    text.windows(GRAM).enumerate().filter_map(|(at, w)| Some((at, gram(w.try_into().ok()?))))
}

impl Grams {
    /// Takes lower-case literals; `None`: one is too short, or there is none.
    pub(super) fn new(texts: Vec<Vec<u8>>) -> Option<Self> {
        if texts.is_empty() || texts.iter().any(|text| text.len() < MIN_LENGTH) {
            return None;
        }
        let mut popularity: HashMap<u32, usize> = HashMap::new();
        for (_, gram) in texts.iter().flat_map(|text| grams(text)) {
            *popularity.entry(gram).or_default() += 1;
        }
        // The gram that other literals have least, and events.
        let cost = |(_, gram): &(usize, u32)| {
            let common: usize = gram.to_le_bytes().iter().map(|b| commonness(*b)).sum();
            common + 8 * popularity.get(gram).copied().unwrap_or_default()
        };
        let mut by_gram: HashMap<u32, Vec<Part>, _> = HashMap::default();
        for (literal, text) in (0_u32..).zip(&texts) {
            for way in 0..GRAM {
                let lying = grams(text).filter(|(at, _)| at % GRAM == way);
                let (at, gram) = lying.min_by_key(cost)?;
                let part = Part { literal, at: u32::try_from(at).ok()? };
                by_gram.entry(gram).or_insert_with(Vec::new).push(part);
            }
        }
        let wanted = (by_gram.len() * BITS_A_GRAM).next_power_of_two().ilog2();
        let bits = wanted.clamp(*FILTER_BITS.start(), *FILTER_BITS.end());
        let mut filter = vec![0_u64; 1 << (bits - 6)].into_boxed_slice();
        let mut all: Vec<u32> = by_gram.keys().copied().collect();
        all.sort_unstable();
        for gram in all {
            let place = hash(gram, bits);
            if let Some(word) = filter.get_mut(place >> 6) {
                *word |= 1 << (place & 63);
            }
        }
        Some(Self { filter, bits, by_gram, texts })
    }

    /// Calls `found` with the number of each literal in the text, perhaps repeatedly.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(usize)) {
        let (places, _) = text.as_chunks::<GRAM>();
        for (number, place) in places.iter().enumerate() {
            let gram = gram(*place);
            let bit = hash(gram, self.bits);
            let word = self.filter.get(bit >> 6).copied().unwrap_or(u64::MAX);
            if word >> (bit & 63) & 1 == 1 {
                self.look(text, number * GRAM, gram, &mut found);
            }
        }
    }

    #[cold]
    fn look(&self, text: &[u8], place: usize, gram: u32, found: &mut impl FnMut(usize)) {
        for part in self.by_gram.get(&gram).into_iter().flatten() {
            let (literal, at) = (part.literal as usize, part.at as usize);
            let Some(wanted) = self.texts.get(literal) else { continue };
            let whole =
                place.checked_sub(at).and_then(|start| text.get(start..start + wanted.len()));
            if whole.is_some_and(|whole| whole.eq_ignore_ascii_case(wanted)) {
                found(literal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_literal_is_found_however_it_lies_and_is_written() {
        let texts = ["trufflehog", "x-tool7", "\"assumedrole\"", "synthetic-17-tool", "tool-18"];
        let grams = Grams::new(texts.map(|t| t.as_bytes().to_vec()).to_vec()).unwrap();
        for before in 0..9 {
            for (number, text) in texts.iter().enumerate() {
                let event = format!("{}{}y", "x".repeat(before), text.to_uppercase());
                let mut all = Vec::new();
                grams.find(event.as_bytes(), |n| all.push(n));
                all.dedup();
                assert_eq!(all, [number], "{event}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_is_there(
            texts in prop::collection::vec("[a-c1-]{7,12}", 1..40), event in "[a-cA-C1-]{0,60}",
        ) {
            let grams = Grams::new(texts.iter().map(|t| t.as_bytes().to_vec()).collect()).unwrap();
            let mut found = std::collections::BTreeSet::new();
            grams.find(event.as_bytes(), |n| _ = found.insert(n));
            let event = event.to_ascii_lowercase();
            let there = (0..texts.len()).filter(|n| event.contains(&texts[*n])).collect();
            prop_assert_eq!(found, there);
        }
    }
}
