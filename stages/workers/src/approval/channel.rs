//! Puts the signed link into the message that asks a human.

use std::sync::Arc;

use aisaws_app::link::{Claims, LinkKey};
use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::message::Message;
use aisaws_core::port::{Approvals, Channel, ChannelError};
use aisaws_core::status::Status;
use async_trait::async_trait;

use super::TOKEN;

/// Recorded with an answer where the link was sent to nobody in particular.
const ANYBODY: &str = "whoever held the link";

/// A channel whose questions carry a link to the approval page.
pub struct LinkChannel {
    inner: Arc<dyn Channel>,
    approvals: Arc<dyn Approvals>,
    key: LinkKey,
    /// Address of the page.
    page: String,
    /// Who gets a link, each one of their own, as recorded with an answer.
    approvers: Vec<String>,
}

impl std::fmt::Debug for LinkChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkChannel").field("page", &self.page).finish_non_exhaustive()
    }
}

impl LinkChannel {
    /// Adds links to what goes to `inner`: a message to each approver. Where nobody is named, one
    /// goes to everybody.
    pub fn new(
        inner: Arc<dyn Channel>,
        approvals: Arc<dyn Approvals>,
        key: LinkKey,
        page: String,
        approvers: Vec<String>,
    ) -> Self {
        Self { inner, approvals, key, page, approvers }
    }

    /// What a link to answer says, but for the approver.
    async fn claims(&self, message: &Message) -> Result<Option<Claims>, ChannelError> {
        let (Status::WaitingApproval, Some(digest)) = (message.status, &message.digest) else {
            return Ok(None);
        };
        let standing = self.approvals.standing(message.incident).await.map_err(|e| {
            let reason = aisaws_core::fault::chain(&e);
            let is_passing = matches!(e.fault(), Fault::Transient | Fault::Throttled);
            ChannelError { channel: self.inner.name().to_owned(), reason, is_passing }
        })?;
        let Some(standing) = standing.filter(|s| s.question.digest == *digest) else {
            return Ok(None);
        };
        let claims = Claims {
            incident: message.incident,
            digest: digest.clone(),
            approver: ANYBODY.to_owned(),
            expires: standing.question.expires,
        };
        Ok(Some(claims))
    }

    /// The message to one approver.
    fn to(&self, approver: Option<&str>, message: &Message, claims: &Claims) -> Message {
        let mut claims = claims.clone();
        let mut message = message.clone();
        if let Some(approver) = approver {
            approver.clone_into(&mut claims.approver);
            message.id = format!("{}/{approver}", message.id);
            message.recipient = Some(approver.to_owned());
        }
        let link = format!("{}?{TOKEN}={}", self.page, self.key.sign(&claims));
        // First: a channel may cut what is long, and without the link nobody can answer.
        message.lines.insert(0, format!("look at the plan and answer here: {link}"));
        message
    }
}

#[async_trait]
impl Channel for LinkChannel {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        let Some(claims) = self.claims(message).await? else {
            return self.inner.send(message).await;
        };
        if self.approvers.is_empty() {
            return self.inner.send(&self.to(None, message, &claims)).await;
        }
        // One who cannot be told keeps nobody else from it.
        let mut told = Ok(());
        for approver in &self.approvers {
            let sent = self.inner.send(&self.to(Some(approver), message, &claims)).await;
            told = told.and(sent);
        }
        told
    }
}
