//! Events as JSON text in, hits as JSON lines out: the rules of any origin, on any JSON object.
//!
//! ```json
//! {"event_id":"…","rule_id":"…","title":"…","level":"high","resource":{"type":"…","id":"…","account":"…","region":"…"}}
//! ```
//!
//! `event_id` is the event's `eventID`; derived from the text where it has none, the same as
//! when the event is taken in. `level` is `medium` where the rule does not say. `resource` is
//! what the rule says a hit is about, else the mapping, the first where it is several; `null`
//! where neither says it or the event does not name it. One line a rule and event.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use aisaws_core::event::{Event, Source};
use aisaws_core::id::derive;
use aisaws_core::resource::ResourceRef;
use aisaws_core::source::cloudtrail;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::detect::extra_for;
use crate::mapping::Mapping;
use crate::response::Response;
use crate::sigma::{
    Document, Extra, Head, Level, Logs, NotEvaluated, Rule, RuleError, RuleSet, ScanError, Sifted,
    parse,
};

/// How deep wrappers and envelopes are opened.
const MAX_DEPTH: u8 = 2;

/// Rules that are asked about events as text.
#[derive(Debug)]
pub struct Lines {
    rules: Logs,
    responses: BTreeMap<String, Response>,
    mapping: Mapping,
    known_networks: Vec<IpNet>,
}

/// One hit, in the order its members are written.
#[derive(Serialize)]
struct Line<'a> {
    event_id: &'a str,
    rule_id: &'a str,
    title: &'a str,
    level: &'static str,
    resource: Option<ResourceRef>,
}

/// What may stand around records.
#[derive(Deserialize)]
struct Around<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
}

impl Lines {
    /// Takes rule files as pairs of name and text, our own or foreign. What cannot be used is
    /// returned beside what can. The mapping says what hits of foreign rules are about.
    pub fn new<N: AsRef<str>, T: AsRef<str>>(
        files: impl IntoIterator<Item = (N, T)>,
        known_networks: Vec<IpNet>,
        mapping: Mapping,
    ) -> (Self, Vec<RuleError>) {
        let mut errors = Vec::new();
        let mut documents = Vec::new();
        let mut responses = BTreeMap::new();
        for (name, text) in files {
            for document in parse(name.as_ref(), text.as_ref()) {
                match document {
                    Ok(Document::Rule(rule)) => {
                        match Response::of(&rule) {
                            Ok(response) => {
                                let response = response.unwrap_or(Response::FOREIGN);
                                responses.insert(rule.meta.key().to_owned(), response);
                            }
                            // The rule still says what it finds, if not where to look.
                            Err(error) => errors.push(error),
                        }
                        documents.push(Document::Rule(rule));
                    }
                    Ok(other) => documents.push(other),
                    Err(error) => errors.push(error),
                }
            }
        }
        let (rules, duplicates) = Logs::new(documents);
        errors.extend(duplicates);
        (Self { rules, responses, mapping, known_networks }, errors)
    }

    /// The rules.
    pub fn rules(&self) -> &Logs {
        &self.rules
    }

    /// What was understood and is not evaluated.
    pub fn not_evaluated(&self) -> &[NotEvaluated] {
        self.rules.not_evaluated()
    }

    /// Appends a line for each hit on `text`, one JSON object: an event, an EventBridge envelope
    /// around one, or a log file (`{"Records":[…]}`). Hits of an event come by rule key, then
    /// resource. Returns how many there were.
    ///
    /// # Errors
    /// Where the text is no JSON object. Of an event that no rule can match, not everything is
    /// read.
    pub fn examine(&self, text: &str, out: &mut Vec<u8>) -> Result<usize, ScanError> {
        let Some(rules) = self.rules.of(Source::CloudTrail) else { return Ok(0) };
        let sifted = rules.sift(text, !self.known_networks.is_empty());
        let may_be_object = text.starts_with('{') && text.ends_with('}');
        if may_be_object && sifted.is_empty() {
            return Ok(0);
        }
        self.examine_at((rules, &sifted), text, out, 0)
    }

    fn examine_at(
        &self,
        (rules, sifted): (&RuleSet, &Sifted),
        text: &str,
        out: &mut Vec<u8>,
        depth: u8,
    ) -> Result<usize, ScanError> {
        let head = Head::read(text)?;
        if depth < MAX_DEPTH && !head.has("eventName") && head.may_be_around() {
            let around: Around<'_> = serde_json::from_str(text).map_err(ScanError::from)?;
            if let Some(records) = around.records {
                let mut found = 0;
                for record in records {
                    found += self.examine_at((rules, sifted), record.get(), out, depth + 1)?;
                }
                return Ok(found);
            }
            if let (Some(detail), Some(kind)) = (around.detail, around.detail_type)
                && kind.ends_with("via CloudTrail")
            {
                return self.examine_at((rules, sifted), detail.get(), out, depth + 1);
            }
        }
        let extra = self.extra(&head);
        let fired = rules.matching_sifted(sifted, &head, &extra)?;
        if fired.is_empty() {
            return Ok(0);
        }
        self.write(text, &head, &fired, out)
    }

    fn extra(&self, head: &Head<'_>) -> Extra {
        if self.known_networks.is_empty() {
            return Extra::NONE;
        }
        let address = head.text("sourceIPAddress").and_then(|a| a.parse::<IpAddr>().ok());
        extra_for(address, &self.known_networks)
    }

    fn write(
        &self,
        text: &str,
        head: &Head<'_>,
        fired: &[&Rule],
        out: &mut Vec<u8>,
    ) -> Result<usize, ScanError> {
        let derived;
        let id = head.text("eventID").filter(|id| !id.is_empty());
        let event_id = if let Some(id) = &id {
            &**id
        } else {
            derived = derive("event", &[text]).to_string();
            &derived
        };
        let (event, by_event) = (OnceCell::new(), OnceCell::new());
        let places = Places { lines: self, text, event, by_event };
        for rule in fired {
            let rule_id = rule.meta.key();
            let level = rule.meta.level.unwrap_or(Level::Medium).as_str();
            let resource = places.of(self.responses.get(rule_id))?;
            let line = Line { event_id, rule_id, title: &rule.meta.title, level, resource };
            serde_json::to_writer(&mut *out, &line).map_err(ScanError::from)?;
            out.push(b'\n');
        }
        Ok(fired.len())
    }
}

/// What the hits on one event are about; read from the typed event, which is parsed once and
/// only if a rule points anywhere.
struct Places<'a> {
    lines: &'a Lines,
    text: &'a str,
    event: OnceCell<Option<Event>>,
    /// What the mapping says, which is the same for every rule that says nothing.
    by_event: OnceCell<Option<ResourceRef>>,
}

impl Places<'_> {
    fn of(&self, response: Option<&Response>) -> Result<Option<ResourceRef>, ScanError> {
        let Some(response) = response else { return Ok(None) };
        if response.is_by_event() {
            if self.lines.mapping.is_empty() {
                return Ok(None);
            }
            if let Some(known) = self.by_event.get() {
                return Ok(known.clone());
            }
        }
        let event = self.event.get_or_init(|| cloudtrail::parse(self.text).ok());
        let Some(event) = event else { return Ok(None) };
        let resource = response.located(event, &self.lines.mapping)?.resources.into_iter().next();
        if response.is_by_event() {
            return Ok(self.by_event.get_or_init(|| resource).clone());
        }
        Ok(resource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: T\nid: r-1\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    a: AbC\n  condition: s\n";
    const OWN: &str = "title: Stopped\nid: own\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    eventName: StopLogging\n  condition: s\naisaws:\n  resource: {type: 'AWS::CloudTrail::Trail', id: requestParameters.name}\n  controls: []\n  stage: test\n";

    fn lines(text: &str) -> String {
        let (rules, errors) =
            Lines::new([("r.yml", RULE), ("own.yml", OWN)], Vec::new(), Mapping::default());
        assert!(errors.is_empty(), "{errors:?}");
        let mut out = Vec::new();
        rules.examine(text, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn any_object_is_asked_and_a_missing_id_is_derived_from_the_text() {
        let text = r#"{"a":"aBc"}"#;
        let id = derive("event", &[text]);
        let expected = format!(
            "{{\"event_id\":\"{id}\",\"rule_id\":\"r-1\",\"title\":\"T\",\"level\":\"medium\",\"resource\":null}}\n"
        );
        assert_eq!(lines(text), expected);
        assert_eq!(lines(r#"{"a":"b"}"#), "");
    }

    #[test]
    fn a_rule_that_points_at_a_resource_names_it() {
        let record = r#"{"eventID":"e-1","eventTime":"2026-03-01T10:00:00Z","eventName":"StopLogging","eventSource":"cloudtrail.amazonaws.com","awsRegion":"eu-west-1","recipientAccountId":"111122223333","requestParameters":{"name":"main"}}"#;
        let expected = "{\"event_id\":\"e-1\",\"rule_id\":\"own\",\"title\":\"Stopped\",\"level\":\"high\",\"resource\":{\"type\":\"AWS::CloudTrail::Trail\",\"id\":\"main\",\"account\":\"111122223333\",\"region\":\"eu-west-1\"}}\n";
        let envelope = format!(
            r#"{{"version":"0","detail-type":"AWS API Call via CloudTrail","detail":{record}}}"#
        );
        let log = format!(r#"{{"format":1,"Records":[{record}]}}"#);
        let logs = format!(r#"{{"Records":[{envelope},{{}}]}}"#);
        for text in [record, &envelope, &log, &logs] {
            assert_eq!(lines(text), expected, "{text}");
        }
        // Without a time it is no event of the product, and still a hit.
        let bare = r#"{"eventID":"e-1","eventName":"stoplogging"}"#;
        assert!(lines(bare).ends_with("\"resource\":null}\n"), "{}", lines(bare));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let (rules, _) = Lines::new([("r.yml", RULE)], Vec::new(), Mapping::default());
        for text in ["", "1", "[]", "{", "{\"a\":\"abc\"}{\"a\":2}"] {
            assert!(rules.examine(text, &mut Vec::new()).is_err(), "{text}");
        }
    }
}
