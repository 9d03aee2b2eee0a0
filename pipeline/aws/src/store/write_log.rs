//! What drivers need to know of each other's writes: how far one came, and who is writing.

use std::time::Duration;

use aisaws_core::port::{StoreError, WriteKey};
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::call::CONDITION;
use super::handle::{Store, Trouble, doing};
use super::item::{Item, Row, key_attributes};
use super::layout;
use crate::drivers::{WriteLog, Written};
use crate::fault::failed;

#[async_trait]
impl WriteLog for Store {
    async fn get(&self, key: &WriteKey) -> Result<Option<Written>, StoreError> {
        if let Some(calls) = self.calls_of(key).await? {
            return Ok(Some(Written { calls, attempted: None, is_whole: true }));
        }
        begun(self, key).await.map_err(doing("read how far a write came"))
    }

    async fn put(
        &self,
        key: &WriteKey,
        _resource: &ResourceRef,
        written: &Written,
    ) -> Result<Written, StoreError> {
        if written.is_whole {
            let calls = self.keep_calls(key, written.calls.clone()).await?;
            return Ok(Written { calls, attempted: None, is_whole: true });
        }
        let kept = async {
            let body = self.body("calls", serde_json::to_string(written)?).await?;
            let item = Item::new(layout::calls_so_far(key)).with_body(&body);
            self.write_all(vec![self.passing(item)]).await
        };
        kept.await.map_err(doing("keep how far a write came"))?;
        Ok(written.clone())
    }

    async fn lease(
        &self,
        resource: &ResourceRef,
        holder: &str,
        time: Duration,
    ) -> Result<bool, StoreError> {
        lease(self, resource, holder, time).await.map_err(doing("take a resource"))
    }

    async fn release(&self, resource: &ResourceRef, holder: &str) -> Result<(), StoreError> {
        release(self, resource, holder).await.map_err(doing("give a resource back"))
    }
}

async fn begun(store: &Store, key: &WriteKey) -> Result<Option<Written>, Trouble> {
    let Some(item) = store.get(&layout::calls_so_far(key)).await? else { return Ok(None) };
    let row = Row(&item);
    let text = store.text(row.body()?).await?;
    let written: Written =
        serde_json::from_str(&text).map_err(|e| row.unreadable("body", Some(Box::new(e))))?;
    Ok(Some(written))
}

/// Times sort as texts, so a condition can compare them. The clocks of writers may differ by much
/// less than a lease lasts.
async fn lease(
    store: &Store,
    resource: &ResourceRef,
    holder: &str,
    time: Duration,
) -> Result<bool, Trouble> {
    let now = store.clock.now();
    let until = now.checked_add(time).unwrap_or(Timestamp::MAX);
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let taken = store
        .client
        .update_item()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&layout::lease(&resource.key()))))
        .update_expression("set holder = :holder, held_until = :until")
        .condition_expression("attribute_not_exists(pk) or holder = :holder or held_until <= :now")
        .expression_attribute_values(":holder", text(holder))
        .expression_attribute_values(":until", text(&layout::time(until)))
        .expression_attribute_values(":now", text(&layout::time(now)));
    match taken.send().await.map_err(failed("dynamodb:UpdateItem")) {
        Ok(_) => Ok(true),
        Err(e) if e.code.as_deref() == Some(CONDITION) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

async fn release(store: &Store, resource: &ResourceRef, holder: &str) -> Result<(), Trouble> {
    let given = store
        .client
        .delete_item()
        .table_name(&*store.table)
        .set_key(Some(key_attributes(&layout::lease(&resource.key()))))
        .condition_expression("holder = :holder")
        .expression_attribute_values(":holder", AttributeValue::S(holder.to_owned()));
    match given.send().await.map_err(failed("dynamodb:DeleteItem")) {
        Ok(_) => Ok(()),
        // Somebody else took it, because we were late.
        Err(e) if e.code.as_deref() == Some(CONDITION) => Ok(()),
        Err(e) => Err(e.into()),
    }
}
