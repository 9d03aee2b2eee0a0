//! Asking a human: records the question, tells people, and lets the state machine wait.

use std::sync::Arc;
use std::time::Duration;

use aisaws_core::fault::{Classify, Fault};
use aisaws_core::handoff::Prepared;
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::message::Message;
use aisaws_core::port::{Approvals, Channel, Incidents, Question, StoreError, Told, tell};
use aisaws_core::stage::{Cx, Stage};
use aisaws_core::status::Status;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// For so long the question is sent again where no channel takes it. The state machine's retries last
/// longer, so that the question stands afterwards, as one that people find in the list.
const PATIENCE: SignedDuration = SignedDuration::from_secs(45);

/// What the question needs: the plan, and the token with which the answer returns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Ask {
    /// Prepare's hand-off.
    pub prepared: Prepared,
    /// The state machine's task token.
    pub token: String,
}

/// The question was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// About which incident.
    pub incident: IncidentId,
}

/// Puts the question. The state machine waits for the token afterwards.
pub struct AskHuman {
    incidents: Arc<dyn Incidents>,
    approvals: Arc<dyn Approvals>,
    channels: Vec<Arc<dyn Channel>>,
}

impl std::fmt::Debug for AskHuman {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AskHuman").field("channels", &self.channels.len()).finish_non_exhaustive()
    }
}

impl AskHuman {
    /// A stage over these ports.
    pub fn new(
        incidents: Arc<dyn Incidents>,
        approvals: Arc<dyn Approvals>,
        channels: Vec<Arc<dyn Channel>>,
    ) -> Self {
        Self { incidents, approvals, channels }
    }

    /// When the question was recorded first.
    async fn asked_at(
        &self,
        incident: IncidentId,
        key: &str,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let links = self.incidents.ledger(incident).await?;
        Ok(links.iter().find(|link| link.key == key).map_or(now, |link| link.at))
    }
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// There is no plan to ask about.
    #[error("incident `{0}` has no plan to ask about")]
    NoPlan(IncidentId),
    /// No channel took the question yet.
    #[error("nobody could be told of the question yet: {}", .0.join("; "))]
    Untold(Vec<String>),
    /// The question could not be recorded.
    #[error("the question could not be recorded")]
    Store(#[from] StoreError),
}

impl Classify for AskError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoPlan(_) => Fault::BadInput,
            Self::Untold(_) => Fault::Transient,
            Self::Store(e) => e.fault(),
        }
    }
}

#[async_trait]
impl Stage for AskHuman {
    const NAME: &'static str = "AskHuman";
    type Input = Ask;
    type Output = Asked;
    type Error = AskError;

    async fn run(&self, cx: Cx<'_>, ask: Ask) -> Result<Asked, AskError> {
        let Ask { prepared, token } = ask;
        let scored = &prepared.decided.scored;
        let detected = &scored.detected;
        let incident = detected.incident;
        let digest = prepared.preparation.digest.clone().ok_or(AskError::NoPlan(incident))?;
        let asked = cx.clock.now();
        let patience =
            Duration::from_secs(u64::from(prepared.decided.verdict.approval_timeout_seconds));
        let expires = asked.checked_add(patience).unwrap_or(jiff::Timestamp::MAX);
        let approvals = prepared.decided.verdict.approvals.max(1);
        let question =
            Question { incident, digest: digest.clone(), token, asked, expires, approvals };
        self.approvals.ask(question).await?;
        let key = format!("asked:{}", prepared.preparation.round);
        let entry = Entry::ApprovalAsked { digest: digest.clone(), expires, approvals };
        self.incidents.append(incident, &key, entry, asked).await?;
        // Asked anew by an execution in place of one that halted: the answer is brought to it.
        let standing = self.approvals.standing(incident).await?;
        if standing.is_some_and(|standing| standing.outcome().is_some()) {
            return Ok(Asked { incident });
        }
        let message = Message {
            id: format!("{incident}/{key}"),
            incident,
            status: Status::WaitingApproval,
            subject: format!("{} needs your approval for a repair", detected.resource),
            lines: prepared
                .decided
                .verdict
                .reasons
                .iter()
                .cloned()
                .chain(
                    (approvals > 1)
                        .then(|| format!("{approvals} different people have to grant it")),
                )
                .chain([format!("answer with: aisaws approval grant {incident}")])
                .collect(),
            resource: detected.resource.clone(),
            rules: detected.rules.clone(),
            severity: detected.severity,
            risk: Some(scored.score.risk),
            digest: Some(digest),
            time: detected.time,
            recipient: None,
        };
        let Told { channels, is_worth_another_try } = tell(&self.channels, &message).await;
        // A question that nobody hears is an approval that nobody gives. The ledger has the time of
        // the first try.
        if is_worth_another_try
            && cx.clock.now().duration_since(self.asked_at(incident, &key, asked).await?) < PATIENCE
        {
            return Err(AskError::Untold(
                channels.into_iter().filter_map(|(_, why)| why).collect(),
            ));
        }
        if !channels.is_empty() {
            let key = format!("asked-alert:{}", prepared.preparation.round);
            self.incidents
                .append(incident, &key, Entry::Alerted { channels }, cx.clock.now())
                .await?;
        }
        Ok(Asked { incident })
    }
}
