//! Where quotes and backslashes stand in a text, a block of it looked at in one go: plain loops
//! over arrays, which the compiler turns into the wide instructions of any processor.

/// Bytes of a block; one bit of a word for each.
const BLOCK: usize = 64;
/// Bytes that are gathered into one.
const PART: usize = 8;
/// Times a word whose bytes are distinct bits, its highest byte is all of them.
const GATHER: u64 = 0x0101_0101_0101_0101;

/// The places of quotes and backslashes, one after the other.
pub(super) struct Marks<'b> {
    text: &'b [u8],
    /// Where the block begins that is looked at.
    from: usize,
    /// Those in it that were not given yet.
    left: u64,
}

impl<'b> Marks<'b> {
    pub(super) fn new(text: &'b [u8]) -> Self {
        Self { text, from: 0, left: block_at(text, 0).unwrap_or_default() }
    }

    /// The place of the next one.
    #[expect(clippy::inline_always, reason = "measured: a walk keeps it all in registers")]
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<usize> {
        if self.left == 0 {
            self.go_on()?;
        }
        let at = self.from + self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(at)
    }

    /// To the next block that has any.
    #[inline(never)]
    fn go_on(&mut self) -> Option<()> {
        while self.left == 0 {
            self.from += BLOCK;
            self.left = block_at(self.text, self.from)?;
        }
        Some(())
    }
}

/// A bit for each mark among the bytes from here on; `None` behind the end.
fn block_at(text: &[u8], from: usize) -> Option<u64> {
    let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
    if let Some(block) = rest.first_chunk() {
        return Some(marks(block));
    }
    let mut last = [0; BLOCK];
    for (to, byte) in last.iter_mut().zip(rest) {
        *to = *byte;
    }
    Some(marks(&last))
}

fn marks(block: &[u8; BLOCK]) -> u64 {
    let mut bits = [0_u8; BLOCK];
    for ((bit, byte), number) in bits.iter_mut().zip(block).zip(0_u8..) {
        let is_mark = *byte == b'"' || *byte == b'\\';
        *bit = u8::from(is_mark).wrapping_neg() & 1 << (number % 8);
    }
    let (parts, _) = bits.as_chunks::<PART>();
    let gathered = |part: &[u8; PART]| u64::from_le_bytes(*part).wrapping_mul(GATHER) >> 56;
    parts.iter().rev().fold(0, |word, part| word << 8 | gathered(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_mark_is_told_in_order(text in "[\"\\\\a€\u{0}\u{a2}\u{dc}]{0,200}") {
            let mut marks = Marks::new(text.as_bytes());
            let told: Vec<usize> = std::iter::from_fn(|| marks.next()).collect();
            let there: Vec<usize> = text.match_indices(['"', '\\']).map(|(at, _)| at).collect();
            prop_assert_eq!(told, there);
        }
    }
}
