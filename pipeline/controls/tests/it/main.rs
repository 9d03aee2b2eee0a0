//! The laws of controls and plans over generated states, and the known pitfalls by name.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test may fail loudly, and reads better with values than with borrows"
)]

mod apis;
mod cloudtrail;
mod cloudtrail_selectors;
mod ec2;
mod ec2_exposure;
mod enact;
mod iam;
mod laws;
mod peace;
mod plan;
mod public_policy;
mod s3;
mod s3_events;
mod states;
mod world;
