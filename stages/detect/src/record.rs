//! The fields that a record may have, for remarks on rules that ask for others.

use aisaws_core::source::{IDENTITY, MEMBERS};

use crate::enrich::FIELDS;

/// What this stage adds to a record.
const OURS: &str = "aisaws";

/// Whether a record may have the field; what services write below `requestParameters` and the
/// like is not known here.
pub(crate) fn may_have(field: &str) -> bool {
    let mut parts = field.split('.');
    match (parts.next(), parts.next()) {
        (Some("userIdentity"), Some(member)) => IDENTITY.contains(&member),
        (Some(OURS), Some(member)) => FIELDS.contains(&member) && parts.next().is_none(),
        (Some(member), _) => MEMBERS.contains(&member),
        (None, _) => false,
    }
}

/// The field that is written the same but for case, or ends like this one.
pub(crate) fn nearest(field: &str) -> Option<String> {
    let (head, rest) = field.split_once('.').map_or((field, None), |(h, r)| (h, Some(r)));
    let same = |known: &&&str| known.eq_ignore_ascii_case(head);
    let member = MEMBERS.iter().find(same);
    let with_rest = |head: &str| rest.map_or_else(|| head.to_owned(), |r| format!("{head}.{r}"));
    match (member, rest) {
        (Some(&"userIdentity"), Some(rest)) => {
            let wanted = rest.split('.').next().unwrap_or_default();
            let known = IDENTITY.iter().find(|known| known.eq_ignore_ascii_case(wanted))?;
            Some(format!("userIdentity.{known}"))
        }
        (None, Some(rest)) if head.eq_ignore_ascii_case(OURS) => {
            let known = FIELDS.iter().find(|known| known.eq_ignore_ascii_case(rest))?;
            Some(format!("{OURS}.{known}"))
        }
        (Some(member), _) => Some(with_rest(member)),
        (None, _) => {
            let known = IDENTITY.iter().find(|known| known.eq_ignore_ascii_case(head))?;
            Some(format!("userIdentity.{known}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_records_are_known_and_others_have_a_neighbour() {
        for field in
            ["eventName", "requestParameters.a.b", "aisaws.source_network", "aisaws.known_bad"]
        {
            assert!(may_have(field), "{field}");
        }
        let rows = [
            ("eventname", Some("eventName")),
            ("requestparameters.bucketName", Some("requestParameters.bucketName")),
            ("userIdentity.username", Some("userIdentity.userName")),
            ("userName", Some("userIdentity.userName")),
            ("EventID2", None),
            ("aisaws", None),
            ("aisaws.source_city", None),
            ("aisaws.Known_Bad", Some("aisaws.known_bad")),
        ];
        for (field, expected) in rows {
            assert!(!may_have(field), "{field}");
            assert_eq!(nearest(field).as_deref(), expected, "{field}");
        }
    }
}
