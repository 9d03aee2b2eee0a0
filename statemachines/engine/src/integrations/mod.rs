//! Service integrations as adapters on the task port.
//!
//! A [`Router`] is a [`crate::Tasks`] that looks at the ARN in `Resource` and hands the call
//! to the adapter of that service. An adapter knows how Step Functions speaks: names and
//! casing of arguments, the shape of results, the names of errors. It knows no SDK; what is
//! behind it is a small trait: a [`Function`], a [`Queue`], a [`Topic`], a [`Table`]. The
//! implementations here keep their content in memory or, with the feature `sqlite`, in SQLite.
//!
//! Every write carries the call's idempotency key. A call that is made again after a crash
//! sends no second message, writes no second time and gives the same answer.
//!
//! Results and errors are as recorded on AWS, with what a transport adds left out:
//! `SdkHttpMetadata` has a request id, a content type and a status, and no other header.
//!
//! Start reading at [`Router`], then `sqs.rs`.

mod activities;
mod answer;
mod dynamodb;
mod executions;
mod lambda;
mod mailbox;
mod request;
mod router;
mod sns;
#[cfg(feature = "sqlite")]
mod sqlite;
mod sqs;

pub use activities::{Activities, ActivityTask};
pub use answer::{Delivery, ServiceError};
pub use dynamodb::{Action, MemoryTable, Table, Tables};
pub use executions::{Executions, ExecutionsError};
pub use lambda::{Function, FunctionError, Functions, Invocation};
pub use mailbox::Mailbox;
pub use router::Router;
pub use sns::{Notification, Topic, Topics};
#[cfg(feature = "sqlite")]
pub use sqlite::{INTEGRATIONS_SCHEMA, SqliteMailbox, SqliteTable};
pub use sqs::{Message, Queue, Queues, Receipt};
