//! The workers of AWS mode: one Lambda function a stage, and what stands around them.
//!
//! Nothing here decides: stages and use cases do. Two programs are made of it, one whose functions
//! only read or record, and one whose functions may write to protected accounts. Which function a
//! process is says its handler's name. With the feature `worker` there is also the long-running
//! worker, which does what function `Intake` does. Start at [`function`], then [`wire`].

pub mod approval;
pub mod evidence;
pub mod function;
pub mod http;
pub mod intake;
pub mod measured;
pub mod metrics;
mod opening;
#[cfg(test)]
mod outage;
pub mod replay;
pub mod scan;
pub mod settings;
pub mod sweep;
pub mod telemetry;
pub mod wire;
#[cfg(feature = "worker")]
pub mod worker;
