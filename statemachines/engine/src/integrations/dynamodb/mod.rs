//! `dynamodb:getItem`, `putItem`, `updateItem` and `deleteItem`.

mod condition;
mod memory;
mod number;
mod operate;
mod path;
mod token;
mod update;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::answer::{AMZ_JSON, Delivery, ServiceError, arguments, bad_arguments, only, text};
use super::request::Request;
use crate::tasks::{TaskCall, TaskResult};

pub use memory::MemoryTable;
#[cfg(feature = "sqlite")]
pub(super) use operate::{After, Operation};

/// An item: attributes by name, each `{"S": …}`, `{"N": …}` and so on.
pub(super) type Item = Map<String, Value>;

/// What is to be done with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Reads one item.
    GetItem,
    /// Writes an item in place of what is there.
    PutItem,
    /// Changes some attributes of an item.
    UpdateItem,
    /// Removes an item.
    DeleteItem,
}

impl Action {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "getItem" => Some(Self::GetItem),
            "putItem" => Some(Self::PutItem),
            "updateItem" => Some(Self::UpdateItem),
            "deleteItem" => Some(Self::DeleteItem),
            _ => None,
        }
    }

    /// The arguments that the call has, as in the API reference of DynamoDB. The legacy ones
    /// (`Expected`, `AttributeUpdates`, …) are not among them.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::GetItem => &[
                "TableName",
                "Key",
                "ConsistentRead",
                "ProjectionExpression",
                "ExpressionAttributeNames",
                "ReturnConsumedCapacity",
            ],
            Self::PutItem => &[
                "TableName",
                "Item",
                "ConditionExpression",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "ReturnValues",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValuesOnConditionCheckFailure",
            ],
            Self::UpdateItem => &[
                "TableName",
                "Key",
                "UpdateExpression",
                "ConditionExpression",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "ReturnValues",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValuesOnConditionCheckFailure",
            ],
            Self::DeleteItem => &[
                "TableName",
                "Key",
                "ConditionExpression",
                "ExpressionAttributeNames",
                "ExpressionAttributeValues",
                "ReturnValues",
                "ReturnConsumedCapacity",
                "ReturnItemCollectionMetrics",
                "ReturnValuesOnConditionCheckFailure",
            ],
        }
    }
}

/// A table of items.
#[async_trait]
pub trait Table: Send + Sync {
    /// Does `action`; `arguments` are those of DynamoDB's API. A write with a key that was
    /// seen changes nothing and gives the answer of then.
    async fn act(
        &self,
        action: Action,
        arguments: &Map<String, Value>,
        delivery: &Delivery<'_>,
    ) -> Result<Map<String, Value>, ServiceError>;
}

/// Tables by name.
#[derive(Clone, Default)]
pub struct Tables {
    by_name: BTreeMap<String, Arc<dyn Table>>,
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name.keys()).finish()
    }
}

impl Tables {
    /// No table.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a table of this name.
    #[must_use]
    pub fn with(mut self, name: &str, table: Arc<dyn Table>) -> Self {
        self.by_name.insert(name.to_owned(), table);
        self
    }

    pub(super) async fn run(&self, request: &Request<'_>, call: &TaskCall) -> TaskResult {
        let action = Action::parse(request.action).ok_or_else(|| {
            let why = "there are `getItem`, `putItem`, `updateItem` and `deleteItem`";
            bad_arguments(&call.resource, why)
        })?;
        let given = arguments(&call.input)?;
        only(&call.resource, given, action.arguments())?;
        let name = text(given, "TableName")
            .ok_or_else(|| bad_arguments(&call.resource, "`TableName` is required"))?;
        let delivery = Delivery::of(call);
        let answer = match self.table(&name) {
            Ok(table) => table.act(action, given, &delivery).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => Ok(request.names().answer(delivery.key, AMZ_JSON, 200, answer)),
            Err(error) => Err(request.names().failure(delivery.key, &error)),
        }
    }

    /// The table of this name or ARN.
    fn table(&self, name: &str) -> Result<&dyn Table, ServiceError> {
        let is_arn = name.starts_with("arn:");
        let plain = if is_arn { name.rsplit('/').next().unwrap_or(name) } else { name };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if !plain.chars().all(is_name) {
            let why = format!(
                "1 validation error detected: Value '{plain}' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
            );
            return Err(ServiceError::other("ValidationException", why));
        }
        self.by_name.get(plain).map(|table| &**table).ok_or_else(|| {
            ServiceError::modelled("ResourceNotFoundException", "Requested resource not found")
        })
    }
}
