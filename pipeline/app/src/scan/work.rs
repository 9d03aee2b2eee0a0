//! The threads: each reads an input, or helps with the blocks of one that another reads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use memchr::memchr;

use super::blocks::{Block, Blocks, Records};
use super::order::{Done, Order, Ticket};
use crate::input::{Input, Piece, split};

/// Blocks that may wait for their turn.
const MAX_WAITING: usize = 16;
/// Bytes of lines, and problems, that a thread holds while it is not its turn.
const MAX_LINES: usize = 256 * 1024;
const MAX_PROBLEMS: usize = 512;
/// Blocks' memory kept for the next ones.
const MAX_SPARE: usize = 4;

/// What is asked of every record: appends what it finds to the lines.
///
/// An error is the reason why the text is no JSON object; where it is several, each is asked
/// again alone.
pub type Question<'q> = dyn Fn(&str, &mut Vec<u8>) -> Result<(), String> + Sync + 'q;

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The input's name.
    pub origin: String,
    /// Line from 1; 0 where the input as a whole is meant.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// Asks about every record of the inputs with so many threads, and hands what is found to
/// `sink` in the order of inputs and records.
///
/// Holds a few blocks of 256 KiB a thread, whatever the size of the inputs; one record may have
/// 4 MiB. What cannot be opened or read is a [`Problem`].
pub fn scan(
    inputs: &[Input],
    threads: usize,
    question: &Question<'_>,
    sink: &mut (dyn FnMut(Done) + Send),
) {
    let work = Work {
        inputs,
        question,
        state: Mutex::new(State {
            next_input: 0,
            reading: 0,
            idle: 0,
            blocks: VecDeque::new(),
            spare: Vec::new(),
            order: Order::default(),
            sink,
        }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.max(1) {
            scope.spawn(|| work.run());
        }
        work.run();
    });
}

struct Work<'w, 's> {
    inputs: &'w [Input],
    question: &'w Question<'w>,
    state: Mutex<State<'s>>,
    changed: Condvar,
}

struct State<'s> {
    next_input: usize,
    /// Inputs that are being read.
    reading: usize,
    /// Threads without work.
    idle: usize,
    /// Handed over to idle threads.
    blocks: VecDeque<(Ticket, Block)>,
    spare: Vec<Vec<u8>>,
    order: Order,
    sink: &'s mut (dyn FnMut(Done) + Send),
}

enum Job {
    Read(usize),
    Ask(Ticket, Block),
}

impl<'s> Work<'_, 's> {
    fn run(&self) {
        while let Some(job) = self.take() {
            match job {
                Job::Read(input) => self.read(input),
                Job::Ask(ticket, block) => self.ask(ticket, block),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'s>> {
        // A thread that panicked leaves nothing half-done that others rely on: the scope
        // panics with it when they are through.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<'s>>) -> MutexGuard<'g, State<'s>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some((ticket, block)) = state.blocks.pop_front() {
                return Some(Job::Ask(ticket, block));
            }
            if state.next_input < self.inputs.len() {
                state.next_input += 1;
                state.reading += 1;
                return Some(Job::Read(state.next_input - 1));
            }
            if state.reading == 0 {
                return None;
            }
            state.idle += 1;
            state = self.wait(state);
            state.idle -= 1;
        }
    }

    fn read(&self, number: usize) {
        let mut count = 0;
        match self.inputs.get(number).map(Input::open) {
            Some(Ok(reader)) => {
                let mut blocks = Blocks::new(reader);
                while let Some(block) = blocks.next(self.spare()) {
                    self.offer((number, count), block);
                    count += 1;
                }
            }
            Some(Err(error)) => {
                let reason = aisaws_core::fault::chain(&error);
                let problems = vec![Problem { origin: self.name(number), line: 0, reason }];
                self.finish((number, 0), Done { lines: Vec::new(), problems });
                count = 1;
            }
            None => {}
        }
        let state = &mut *self.lock();
        state.reading -= 1;
        state.order.ended(number, count, state.sink);
        self.changed.notify_all();
    }

    /// Hands a block over, or works on it here where no thread is free.
    fn offer(&self, ticket: Ticket, block: Block) {
        let mut state = self.lock();
        // INVARIANT: the block whose turn it is never waits here, so the waiting ends.
        while state.order.len() >= MAX_WAITING && state.order.turn != ticket {
            state = self.wait(state);
        }
        if state.idle > state.blocks.len() {
            state.blocks.push_back((ticket, block));
            drop(state);
            self.changed.notify_all();
        } else {
            drop(state);
            self.ask(ticket, block);
        }
    }

    fn ask(&self, ticket: Ticket, mut block: Block) {
        let mut done = Done::default();
        let origin = self.name(ticket.0);
        let problem = |line, reason| Problem { origin: origin.clone(), line, reason };
        for (line, reason) in std::mem::take(&mut block.problems) {
            done.problems.push(problem(line, reason));
        }
        let mut line = block.line;
        let mut counted = 0;
        let mut rest = block.bytes.as_slice();
        let mut spans = match &block.records {
            Records::Lines => None,
            Records::Spans(spans) => Some(spans.iter()),
        };
        loop {
            let record = if let Some(spans) = &mut spans {
                let Some(span) = spans.next() else { break };
                let before = block.bytes.get(counted..span.start).unwrap_or_default();
                line += memchr::memchr_iter(b'\n', before).count() as u64;
                counted = span.start;
                block.bytes.get(span.clone()).unwrap_or_default()
            } else {
                if rest.is_empty() {
                    break;
                }
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                let record = rest.get(..end).unwrap_or_default();
                rest = rest.get(end + 1..).unwrap_or_default();
                record
            };
            self.ask_one(record, &mut done.lines, &mut |reason| {
                done.problems.push(problem(line, reason));
            });
            if spans.is_none() {
                line += 1;
            }
            if done.lines.len() > MAX_LINES || done.problems.len() > MAX_PROBLEMS {
                self.flush(ticket, std::mem::take(&mut done));
            }
        }
        self.finish(ticket, done);
        let state = &mut *self.lock();
        if state.spare.len() < MAX_SPARE {
            state.spare.push(block.bytes);
        }
    }

    fn ask_one(&self, record: &[u8], lines: &mut Vec<u8>, problem: &mut dyn FnMut(String)) {
        let record = record.trim_ascii();
        if record.is_empty() {
            return;
        }
        let Ok(text) = std::str::from_utf8(record) else {
            return problem("this is not UTF-8 text".to_owned());
        };
        let before = lines.len();
        let Err(reason) = (self.question)(text, lines) else { return };
        lines.truncate(before);
        // Several values on one line, or a list.
        let pieces = split(text);
        if matches!(pieces.as_slice(), [Piece::Object(span)] if *span == (0..text.len())) {
            return problem(reason);
        }
        for piece in pieces {
            match piece {
                Piece::Broken(_, reason) => problem(reason),
                Piece::Object(span) => {
                    let before = lines.len();
                    let text = text.get(span).unwrap_or_default();
                    if let Err(reason) = (self.question)(text, lines) {
                        lines.truncate(before);
                        problem(reason);
                    }
                }
            }
        }
    }

    /// Hands a part of a block on when its turn comes, so that no thread holds too much.
    fn flush(&self, ticket: Ticket, part: Done) {
        let mut state = self.lock();
        while state.order.turn != ticket {
            state = self.wait(state);
        }
        (state.sink)(part);
    }

    fn finish(&self, ticket: Ticket, done: Done) {
        let state = &mut *self.lock();
        state.order.finished(ticket, done, state.sink);
        self.changed.notify_all();
    }

    fn spare(&self) -> Vec<u8> {
        self.lock().spare.pop().unwrap_or_default()
    }

    fn name(&self, number: usize) -> String {
        self.inputs.get(number).map(Input::name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Repeats every record that is an object with a number, and names what is none.
    fn echo(text: &str, lines: &mut Vec<u8>) -> Result<(), String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let number = value.get("n").and_then(serde_json::Value::as_u64).ok_or("no number")?;
        writeln!(lines, "{number}").map_err(|e| e.to_string())
    }

    fn answers(files: &[Vec<u8>], threads: usize) -> (Vec<u64>, Vec<(String, u64)>) {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = Vec::new();
        for (n, content) in files.iter().enumerate() {
            let path = folder.path().join(n.to_string());
            std::fs::write(&path, content).unwrap();
            inputs.push(Input::File(path));
        }
        let (mut lines, mut problems) = (Vec::new(), Vec::new());
        scan(&inputs, threads, &echo, &mut |done| {
            lines.extend(done.lines);
            problems.extend(done.problems);
        });
        let lines = String::from_utf8(lines).unwrap();
        let name = |p: &Problem| p.origin.rsplit('/').next().unwrap_or_default().to_owned();
        let problems = problems.iter().map(|p| (name(p), p.line)).collect();
        (lines.lines().map(|l| l.parse().unwrap()).collect(), problems)
    }

    fn record(n: u64) -> String {
        format!("{{\"n\":{n},\"padding\":\"{}\"}}", "x\\\"}".repeat(300))
    }

    #[test]
    fn answers_come_in_the_order_of_inputs_and_records_whatever_the_shape_and_threads() {
        let records = |from: u64, to: u64| (from..to).map(record).collect::<Vec<_>>();
        let files = [
            records(0, 700).join("\n").into_bytes(),
            gzip(format!("{{\"Records\":[{}]}}", records(700, 1500).join(",")).as_bytes()),
            format!("[\n{}\n]", records(1500, 1501).join(",\n")).into_bytes(),
            Vec::new(),
            gzip(records(1501, 1502).join("").as_bytes()),
            format!("{}\n{}{}\n", record(1502), record(1503), record(1504)).into_bytes(),
            format!("\u{feff}{}\r\n\r\n{}", record(1505), record(1506)).into_bytes(),
        ];
        for threads in [1, 2, 5] {
            let (numbers, problems) = answers(&files, threads);
            assert_eq!(numbers, (0..1507).collect::<Vec<_>>(), "{threads} threads");
            assert_eq!(problems, []);
        }
    }

    #[test]
    fn what_is_broken_is_named_with_its_line_and_stops_nothing() {
        let whole = gzip(format!("{}\n", record(4)).repeat(2000).as_bytes());
        let files = [
            format!("{}\nnot json\n{{\"n\":\n{}\n\n{{}}\n", record(1), record(2)).into_bytes(),
            format!("{{\"Records\":[{},\n7,\n{{\"n\":", record(3)).into_bytes(),
            [record(5).as_bytes(), b"\n\xff\xfe\n"].concat(),
            whole[..whole.len() / 2].to_vec(),
        ];
        for threads in [1, 3] {
            let (numbers, problems) = answers(&files, threads);
            assert_eq!(numbers[..4], [1, 2, 3, 5]);
            assert!(numbers[4..].iter().all(|n| *n == 4) && numbers.len() < 2000);
            let named: Vec<(&str, u64)> = problems.iter().map(|(f, l)| (f.as_str(), *l)).collect();
            assert_eq!(named[..6], [("0", 2), ("0", 3), ("0", 6), ("1", 2), ("1", 3), ("2", 2)]);
            assert!(named[6..].iter().all(|(file, _)| *file == "3") && named.len() > 6);
        }
    }

    #[test]
    fn a_record_that_is_too_large_is_named_and_passed_over() {
        let large = format!("{{\"n\":0,\"x\":\"{}\"}}", "y".repeat(9 << 20));
        let files = [
            format!("{}\n{large}\n{}\n", record(1), record(2)).into_bytes(),
            format!("[{},\n{large},{}]", record(3), record(4)).into_bytes(),
            format!("{large}\n{}\n", record(5)).into_bytes(),
        ];
        for threads in [1, 3] {
            let (numbers, problems) = answers(&files, threads);
            assert_eq!(numbers, [1, 2, 3, 4, 5]);
            let expected = [("0".to_owned(), 2), ("1".to_owned(), 2), ("2".to_owned(), 1)];
            assert_eq!(problems, expected);
        }
    }

    #[test]
    fn an_input_that_cannot_be_opened_is_named() {
        let inputs = [Input::File("/no/such/file".into())];
        let mut problems = Vec::new();
        scan(&inputs, 2, &echo, &mut |done| problems.extend(done.problems));
        assert_eq!((problems.len(), problems[0].line), (1, 0));
    }
}
