//! Alert: closes the incident with the word its ledger proves, and tells people.
//!
//! It knows no channel's medium. Start reading at [`Alert`].

mod logged;
mod message;
mod stage;

pub use logged::TellLogged;
pub use message::compose;
pub use stage::{Alert, AlertError};
