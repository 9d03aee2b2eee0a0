//! Port `Snapshots`.

use aisaws_core::canonical::Digest;
use aisaws_core::id::ControlId;
use aisaws_core::port::{Snapshots, StoreError};
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::Store;
use super::column::json;

#[async_trait]
impl Snapshots for Store {
    async fn keep(&self, state: &Value) -> Result<Digest, StoreError> {
        let (digest, content) = (Digest::of(state), state.to_string());
        self.write("keep a state", move |tx| {
            keep(tx, &digest, &content)?;
            Ok(digest)
        })
        .await
    }

    async fn load(&self, digest: &Digest) -> Result<Value, StoreError> {
        let wanted = digest.clone();
        let state: Value = self
            .read("read a state", move |db| {
                db.prepare_cached("select content from state where digest = ?1")?
                    .query_row([wanted.as_str()], |row| json(row, 0))
                    .optional()
            })
            .await?
            .ok_or_else(|| StoreError::NotFound { what: "state", id: digest.to_string() })?;
        // A state is named by its content: one that was changed is not the one meant.
        if Digest::of(&state) == *digest {
            Ok(state)
        } else {
            Err(StoreError::NotFound { what: "unchanged state", id: digest.to_string() })
        }
    }

    async fn baseline(
        &self,
        resource: &ResourceRef,
        control: &ControlId,
    ) -> Result<Option<Value>, StoreError> {
        let (resource, control) = (resource.key(), control.clone());
        self.read("read a baseline", move |db| {
            db.prepare_cached(
                "select s.content from baseline b join state s on s.digest = b.state \
                 where b.resource = ?1 and b.control = ?2",
            )?
            .query_row([&resource, control.as_str()], |row| json(row, 0))
            .optional()
        })
        .await
    }

    async fn set_baseline(
        &self,
        resource: &ResourceRef,
        control: &ControlId,
        state: &Value,
    ) -> Result<(), StoreError> {
        let (resource, control) = (resource.key(), control.clone());
        let (digest, content) = (Digest::of(state), state.to_string());
        self.write("keep a baseline", move |tx| {
            keep(tx, &digest, &content)?;
            tx.prepare_cached(
                "insert or replace into baseline (resource, control, state) values (?1, ?2, ?3)",
            )?
            .execute(params![resource, control.as_str(), digest.as_str()])?;
            Ok(())
        })
        .await
    }
}

fn keep(tx: &Transaction<'_>, digest: &Digest, content: &str) -> Result<(), rusqlite::Error> {
    tx.prepare_cached(
        "insert into state (digest, content) values (?1, ?2) on conflict do nothing",
    )?
    .execute([digest.as_str(), content])?;
    Ok(())
}
