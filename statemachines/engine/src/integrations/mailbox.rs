//! Messages in memory, each once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a queue or topic holds in memory: messages in the order they came, each key once.
///
/// It is a [`crate::integrations::Queue`] of [`crate::integrations::Message`]s and a
/// [`crate::integrations::Topic`] of [`crate::integrations::Notification`]s.
#[derive(Debug)]
pub struct Mailbox<M> {
    held: Mutex<Held<M>>,
}

#[derive(Debug)]
struct Held<M> {
    messages: VecDeque<M>,
    /// Number of the message that a key stands for, counting from 1.
    numbers: HashMap<String, u64>,
}

impl<M> Default for Mailbox<M> {
    fn default() -> Self {
        Self { held: Mutex::new(Held { messages: VecDeque::new(), numbers: HashMap::new() }) }
    }
}

impl<M: Clone> Mailbox<M> {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the oldest message out.
    pub fn take(&self) -> Option<M> {
        self.lock().messages.pop_front()
    }

    /// The messages that nobody took, the oldest first.
    pub fn list(&self) -> Vec<M> {
        self.lock().messages.iter().cloned().collect()
    }

    /// Holds the message unless one came with this key; gives its number, from 1.
    pub(super) fn put(&self, key: &str, message: M) -> u64 {
        let mut held = self.lock();
        if let Some(number) = held.numbers.get(key) {
            return *number;
        }
        let number = held.numbers.len() as u64 + 1;
        held.numbers.insert(key.to_owned(), number);
        held.messages.push_back(message);
        number
    }

    fn lock(&self) -> MutexGuard<'_, Held<M>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
