//! The ports on AWS: the only crate that calls it.
//!
//! Ports speak domain types; no type of an SDK leaves this crate, and nothing here decides.
//! Every error of a call gets its class in one place. A cargo feature for each service keeps
//! builds small; the program without AWS does not have this crate at all.
//!
//! Start at [`fault`], then [`archive`], [`store`], [`queue`]. What reads and writes protected
//! resources is in `drivers`.

#[cfg(feature = "s3")]
pub mod archive;
mod clock;
mod connect;
#[cfg(feature = "cloudformation")]
pub mod deploy;
#[cfg(feature = "drivers")]
#[cfg_attr(
    not(all(
        feature = "driver-cloudtrail",
        feature = "driver-ec2",
        feature = "driver-iam",
        feature = "driver-s3"
    )),
    allow(dead_code, reason = "what one driver needs of the shared parts another does not")
)]
pub mod drivers;
pub mod fault;
#[cfg(feature = "sts")]
mod identity;
#[cfg(feature = "sfn")]
mod orchestrator;
#[cfg(feature = "sqs")]
pub mod queue;
#[cfg(feature = "sqs")]
pub mod redrive;
#[cfg(feature = "dynamodb")]
pub mod store;
#[cfg(feature = "sns")]
mod topic;
#[cfg(feature = "s3")]
pub mod trail;

pub use clock::SystemClock;
pub use connect::Aws;
#[cfg(feature = "sts")]
pub use identity::{Identity, identity};
#[cfg(feature = "sfn")]
pub use orchestrator::StepFunctions;
#[cfg(feature = "sns")]
pub use topic::TopicChannel;
