//! For tests only (feature `crash-points`): a process that ends itself at a chosen commit, the
//! way `kill -9` would.

use std::sync::atomic::{AtomicU64, Ordering};

/// No point chosen.
const NEVER: u64 = u64::MAX;

static POINT: AtomicU64 = AtomicU64::new(NEVER);
static PASSED: AtomicU64 = AtomicU64::new(0);

/// Ends the process at the `point`-th moment from now on, counted from 0: each commit has one
/// moment just before it and one just after.
pub fn die_at(point: u64) {
    PASSED.store(0, Ordering::SeqCst);
    POINT.store(point, Ordering::SeqCst);
}

pub(crate) fn moment() {
    if PASSED.fetch_add(1, Ordering::SeqCst) == POINT.load(Ordering::SeqCst) {
        std::process::abort();
    }
}
