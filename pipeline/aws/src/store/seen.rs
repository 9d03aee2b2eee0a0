//! What was seen first: one item each, whose time only ever falls.

use aisaws_core::port::Recorded;
use aisaws_core::seen::Seen;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::call::{ATTEMPTS, CONDITION, is_conflict, pause};
use super::handle::{Store, Trouble};
use super::item::{Row, key_attributes};
use super::layout;
use crate::fault::failed;

const FIRST: &str = "first";
/// Items that are written at a time.
const CONCURRENT: usize = 32;

/// Keeps what the records show earlier than is known. Before the records themselves, so that no
/// stored event is missing from it.
pub(super) async fn keep(store: &Store, records: &[Recorded]) -> Result<(), Trouble> {
    let news = store.seen.lock().await.news(records.iter().map(|record| &record.event));
    let stored: Vec<(String, Timestamp)> = futures::stream::iter(news)
        .map(|(key, time)| async move {
            fall(store, &key, time).await?;
            Ok::<_, Trouble>((key, time))
        })
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await?;
    store.seen.lock().await.learn(stored);
    Ok(())
}

/// Makes the item's time that one, unless it is earlier already.
async fn fall(store: &Store, what: &str, time: Timestamp) -> Result<(), Trouble> {
    let key = layout::seen(what);
    for attempt in 0..ATTEMPTS {
        pause(attempt).await;
        let update = store
            .client
            .update_item()
            .table_name(&*store.table)
            .set_key(Some(key_attributes(&key)))
            .update_expression("set #first = :time")
            // Texts of one form, which sort as the times do.
            .condition_expression("attribute_not_exists(#first) or #first > :time")
            .expression_attribute_names("#first", FIRST)
            .expression_attribute_values(":time", AttributeValue::S(layout::time(time)));
        match update.send().await.map_err(failed("dynamodb:UpdateItem")) {
            Ok(_) => return Ok(()),
            Err(e) if e.code.as_deref() == Some(CONDITION) => return Ok(()),
            Err(e) if is_conflict(&e) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Trouble::Contended(key.pk))
}

/// See [`aisaws_core::port::Events::first_seen`].
pub(super) async fn first(store: &Store, what: Seen<'_>) -> Result<Option<Timestamp>, Trouble> {
    match store.get(&layout::seen(&what.key())).await? {
        Some(item) => Ok(Some(Row(&item).parsed(FIRST, str::parse)?)),
        None => Ok(None),
    }
}
