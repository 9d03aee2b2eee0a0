//! What events and resources say, short enough to travel.
//!
//! A hand-off goes from stage to stage as one payload, which has a limit
//! (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>). Its texts come from
//! outside: one that is too long must cost itself, not the response.

use std::collections::BTreeMap;

use aisaws_core::canonical::Digest;
use aisaws_core::id::{AccountId, EventId, Region};
use aisaws_core::resource::ResourceRef;

/// Tags of one resource, as JSON. AWS allows fifty of 128 and 256 characters.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
const TAGS_BYTES: usize = 8 * 1024;
/// An id: no ARN is longer than 2048 letters.
const ID_BYTES: usize = 2048;
/// A name that AWS gives: an error code, a service, a region.
const NAME_BYTES: usize = 256;

/// The tags; `None`, as where they could not be read, above what travels. A guardrail that asks for
/// tags must not take a part of them for all.
pub(crate) fn tags(tags: BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    let entry = |(key, value): (&String, &String)| json_bytes(key) + json_bytes(value) + 6;
    (tags.iter().map(entry).sum::<usize>() <= TAGS_BYTES).then_some(tags)
}

/// The resource. An id that had to be cut is one that no resource has.
pub(crate) fn resource(resource: &ResourceRef) -> ResourceRef {
    ResourceRef {
        kind: name(&resource.kind),
        id: text(&resource.id, ID_BYTES),
        account: AccountId::new(name(resource.account.as_str())),
        region: Region::new(name(resource.region.as_str())),
    }
}

/// The id of an event.
pub(crate) fn event(id: &EventId) -> EventId {
    EventId::new(text(id.as_str(), ID_BYTES))
}

/// A name.
pub(crate) fn name(name: &str) -> String {
    text(name, NAME_BYTES)
}

/// The text where its JSON has at most so many bytes; else its beginning and, so that different
/// ones stay different, its digest.
fn text(text: &str, most: usize) -> String {
    if json_bytes(text) <= most {
        return text.to_owned();
    }
    let mut left = most / 2;
    let short = text.chars().take_while(|letter| match left.checked_sub(json_bytes_of(*letter)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    let mut cut: String = short.collect();
    cut.push('…');
    cut.push_str(Digest::of_bytes(text.as_bytes()).as_str());
    cut
}

fn json_bytes(text: &str) -> usize {
    text.chars().map(json_bytes_of).sum()
}

/// RFC 8259, section 7: quotes, backslashes and control characters are escaped.
fn json_bytes_of(letter: char) -> usize {
    match letter {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_stays_as_it_is() {
        for short in ["", "acme", "übergrößen", &"x".repeat(NAME_BYTES)] {
            assert_eq!(name(short), short);
        }
        let few = BTreeMap::from([("owner".to_owned(), "ann".to_owned())]);
        assert_eq!(tags(few.clone()), Some(few));
    }

    #[test]
    fn what_is_long_is_cut_and_stays_different_from_others() {
        for letter in ["x", "ü", "\u{1}", "\"", "𝄞"] {
            let (one, other) = (letter.repeat(5000), letter.repeat(5001));
            let (one, other) = (name(&one), name(&other));
            assert_ne!(one, other);
            let json = serde_json::to_string(&one).unwrap();
            assert!(json.len() <= NAME_BYTES + 2, "{} bytes", json.len());
        }
    }

    #[test]
    fn as_many_tags_as_aws_allows_do_not_travel_in_part() {
        let tag = |n: u32| (format!("{n}{}", "ü".repeat(120)), "€".repeat(256));
        assert_eq!(tags((0..50).map(tag).collect()), None);
    }
}
