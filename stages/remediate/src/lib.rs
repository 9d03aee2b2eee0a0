//! Remediate: [`Prepare`] reads the state and makes the plan; [`Remediate`] writes exactly the
//! plan that was decided or approved, or nothing.
//!
//! It knows no AWS client: the account is a port. Start reading at [`Prepare`].

mod baseline;
mod prepare;
mod remediate;

pub use prepare::{Prepare, PrepareError};
pub use remediate::{Remediate, RemediateError};
