//! What a line says, and how it is written.

use std::ops::Range;

use serde::Serialize;

use crate::response::Response;
use crate::sigma::{Level, Meta, ScanError};

/// What is known of a rule or correlation before any event.
#[derive(Debug)]
pub(crate) struct Told {
    /// What it is called by in output.
    pub(crate) key: String,
    /// What stands in its lines between the event's id and the resource.
    text: String,
    /// What hits are about; `None` where the rule says it in a way that cannot be used.
    pub(crate) response: Option<Response>,
    /// It is only there to be correlated, and has no lines of its own.
    pub(crate) is_silent: bool,
}

/// The part of a line that the rule says, in the order its members are written.
#[derive(Serialize)]
struct OfRule<'a> {
    rule_id: &'a str,
    title: &'a str,
    level: &'static str,
}

impl Told {
    pub(crate) fn new(
        meta: &Meta,
        response: Option<&Response>,
        is_silent: bool,
    ) -> Result<Self, serde_json::Error> {
        let level = meta.level.unwrap_or(Level::Medium).as_str();
        let said = OfRule { rule_id: meta.key(), title: &meta.title, level };
        let said = serde_json::to_string(&said)?;
        let members = said.trim_start_matches('{').trim_end_matches('}');
        let text = format!(",{members},\"resource\":");
        Ok(Self { key: meta.key().to_owned(), text, response: response.cloned(), is_silent })
    }
}

/// The lines of one event.
pub(crate) struct Writer<'o, 'i> {
    out: &'o mut Vec<u8>,
    event_id: &'i str,
    /// Where in `out` things stand that every line has, or every one by the mapping.
    id_at: Option<Range<usize>>,
    by_mapping_at: Option<Range<usize>>,
}

impl<'o, 'i> Writer<'o, 'i> {
    pub(crate) fn new(out: &'o mut Vec<u8>, event_id: &'i str) -> Self {
        Self { out, event_id, id_at: None, by_mapping_at: None }
    }

    /// One line. `resource` is asked once of all that are told by the mapping.
    pub(crate) fn line<R: Serialize>(
        &mut self,
        told: &Told,
        resource: impl FnOnce() -> Result<R, ScanError>,
    ) -> Result<(), ScanError> {
        let event_id = self.event_id;
        self.out.extend_from_slice(br#"{"event_id":"#);
        again(&mut self.id_at, self.out, || Ok(event_id))?;
        self.out.extend_from_slice(told.text.as_bytes());
        if told.response.as_ref().is_some_and(Response::is_by_event) {
            again(&mut self.by_mapping_at, self.out, resource)?;
        } else {
            again(&mut None, self.out, resource)?;
        }
        self.out.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// Writes something as JSON the first time, and copies what was written from then on.
fn again<T: Serialize>(
    at: &mut Option<Range<usize>>,
    out: &mut Vec<u8>,
    value: impl FnOnce() -> Result<T, ScanError>,
) -> Result<(), ScanError> {
    if let Some(at) = at {
        out.extend_from_within(at.clone());
        return Ok(());
    }
    let start = out.len();
    serde_json::to_writer(&mut *out, &value()?).map_err(ScanError::from)?;
    *at = Some(start..out.len());
    Ok(())
}
