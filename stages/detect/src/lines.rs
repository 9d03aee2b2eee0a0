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

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use aisaws_core::event::Source;
use aisaws_core::id::derive;
use aisaws_core::source::cloudtrail;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::detect::extra_for;
use crate::mapping::Mapping;
use crate::response::Response;
use crate::scene::Scene;
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
    /// By log, in the order of its rules.
    told: BTreeMap<Source, Vec<Told>>,
    mapping: Mapping,
    known_networks: Vec<IpNet>,
}

/// What is known of a rule before any event.
#[derive(Debug)]
struct Told {
    /// What stands in its lines between the event's id and the resource.
    text: String,
    /// What hits are about; `None` where the rule says it in a way that cannot be used.
    response: Option<Response>,
}

/// The part of a line that the rule says, in the order its members are written.
#[derive(Serialize)]
struct OfRule<'a> {
    rule_id: &'a str,
    title: &'a str,
    level: &'static str,
}

impl Told {
    fn new(rule: &Rule, response: Option<&Response>) -> Result<Self, serde_json::Error> {
        let level = rule.meta.level.unwrap_or(Level::Medium).as_str();
        let said = OfRule { rule_id: rule.meta.key(), title: &rule.meta.title, level };
        let said = serde_json::to_string(&said)?;
        let members = said.trim_start_matches('{').trim_end_matches('}');
        Ok(Self { text: format!(",{members},\"resource\":"), response: response.cloned() })
    }
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
        let mut told: BTreeMap<Source, Vec<Told>> = BTreeMap::new();
        for source in Source::ALL {
            let rules = rules.of(source).into_iter().flat_map(RuleSet::rules);
            // Texts are always written.
            let of_rule = |rule: &Rule| Told::new(rule, responses.get(rule.meta.key())).ok();
            told.insert(source, rules.filter_map(of_rule).collect());
        }
        (Self { rules, told, mapping, known_networks }, errors)
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
        let fired = rules.places_sifted(sifted, &head, &extra);
        if fired.is_empty() {
            return Ok(0);
        }
        let told = self.told.get(&Source::CloudTrail).map(Vec::as_slice).unwrap_or_default();
        let fired: Vec<&Told> = fired.into_iter().filter_map(|place| told.get(place)).collect();
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
        fired: &[&Told],
        out: &mut Vec<u8>,
    ) -> Result<usize, ScanError> {
        let id = head.text("eventID").filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Cow::Owned(derive("event", &[text]).to_string()));
        let points = |told: &&Told| told.response.as_ref().is_some_and(|r| self.points(r));
        let (closely, scene);
        let scene = if !fired.iter().any(points) {
            None
        } else if let Some(glanced) = Scene::at_a_glance(head) {
            scene = glanced;
            Some(&scene)
        } else if let Ok(event) = cloudtrail::parse(text) {
            closely = event;
            scene = Scene::of(&closely);
            Some(&scene)
        } else {
            None
        };
        // Where in `out` things stand that every line has, or every one by the mapping.
        let (mut id_at, mut by_mapping_at) = (None, None);
        for told in fired {
            out.extend_from_slice(br#"{"event_id":"#);
            again(&mut id_at, out, |out| json(out, &id))?;
            out.extend_from_slice(told.text.as_bytes());
            match (scene, told.response.as_ref().filter(|r| self.points(r))) {
                (Some(scene), Some(response)) if response.is_by_event() => {
                    again(&mut by_mapping_at, out, |out| {
                        json(out, &scene.by_mapping(&self.mapping)?.resources.first())
                    })?;
                }
                (Some(scene), Some(response)) => {
                    let located = response.located(scene, &self.mapping)?;
                    json(out, &located.resources.first())?;
                }
                (None, _) | (_, None) => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b"}\n");
        }
        Ok(fired.len())
    }

    /// Whether the response or the mapping may name a resource.
    fn points(&self, response: &Response) -> bool {
        !(response.is_by_event() && self.mapping.is_empty())
    }
}

fn json(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), ScanError> {
    serde_json::to_writer(out, value).map_err(ScanError::from)
}

/// Writes something the first time, and copies what was written from then on.
fn again(
    at: &mut Option<Range<usize>>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    if let Some(at) = at {
        out.extend_from_within(at.clone());
        return Ok(());
    }
    let start = out.len();
    write(out)?;
    *at = Some(start..out.len());
    Ok(())
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
