//! Emulators of AWS for tests: installed on first use, started on a free port, ended with the test.
//!
//! [`ministack`] is the account the system runs in and the usual target, [`moto`] a target for
//! what MiniStack lacks, [`dynamodb_local`] a second opinion on the store; [`cfn_lint`] checks templates. Nothing here knows the
//! product. Installing needs Python 3.10 or later (for [`dynamodb_local`] also Java 17 and npm)
//! and, the first time, the network; afterwards everything works offline. What is installed lies
//! under `<target>/emulators`, or in the folder that `AISAWS_EMULATORS_DIR` names, one folder for
//! each set of pinned versions.
//!
//! Tests that can do without say so by [`or_skipped`], and fail instead where the variable `CI` is set.
//!
//! [`proxy`] stands between a program and an emulator, and lets calls fail.
//!
//! Start at [`Emulator`].

mod emulator;
mod error;
mod home;
mod http;
mod install;
mod lint;
pub mod proxy;
mod skip;

pub use emulator::{Emulator, dynamodb_local, ministack, ministack_with, moto, python_with_boto3};
pub use error::EmulatorError;
pub use lint::cfn_lint;
pub use skip::or_skipped;
