//! What drivers wrote, by the key of the write: a repeated step makes no call.

use aisaws_core::ledger::Call;
use aisaws_core::port::{StoreError, WriteKey};

use super::handle::{Store, Trouble, doing};
use super::item::{Attributes, Item, Row};
use super::layout;

impl Store {
    /// The calls that were made under that key.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub async fn calls_of(&self, write: &WriteKey) -> Result<Option<Vec<Call>>, StoreError> {
        let key = layout::calls(write);
        let found = async {
            match self.get(&key).await? {
                Some(item) => calls(self, &item).await.map(Some),
                None => Ok(None),
            }
        };
        found.await.map_err(doing("read the calls of a write"))
    }

    /// Keeps the calls that were made under that key, and answers with those that stand: of two
    /// that make the same write at once, the first one's.
    ///
    /// # Errors
    /// Where the table cannot be written.
    pub async fn keep_calls(
        &self,
        write: &WriteKey,
        made: Vec<Call>,
    ) -> Result<Vec<Call>, StoreError> {
        let key = layout::calls(write);
        let kept = async {
            let body = self.body("calls", serde_json::to_string(&made)?).await?;
            let item = self.passing(Item::new(key).with_body(&body));
            match self.put_new(item).await? {
                Some(before) => calls(self, &before).await,
                None => Ok(made),
            }
        };
        kept.await.map_err(doing("keep the calls of a write"))
    }
}

async fn calls(store: &Store, item: &Attributes) -> Result<Vec<Call>, Trouble> {
    let row = Row(item);
    let text = store.text(row.body()?).await?;
    Ok(serde_json::from_str(&text).map_err(|e| row.unreadable("body", Some(Box::new(e))))?)
}
