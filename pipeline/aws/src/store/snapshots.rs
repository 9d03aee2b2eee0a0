//! Port `Snapshots`.

use aisaws_core::canonical::Digest;
use aisaws_core::id::ControlId;
use aisaws_core::port::{Snapshots, StoreError};
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use serde_json::Value;

use super::handle::{Store, Trouble, doing};
use super::item::{Item, Row};
use super::layout;

const STATE: &str = "state";

#[async_trait]
impl Snapshots for Store {
    async fn keep(&self, state: &Value) -> Result<Digest, StoreError> {
        keep(self, state).await.map_err(doing("keep a state"))
    }

    async fn load(&self, digest: &Digest) -> Result<Value, StoreError> {
        load(self, digest).await.map_err(doing("read a state"))
    }

    async fn baseline(
        &self,
        resource: &ResourceRef,
        control: &ControlId,
    ) -> Result<Option<Value>, StoreError> {
        let key = layout::baseline(&resource.key(), control);
        let found = async {
            match self.get(&key).await? {
                Some(item) => load(self, &Row(&item).digest(STATE)?).await.map(Some),
                None => Ok(None),
            }
        };
        found.await.map_err(doing("read a baseline"))
    }

    async fn set_baseline(
        &self,
        resource: &ResourceRef,
        control: &ControlId,
        state: &Value,
    ) -> Result<(), StoreError> {
        let key = layout::baseline(&resource.key(), control);
        let set = async {
            // The state first: a baseline never names what is not there.
            let digest = keep(self, state).await?;
            self.write_all(vec![Item::new(key).with(STATE, digest.as_str())]).await
        };
        set.await.map_err(doing("keep a baseline"))
    }
}

async fn keep(store: &Store, state: &Value) -> Result<Digest, Trouble> {
    let digest = Digest::of(state);
    let key = layout::state(&digest);
    if store.get(&key).await?.is_none() {
        let body = store.body("state", state.to_string()).await?;
        store.put_new(Item::new(key).with_body(&body)).await?;
    }
    Ok(digest)
}

pub(super) async fn load(store: &Store, digest: &Digest) -> Result<Value, Trouble> {
    let missing = |what| Trouble::NotFound { what, id: digest.to_string() };
    let item = store.get(&layout::state(digest)).await?.ok_or_else(|| missing("state"))?;
    let row = Row(&item);
    let text = store.text(row.body()?).await?;
    let state =
        serde_json::from_str(&text).map_err(|e| row.unreadable("body", Some(Box::new(e))))?;
    // A state is named by its content: one that was changed is not the one meant.
    if Digest::of(&state) == *digest { Ok(state) } else { Err(missing("unchanged state")) }
}
