//! What travels between stages. Each hand-off contains the one before it and adds one part,
//! so the payload of the state machine grows stage by stage and stays one flat JSON object:
//! ids, digests and reasons, never bodies.
//!
//! `Detected -> Scored -> Decided -> Prepared -> (Voted) -> Remediated -> Verified -> Story`

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::event::ActorKind;
use crate::id::{ControlId, EventId, IncidentId, RuleId};
use crate::resource::ResourceRef;
use crate::risk::{Decision, Risk, Severity};

/// Facts about the event and its surroundings that raise or lower the risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signals {
    /// What kind of principal called.
    pub actor: ActorKind,
    /// `Some(false)`: the session says it was opened without MFA.
    pub mfa: Option<bool>,
    /// The error code of a refused call; nothing changed then.
    pub error_code: Option<String>,
    /// Whether the source address is outside the configured known networks; `None`: not configured
    /// or the address is no IP address.
    pub is_unknown_network: Option<bool>,
    /// The AWS service that called for someone (`invokedBy`).
    pub invoked_by: Option<String>,
    /// Distinct other rules that the same principal hit in the hour before.
    pub other_rules_by_actor: u32,
    /// The resource's tags; `None`: they could not be read.
    pub tags: Option<BTreeMap<String, String>>,
    /// Every rule of this incident is on probation.
    pub is_trial: bool,
    /// The event is a finding that was made up to try things out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_sample: bool,
    /// Where the call came from.
    #[serde(default, skip_serializing_if = "Origin::is_unknown")]
    pub origin: Box<Origin>,
}

/// What is known, without asking anybody, of where a call came from, and whether it is new.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct Origin {
    /// ISO 3166-1 code of the source address's country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Number of the autonomous system it is routed by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Whose that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Name of the list of known bad addresses that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_in: Option<String>,
    /// The country is none that calls are expected from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unexpected_country: bool,
    /// The region is none that is in use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unused_region: bool,
    /// No earlier call of the principal is known, where there is enough to know it by.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_new_principal: bool,
    /// No earlier event of the account in that region is known, in the same way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_new_region: bool,
}

impl Origin {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// Detect's hand-off: one incident, where to look and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    /// The incident.
    pub incident: IncidentId,
    /// Where to look.
    pub resource: ResourceRef,
    /// The event that opened it.
    pub event: EventId,
    /// When that happened.
    pub time: Timestamp,
    /// The rules that fired, sorted.
    pub rules: Vec<RuleId>,
    /// The controls to check, in order, without repetition.
    pub controls: Vec<ControlId>,
    /// The highest severity among the rules.
    pub severity: Severity,
    /// What raises or lowers the risk.
    pub signals: Signals,
    /// What it collects, where it stands for the hits of a rule beyond its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flood: Option<Flood>,
    /// Who asked for it, where it responds to an earlier incident once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<Box<Rerun>>,
}

/// A response to an earlier incident once more, because somebody asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    /// The incident that was found first.
    pub of: IncidentId,
    /// The how manieth re-run of it, from 1.
    pub run: u32,
    /// Who asked, as they were recognised.
    pub by: String,
    /// The plan they were shown; no other one is applied.
    pub digest: Digest,
}

/// Hits of a rule in one hour of event time, beyond the incidents it may open then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// The rule.
    pub rule: RuleId,
    /// The hour's first second.
    pub hour: Timestamp,
    /// Incidents that the rule may open in an hour.
    pub limit: u32,
    /// Hits that were collected when this was opened; later ones are added to its events.
    pub hits: u32,
}

/// One reason of a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The fact's name in the weights file.
    pub name: String,
    /// What it adds to the sum (may be negative).
    pub weight: f64,
    /// In words.
    pub reason: String,
}

/// Score's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0..=1.
    pub risk: Risk,
    /// Every fact that counted.
    pub contributions: Vec<Contribution>,
}

/// Score's hand-off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// What came before.
    #[serde(flatten)]
    pub detected: Detected,
    /// The risk and its reasons.
    pub score: Score,
}

/// The most that may be done by itself if this control is the one that convicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The control.
    pub control: ControlId,
    /// The most.
    pub max: Decision,
    /// Why.
    pub reason: String,
    /// How many different people have to grant then.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals: u8,
}

/// Hand-offs of earlier versions asked one person.
fn one() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_one(approvals: &u8) -> bool {
    *approvals == 1
}

/// Decide's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What may be done.
    pub decision: Decision,
    /// What the risk alone asked for, before guardrails lowered it: `log_only` judges the incident
    /// itself to be of no concern. `None` in hand-offs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_risk: Option<Decision>,
    /// The policy's reasons, the deciding one last.
    pub reasons: Vec<String>,
    /// What still lowers the decision once the state tells which controls convict.
    pub limits: Vec<Limit>,
    /// How long a human may take to answer, in seconds.
    pub approval_timeout_seconds: u32,
    /// How many different people have to grant, where people are asked.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvals: u8,
}

/// Decide's hand-off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// What came before.
    #[serde(flatten)]
    pub scored: Scored,
    /// The decision and its reasons.
    pub verdict: Verdict,
}

/// What Prepare needs: the decision, and why there is to be another plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planning {
    /// What came before.
    #[serde(flatten)]
    pub decided: Decided,
    /// Why the plan before this one could not be applied, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl From<Decided> for Planning {
    fn from(decided: Decided) -> Self {
        Self { decided, failure: None }
    }
}

/// What Prepare found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A control convicts: there is a plan.
    Convicted,
    /// No control convicts.
    Clean,
    /// The resource does not exist.
    Gone,
}

/// Prepare's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// What the state says.
    pub found: Found,
    /// Digest of the plan, where there is one: what is approved and applied.
    pub digest: Option<Digest>,
    /// How often this incident was prepared, from 1.
    pub round: u32,
}

/// Prepare's hand-off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// What came before.
    #[serde(flatten)]
    pub decided: Decided,
    /// What was found and planned.
    pub preparation: Preparation,
}

/// A human's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vote {
    /// Apply the plan of that digest.
    Grant,
    /// Leave the resource as it is.
    Deny,
}

impl std::fmt::Display for Vote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Grant => "grant",
            Self::Deny => "deny",
        })
    }
}

/// The answer as it returns to the state machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Yes or no.
    pub vote: Vote,
    /// The plan that was voted on.
    pub digest: Digest,
}

/// What Remediate needs: the plan, and the vote where one was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cleared {
    /// What came before.
    #[serde(flatten)]
    pub prepared: Prepared,
    /// The vote, where a human was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ballot: Option<Ballot>,
}

impl From<Prepared> for Cleared {
    fn from(prepared: Prepared) -> Self {
        Self { prepared, ballot: None }
    }
}

/// What RollBack needs: the plan, and why it has to be taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// What came before.
    #[serde(flatten)]
    pub prepared: Prepared,
    /// The vote, where a human was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ballot: Option<Ballot>,
    /// The step that failed.
    pub failure: Failure,
}

/// Remediate's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remediation {
    /// The plan that was applied.
    pub digest: Digest,
    /// How many API calls were made.
    pub calls: u32,
}

/// Remediate's hand-off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remediated {
    /// What came before.
    #[serde(flatten)]
    pub prepared: Prepared,
    /// What was written.
    pub remediation: Remediation,
}

/// Verify's part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Every control is silent and nothing outside the plan changed.
    pub holds: bool,
    /// Agreeing reads that say so.
    pub reads: u32,
}

/// Verify's hand-off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// What came before.
    #[serde(flatten)]
    pub remediated: Remediated,
    /// What the read-back showed.
    pub verification: Verification,
}

/// An error a state could not handle, as `Catch` leaves it in the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The error name.
    #[serde(rename = "Error")]
    pub error: String,
    /// The cause in words.
    #[serde(rename = "Cause", default)]
    pub cause: String,
}

/// What reaches Alert, from wherever the incident ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Story {
    /// Where it began.
    #[serde(flatten)]
    pub detected: Detected,
    /// Score's part, if it got so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
    /// Decide's part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Prepare's part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
    /// The vote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ballot: Option<Ballot>,
    /// The question that nobody answered in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapse: Option<Failure>,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why taking back failed too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_failure: Option<Failure>,
}

impl From<Verified> for Story {
    fn from(verified: Verified) -> Self {
        verified.remediated.prepared.into()
    }
}

impl From<Prepared> for Story {
    fn from(prepared: Prepared) -> Self {
        let scored = prepared.decided.scored;
        Self {
            detected: scored.detected,
            score: Some(scored.score),
            verdict: Some(prepared.decided.verdict),
            preparation: Some(prepared.preparation),
            ballot: None,
            lapse: None,
            failure: None,
            rollback_failure: None,
        }
    }
}

/// Alert's hand-off: the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerted {
    /// The incident.
    pub incident: IncidentId,
    /// How it ended.
    pub status: crate::status::Status,
}
