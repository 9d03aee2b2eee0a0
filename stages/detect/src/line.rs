//! What a line says, and how it is written.

use std::ops::Range;

use serde::Serialize;

use crate::pointer::Pointed;
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
    pub(crate) fn line<'r>(
        &mut self,
        told: &Told,
        resource: impl FnOnce() -> Result<Option<Pointed<'r>>, ScanError>,
    ) -> Result<(), ScanError> {
        let Self { out, event_id, id_at, by_mapping_at } = self;
        out.extend_from_slice(br#"{"event_id":"#);
        again(id_at, out, |out| text(out, event_id))?;
        out.extend_from_slice(told.text.as_bytes());
        let write = |out: &mut Vec<u8>| {
            if let Some(resource) = resource()? {
                return write(out, &resource);
            }
            out.extend_from_slice(b"null");
            Ok(())
        };
        if told.response.as_ref().is_some_and(Response::is_by_event) {
            again(by_mapping_at, out, write)?;
        } else {
            write(out)?;
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// Writes something the first time, and copies what was written from then on.
fn again(
    at: &mut Option<Range<usize>>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    if let Some(at) = at {
        out.extend_from_within(at.clone());
        return Ok(());
    }
    let start = out.len();
    write(out)?;
    *at = Some(start..out.len());
    Ok(())
}

fn write(out: &mut Vec<u8>, resource: &Pointed<'_>) -> Result<(), ScanError> {
    let members = [
        (&br#"{"type":"#[..], resource.kind),
        (br#","id":"#, &resource.id),
        (br#","account":"#, &resource.account),
        (br#","region":"#, &resource.region),
    ];
    for (name, value) in members {
        out.extend_from_slice(name);
        text(out, value)?;
    }
    out.push(b'}');
    Ok(())
}

/// A text as JSON; most need no escapes.
fn text(out: &mut Vec<u8>, text: &str) -> Result<(), ScanError> {
    let is_odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    if text.bytes().fold(false, |any, byte| any | is_odd(byte)) {
        return Ok(serde_json::to_writer(out, text)?);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use aisaws_core::resource::{Owner, ResourceRef};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_is_written_as_the_serialiser_writes_it(given in "[\\x00-\\x7f€\u{2028}]{0,40}") {
            let mut out = Vec::new();
            text(&mut out, &given).unwrap();
            prop_assert_eq!(out, serde_json::to_vec(&given).unwrap());
        }
    }

    #[test]
    fn a_resource_is_written_as_the_ledger_has_it() {
        let owner = Owner { account: "111122223333".into(), region: "eu-west-1".into() };
        let resource = ResourceRef::new("AWS::S3::Bucket", "a \"b\"", &owner);
        let mut out = Vec::new();
        write(&mut out, &Pointed::of(&resource)).unwrap();
        assert_eq!(out, serde_json::to_vec(&resource).unwrap());
    }
}
