//! Decide: what may be done, from the risk, the policy file and guardrails that can only lower
//! autonomy; and the question to a human where one has to be asked.
//!
//! Start reading at [`Decide`]; the policy and its meaning stand in `policy.toml`.

mod ask;
mod guardrails;
mod policy;
mod stage;

pub use ask::{Ask, AskError, AskHuman, Asked};
pub use guardrails::{Restriction, limits, restrictions};
pub use policy::{DEFAULT, Policy, PolicyError};
pub use stage::{Decide, DecideError};
