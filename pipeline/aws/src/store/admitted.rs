//! Places that are limited in number: who took one keeps it.

use aisaws_core::id::IncidentId;
use aws_sdk_dynamodb::types::AttributeValue;

use super::call::{ATTEMPTS, CONDITION, is_conflict, pause};
use super::expiry::EXPIRES_AT;
use super::handle::{Store, Trouble};
use super::item::key_attributes;
use super::layout;
use crate::fault::failed;

/// See [`aisaws_core::port::Incidents::admit`]. One conditional write: two at once cannot take
/// the same place. An item holds some ten thousand ids.
pub(super) async fn admit(
    store: &Store,
    name: &str,
    id: IncidentId,
    limit: u32,
) -> Result<bool, Trouble> {
    let key = layout::admitted(name);
    let id = id.to_string();
    // A set is never empty: where nobody has a place, there is none.
    let room = match limit {
        0 => "contains(ids, :id)",
        _ => "contains(ids, :id) or attribute_not_exists(ids) or size(ids) < :limit",
    };
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let mut update = store
            .client
            .update_item()
            .table_name(&*store.table)
            .set_key(Some(key_attributes(&key)))
            .update_expression("add ids :ids set #expires = :expires")
            .expression_attribute_names("#expires", EXPIRES_AT)
            .expression_attribute_values(":expires", AttributeValue::N(store.expiry().to_string()))
            .condition_expression(room)
            .expression_attribute_values(":ids", AttributeValue::Ss(vec![id.clone()]))
            .expression_attribute_values(":id", AttributeValue::S(id.clone()));
        if limit > 0 {
            let limit = AttributeValue::N(limit.to_string());
            update = update.expression_attribute_values(":limit", limit);
        }
        match update.send().await.map_err(failed("dynamodb:UpdateItem")) {
            Ok(_) => return Ok(true),
            Err(e) if e.code.as_deref() == Some(CONDITION) => return Ok(false),
            Err(e) if is_conflict(&e) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Trouble::Contended(key.pk))
}
