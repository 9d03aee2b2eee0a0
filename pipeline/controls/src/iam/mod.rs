//! IAM access keys: their state, events, calls and controls.

mod access_key_exposed;
mod apis;
mod events;
mod key;

pub use access_key_exposed::AccessKeyExposed;
pub use apis::APIS;
pub use events::AccessKeys;
pub use key::{AccessKey, KeyStatus};
