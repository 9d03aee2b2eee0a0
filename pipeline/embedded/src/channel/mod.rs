//! Where alerts go from one machine.

mod file;
mod webhook;

pub use file::FileChannel;
pub use webhook::{BadAddress, WebhookChannel};
