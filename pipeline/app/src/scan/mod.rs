//! Many inputs through one question, on all cores, in bounded memory and in order.
//!
//! An input is read by one thread and cut into blocks of whole records (`blocks`); threads with
//! nothing else to do take blocks of inputs that others read. Answers come out in the order of
//! the inputs and of the records in them, whatever thread found them (`order`).

mod blocks;
mod document;
mod order;
mod work;

pub use order::Done;
pub use work::{Problem, Question, scan};
