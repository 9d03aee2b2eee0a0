//! What AISAWS deploys on AWS, as data: its functions, their least-privilege policies, the
//! CloudFormation templates, what it costs.
//!
//! Start at [`functions`], the table that workers, policies and templates follow.

pub mod alarms;
pub mod cost;
pub mod dashboard;
pub mod functions;
pub mod metric;
pub mod part;
pub mod policies;
pub mod template;
