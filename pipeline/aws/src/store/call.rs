//! Calls to the table: pages, batches and transactions, each driven to its end.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, PutRequest, TransactWriteItem, WriteRequest,
};
use futures::{StreamExt as _, TryStreamExt as _};

use super::handle::{Store, Trouble};
use super::item::{Attributes, Item, Row, key_attributes};
use super::layout::{Index, Key, PK, SK};
use crate::fault::{CallError, Meaning, failed, meaning_of_code};

/// Most keys of one `BatchGetItem`.
const GET_BATCH: usize = 100;
/// Most items of one `BatchWriteItem`.
const WRITE_BATCH: usize = 25;
/// Most items of one `TransactWriteItems`.
pub(super) const TRANSACTION: usize = 100;
/// Calls of one step that may be under way at a time.
const CONCURRENT: usize = 16;
/// How often a step is tried that others get in the way of, or that is answered in part.
pub(super) const ATTEMPTS: u32 = 12;
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Items of one partition, in order of their sort keys.
#[derive(Debug, Clone)]
pub(super) struct Range {
    index: Option<Index>,
    pk: String,
    bounds: Bounds,
}

#[derive(Debug, Clone)]
enum Bounds {
    None,
    /// Only sort keys that begin so.
    Begins(String),
    /// Only sort keys strictly between.
    Between(Option<String>, Option<String>),
}

impl Range {
    /// A partition of the table.
    pub(super) fn of(pk: impl Into<String>) -> Self {
        Self { index: None, pk: pk.into(), bounds: Bounds::None }
    }

    /// A partition of an index.
    pub(super) fn indexed(index: Index, pk: impl Into<String>) -> Self {
        Self { index: Some(index), ..Self::of(pk) }
    }

    /// Only sort keys that begin so.
    pub(super) fn begins(self, prefix: &str) -> Self {
        Self { bounds: Bounds::Begins(prefix.to_owned()), ..self }
    }

    /// Only sort keys strictly between.
    pub(super) fn between(self, after: Option<String>, before: Option<String>) -> Self {
        Self { bounds: Bounds::Between(after, before), ..self }
    }

    /// The attributes of partition and order.
    fn keys(&self) -> (&'static str, &'static str) {
        self.index.map_or((PK, SK), |index| (index.pk, index.sk))
    }

    /// The condition, with the values that it names.
    fn condition(&self) -> (&'static str, Vec<(&'static str, &str)>) {
        let (condition, mut values) = match &self.bounds {
            Bounds::None | Bounds::Between(None, None) => ("#pk = :pk", Vec::new()),
            Bounds::Begins(prefix) => {
                ("#pk = :pk and begins_with(#sk, :prefix)", vec![(":prefix", prefix.as_str())])
            }
            Bounds::Between(Some(after), None) => {
                ("#pk = :pk and #sk > :after", vec![(":after", after.as_str())])
            }
            Bounds::Between(None, Some(before)) => {
                ("#pk = :pk and #sk < :before", vec![(":before", before.as_str())])
            }
            Bounds::Between(Some(after), Some(before)) => (
                "#pk = :pk and #sk between :after and :before",
                vec![(":after", after.as_str()), (":before", before.as_str())],
            ),
        };
        values.push((":pk", &self.pk));
        (condition, values)
    }

    /// Whether nothing can lie in it; the service refuses to be asked that.
    fn is_empty(&self) -> bool {
        matches!(&self.bounds, Bounds::Between(Some(after), Some(before)) if after >= before)
    }

    /// Whether it is one of the bounds, which `between` includes.
    fn is_bound(&self, sort: Option<&str>) -> bool {
        match &self.bounds {
            Bounds::None | Bounds::Begins(_) => false,
            Bounds::Between(after, before) => {
                sort == after.as_deref() && after.is_some()
                    || sort == before.as_deref() && before.is_some()
            }
        }
    }
}

impl Store {
    /// One item, as it is now.
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Attributes>, Trouble> {
        let get = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(key)))
            .consistent_read(true);
        Ok(get.send().await.map_err(failed("dynamodb:GetItem"))?.item)
    }

    /// Items of those keys, as they are now; those that are there, in no order.
    pub(super) async fn get_all(
        &self,
        keys: Vec<Key>,
    ) -> Result<BTreeMap<Key, Attributes>, Trouble> {
        let batches: Vec<Vec<Key>> = keys.chunks(GET_BATCH).map(<[Key]>::to_vec).collect();
        futures::stream::iter(batches)
            .map(|batch| self.get_batch(batch))
            .buffer_unordered(CONCURRENT)
            .try_fold(BTreeMap::new(), |mut all, batch| async {
                all.extend(batch);
                Ok(all)
            })
            .await
    }

    async fn get_batch(&self, keys: Vec<Key>) -> Result<Vec<(Key, Attributes)>, Trouble> {
        let mut wanted: Vec<Attributes> = keys.iter().map(key_attributes).collect();
        let mut found = Vec::new();
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            pause(attempt).await;
            let asked = wanted.len();
            let request = KeysAndAttributes::builder()
                .set_keys(Some(wanted))
                .consistent_read(true)
                .build()?;
            let get = self.client.batch_get_item().request_items(&*self.table, request);
            let answer = get.send().await.map_err(failed("dynamodb:BatchGetItem"))?;
            for item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
                found.push((Row(&item).key()?, item));
            }
            let left = answer.unprocessed_keys.into_iter().flatten();
            wanted = left.flat_map(|(_, keys)| keys.keys).collect();
            if wanted.is_empty() {
                return Ok(found);
            }
            // Only attempts that bring nothing count.
            attempt = if wanted.len() < asked { 1 } else { attempt + 1 };
        }
        Err(Trouble::Contended(self.table.to_string()))
    }

    /// The first items of a range, at most so many; of the table as they are now.
    pub(super) async fn query(
        &self,
        range: &Range,
        limit: usize,
    ) -> Result<Vec<Attributes>, Trouble> {
        let (pk, sk) = range.keys();
        let mut items: Vec<Attributes> = Vec::new();
        let mut from: Option<Attributes> = None;
        while items.len() < limit && !range.is_empty() {
            let left = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let (condition, values) = range.condition();
            let mut query = self
                .client
                .query()
                .table_name(&*self.table)
                .set_index_name(range.index.map(|index| index.name.to_owned()))
                .consistent_read(range.index.is_none())
                .limit(left)
                .set_exclusive_start_key(from)
                .key_condition_expression(condition)
                .expression_attribute_names("#pk", pk);
            if condition.contains("#sk") {
                query = query.expression_attribute_names("#sk", sk);
            }
            for (name, value) in values {
                query =
                    query.expression_attribute_values(name, AttributeValue::S(value.to_owned()));
            }
            let answer = query.send().await.map_err(failed("dynamodb:Query"))?;
            let found = answer.items.unwrap_or_default();
            items.extend(found.into_iter().filter(|item| !range.is_bound(Row(item).get(sk))));
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// The first items of several ranges together, in one order.
    pub(super) async fn query_together(
        &self,
        ranges: &[Range],
        limit: usize,
    ) -> Result<Vec<Attributes>, Trouble> {
        let found: Vec<Vec<Attributes>> = futures::stream::iter(ranges.to_vec())
            .map(|range| async move { self.query(&range, limit).await })
            .buffered(CONCURRENT)
            .try_collect()
            .await?;
        let mut all = Vec::new();
        for (range, items) in ranges.iter().zip(found) {
            for item in items {
                let sort = Row(&item).get(range.keys().1).unwrap_or_default().to_owned();
                all.push((sort, item));
            }
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all.truncate(limit);
        Ok(all.into_iter().map(|(_, item)| item).collect())
    }

    /// Puts the item unless its key is there; what is there otherwise.
    pub(super) async fn put_new(&self, item: Item) -> Result<Option<Attributes>, Trouble> {
        let item = item.attributes();
        let key = Row(&item).key()?;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let put = self
                .client
                .put_item()
                .table_name(&*self.table)
                .set_item(Some(item.clone()))
                .condition_expression("attribute_not_exists(pk)");
            match put.send().await {
                Ok(_) => return Ok(None),
                Err(e) => match failed("dynamodb:PutItem")(e) {
                    e if e.code.as_deref() == Some(CONDITION) => {
                        // The answer could carry the item; not every version of the service
                        // sends it, and reading it again is as good.
                        if let Some(there) = self.get(&key).await? {
                            return Ok(Some(there));
                        }
                    }
                    e if is_conflict(&e) => {}
                    e => return Err(e.into()),
                },
            }
        }
        Err(Trouble::Contended(key.pk))
    }

    /// Puts, each by itself and without condition.
    pub(super) async fn write_all(&self, puts: Vec<Item>) -> Result<(), Trouble> {
        let mut requests = Vec::new();
        for item in puts {
            let put = PutRequest::builder().set_item(Some(item.attributes())).build()?;
            requests.push(WriteRequest::builder().put_request(put).build());
        }
        let batches: Vec<_> = requests.chunks(WRITE_BATCH).map(<[_]>::to_vec).collect();
        futures::stream::iter(batches)
            .map(|batch| self.write_batch(batch))
            .buffer_unordered(CONCURRENT)
            .try_collect()
            .await
    }

    async fn write_batch(&self, mut requests: Vec<WriteRequest>) -> Result<(), Trouble> {
        let mut attempt = 0;
        while attempt < ATTEMPTS {
            pause(attempt).await;
            let asked = requests.len();
            let write =
                self.client.batch_write_item().request_items(&*self.table, requests.clone());
            match write.send().await.map_err(failed("dynamodb:BatchWriteItem")) {
                Ok(answer) => {
                    let left = answer.unprocessed_items.into_iter().flatten();
                    requests = left.flat_map(|(_, requests)| requests).collect();
                    if requests.is_empty() {
                        return Ok(());
                    }
                }
                Err(e) if is_conflict(&e) => {}
                Err(e) => return Err(e.into()),
            }
            // Only attempts that write nothing count.
            attempt = if requests.len() < asked { 1 } else { attempt + 1 };
        }
        Err(Trouble::Contended(self.table.to_string()))
    }

    /// All of it or nothing.
    pub(super) async fn transact(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<Transacted, Trouble> {
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let write = self.client.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = write.send().await else { return Ok(Transacted::Done) };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(e)) => {
                    e.cancellation_reasons()
                }
                _ => &[],
            };
            let mut codes = reasons.iter().filter_map(|reason| reason.code());
            if codes.clone().any(|code| code == "ConditionalCheckFailed") {
                return Ok(Transacted::Refused);
            }
            let is_passing = codes.any(|code| {
                let meaning = meaning_of_code(code);
                matches!(meaning, Some(Meaning::Transient | Meaning::Throttled))
                    || code == "ThrottlingError"
            });
            let error = failed("dynamodb:TransactWriteItems")(error);
            if !is_passing && !is_conflict(&error) {
                return Err(error.into());
            }
        }
        Err(Trouble::Contended(self.table.to_string()))
    }

    /// Part of a transaction: puts the item unless its key is there.
    pub(super) fn put_if_new(&self, item: Item) -> Result<TransactWriteItem, Trouble> {
        let put = Put::builder()
            .table_name(&*self.table)
            .set_item(Some(item.attributes()))
            .condition_expression("attribute_not_exists(pk)")
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Part of a transaction: puts the item, whatever is there.
    pub(super) fn put_anyway(&self, item: Item) -> Result<TransactWriteItem, Trouble> {
        let put =
            Put::builder().table_name(&*self.table).set_item(Some(item.attributes())).build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transacted {
    Done,
    /// A condition did not hold: what was read before is no longer so.
    Refused,
}

/// The code of a condition that did not hold.
pub(super) const CONDITION: &str = "ConditionalCheckFailedException";

/// Whether another write of the same item was under way.
pub(super) fn is_conflict(error: &CallError) -> bool {
    matches!(
        error.code.as_deref(),
        Some(
            "TransactionConflictException"
                | "TransactionConflict"
                | "TransactionInProgressException"
        )
    )
}

/// Waits before another attempt, longer each time, and not as long as the others who wait.
pub(super) async fn pause(attempt: u32) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static TURN: AtomicU32 = AtomicU32::new(0);
    if attempt == 0 {
        return;
    }
    let whole = PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
    let turn = TURN.fetch_add(1, Ordering::Relaxed) % 8;
    tokio::time::sleep(whole / 2 + whole.saturating_mul(turn) / 16).await;
}
