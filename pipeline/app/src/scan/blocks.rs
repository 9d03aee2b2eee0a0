//! An input as blocks of whole records, each of bounded size.

use std::io::{self, BufRead, Read as _};
use std::ops::Range;

use memchr::{memchr, memchr_iter, memrchr};

use super::document::{Found, Scanner};

/// Bytes a block has, unless one record is larger.
pub(super) const BLOCK: usize = 256 * 1024;
/// The largest record that is read. CloudTrail's are at most 256 KB.
pub(super) const MAX_RECORD: usize = 4 << 20;

/// Text with whole records in it.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Records,
    /// The line the bytes begin in, from 1.
    pub(super) line: u64,
    /// What could not be read, with its line.
    pub(super) problems: Vec<(u64, String)>,
}

/// Where the records of a block are.
#[derive(Debug, Default)]
pub(super) enum Records {
    /// Each line is one.
    #[default]
    Lines,
    /// At these places.
    Spans(Vec<Range<usize>>),
}

/// Cuts an input into blocks.
pub(super) struct Blocks {
    reader: Box<dyn BufRead + Send>,
    buffer: Vec<u8>,
    line: u64,
    /// `None`: one record a line.
    scanner: Option<Scanner>,
    has_begun: bool,
    ended: bool,
    /// The reason why the input ended before its end.
    torn: Option<String>,
    /// Passing over a line that is too long.
    skipping: bool,
}

impl Blocks {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            line: 1,
            scanner: None,
            has_begun: false,
            ended: false,
            torn: None,
            skipping: false,
        }
    }

    /// The next block, in the memory of `spare`.
    pub(super) fn next(&mut self, spare: Vec<u8>) -> Option<Block> {
        if !self.has_begun {
            self.begin();
        }
        let mut block = Block { bytes: spare, ..Block::default() };
        block.bytes.clear();
        block.line = self.line;
        if self.scanner.is_some() {
            self.next_of_document(&mut block);
        } else {
            self.next_of_lines(&mut block);
        }
        if self.ended
            && self.buffer.is_empty()
            && let Some(reason) = self.torn.take()
        {
            block.problems.push((self.line, format!("the input ends early: {reason}")));
        }
        let is_end = block.bytes.is_empty() && block.problems.is_empty() && self.ended;
        (!is_end).then_some(block)
    }

    /// Reads enough to tell whether each line is a record.
    fn begin(&mut self) {
        self.has_begun = true;
        self.fill(BLOCK);
        if self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.buffer.drain(..3);
        }
        let first_end = loop {
            match memchr(b'\n', &self.buffer) {
                Some(end) => break Some(end),
                None if self.ended || self.buffer.len() > MAX_RECORD || self.is_list() => {
                    break None;
                }
                None => self.fill(self.buffer.len() + BLOCK),
            }
        };
        let first = self.buffer.get(..first_end.unwrap_or(self.buffer.len())).unwrap_or_default();
        let is_one_a_line = match first_end {
            // Where the first line is cut, the next begins anew.
            Some(end) => {
                let next = self.buffer.get(end + 1);
                !self.is_list() && (stands_for_itself(first) || matches!(next, Some(b'{') | None))
            }
            None => false,
        };
        if !is_one_a_line {
            self.scanner = Some(Scanner::new());
        }
    }

    /// Whether the input begins with an array or a log file, of which a line may be any part.
    fn is_list(&self) -> bool {
        let mut solid = self.buffer.iter().filter(|b| !b.is_ascii_whitespace());
        match solid.next() {
            Some(b'[') => true,
            Some(b'{') => solid.take(10).copied().eq(*b"\"Records\":"),
            _ => false,
        }
    }

    /// Reads until the buffer has so many bytes, or the input ends.
    fn fill(&mut self, size: usize) {
        while self.buffer.len() < size && !self.ended {
            let wanted = u64::try_from(size - self.buffer.len()).unwrap_or(u64::MAX);
            match self.reader.by_ref().take(wanted).read_to_end(&mut self.buffer) {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.torn = Some(e.to_string());
                    self.ended = true;
                }
            }
        }
    }

    fn next_of_lines(&mut self, block: &mut Block) {
        self.fill(BLOCK);
        loop {
            if self.skipping {
                let end = memchr(b'\n', &self.buffer);
                self.buffer.drain(..end.map_or(self.buffer.len(), |e| e + 1));
                if end.is_none() {
                    if self.ended {
                        return;
                    }
                    self.fill(BLOCK);
                    continue;
                }
                self.skipping = false;
                self.line += 1;
                block.line = self.line;
                self.fill(BLOCK);
            }
            let end = if self.ended {
                self.buffer.len()
            } else {
                memrchr(b'\n', &self.buffer).map_or(0, |e| e + 1)
            };
            if end > 0 || self.ended {
                // The block takes the buffer, and the rest moves to the memory of the block.
                block.bytes.extend_from_slice(self.buffer.get(end..).unwrap_or_default());
                self.buffer.truncate(end);
                std::mem::swap(&mut block.bytes, &mut self.buffer);
                self.line += memchr_iter(b'\n', &block.bytes).count() as u64;
                return;
            }
            if self.buffer.len() > MAX_RECORD {
                block.problems.push((self.line, too_large()));
                self.skipping = true;
            } else {
                self.fill(self.buffer.len() + BLOCK);
            }
        }
    }

    fn next_of_document(&mut self, block: &mut Block) {
        let Some(scanner) = &mut self.scanner else { return };
        let mut spans = Vec::new();
        let mut size = BLOCK;
        let end = loop {
            match scanner.next(&self.buffer, self.ended) {
                Found::Record(span) => spans.push(span),
                Found::Broken(span, reason) => {
                    let before = self.buffer.get(..span.start).unwrap_or_default();
                    let line = self.line + memchr_iter(b'\n', before).count() as u64;
                    block.problems.push((line, reason.to_owned()));
                }
                Found::More => {
                    let needed = scanner.needed();
                    if !spans.is_empty() || self.ended {
                        break needed;
                    }
                    // No record yet: what is not needed goes, the rest may grow to one.
                    let gone = self.buffer.drain(..needed);
                    self.line += memchr_iter(b'\n', gone.as_slice()).count() as u64;
                    drop(gone);
                    scanner.forget(needed);
                    block.line = self.line;
                    if self.buffer.len() > MAX_RECORD {
                        block.problems.push((self.line, too_large()));
                        scanner.give_up(&self.buffer);
                        break scanner.needed();
                    }
                    size = size.max(self.buffer.len() + BLOCK);
                    let reader = &mut self.reader;
                    let wanted = u64::try_from(size - self.buffer.len()).unwrap_or(u64::MAX);
                    match reader.by_ref().take(wanted).read_to_end(&mut self.buffer) {
                        Ok(0) => self.ended = true,
                        Ok(_) => {}
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => {
                            self.torn = Some(e.to_string());
                            self.ended = true;
                        }
                    }
                }
            }
        };
        block.bytes.extend_from_slice(self.buffer.get(end..).unwrap_or_default());
        self.buffer.truncate(end);
        std::mem::swap(&mut block.bytes, &mut self.buffer);
        scanner.forget(end);
        self.line += memchr_iter(b'\n', &block.bytes).count() as u64;
        block.records = Records::Spans(spans);
    }
}

fn too_large() -> String {
    format!("a record of more than {} MiB", MAX_RECORD >> 20)
}

/// Whether a line is whole: every bracket that opens in it closes in it, or it is none of JSON.
fn stands_for_itself(line: &[u8]) -> bool {
    let begins = line.iter().find(|b| !b.is_ascii_whitespace());
    if !matches!(begins, Some(b'{')) {
        return true;
    }
    let mut scanner = Scanner::new();
    loop {
        match scanner.next(line, true) {
            Found::Record(_) => {}
            Found::Broken(..) => return false,
            Found::More => return true,
        }
    }
}
