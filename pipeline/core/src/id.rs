//! Identifiers as types, so that one is never passed for another.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Namespace of every id this system derives (UUIDv5), fixed for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d0c_7a10_5f0e_5b7c_9d53_2f6a_41c8_e2b7);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// An event's id as its source gave it (CloudTrail `eventID`); derived from the content
    /// where the source gave none.
    EventId
);
text_id!(
    /// A detection rule's id (Sigma `id`, a UUID for foreign rules, dotted words for ours).
    RuleId
);
text_id!(
    /// A control's id: lower case and dotted, general to particular (`s3.bucket-acl-public`).
    ControlId
);
text_id!(
    /// A twelve-digit AWS account id; `unknown` where the event names none.
    AccountId
);
text_id!(
    /// An AWS region as events name it (`us-east-1`).
    Region
);

impl Region {
    /// Where the global services of this region's partition record and answer.
    #[must_use]
    pub fn of_global_services(&self) -> Self {
        Self::new(global_region(&self.0))
    }
}

/// As [`Region::of_global_services`].
pub(crate) fn global_region(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "cn-north-1"
    } else if region.starts_with("us-gov-") {
        "us-gov-west-1"
    } else {
        "us-east-1"
    }
}

/// One incident; derived from its causes, so that duplicates and retries meet the same record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(Uuid);

impl IncidentId {
    /// Derives the id from the parts of its cause, in order. Parts are length-prefixed, so
    /// no two different lists meet.
    pub fn from_cause(parts: &[&str]) -> Self {
        Self(derive("incident", parts))
    }

    /// Reads an id as users type it.
    ///
    /// # Errors
    /// Where the text is no UUID.
    pub fn parse(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// How the name of a session of ours begins; the incident's id follows.
const SESSION_PREFIX: &str = "aisaws-";

impl IncidentId {
    /// Names the session in which calls for this incident are made, so that the events they
    /// cause are recognised.
    pub fn session_name(self) -> String {
        format!("{SESSION_PREFIX}{self}")
    }

    /// The incident that a session is named after.
    pub fn of_session(name: &str) -> Option<Self> {
        Self::parse(name.strip_prefix(SESSION_PREFIX)?).ok()
    }
}

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A UUIDv5 of this system for the given kind of thing and parts.
pub fn derive(kind: &str, parts: &[&str]) -> Uuid {
    let mut name = format!("{}:{kind}", kind.len());
    for part in parts {
        name.push('|');
        name.push_str(&part.len().to_string());
        name.push(':');
        name.push_str(part);
    }
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_gives_the_same_incident() {
        assert_eq!(IncidentId::from_cause(&["a", "b"]), IncidentId::from_cause(&["a", "b"]));
    }

    #[test]
    fn a_session_names_its_incident() {
        let incident = IncidentId::from_cause(&["a"]);
        assert_eq!(IncidentId::of_session(&incident.session_name()), Some(incident));
        // `[\w+=,.@-]*` of 2 to 64 letters is what STS takes.
        assert!(incident.session_name().len() <= 64);
        for other in ["aisaws-me", "me", "", &incident.to_string()] {
            assert_eq!(IncidentId::of_session(other), None, "{other}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(IncidentId::from_cause(&["ab", "c"]), IncidentId::from_cause(&["a", "bc"]));
    }
}
