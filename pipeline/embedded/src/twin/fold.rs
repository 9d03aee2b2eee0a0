//! A resource's states, from its events and our writes.

use std::collections::BTreeMap;

use aisaws_controls::ProjectError;
use aisaws_controls::plan::rollback;
use aisaws_core::resource::ResourceRef;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::store::touching;

/// Tells whether a resource was folded from the same events and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    touches: i64,
    last_touch: i64,
    last_write: i64,
}

/// Every state a resource is known to have had, and where its story ends.
#[derive(Debug)]
pub(super) struct Folded {
    pub(super) version: Version,
    /// Never empty; equal neighbours once.
    pub(super) states: Vec<Value>,
    /// Time (nanoseconds) and id of its last event.
    pub(super) position: (i64, String),
}

impl Folded {
    pub(super) fn present(&self) -> &Value {
        static ABSENT: Value = Value::Null;
        self.states.last().unwrap_or(&ABSENT)
    }

    fn push(&mut self, state: Value) {
        if self.states.last() != Some(&state) {
            self.states.push(state);
        }
    }
}

impl Version {
    pub(super) fn read(db: &Connection, resource: &ResourceRef) -> Result<Self, rusqlite::Error> {
        let key = resource.key();
        let (touches, last_touch) = db
            .prepare_cached(
                "select count(*), coalesce(max(seq), 0) from touch where resource = ?1",
            )?
            .query_row([&key], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let last_write = db
            .prepare_cached("select coalesce(max(seq), 0) from twin_write where resource = ?1")?
            .query_row([&key], |row| row.get(0))?;
        Ok(Self { touches, last_touch, last_write })
    }
}

/// A write of ours and the event it came after.
struct Write {
    position: (i64, String),
    before: Value,
    after: Value,
}

/// Folds the resource.
pub(super) fn fold(
    db: &Connection,
    resource: &ResourceRef,
    version: Version,
) -> Result<Result<Folded, ProjectError>, rusqlite::Error> {
    let Some(face) = aisaws_controls::resource(&resource.kind) else {
        return Ok(Ok(Folded { version, states: vec![Value::Null], position: (0, String::new()) }));
    };
    let mut writes = writes(db, resource)?.into_iter().peekable();
    let mut untold: BTreeMap<String, ProjectError> = BTreeMap::new();
    let mut folded = Folded {
        version,
        states: vec![face.assumed(resource)],
        position: (i64::MIN, String::new()),
    };
    for event in touching(db, resource)? {
        let position = (crate::store::nanos(event.time), event.id.as_str().to_owned());
        while let Some(write) = writes.next_if(|write| write.position < position) {
            let state = written(&write, folded.present());
            folded.push(state);
        }
        match face.project(resource, folded.present(), &event) {
            Ok(state) => {
                if state.is_null() {
                    untold.clear();
                } else if let Some(replaced) = replaced(&event.name) {
                    untold.remove(replaced);
                }
                folded.push(state);
            }
            // A revocation that does not say what it revoked leaves the state more open than it
            // may be: that convicts, and a repair of what is closed already changes nothing.
            Err(_) if event.name.starts_with("Revoke") => {}
            Err(e) => {
                let about = replaced(&event.name).unwrap_or(&event.name);
                drop(untold.insert(about.to_owned(), e));
            }
        }
        folded.position = position;
    }
    for write in writes {
        let state = written(&write, folded.present());
        folded.push(state);
    }
    // A state of which a part is unknown must not pass for a clean one.
    Ok(match untold.into_values().next() {
        Some(e) => Err(e),
        None => Ok(folded),
    })
}

/// What a call sets as a whole, by its name: a later one about the same thing makes good one
/// whose parameters did not tell (`PutBucketPolicy` and `DeleteBucketPolicy` are about one).
/// Calls that add to what is there, or change parts of it, set nothing as a whole.
fn replaced(name: &str) -> Option<&str> {
    name.strip_prefix("Put").or_else(|| name.strip_prefix("Delete"))
}

/// The state after a write of ours. An event that arrived late may have changed what stood
/// before it; fields it changed stay as the event left them.
fn written(write: &Write, now: &Value) -> Value {
    rollback(&write.after, &write.before, now).target
}

fn writes(db: &Connection, resource: &ResourceRef) -> Result<Vec<Write>, rusqlite::Error> {
    let mut writes: Vec<Write> = db
        .prepare_cached(
            "select time, event, before, after from twin_write where resource = ?1 order by seq",
        )?
        .query_map(params![resource.key()], |row| {
            Ok(Write {
                position: (row.get(0)?, row.get(1)?),
                before: from_json(&row.get::<_, String>(2)?)?,
                after: from_json(&row.get::<_, String>(3)?)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    // Stable: writes at one place keep their order.
    writes.sort_by(|a, b| a.position.cmp(&b.position));
    Ok(writes)
}

pub(super) fn as_json(value: &impl Serialize) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, rusqlite::Error> {
    serde_json::from_str(text).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e))
    })
}
