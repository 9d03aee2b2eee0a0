//! Each role is granted what its function needs, and nothing else: with any action taken away the
//! function fails, and what is not granted is denied.
//!
//! The system protects its own account here, so that the policies of the roles that enter accounts
//! count too.

mod ask;
mod cases;
mod matrix;
mod member;
mod policy;
mod who;
mod worker;
