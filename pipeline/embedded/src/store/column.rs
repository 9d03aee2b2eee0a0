//! Values of the domain to and from columns.

use aisaws_core::canonical::Digest;
use aisaws_core::event::{Event, Source};
use aisaws_core::id::{AccountId, EventId, IncidentId};
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::value::Error as PlainError;
use serde::de::{Deserialize as _, DeserializeOwned, IntoDeserializer as _};

/// A source as the store knows it. Numbers are never given anew.
pub(super) fn source_number(source: Source) -> i64 {
    match source {
        Source::CloudTrail => 0,
        Source::GuardDuty => 1,
        Source::Config => 2,
        Source::SecurityHub => 3,
        Source::AccessAnalyzer => 4,
        Source::Posture => 5,
    }
}

/// A time as the store sorts it: nanoseconds since 1970, what lies beyond cut to the range.
pub(crate) fn nanos(time: Timestamp) -> i64 {
    i64::try_from(time.as_nanosecond()).unwrap_or(if time < Timestamp::UNIX_EPOCH {
        i64::MIN
    } else {
        i64::MAX
    })
}

/// The time behind a column of nanoseconds.
pub(super) fn time_of_nanos(row: &Row<'_>, index: usize) -> Result<Timestamp, rusqlite::Error> {
    let nanos: i64 = row.get(index)?;
    Timestamp::from_nanosecond(nanos.into()).map_err(|e| unreadable(index, e))
}

/// The short form of an event's id in the index. Different ids may meet in one: whoever
/// looks up by it compares the id too.
pub(super) fn fold(id: &EventId) -> i64 {
    let digest = Digest::of_bytes(id.as_str().as_bytes());
    let half = digest.as_str().get(..16).unwrap_or_default();
    u64::from_str_radix(half, 16).unwrap_or_default().cast_signed()
}

/// A value as JSON text.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

/// The value behind a column of JSON text.
pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<T, rusqlite::Error> {
    let text = row.get_ref(index)?.as_str()?;
    serde_json::from_str(text).map_err(|e| unreadable(index, e))
}

/// A digest.
pub(crate) fn digest(row: &Row<'_>, index: usize) -> Result<Digest, rusqlite::Error> {
    let text: String = row.get(index)?;
    Digest::deserialize(text.into_deserializer()).map_err(|e: PlainError| unreadable(index, e))
}

/// An RFC 3339 time, exact to the nanosecond.
pub(super) fn time(row: &Row<'_>, index: usize) -> Result<Timestamp, rusqlite::Error> {
    row.get_ref(index)?.as_str()?.parse().map_err(|e: jiff::Error| unreadable(index, e))
}

/// An incident's id.
pub(super) fn incident(row: &Row<'_>, index: usize) -> Result<IncidentId, rusqlite::Error> {
    IncidentId::parse(row.get_ref(index)?.as_str()?).map_err(|e| unreadable(index, e))
}

/// The source of that number.
fn source(row: &Row<'_>, index: usize) -> Result<Source, rusqlite::Error> {
    let number: i64 = row.get(index)?;
    let found = Source::ALL.into_iter().find(|source| source_number(*source) == number);
    found.ok_or(rusqlite::Error::IntegralValueOutOfRange(index, number))
}

/// The event of the four columns `source, id, account, raw` from `index` on.
pub(crate) fn event(row: &Row<'_>, index: usize) -> Result<Event, rusqlite::Error> {
    let source = source(row, index)?;
    let id = row.get_ref(index + 1)?.as_str()?;
    let account = row.get_ref(index + 2)?.as_str()?;
    let raw = row.get_ref(index + 3)?.as_str()?;
    let mut event =
        aisaws_core::source::parse(source, raw).map_err(|e| unreadable(index + 3, e))?;
    if event.id.as_str() != id {
        event.id = EventId::new(id);
    }
    // The account may have stood in an envelope that is not kept.
    if event.account.as_str() != account {
        event.account = AccountId::new(account);
    }
    Ok(event)
}

fn unreadable(
    index: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}
