//! The table: every key of it is made here.
//!
//! One table with keys `pk` and `sk` (texts), on demand. Two sparse global indexes that project
//! keys only: `by_time` (`t_pk`, `t_sk`) and `by_name` (`n_pk`, `n_sk`). Indexes only serve lists for
//! people and replays, which may lag a moment; what they find is read from the table, consistently.
//! Nothing is recognised as a duplicate, counted or decided by an index.
//!
//! Some items go by themselves after a long time (`expiry.rs`), marked `*`: contents of events that no
//! rule hit, with what points at them; rules that a principal hit, which are asked for within the
//! hour; counts of an hour; calls of a write, which a ledger has too. Nothing depends on whether they
//! are gone. Who or what was seen first has to stay: it is asked whether it was ever seen.
//!
//! | item | `pk` | `sk` | `t_pk` | `t_sk` |
//! |---|---|---|---|---|
//! | first content of an event `*` | `event ID` | `content` | `day DATE SHARD` | `TIME ID content` |
//! | a correction of it `*` | `event ID` | `content DIGEST` | the same | `TIME ID content DIGEST` |
//! | hit | `event ID` | `hit RULE RESOURCE` | `rule RULE` | `TIME ID RESOURCE` |
//! | incident of an event | `event ID` | `incident INCIDENT` | | |
//! | hits nobody took yet, naming the newest | `pending SHARD` | `TIME ID content[ DIGEST]` | | |
//! | event that changed a resource `*` | `touched RESOURCE` | `TIME ID content[ DIGEST]` | | |
//! | rule a principal hit `*` | `actor PRINCIPAL` | `TIME ID RULE` | | |
//! | when something was seen first | `seen WHAT` | `first` | | |
//! | day with events | `days` | `DATE` | | |
//! | dead letter | `letter FINGERPRINT` | `letter` | `letters` | `ARRIVAL PLACE` |
//! | incident, with the head of its ledger | `incident INCIDENT` | `record` | `incidents` | `TIME INCIDENT` |
//! | its event | `incident INCIDENT` | `event ID` | | |
//! | incidents of a rule and hour `*` | `admitted NAME` | `admitted` | | |
//! | link of its ledger | `incident INCIDENT` | `link SEQ` | | |
//! | key of a link | `incident INCIDENT` | `key KEY` | | |
//! | its newest question | `incident INCIDENT` | `question` | `questions` while open | `ASKED INCIDENT` |
//! | repair of a resource | `writes RESOURCE` | `TIME INCIDENT SEQ` | | |
//! | state | `state DIGEST` | `state` | | |
//! | last clean state | `baseline RESOURCE` | `control CONTROL` | | |
//! | secret of the system's own | `secret NAME` | `secret` | | |
//! | calls of a write `*` | `write INCIDENT STEP DIGEST` | `calls` | | |
//! | calls it made so far `*` | `write INCIDENT STEP DIGEST` | `calls so far` | | |
//! | who writes to a resource | `lease RESOURCE` | `lease` | | |
//! | match of a correlation | `window CORRELATION GROUP` | `entry TIME ID PART VALUE` | `arrived SHARD` | `ARRIVAL ID` |
//! | bucket of matches | `window CORRELATION GROUP` | `bucket NUMBER` | | |
//! | bucket with new matches | `changed SHARD` | `CORRELATION GROUP NUMBER` | | |
//!
//! Contents of events also have `n_pk` = `name NAME MONTH` and `n_sk` = their `t_sk`.
//!
//! Parts of a key are separated by one space. Texts from outside are escaped so that keys sort as
//! the texts do, and shortened where they are long. Times are RFC 3339 with nine digits of a second.
//! A body (event, entry, state) of more than [`INLINE_BYTES`] lies in the archive, and the item has
//! its key and digest, so that no item comes near the limit of 400 KB.

use aisaws_core::canonical::Digest;
use aisaws_core::id::{ControlId, EventId, IncidentId, RuleId};
use aisaws_core::port::WriteKey;
use aisaws_core::window::{Entry, WindowKey};
use jiff::Timestamp;

/// Names of key attributes.
pub(super) const PK: &str = "pk";
pub(super) const SK: &str = "sk";

/// The index by time and its keys.
pub(super) const BY_TIME: Index = Index { name: "by_time", pk: "t_pk", sk: "t_sk" };
/// The index by name and its keys.
pub(super) const BY_NAME: Index = Index { name: "by_name", pk: "n_pk", sk: "n_sk" };

/// Bodies up to this size stand in their items.
pub(super) const INLINE_BYTES: usize = 48 * 1024;

/// Partitions over which one day's events, and the pending ones, are spread: each takes a thousand
/// writes a second.
pub(super) const SHARDS: u8 = 4;

/// Bytes of an outside text in a key before it is shortened.
const PART_BYTES: usize = 300;

/// A global index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) pk: &'static str,
    pub(super) sk: &'static str,
}

/// The key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// A text as part of a key. Space and what sorts before it become `!` and another letter, `!`
/// itself too: separators sort before every letter, and no text holds one. Long texts are cut and
/// told apart by their digest, behind a mark that no escape has.
pub(super) fn part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for c in text.chars() {
        if c <= '!' {
            part.push('!');
            part.push(char::from_u32(u32::from(c) + 0x40).unwrap_or('?'));
        } else {
            part.push(c);
        }
    }
    if part.len() > PART_BYTES {
        let end = part.floor_char_boundary(PART_BYTES);
        part.truncate(end);
        part.push_str("!~");
        part.push_str(Digest::of_bytes(text.as_bytes()).as_str());
    }
    part
}

/// A time that sorts as text. What lies outside the years 0 to 9999 counts as their edge.
pub(super) fn time(time: Timestamp) -> String {
    if time < YEAR_ZERO { time_text(YEAR_ZERO) } else { time_text(time) }
}

/// 0000-01-01T00:00:00Z.
const YEAR_ZERO: Timestamp = Timestamp::constant(-62_167_219_200, 0);

fn time_text(time: Timestamp) -> String {
    format!("{time:.9}")
}

/// The day of a time, of [`time`]'s form.
pub(super) fn date(at: Timestamp) -> String {
    let mut text = time(at);
    text.truncate("yyyy-mm-dd".len());
    text
}

/// The month of a day of [`date`].
pub(super) fn month(date: &str) -> &str {
    date.get(.."yyyy-mm".len()).unwrap_or(date)
}

/// The partition of many that an event belongs to.
pub(super) fn shard(id: &EventId) -> u8 {
    shard_of(id.as_str())
}

fn shard_of(text: &str) -> u8 {
    let digest = Digest::of_bytes(text.as_bytes());
    digest.as_str().bytes().next().unwrap_or_default() % SHARDS
}

/// The place of an event's content: its own item, and in every list it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    id: EventId,
    time: Timestamp,
    /// `content`, or `content DIGEST` of a correction.
    content: String,
}

impl Place {
    pub(super) fn first(id: &EventId, time: Timestamp) -> Self {
        Self { id: id.clone(), time, content: CONTENT.to_owned() }
    }

    pub(super) fn variant(id: &EventId, time: Timestamp, digest: &Digest) -> Self {
        Self { id: id.clone(), time, content: format!("{CONTENT} {digest}") }
    }

    /// The content's own item.
    pub(super) fn key(&self) -> Key {
        Key::new(event(&self.id), &self.content)
    }

    /// Its place in lists that go by time.
    pub(super) fn order(&self) -> String {
        format!("{} {}", position(self.time, &self.id), self.content)
    }

    pub(super) fn day(&self) -> String {
        day(&date(self.time), shard(&self.id))
    }

    pub(super) fn name(&self, name: &str) -> String {
        named(name, month(&date(self.time)))
    }

    /// Its place among the hits of a rule.
    pub(super) fn hit_order(&self, resource_key: &str) -> String {
        format!("{} {}", position(self.time, &self.id), part(resource_key))
    }

    pub(super) fn pending(&self) -> Key {
        Key::new(pending(shard(&self.id)), self.order())
    }

    pub(super) fn touched(&self, resource_key: &str) -> Key {
        Key::new(touched(resource_key), self.order())
    }

    pub(super) fn actor(&self, principal: &str, rule: &RuleId) -> Key {
        let sk = format!("{} {}", position(self.time, &self.id), part(rule.as_str()));
        Key::new(actor(principal), sk)
    }
}

/// What `sk` of contents begins with.
pub(super) const CONTENT: &str = "content";
/// What `sk` of hits begins with.
pub(super) const HIT: &str = "hit ";
/// What `sk` of an event's incidents begins with.
pub(super) const INCIDENT: &str = "incident ";
/// What `sk` of an incident's events begins with.
pub(super) const EVENT: &str = "event ";
/// What `sk` of links begins with.
pub(super) const LINK: &str = "link ";
/// The partition of the days that have events.
pub(super) const DAYS: &str = "days";
/// The partition of all incidents in the index by time.
pub(super) const INCIDENTS: &str = "incidents";
/// The partition of open questions in the index by time.
pub(super) const QUESTIONS: &str = "questions";
/// The partition of dead letters in the index by time.
pub(super) const LETTERS: &str = "letters";

/// Time and id, the order of every list.
pub(super) fn position(at: Timestamp, id: &EventId) -> String {
    format!("{} {}", time(at), part(id.as_str()))
}

pub(super) fn event(id: &EventId) -> String {
    format!("event {}", part(id.as_str()))
}

pub(super) fn day(date: &str, shard: u8) -> String {
    format!("day {date} {shard}")
}

pub(super) fn named(name: &str, month: &str) -> String {
    format!("name {} {month}", part(name))
}

pub(super) fn pending(shard: u8) -> String {
    format!("pending {shard}")
}

pub(super) fn touched(resource_key: &str) -> String {
    format!("touched {}", part(resource_key))
}

pub(super) fn actor(principal: &str) -> String {
    format!("actor {}", part(principal))
}

pub(super) fn seen(what: &str) -> Key {
    Key::new(format!("seen {}", part(what)), "first")
}

pub(super) fn admitted(name: &str) -> Key {
    Key::new(format!("admitted {}", part(name)), "admitted")
}

pub(super) fn rule(rule: &RuleId) -> String {
    format!("rule {}", part(rule.as_str()))
}

pub(super) fn hit(id: &EventId, rule: &RuleId, resource_key: &str) -> Key {
    Key::new(event(id), format!("{HIT}{} {}", part(rule.as_str()), part(resource_key)))
}

pub(super) fn has_events(date: &str) -> Key {
    Key::new(DAYS, date)
}

pub(super) fn letter(fingerprint: &Digest) -> Key {
    Key::new(format!("letter {fingerprint}"), "letter")
}

/// Dead letters that arrived together stand in their order.
pub(super) fn arrival(at: Timestamp, place: usize) -> String {
    format!("{} {place:010}", time(at))
}

pub(super) fn incident(id: IncidentId) -> String {
    format!("incident {id}")
}

pub(super) fn record(id: IncidentId) -> Key {
    Key::new(incident(id), "record")
}

pub(super) fn incident_order(at: Timestamp, id: IncidentId) -> String {
    format!("{} {id}", time(at))
}

pub(super) fn event_of_incident(id: IncidentId, event: &EventId) -> Key {
    Key::new(incident(id), format!("{EVENT}{}", part(event.as_str())))
}

pub(super) fn incident_of_event(event_id: &EventId, id: IncidentId) -> Key {
    Key::new(event(event_id), format!("{INCIDENT}{id}"))
}

pub(super) fn link(id: IncidentId, seq: u32) -> Key {
    Key::new(incident(id), format!("{LINK}{seq:010}"))
}

pub(super) fn link_key(id: IncidentId, key: &str) -> Key {
    Key::new(incident(id), format!("key {}", part(key)))
}

pub(super) fn question(id: IncidentId) -> Key {
    Key::new(incident(id), "question")
}

pub(super) fn writes(resource_key: &str) -> String {
    format!("writes {}", part(resource_key))
}

pub(super) fn write_made(resource_key: &str, at: Timestamp, id: IncidentId, seq: u32) -> Key {
    Key::new(writes(resource_key), format!("{} {id} {seq:010}", time(at)))
}

pub(super) fn state(digest: &Digest) -> Key {
    Key::new(format!("state {digest}"), "state")
}

pub(super) fn baseline(resource_key: &str, control: &ControlId) -> Key {
    Key::new(
        format!("baseline {}", part(resource_key)),
        format!("control {}", part(control.as_str())),
    )
}

pub(super) fn secret(name: &str) -> Key {
    Key::new(format!("secret {}", part(name)), "secret")
}

pub(super) fn calls(write: &WriteKey) -> Key {
    let WriteKey { incident, digest, step } = write;
    Key::new(format!("write {incident} {} {digest}", part(step)), "calls")
}

#[cfg(feature = "drivers")]
pub(super) fn calls_so_far(write: &WriteKey) -> Key {
    Key::new(calls(write).pk, "calls so far")
}

#[cfg(feature = "drivers")]
pub(super) fn lease(resource_key: &str) -> Key {
    Key::new(format!("lease {}", part(resource_key)), "lease")
}

pub(super) fn window(key: &WindowKey) -> String {
    format!("window {} {}", part(key.correlation.as_str()), part(&key.group))
}

/// What `sk` of matches begins with.
pub(super) const ENTRY: &str = "entry ";

pub(super) fn entry(key: &WindowKey, entry: &Entry) -> Key {
    let position = position(entry.time, &entry.event);
    let sk = format!("{ENTRY}{position} {:010} {}", entry.part, part(&entry.value));
    Key::new(window(key), sk)
}

/// Numbers sort as texts, negative ones too.
fn bucket_number(bucket: i64) -> String {
    format!("{:020}", i128::from(bucket) - i128::from(i64::MIN))
}

pub(super) fn bucket(key: &WindowKey, number: i64) -> Key {
    Key::new(window(key), format!("bucket {}", bucket_number(number)))
}

pub(super) fn changed(shard: u8) -> String {
    format!("changed {shard}")
}

/// The place of a bucket among the changed ones.
pub(super) fn changed_order(key: &WindowKey, number: i64) -> String {
    let (correlation, group) = (part(key.correlation.as_str()), part(&key.group));
    format!("{correlation} {group} {}", bucket_number(number))
}

pub(super) fn changed_mark(key: &WindowKey, number: i64) -> Key {
    Key::new(changed(shard_of(&key.group)), changed_order(key, number))
}

pub(super) fn arrived(shard: u8) -> String {
    format!("arrived {shard}")
}

pub(super) fn arrived_order(at: Timestamp, id: &EventId) -> String {
    position(at, id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(at: Timestamp, id: &str) -> String {
        Place::first(&EventId::new(id), at).order()
    }

    proptest! {
        #[test]
        fn keys_sort_as_time_and_id_do(
            a in (0_i64..3, ".{0,6}"),
            b in (0_i64..3, ".{0,6}"),
        ) {
            let key = |(second, id): &(i64, String)| {
                order(Timestamp::from_second(*second).unwrap(), id)
            };
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
        }

        #[test]
        fn different_texts_make_different_parts(a in ".{0,400}", b in ".{0,400}") {
            prop_assert_eq!(part(&a) == part(&b), a == b);
            prop_assert!(!part(&a).contains(' '));
        }
    }

    #[test]
    fn policies_know_a_secret_by_its_partition() {
        // `SECRETS` of infra/src/policies.rs denies `secret *`; nothing else begins so.
        assert!(secret("approval-links").pk.starts_with("secret "));
        let others = [event(&EventId::new("secret")), named("secret", "2026-03"), actor("secret")];
        assert!(others.iter().all(|pk| !pk.starts_with("secret ")));
    }

    #[test]
    fn the_table_removes_by_the_attribute_that_items_have() {
        let template = include_str!("../../../../infra/base.yaml");
        let attribute = format!("AttributeName: {}\n", super::super::expiry::EXPIRES_AT);
        assert_eq!(template.matches(&attribute).count(), 1);
    }

    #[test]
    fn long_texts_that_begin_alike_are_told_apart() {
        let (a, b) = (part(&"x".repeat(301)), part(&"x".repeat(302)));
        assert_ne!(a, b);
        assert_ne!(part(&a), a);
        assert!(part(&"🦀".repeat(5000)).len() < 400);
    }

    #[test]
    fn the_longest_keys_stay_within_the_limits() {
        // Amazon DynamoDB: 2,048 bytes for a partition key, 1,024 for a sort key.
        let long = "\u{1}🦀".repeat(2000);
        let hit = hit(&EventId::new(&long), &RuleId::new(&long), &long);
        assert!(hit.pk.len() <= 2048 && hit.sk.len() <= 1024);
        let digest = Digest::of_bytes(b"");
        let place = Place::variant(&EventId::new(&long), Timestamp::MAX, &digest);
        assert!(place.touched(&long).pk.len() <= 2048 && place.order().len() <= 1024);
        assert!(place.hit_order(&long).len() <= 1024);
        let key = WindowKey { correlation: RuleId::new(&long), group: long.clone() };
        let found = Entry {
            time: Timestamp::MAX,
            event: EventId::new(&long),
            part: u32::MAX,
            value: long.clone(),
        };
        let entry = entry(&key, &found);
        assert!(entry.pk.len() <= 2048 && entry.sk.len() <= 1024);
        assert!(changed_order(&key, i64::MIN).len() <= 1024);
    }

    #[test]
    fn times_have_nine_digits_and_years_of_four() {
        assert_eq!(time(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(time(Timestamp::MIN), "0000-01-01T00:00:00.000000000Z");
        assert!(time(Timestamp::MAX).starts_with("9999-12-30T"));
        assert_eq!(date(Timestamp::UNIX_EPOCH), "1970-01-01");
        assert_eq!(month("1970-01-01"), "1970-01");
    }
}
