//! Event selectors, between the types of the SDK and the JSON of the API.

use aisaws_controls::{Document, Keyed};
use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector, AdvancedFieldSelector, DataResource, EventSelector, ReadWriteType,
};
use serde_json::{Map, Value, json};

use crate::drivers::error::DriverError;
use crate::drivers::parameters::Parameters;

/// Of the older and of the newer form.
pub(super) type Selectors = (Keyed<Document>, Keyed<Document>);

/// CloudTrail gives all four settings back; a list that is left out is empty.
pub(super) fn from_basic(selector: &EventSelector) -> Document {
    let data: Vec<Value> = selector
        .data_resources()
        .iter()
        .map(|one| json!({"Type": one.r#type(), "Values": one.values()}))
        .collect();
    Document(json!({
        "ReadWriteType": selector.read_write_type().map(ReadWriteType::as_str),
        "IncludeManagementEvents": selector.include_management_events(),
        "DataResources": data,
        "ExcludeManagementEventSources": selector.exclude_management_event_sources(),
    }))
}

/// Only what is asked of a field is there.
pub(super) fn from_advanced(selector: &AdvancedEventSelector) -> Document {
    let fields: Vec<Value> = selector.field_selectors().iter().map(from_field).collect();
    let mut document = Map::new();
    if let Some(name) = selector.name() {
        document.insert("Name".to_owned(), json!(name));
    }
    document.insert("FieldSelectors".to_owned(), json!(fields));
    Document(Value::Object(document))
}

fn from_field(field: &AdvancedFieldSelector) -> Value {
    let asked = [
        ("Equals", field.equals()),
        ("StartsWith", field.starts_with()),
        ("EndsWith", field.ends_with()),
        ("NotEquals", field.not_equals()),
        ("NotStartsWith", field.not_starts_with()),
        ("NotEndsWith", field.not_ends_with()),
    ];
    let asked = asked.into_iter().filter(|(_, values)| !values.is_empty());
    std::iter::once(("Field".to_owned(), json!(field.field())))
        .chain(asked.map(|(operator, values)| (operator.to_owned(), json!(values))))
        .collect::<Map<_, _>>()
        .into()
}

pub(super) fn to_basic(given: &Parameters<'_>) -> EventSelector {
    let data = given.list("DataResources").map(|one| {
        DataResource::builder()
            .set_type(one.get_text("Type").map(str::to_owned))
            .set_values(one.get_texts("Values"))
            .build()
    });
    EventSelector::builder()
        .set_read_write_type(given.get_text("ReadWriteType").map(ReadWriteType::from))
        .set_include_management_events(given.get_truth("IncludeManagementEvents"))
        .set_data_resources(Some(data.collect()))
        .set_exclude_management_event_sources(given.get_texts("ExcludeManagementEventSources"))
        .build()
}

pub(super) fn to_advanced(given: &Parameters<'_>) -> Result<AdvancedEventSelector, DriverError> {
    let mut selector = AdvancedEventSelector::builder()
        .set_name(given.get_text("Name").map(str::to_owned))
        .set_field_selectors(Some(Vec::new()));
    for one in given.list("FieldSelectors") {
        let field = AdvancedFieldSelector::builder()
            .field(one.text("Field")?)
            .set_equals(one.get_texts("Equals"))
            .set_starts_with(one.get_texts("StartsWith"))
            .set_ends_with(one.get_texts("EndsWith"))
            .set_not_equals(one.get_texts("NotEquals"))
            .set_not_starts_with(one.get_texts("NotStartsWith"))
            .set_not_ends_with(one.get_texts("NotEndsWith"))
            .build();
        selector = selector.field_selectors(field.map_err(|_| one.wrong("a field"))?);
    }
    selector.build().map_err(|_| given.wrong("field selectors"))
}
