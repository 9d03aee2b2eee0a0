//! Files, folders and standard input as a stream of records, each with its place.

mod files;
mod records;
mod unwrap;

pub use files::{Input, InputError, Unfit, expand};
pub(crate) use records::dead_letter;
pub use records::{Item, read_records, read_text};
pub(crate) use unwrap::{Piece, split};
