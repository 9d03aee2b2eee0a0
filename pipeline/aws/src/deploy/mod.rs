//! Putting the system up on AWS, and taking it down: packages of the programs, the bucket they are
//! taken from, and the stack.
//!
//! What is deployed is handed in as text and bytes; this module knows no function and no template.
//! Start at [`Deployment`].

mod artifacts;
mod error;
mod import;
mod package;
mod progress;
mod remains;
mod stack;

pub use artifacts::{Artifacts, artifact_bucket};
pub use error::{DeployError, Failure};
pub use import::{Names, left_behind};
pub use package::{Architecture, PackageError, Program, package, package_with, program_of};
pub use progress::{Pace, Step};
pub use remains::{Kept, delete_bucket, delete_table};
pub use stack::{Change, Deployment, Proposal, Stack, destroy, kept, stack};
