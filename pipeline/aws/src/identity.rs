//! Who we are.

use aisaws_core::id::AccountId;

use crate::connect::Aws;
use crate::fault::{CallError, failed};

/// The caller that AWS sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its account.
    pub account: AccountId,
    /// Its ARN: of a user, or of a session of a role.
    pub arn: String,
}

/// Asks AWS who calls. Needs no permission, so it also tells whether credentials work at all.
///
/// # Errors
/// Where the call fails.
pub async fn identity(aws: &Aws) -> Result<Identity, CallError> {
    let answer = aws.sts().get_caller_identity().send().await;
    let answer = answer.map_err(failed("sts:GetCallerIdentity"))?;
    let account = answer.account.unwrap_or_else(|| "unknown".to_owned());
    Ok(Identity { account: AccountId::new(account), arn: answer.arn.unwrap_or_default() })
}
