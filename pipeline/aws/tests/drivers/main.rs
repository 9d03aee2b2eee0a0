//! The drivers against emulators of AWS, through a proxy that notes what is called and can
//! answer for AWS: late, wrongly or not at all.
//!
//! MiniStack plays the account, moto its EC2. Tests say `skipped:` where they cannot be had.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod actions;
mod answers;
mod conformance;
mod faults;
mod log;
mod proxy;
mod scenario;
mod sessions;
mod world;
