//! Recognising our own calls, so that the system does not react to itself.

use aisaws_core::event::Event;
use aisaws_core::id::IncidentId;

/// The roles this system acts under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRoles {
    names: Vec<String>,
}

impl OwnRoles {
    /// Roles by name (the last part of their ARN).
    pub fn new(names: Vec<String>) -> Self {
        Self { names }
    }

    /// Whether the event was caused by us: a session of one of our roles, in the account the
    /// event happened in, whose name carries an incident's id. A session name alone proves
    /// nothing: anyone may choose it under a role of their own.
    pub fn caused(&self, event: &Event) -> bool {
        let Some(role) = event.actor.role_arn.as_deref().and_then(role_name) else { return false };
        let is_our_account = event
            .actor
            .role_arn
            .as_deref()
            .is_some_and(|arn| arn.split(':').nth(4) == Some(event.account.as_str()));
        let names_an_incident =
            event.actor.session_name().and_then(IncidentId::of_session).is_some();
        is_our_account && names_an_incident && self.names.iter().any(|name| name == role)
    }
}

/// `ops` of `arn:aws:iam::111122223333:role/path/ops`.
fn role_name(arn: &str) -> Option<&str> {
    let (_, path) = arn.split_once(":role/")?;
    path.rsplit('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisaws_core::source::cloudtrail;

    const SESSION: &str = "aisaws-0b0f4b0e-6b1f-5a8e-9a53-0d2f6a41c8e2";

    fn event(role: &str, session: &str, account: &str) -> Event {
        cloudtrail::parse(&format!(
            r#"{{"eventID":"e","eventTime":"2026-03-01T10:00:00Z","eventName":"PutBucketAcl","eventSource":"s3.amazonaws.com","recipientAccountId":"111122223333","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}","sessionContext":{{"sessionIssuer":{{"type":"Role","arn":"arn:aws:iam::{account}:role/{role}"}}}}}}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn only_our_role_in_our_account_with_an_incident_is_us() {
        let own = OwnRoles::new(vec!["aisaws-responder".to_owned()]);
        assert!(own.caused(&event("aisaws-responder", SESSION, "111122223333")));
        let others = [
            event("attacker", SESSION, "111122223333"),
            event("aisaws-responder", SESSION, "444455556666"),
            event("aisaws-responder", "aisaws-me", "111122223333"),
            event("not-aisaws-responder", SESSION, "111122223333"),
        ];
        for other in others {
            assert!(!own.caused(&other), "{:?}", other.actor);
        }
    }
}
