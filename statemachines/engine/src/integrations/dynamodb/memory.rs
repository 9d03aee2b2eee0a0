//! A table in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::super::answer::{Delivery, ServiceError};
use super::operate::{After, Operation};
use super::{Action, Item, Table};

/// Items in memory. It evaluates conditions, updates and projections as DynamoDB does, and
/// knows the keys it has seen.
#[derive(Debug)]
pub struct MemoryTable {
    keys: Vec<String>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    items: BTreeMap<String, Item>,
    answers: HashMap<String, Map<String, Value>>,
}

impl MemoryTable {
    /// An empty table with these key attributes: the partition key, and a sort key or none.
    pub fn new(keys: &[&str]) -> Self {
        Self {
            keys: keys.iter().map(|k| (*k).to_owned()).collect(),
            held: Mutex::new(Held::default()),
        }
    }

    /// All items, ordered by key.
    pub fn items(&self) -> Vec<Map<String, Value>> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.items.values().cloned().collect()
    }
}

#[async_trait]
impl Table for MemoryTable {
    async fn act(
        &self,
        action: Action,
        arguments: &Map<String, Value>,
        delivery: &Delivery<'_>,
    ) -> Result<Map<String, Value>, ServiceError> {
        let operation = Operation { action, arguments, keys: &self.keys };
        let key = operation.key()?;
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = held.answers.get(delivery.key) {
            return Ok(answer.clone());
        }
        let (after, answer) = operation.on(held.items.get(&key))?;
        match after {
            After::Unchanged => return Ok(answer),
            After::Is(item) => {
                held.items.insert(key, item);
            }
            After::Gone => {
                held.items.remove(&key);
            }
        }
        held.answers.insert(delivery.key.to_owned(), answer.clone());
        Ok(answer)
    }
}
