//! Verify: reads back until two reads agree that the repair holds; takes back what does not.
//!
//! It knows no AWS client: the account is a port. Start reading at [`Verify`].

mod load;
mod rollback;
mod verify;

pub use load::LoadError;
pub use rollback::{RollBack, RollBackError};
pub use verify::{Verify, VerifyError};
