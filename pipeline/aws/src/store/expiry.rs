//! When an item may go by itself.
//!
//! DynamoDB removes an item some time after the second its attribute `expires_at` names. Only items
//! have one that spare work, or that tell apart what comes again within days: nothing is read
//! differently where one is gone, and nothing asks whether it should be. What an incident stands on
//! has none.
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html>

use super::call::{CONDITION, is_conflict};
use super::handle::{Store, Trouble};
use super::item::{Item, key_attributes};
use super::layout::Key;
use crate::fault::failed;

/// The attribute, which the table's infrastructure names too: seconds since 1970.
pub(super) const EXPIRES_AT: &str = "expires_at";
/// How long such items are kept where nothing else is said.
pub(super) const DAYS: u32 = 400;

const DAY_SECONDS: i64 = 86_400;

impl Store {
    /// Keeps items that may go by themselves for that many days; without this, for 400.
    #[must_use]
    pub fn keeping(mut self, days: u32) -> Self {
        self.days_kept = days;
        self
    }

    /// When what is written now may go.
    pub(super) fn expiry(&self) -> i64 {
        self.clock.now().as_second().saturating_add(i64::from(self.days_kept) * DAY_SECONDS)
    }

    /// The item may go by itself.
    pub(super) fn passing(&self, item: Item) -> Item {
        item.with_seconds(EXPIRES_AT, self.expiry())
    }

    /// The item, where it is there, does not go by itself any more.
    pub(super) async fn keep_for_good(&self, key: &Key) -> Result<(), Trouble> {
        let update = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(key_attributes(key)))
            .update_expression("remove #expires")
            .condition_expression("attribute_exists(#expires)")
            .expression_attribute_names("#expires", EXPIRES_AT);
        match update.send().await.map_err(failed("dynamodb:UpdateItem")) {
            Ok(_) => Ok(()),
            Err(e) if e.code.as_deref() == Some(CONDITION) => Ok(()),
            Err(e) if is_conflict(&e) => Err(Trouble::Contended(key.pk.clone())),
            Err(e) => Err(e.into()),
        }
    }
}
