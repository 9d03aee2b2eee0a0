//! Puts the signed link into the message that asks a human.

use std::sync::Arc;

use aisaws_app::link::{Claims, LinkKey};
use aisaws_core::message::Message;
use aisaws_core::port::{Approvals, Channel, ChannelError};
use aisaws_core::status::Status;
use async_trait::async_trait;

use super::TOKEN;

/// A channel whose questions carry a link to the approval page.
pub struct LinkChannel {
    inner: Arc<dyn Channel>,
    approvals: Arc<dyn Approvals>,
    key: LinkKey,
    /// Address of the page.
    page: String,
    /// Who gets the link, as recorded with an answer.
    approver: String,
}

impl std::fmt::Debug for LinkChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkChannel").field("page", &self.page).finish_non_exhaustive()
    }
}

impl LinkChannel {
    /// Adds links to what goes to `inner`.
    pub fn new(
        inner: Arc<dyn Channel>,
        approvals: Arc<dyn Approvals>,
        key: LinkKey,
        page: String,
        approver: String,
    ) -> Self {
        Self { inner, approvals, key, page, approver }
    }

    async fn link(&self, message: &Message) -> Result<Option<String>, ChannelError> {
        let (Status::WaitingApproval, Some(digest)) = (message.status, &message.digest) else {
            return Ok(None);
        };
        let standing = self.approvals.standing(message.incident).await.map_err(|e| {
            let reason = aisaws_core::fault::chain(&e);
            ChannelError { channel: self.inner.name().to_owned(), reason }
        })?;
        let Some(standing) = standing.filter(|s| s.question.digest == *digest) else {
            return Ok(None);
        };
        let claims = Claims {
            incident: message.incident,
            digest: digest.clone(),
            approver: self.approver.clone(),
            expires: standing.question.expires,
        };
        Ok(Some(format!("{}?{TOKEN}={}", self.page, self.key.sign(&claims))))
    }
}

#[async_trait]
impl Channel for LinkChannel {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        match self.link(message).await? {
            None => self.inner.send(message).await,
            Some(link) => {
                let mut message = message.clone();
                message.lines.push(format!("look at the plan and answer here: {link}"));
                self.inner.send(&message).await
            }
        }
    }
}
