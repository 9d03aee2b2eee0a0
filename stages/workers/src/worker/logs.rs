//! Logs as JSON lines on standard error. What comes from outside is a field's value, never a
//! format or a line of its own: JSON escapes it.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variable that says what is logged (`AISAWS_LOG=debug`).
const FILTER: &str = "AISAWS_LOG";
/// Our own steps; of libraries only what is wrong.
const DEFAULT: &str = "warn,aisaws_workers=info";

/// Begins to log in this process; does nothing where somebody else has begun.
pub fn begin() {
    let filter = EnvFilter::builder();
    let filter = match std::env::var(FILTER) {
        Ok(wanted) if !wanted.is_empty() => filter.parse_lossy(wanted),
        Ok(_) | Err(_) => filter.parse_lossy(DEFAULT),
    };
    let lines = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .finish();
    // Fails where there is a subscriber already: then its owner's choice stands.
    drop(lines.try_init());
}
