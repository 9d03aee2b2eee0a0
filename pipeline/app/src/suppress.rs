//! Suppressions: hits that are known to be no incident, for a while and on somebody's word.
//!
//! A suppressed hit stays on record with its event, says who suppressed it and why, and opens
//! nothing. Whether a suppression is in force is told by the event's own time, so that a replay
//! comes to the same.

use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// One entry `[[suppress]]`. What is given must fit, `*` stands for any text; what is not given
/// fits everything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// Rule id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Id of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The caller: the role behind a session, else its ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Account of the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is no incident.
    pub reason: String,
    /// The first day (UTC) on which it does nothing any more.
    pub expires: Date,
}

impl Suppression {
    /// What is wrong with it, if anything is.
    ///
    /// # Errors
    /// In words, for a person.
    pub fn check(&self) -> Result<(), String> {
        let patterns = [&self.rule, &self.resource, &self.actor, &self.account];
        if patterns.iter().all(|p| p.as_deref().is_none_or(|p| p.trim_matches('*').is_empty())) {
            return Err(
                "a suppression fits everything; give a rule, resource, actor or account".to_owned()
            );
        }
        if self.owner.trim().is_empty() || self.reason.trim().is_empty() {
            return Err("a suppression needs an owner and a reason".to_owned());
        }
        Ok(())
    }

    /// Whether it does nothing for what happens at that time.
    pub fn is_over(&self, at: Timestamp) -> bool {
        // A day that no time zone has does not come in UTC.
        self.expires.to_zoned(TimeZone::UTC).is_ok_and(|end| at >= end.timestamp())
    }

    fn fits(&self, event: &Event, hit: &Hit) -> bool {
        let fits = |pattern: &Option<String>, text: Option<&str>| {
            pattern.as_deref().is_none_or(|p| text.is_some_and(|text| wildcard(p, text)))
        };
        fits(&self.rule, Some(hit.rule.as_str()))
            && fits(&self.resource, Some(&hit.resource.id))
            && fits(&self.actor, event.actor.principal())
            && fits(&self.account, Some(hit.resource.account.as_str()))
            && !self.is_over(event.time)
    }
}

/// Notes in the hit which suppression takes it out: the first that fits.
pub fn suppress(suppressions: &[Suppression], event: &Event, hit: &mut Hit) {
    if let Some(found) = suppressions.iter().find(|s| s.fits(event, hit)) {
        let Suppression { owner, reason, expires, .. } = found;
        hit.suppressed_by = Some(format!("{owner}, until {expires}: {reason}"));
    }
}

/// Whether the text is as the pattern, in which `*` stands for any text. In steps that are
/// bounded by the product of both lengths.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            match rest.find(middle) {
                Some(at) => rest = rest.get(at + middle.len()..).unwrap_or_default(),
                None => return false,
            }
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisaws_core::resource::ResourceRef;
    use aisaws_core::risk::Severity;
    use aisaws_core::source::cloudtrail;

    #[test]
    fn a_star_is_any_text() {
        let rows = [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("**x**", "ax", true),
            ("ü*", "über", true),
            ("", "a", false),
        ];
        for (pattern, text, expected) in rows {
            assert_eq!(wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }

    fn entry(fields: &str) -> Suppression {
        let text =
            format!("owner = \"ann\"\nreason = \"known\"\nexpires = \"2026-03-02\"\n{fields}");
        toml::from_str(&text).unwrap()
    }

    fn suppressed(fields: &str, time: &str) -> Option<String> {
        let event = cloudtrail::parse(&format!(
            r#"{{"eventID":"e","eventTime":"{time}","eventName":"PutBucketAcl","eventSource":"s3.amazonaws.com","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/ann"}}}}"#
        ))
        .unwrap();
        let mut hit = Hit {
            rule: "s3.bucket-acl-public".into(),
            title: String::new(),
            severity: Severity::High,
            event: event.id.clone(),
            resource: ResourceRef {
                kind: "AWS::S3::Bucket".to_owned(),
                id: "acme-website".to_owned(),
                account: "111122223333".into(),
                region: "us-east-1".into(),
            },
            controls: Vec::new(),
            window_seconds: None,
            techniques: Vec::new(),
            is_trial: false,
            is_correlation: false,
            suppressed_by: None,
        };
        suppress(&[entry(fields)], &event, &mut hit);
        hit.suppressed_by
    }

    #[test]
    fn all_that_is_given_must_fit_and_the_events_time_decides() {
        let rows = [
            ("resource = \"*-website\"", true),
            ("rule = \"s3.*\"\naccount = \"111122223333\"", true),
            ("rule = \"s3.*\"\naccount = \"444455556666\"", false),
            ("actor = \"*:user/ann\"", true),
            ("actor = \"*:user/bob\"", false),
        ];
        for (fields, expected) in rows {
            assert_eq!(suppressed(fields, "2026-03-01T23:59:59Z").is_some(), expected, "{fields}");
            assert_eq!(suppressed(fields, "2026-03-02T00:00:00Z"), None, "{fields}");
        }
        let told = suppressed("rule = \"s3.*\"", "2026-03-01T10:00:00Z").unwrap();
        assert_eq!(told, "ann, until 2026-03-02: known");
    }

    #[test]
    fn one_that_fits_everything_or_has_no_owner_is_refused() {
        assert!(entry("rule = \"s3.*\"").check().is_ok());
        assert!(entry("").check().is_err());
        assert!(entry("rule = \"*\"").check().is_err());
        assert!(Suppression { owner: " ".to_owned(), ..entry("rule = \"a\"") }.check().is_err());
    }
}
