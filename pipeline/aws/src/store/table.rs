//! Making the table, as `layout` describes it.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TableStatus,
};

use super::handle::{Store, Trouble, doing};
use super::layout::{BY_NAME, BY_TIME, PK, SK};
use crate::fault::failed;
use aisaws_core::port::StoreError;

/// How often, and at what interval, a new table is asked whether it is ready.
const ASKED: u32 = 120;
const INTERVAL: Duration = Duration::from_millis(500);

impl Store {
    /// Makes the table where it is not there, and returns when it can be used; for tests and first
    /// steps. Where infrastructure is written down, it makes the table.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub async fn ensure_table(&self) -> Result<(), StoreError> {
        ensure(self).await.map_err(doing("make its table"))
    }
}

async fn ensure(store: &Store) -> Result<(), Trouble> {
    let mut create = store
        .client
        .create_table()
        .table_name(&*store.table)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys(PK, SK)?));
    for name in [PK, SK, BY_TIME.pk, BY_TIME.sk, BY_NAME.pk, BY_NAME.sk] {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        create =
            create.attribute_definitions(attribute.attribute_type(ScalarAttributeType::S).build()?);
    }
    for index in [BY_TIME, BY_NAME] {
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        create = create.global_secondary_indexes(
            GlobalSecondaryIndex::builder()
                .index_name(index.name)
                .set_key_schema(Some(keys(index.pk, index.sk)?))
                .projection(keys_only)
                .build()?,
        );
    }
    match create.send().await.map_err(failed("dynamodb:CreateTable")) {
        Ok(_) => {}
        // It is there, or somebody else is making it.
        Err(e) if e.code.as_deref() == Some("ResourceInUseException") => {}
        Err(e) => return Err(e.into()),
    }
    for _ in 0..ASKED {
        let describe = store.client.describe_table().table_name(&*store.table);
        let answer = describe.send().await.map_err(failed("dynamodb:DescribeTable"))?;
        if answer.table.and_then(|table| table.table_status) == Some(TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
    Err(Trouble::Contended(store.table.to_string()))
}

fn keys(pk: &str, sk: &str) -> Result<Vec<KeySchemaElement>, Trouble> {
    let key = |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    Ok(vec![key(pk, KeyType::Hash)?, key(sk, KeyType::Range)?])
}
