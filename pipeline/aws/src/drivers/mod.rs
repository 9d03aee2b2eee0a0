//! The drivers: what reads and writes protected resources, behind [`aisaws_core::port::Account`].
//!
//! A driver knows one resource type: how its state is read, how one planned call is made, how
//! its resources are listed. Which calls lead from one state to another is decided by
//! `aisaws-controls`, and the comparing, waiting, repeating and remembering is done once for all
//! types, in [`AwsAccount`]. Start reading there, then `driver.rs`, then `s3/`.

mod access;
mod account;
mod driver;
mod error;
mod link;
mod log;
mod pace;
mod parameters;
mod session;

#[cfg(feature = "driver-cloudtrail")]
mod cloudtrail;
#[cfg(feature = "driver-ec2")]
mod ec2;
#[cfg(feature = "driver-iam")]
mod iam;
#[cfg(feature = "driver-s3")]
mod s3;

pub use access::{Access, Service, Settings};
pub use account::AwsAccount;
pub use log::{MemoryLog, WriteLog, Written};
pub use pace::Rate;

/// One line a driver.
const DRIVERS: &[&dyn driver::Driver] = &[
    #[cfg(feature = "driver-s3")]
    &s3::Buckets,
    #[cfg(feature = "driver-ec2")]
    &ec2::SecurityGroups,
    #[cfg(feature = "driver-iam")]
    &iam::AccessKeys,
    #[cfg(feature = "driver-cloudtrail")]
    &cloudtrail::Trails,
];
