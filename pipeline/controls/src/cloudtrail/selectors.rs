//! Which management events the event selectors of a trail record, and the least that makes
//! them record all. An event is recorded if any one selector asks for it.
//! Sources: CloudTrail API Reference, `EventSelector`, `AdvancedEventSelector` and
//! `AdvancedFieldSelector`.

use serde_json::{Value, json};

use super::trail::Trail;
use crate::control::Refusal;
use crate::keyed::{Document, Identity, Keyed};
use crate::params;

/// How many selectors of the older form a trail can have.
const MOST: usize = 5;
const CATEGORY: &str = "eventCategory";
const MANAGEMENT: &str = "Management";

/// What is recorded of management events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recorded {
    any: bool,
    all_reads: bool,
    all_writes: bool,
}

impl Recorded {
    const NOTHING: Self = Self { any: false, all_reads: false, all_writes: false };

    /// By the selectors of that trail.
    pub(super) fn by(trail: &Trail) -> Self {
        if is_advanced(trail) {
            Self::by_any(trail.advanced_event_selectors.values().map(|one| by_advanced(&one.0)))
        } else {
            Self::by_any(trail.event_selectors.values().map(|one| by_basic(&one.0)))
        }
    }

    fn by_any(selectors: impl Iterator<Item = Self>) -> Self {
        selectors.fold(Self::NOTHING, |sum, one| Self {
            any: sum.any || one.any,
            all_reads: sum.all_reads || one.all_reads,
            all_writes: sum.all_writes || one.all_writes,
        })
    }

    /// What is missing, as a sentence; `None`: nothing.
    pub(super) fn lack(self) -> Option<&'static str> {
        match (self.any, self.all_reads, self.all_writes) {
            (_, true, true) => None,
            (false, ..) => Some("no management event is recorded"),
            (true, false, true) => Some("not every management event that reads is recorded"),
            (true, true, false) => Some("not every management event that writes is recorded"),
            (true, false, false) => Some("not every management event is recorded"),
        }
    }
}

/// A trail has one form or the other, the newer one where it has any of it.
fn is_advanced(trail: &Trail) -> bool {
    !trail.advanced_event_selectors.is_empty()
}

/// The setting, if it says anything. What is left out has the value that lets more through.
fn given<'a>(selector: &'a Value, name: &str) -> Option<&'a Value> {
    selector.get(name).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    })
}

fn by_basic(selector: &Value) -> Recorded {
    let includes = given(selector, "IncludeManagementEvents")
        .is_none_or(|_| params::truth_at(selector, &["IncludeManagementEvents"]) == Some(true));
    if !includes {
        return Recorded::NOTHING;
    }
    let is_whole = given(selector, "ExcludeManagementEventSources").is_none();
    let (reads, writes) = match read_write_type(selector).as_deref() {
        None | Some("All") => (true, true),
        Some("ReadOnly") => (true, false),
        Some("WriteOnly") => (false, true),
        Some(_) => (false, false),
    };
    Recorded { any: true, all_reads: is_whole && reads, all_writes: is_whole && writes }
}

fn read_write_type(selector: &Value) -> Option<String> {
    given(selector, "ReadWriteType").and_then(params::text)
}

fn by_advanced(selector: &Value) -> Recorded {
    let mut recorded = Recorded { any: false, all_reads: true, all_writes: true };
    for field in params::items(selector.get("FieldSelectors")) {
        let name = params::text_at(field, &["Field"]);
        match (name.as_deref(), only_value(field).as_deref()) {
            (Some(CATEGORY), Some(MANAGEMENT)) => recorded.any = true,
            (Some("readOnly"), Some("true")) => recorded.all_writes = false,
            (Some("readOnly"), Some("false")) => recorded.all_reads = false,
            (Some(CATEGORY), _) => return Recorded::NOTHING,
            // Whatever else is asked of an event, not every event has it.
            _ => (recorded.all_reads, recorded.all_writes) = (false, false),
        }
    }
    if recorded.any { recorded } else { Recorded::NOTHING }
}

/// The value that the field must equal, where that is all that is asked of it.
fn only_value(field: &Value) -> Option<String> {
    let others = field.as_object()?.keys().filter(|key| !["Field", "Equals"].contains(&&***key));
    if others.into_iter().any(|operator| given(field, operator).is_some()) {
        return None;
    }
    match given(field, "Equals")? {
        Value::Array(values) if values.len() > 1 => None,
        value => params::text(value),
    }
}

/// The trail with selectors that record all management events, of data events the same ones
/// as before.
pub(super) fn widened(trail: &Trail) -> Result<Trail, Refusal> {
    let mut trail = trail.clone();
    if is_advanced(&trail) {
        trail.event_selectors = Keyed::new();
        widen_advanced(&mut trail.advanced_event_selectors);
    } else {
        widen_basic(&mut trail.event_selectors)?;
    }
    Ok(trail)
}

fn widen_basic(selectors: &mut Keyed<Document>) -> Result<(), Refusal> {
    // `ReadWriteType` is about data events too; where it would have to change, the selector
    // is left alone and another one is added.
    let widest = selectors
        .values()
        .filter(|one| is_whole_for_data(&one.0))
        .min_by_key(|one| !by_basic(&one.0).any)
        .cloned();
    if let Some(one) = widest {
        selectors.remove(&one.identity());
        let Document(mut selector) = one;
        if let Some(settings) = selector.as_object_mut() {
            settings.insert("IncludeManagementEvents".to_owned(), json!(true));
            settings.insert("ReadWriteType".to_owned(), json!("All"));
            settings.insert("ExcludeManagementEventSources".to_owned(), json!([]));
        }
        selectors.insert(Document(selector));
    } else if selectors.len() < MOST {
        for one in Trail::default_selectors().values() {
            selectors.insert(one.clone());
        }
    } else {
        return Err(Refusal::Beyond(
            "the trail has as many event selectors as it can have, and all of them narrow data \
             events; set them by hand",
        ));
    }
    Ok(())
}

/// Whether the selector can be made to record reads and writes without recording more data
/// events.
fn is_whole_for_data(selector: &Value) -> bool {
    let has_data = params::items(selector.get("DataResources"))
        .into_iter()
        .any(|resource| given(resource, "Values").is_some());
    let is_all = read_write_type(selector).is_none_or(|kind| kind == "All");
    selector.is_object() && (is_all || !has_data)
}

fn widen_advanced(selectors: &mut Keyed<Document>) {
    let management = selectors.values().find(|one| by_advanced(&one.0).any).cloned();
    let mut selector = if let Some(one) = management {
        selectors.remove(&one.identity());
        one.0
    } else {
        json!({"Name": "Management events"})
    };
    if let Some(settings) = selector.as_object_mut() {
        let fields = json!([{"Field": CATEGORY, "Equals": [MANAGEMENT]}]);
        settings.insert("FieldSelectors".to_owned(), fields);
    }
    selectors.insert(Document(selector));
}
