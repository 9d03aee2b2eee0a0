//! IAM access keys: their state, events, calls and controls.

mod access_key_exposed;
mod events;
mod key;

pub use access_key_exposed::AccessKeyExposed;
pub use events::AccessKeys;
pub use key::{AccessKey, KeyStatus};
