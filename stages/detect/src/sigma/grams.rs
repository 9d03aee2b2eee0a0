//! Any number of literals searched for in one pass over an event's text, whatever their case
//! and wherever they stand.
//!
//! A literal of seven bytes holds, wherever it stands, four bytes that begin at a multiple of
//! four: so only every fourth place of the text is looked at, and of each literal four such
//! pieces (grams) are known, one for each way it can lie. Where every literal has eleven bytes,
//! every eighth place will do.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::ops::Range;

use super::literals::commonness;
use super::sieve::Hashed;

/// Bytes of a gram.
const GRAM: usize = 4;
/// Distances of the places looked at.
const NEAR: usize = 4;
const FAR: usize = 8;
/// The shortest literals that hold a gram however they lie: at all, and over the far distance.
pub(super) const MIN_LENGTH: usize = NEAR + GRAM - 1;
pub(super) const FAR_LENGTH: usize = FAR + GRAM - 1;
/// Bytes of a text that the filter is asked about at a time.
const NEAR_BLOCK: usize = 4 * NEAR;
const FAR_BLOCK: usize = 4 * FAR;
/// Bits that the filter has at least for each gram, if its largest size allows.
const BITS_A_GRAM: usize = 64;
/// Words of the filter's sizes.
const SMALL: usize = 512;
const MIDDLE: usize = 4096;
const LARGE: usize = 16384;

/// The search for literals of at least [`MIN_LENGTH`] bytes.
#[derive(Debug)]
pub(super) struct Grams {
    filter: Filter,
    /// Whether only every eighth place is looked at.
    is_far: bool,
    /// The parts of each gram, among all of them.
    by_gram: HashMap<u32, Range<usize>, BuildHasherDefault<Hashed>>,
    parts: Vec<Part>,
    texts: Vec<Vec<u8>>,
}

/// A bit for the hash of every gram: most places of a text are no gram's. Of sizes that are known
/// when this is compiled, so that no place is sought outside of it.
#[derive(Debug)]
enum Filter {
    Small(Bits<SMALL>),
    Middle(Bits<MIDDLE>),
    Large(Bits<LARGE>),
}

/// A power of two of words.
#[derive(Debug)]
struct Bits<const WORDS: usize>(Box<[u64; WORDS]>);

/// Where in which literal a gram stands.
#[derive(Debug, Clone, Copy)]
struct Part {
    literal: u32,
    at: u32,
    /// Another gram of the literal and its place: most of what has one has not the other.
    other: u32,
    other_at: u32,
}

/// A gram without the case of its letters; other characters may share it.
fn gram(bytes: [u8; GRAM]) -> u32 {
    u32::from_le_bytes(bytes) | 0x2020_2020
}

impl Filter {
    fn new(grams: &[u32]) -> Self {
        let words = (grams.len() * BITS_A_GRAM).div_ceil(64);
        if words <= SMALL {
            Self::Small(Bits::new(grams))
        } else if words <= MIDDLE {
            Self::Middle(Bits::new(grams))
        } else {
            Self::Large(Bits::new(grams))
        }
    }
}

impl<const WORDS: usize> Bits<WORDS> {
    fn new(grams: &[u32]) -> Self {
        let mut words = Box::new([0; WORDS]);
        for gram in grams {
            let (word, bit) = Self::place(*gram);
            if let Some(word) = words.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        Self(words)
    }

    /// The word and the bit in it of a gram.
    fn place(gram: u32) -> (usize, u32) {
        let hash =
            gram.wrapping_mul(0x9e37_79b1) >> (u32::BITS - u64::BITS.ilog2() - WORDS.ilog2());
        ((hash >> u64::BITS.ilog2()) as usize, hash % u64::BITS)
    }

    /// The lowest bit tells whether it may be one of the grams.
    fn told(&self, gram: u32) -> u64 {
        let (word, bit) = Self::place(gram);
        self.0.get(word).copied().unwrap_or(u64::MAX) >> bit
    }

    /// Calls `look` with each place of the text that may be a gram's, and what stands there.
    /// The places are so far from each other; `BLOCK` holds four of them.
    fn find<const DISTANCE: usize, const BLOCK: usize>(
        &self,
        text: &[u8],
        mut look: impl FnMut(usize, u32),
    ) {
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for (number, block) in blocks.iter().enumerate() {
            let told = |place| self.told(gram(place));
            if places::<DISTANCE>(block).fold(0, |any, place| any | told(place)) & 1 == 1 {
                self.tell::<DISTANCE>(block, number * BLOCK, &mut look);
            }
        }
        self.tell::<DISTANCE>(rest, blocks.len() * BLOCK, &mut look);
    }

    #[cold]
    fn tell<const DISTANCE: usize>(
        &self,
        text: &[u8],
        from: usize,
        look: &mut impl FnMut(usize, u32),
    ) {
        for (number, place) in places::<DISTANCE>(text).enumerate() {
            if self.told(gram(place)) & 1 == 1 {
                look(from + number * DISTANCE, gram(place));
            }
        }
    }
}

/// What stands at the places of a text.
fn places<const DISTANCE: usize>(text: &[u8]) -> impl Iterator<Item = [u8; GRAM]> {
    text.chunks(DISTANCE).filter_map(|place| place.first_chunk().copied())
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
        let is_far = texts.iter().all(|text| text.len() >= FAR_LENGTH);
        let distance = if is_far { FAR } else { NEAR };
        let mut popularity: HashMap<u32, usize> = HashMap::new();
        for (_, gram) in texts.iter().flat_map(|text| grams(text)) {
            *popularity.entry(gram).or_default() += 1;
        }
        // The gram that other literals have least, and events.
        let cost = |(_, gram): &(usize, u32)| {
            let common: usize = gram.to_le_bytes().iter().map(|b| commonness(*b)).sum();
            common + 8 * popularity.get(gram).copied().unwrap_or_default()
        };
        let mut by_gram: BTreeMap<u32, Vec<Part>> = BTreeMap::new();
        for (literal, text) in (0_u32..).zip(&texts) {
            for way in 0..distance {
                let lying = grams(text).filter(|(at, _)| at % distance == way);
                let (at, gram) = lying.min_by_key(cost)?;
                let other =
                    if at < text.len() / 2 { grams(text).last() } else { grams(text).next() };
                let (other_at, other) = other?;
                let (at, other_at) = (u32::try_from(at).ok()?, u32::try_from(other_at).ok()?);
                let part = Part { literal, at, other, other_at };
                by_gram.entry(gram).or_default().push(part);
            }
        }
        let all: Vec<u32> = by_gram.keys().copied().collect();
        let mut parts = Vec::new();
        let by_gram = by_gram.into_iter().map(|(gram, of_gram)| {
            let from = parts.len();
            parts.extend(of_gram);
            (gram, from..parts.len())
        });
        let by_gram = by_gram.collect();
        Some(Self { filter: Filter::new(&all), is_far, by_gram, parts, texts })
    }

    /// Calls `found` with the number of each literal in the text, perhaps repeatedly.
    pub(super) fn find(&self, text: &[u8], mut found: impl FnMut(usize)) {
        let look = |place, gram| self.look(text, place, gram, &mut found);
        match (&self.filter, self.is_far) {
            (Filter::Small(bits), false) => bits.find::<NEAR, NEAR_BLOCK>(text, look),
            (Filter::Small(bits), true) => bits.find::<FAR, FAR_BLOCK>(text, look),
            (Filter::Middle(bits), false) => bits.find::<NEAR, NEAR_BLOCK>(text, look),
            (Filter::Middle(bits), true) => bits.find::<FAR, FAR_BLOCK>(text, look),
            (Filter::Large(bits), false) => bits.find::<NEAR, NEAR_BLOCK>(text, look),
            (Filter::Large(bits), true) => bits.find::<FAR, FAR_BLOCK>(text, look),
        }
    }

    #[cold]
    fn look(&self, text: &[u8], place: usize, gram: u32, found: &mut impl FnMut(usize)) {
        let Some(parts) = self.by_gram.get(&gram) else { return };
        for part in self.parts.get(parts.clone()).unwrap_or_default() {
            let start = place.checked_sub(part.at as usize);
            let Some(begun) = start.and_then(|start| text.get(start..)) else { continue };
            let other = begun.get(part.other_at as usize..).and_then(<[u8]>::first_chunk);
            if other.is_none_or(|other| self::gram(*other) != part.other) {
                continue;
            }
            let literal = part.literal as usize;
            let wanted = self.texts.get(literal).map(Vec::as_slice).unwrap_or_default();
            if begun.get(..wanted.len()).is_some_and(|whole| whole.eq_ignore_ascii_case(wanted)) {
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
        for texts in [
            ["trufflehog", "x-tool7", "\"assumedrole\"", "synthetic-17-tool", "tool-18"],
            ["trufflehog/1", "x-tool7-and", "\"assumedrole\"", "synthetic-17-tool", "a-tool-18-b"],
        ] {
            let grams = Grams::new(texts.map(|t| t.as_bytes().to_vec()).to_vec()).unwrap();
            for (before, after) in (0..40).flat_map(|before| (0..3).map(move |n| (before, n))) {
                for (number, text) in texts.iter().enumerate() {
                    let (before, after) = ("x".repeat(before), "y".repeat(after));
                    let event = format!("{before}{}{after}", text.to_uppercase());
                    let mut all = Vec::new();
                    grams.find(event.as_bytes(), |n| all.push(n));
                    all.dedup();
                    assert_eq!(all, [number], "{event}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_is_there(
            texts in prop_oneof![
                prop::collection::vec("[a-c1-]{7,12}", 1..40),
                prop::collection::vec("[a-c1]{11,13}", 1..40),
            ],
            before in "[a-cA-C1-]{0,60}", after in "[a-cA-C1-]{0,60}", one in any::<prop::sample::Index>(),
        ) {
            let grams = Grams::new(texts.iter().map(|t| t.as_bytes().to_vec()).collect()).unwrap();
            let event = format!("{before}{}{after}", one.get(&texts));
            let mut found = std::collections::BTreeSet::new();
            grams.find(event.as_bytes(), |n| _ = found.insert(n));
            let event = event.to_ascii_lowercase();
            let there = (0..texts.len()).filter(|n| event.contains(&texts[*n])).collect();
            prop_assert_eq!(found, there);
        }
    }
}
