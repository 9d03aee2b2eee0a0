//! Puts what threads find into the order of the inputs.

use std::collections::BTreeMap;

use super::work::Problem;

/// A block's place: its input's, and its own in the input.
pub(super) type Ticket = (usize, u64);

/// What was found in one block, or in the first part of one.
#[derive(Debug, Default)]
pub struct Done {
    /// What the question wrote.
    pub lines: Vec<u8>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// What waits for its turn.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Whose turn it is.
    pub(super) turn: Ticket,
    waiting: BTreeMap<Ticket, Done>,
    /// Blocks of the inputs that were read to their end.
    lengths: BTreeMap<usize, u64>,
}

impl Order {
    /// How many blocks wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes in what was found in a block, and hands on what has its turn.
    pub(super) fn finished(&mut self, ticket: Ticket, done: Done, sink: &mut dyn FnMut(Done)) {
        self.waiting.insert(ticket, done);
        self.advance(sink);
    }

    /// Takes in how many blocks an input had.
    pub(super) fn ended(&mut self, input: usize, blocks: u64, sink: &mut dyn FnMut(Done)) {
        self.lengths.insert(input, blocks);
        self.advance(sink);
    }

    fn advance(&mut self, sink: &mut dyn FnMut(Done)) {
        loop {
            if let Some(done) = self.waiting.remove(&self.turn) {
                sink(done);
                self.turn.1 += 1;
            } else if self.lengths.get(&self.turn.0) == Some(&self.turn.1) {
                self.lengths.remove(&self.turn.0);
                self.turn = (self.turn.0 + 1, 0);
            } else {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_out_in_the_order_of_inputs_whatever_the_order_they_are_finished_in() {
        let mut order = Order::default();
        let mut out = Vec::new();
        let mut sink = |done: Done| out.extend(done.lines);
        let done = |byte: u8| Done { lines: vec![byte], problems: Vec::new() };
        order.ended(1, 0, &mut sink);
        order.finished((2, 0), done(b'd'), &mut sink);
        order.finished((0, 1), done(b'b'), &mut sink);
        order.finished((0, 0), done(b'a'), &mut sink);
        order.finished((0, 2), done(b'c'), &mut sink);
        order.ended(0, 3, &mut sink);
        order.ended(2, 1, &mut sink);
        assert_eq!(out, b"abcd");
        assert_eq!((order.turn, order.len()), ((3, 0), 0));
    }
}
