//! One-machine mode: SQLite store, twin account, in-process orchestrator.
//!
//! The same stages and the same state machine definition as on AWS, over one SQLite file and a
//! simulated account that is folded from stored events. Nothing here reaches AWS.
//!
//! Start reading at [`Embedded::open`], which wires everything.

mod channel;
mod clock;
mod lock;
mod open;
mod orchestrator;
pub mod store;
pub mod twin;

pub use aisaws_alert::TellLogged;
pub use channel::{BadAddress, FileChannel, WebhookChannel};
pub use clock::SystemClock;
pub use lock::{LockError, ResponderLock};
pub use open::{Embedded, OpenError, Settings};
pub use orchestrator::DefinitionError;
