//! Events in rows: those of one step together.

use serde_json::Value;

use super::seal::{open, seal};
use super::signed;
use crate::history::Event;
use crate::journal::JournalError;

/// Bytes of events that share a row, about.
const PACK_BYTES: usize = 256 * 1024;

/// Events of one step in a row, as `{"events":[…]}`: a row an event would cost more than all
/// else in a commit.
pub(super) struct Pack {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) events: String,
}

pub(super) fn packed(name: &str, events: &[Event]) -> Vec<Pack> {
    let mut packs = Vec::new();
    let mut text = String::new();
    let mut first = None;
    let mut events = events.iter().peekable();
    while let Some(event) = events.next() {
        let from = *first.get_or_insert(signed(event.id));
        text.push_str(if text.is_empty() { "{\"events\":[" } else { "," });
        text.push_str(&serde_json::to_string(event).unwrap_or_default());
        if events.peek().is_none() || text.len() > PACK_BYTES {
            text.push_str("]}");
            let last = signed(event.id);
            let sealed = seal(&[&name, &from, &last], std::mem::take(&mut text));
            packs.push(Pack { first: from, last, events: sealed });
            first = None;
        }
    }
    packs
}

/// The events of a row, where it has what was written.
pub(super) fn unpacked(
    name: &str,
    first: i64,
    last: i64,
    sealed: String,
) -> Result<Vec<Value>, JournalError> {
    #[derive(serde::Deserialize)]
    struct Packed {
        events: Vec<Value>,
    }
    let damaged = || JournalError::Damaged { name: name.to_owned(), what: "its history" };
    let text = open(&[&name, &first, &last], sealed).ok_or_else(damaged)?;
    let packed: Packed = serde_json::from_str(&text)
        .map_err(|source| JournalError::Corrupt { name: name.to_owned(), source })?;
    Ok(packed.events)
}
