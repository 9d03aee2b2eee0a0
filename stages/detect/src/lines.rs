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
//!
//! A correlation that fires has a line too: with its own id, and the event at which it fires. A
//! foreign rule that is only there to be correlated has none.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use aisaws_core::event::{Event, Source, Standing};
use aisaws_core::id::{AccountId, derive};
use aisaws_core::port::Enricher;
use aisaws_core::source::{self, Malformed, Shape, cloudtrail, recognise};
use ipnet::IpNet;
use serde_json::{Map, Value};

use crate::enrich::Enrichment;
use crate::line::{Told, Writer};
use crate::mapping::Mapping;
use crate::pointer::Pointed;
use crate::response::Response;
use crate::scene::Scene;
use crate::sigma::{
    Document, Extra, Head, Logs, Meta, NotEvaluated, RuleError, RuleSet, ScanError, Sifted, parse,
};
use crate::windows::{Firing, Taken, Windows, places};

/// How deep wrappers and envelopes are opened.
const MAX_DEPTH: u8 = 2;
/// How CloudTrail begins its records.
const CALL: &str = "{\"eventVersion\"";

/// Rules that are asked about events as text.
#[derive(Debug)]
pub struct Lines {
    rules: Logs,
    /// By log, in the order of its rules.
    told: BTreeMap<Source, Vec<Told>>,
    /// Whether there are rules for anything but calls.
    has_rules_for_findings: bool,
    /// In the order of their list.
    correlations: Vec<Told>,
    /// Their places there.
    places: BTreeMap<String, usize>,
    windows: Mutex<Windows>,
    mapping: Mapping,
    enrichment: Enrichment,
}

/// Why a text could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON object, or a part that a rule looks at cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// It is of a source that is read, and not as that source writes.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// What is known of an event that rules matched.
struct Matched<'a> {
    source: Source,
    id: &'a str,
    /// Places of the rules.
    fired: Vec<usize>,
    scene: Option<&'a Scene<'a>>,
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
        let mut responses: BTreeMap<String, Response> = BTreeMap::new();
        let mut silent = BTreeSet::new();
        for (name, text) in files {
            for document in parse(name.as_ref(), text.as_ref()) {
                match document {
                    Ok(document) => {
                        let meta = match &document {
                            Document::Rule(rule) => Some(&rule.meta),
                            Document::Correlation(correlation) => Some(&correlation.meta),
                            Document::Filter(_) => None,
                        };
                        if let Some(meta) = meta {
                            let key = || meta.key().to_owned();
                            match Response::of_meta(meta) {
                                Ok(Some(response)) => _ = responses.insert(key(), response),
                                Ok(None) => {
                                    silent.insert(key());
                                    responses.insert(key(), Response::FOREIGN);
                                }
                                // It still says what it finds, if not where to look.
                                Err(error) => errors.push(error),
                            }
                        }
                        documents.push(document);
                    }
                    Err(error) => errors.push(error),
                }
            }
        }
        let (rules, more) = Logs::new(documents);
        errors.extend(more);
        // A rule of ours says by its section that it has something to say.
        silent.retain(|key| rules.correlations().silences(key));
        let of_meta = |meta: &Meta| {
            // Texts are always written.
            Told::new(meta, responses.get(meta.key()), silent.contains(meta.key())).ok()
        };
        let mut told: BTreeMap<Source, Vec<Told>> = BTreeMap::new();
        for source in Source::ALL {
            let rules = rules.of(source).into_iter().flat_map(RuleSet::rules);
            told.insert(source, rules.filter_map(|rule| of_meta(&rule.meta)).collect());
        }
        let is_for_findings = |(source, told): (&Source, &Vec<Told>)| {
            *source != Source::CloudTrail && !told.is_empty()
        };
        let list = rules.correlations().list().iter();
        let lines = Self {
            has_rules_for_findings: told.iter().any(is_for_findings),
            correlations: list.filter_map(|found| of_meta(&found.correlation.meta)).collect(),
            places: places(rules.correlations()),
            windows: Mutex::default(),
            rules,
            told,
            mapping,
            enrichment: Enrichment::of_networks(known_networks),
        };
        (lines, errors)
    }

    /// With what else is known of where events come from, for the fields `aisaws.*`.
    #[must_use]
    pub fn enriched(mut self, enricher: Arc<dyn Enricher>) -> Self {
        self.enrichment.enricher = Some(enricher);
        self
    }

    /// The rules.
    pub fn rules(&self) -> &Logs {
        &self.rules
    }

    /// What was understood and is not evaluated.
    pub fn not_evaluated(&self) -> &[NotEvaluated] {
        self.rules.not_evaluated()
    }

    /// Appends a line for each hit on `text`, one JSON object: a record of any source that is
    /// read, in its envelope or without, a wrapper of several (`{"Records":[…]}`), a row of an
    /// export of CloudTrail, or any other object, which is asked as a call is. Hits of an event
    /// come by rule key. Returns how many there were.
    ///
    /// Correlations count what matched, and fire in [`Self::finish`]. Texts may come in any
    /// order, twice, and from several threads.
    ///
    /// # Errors
    /// Where the text is no JSON object, or a finding is not as its source writes it. Of an
    /// event that no rule can match, not everything is read.
    pub fn examine(&self, text: &str, out: &mut Vec<u8>) -> Result<usize, LineError> {
        let Some(rules) = self.rules.of(Source::CloudTrail) else { return Ok(0) };
        let sifted = sift(rules, text);
        let may_be_object = text.starts_with('{') && text.ends_with('}');
        let is_call = sifted.is_call() && (!self.has_rules_for_findings || text.starts_with(CALL));
        if may_be_object && sifted.is_empty() && is_call {
            return Ok(0);
        }
        self.examine_at((rules, &sifted), text, out, 0)
    }

    /// Appends a line for each event at which a correlation fired, by time, and forgets them.
    /// Returns how many matches did not count, because more came than are held.
    ///
    /// # Errors
    /// Never; lines are always written.
    pub fn finish(&self, out: &mut Vec<u8>) -> Result<u64, LineError> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let (fired, missed) = windows.finish(self.rules.correlations(), &self.places);
        drop(windows);
        self.write_fired(&fired, out)?;
        Ok(missed)
    }

    fn examine_at(
        &self,
        (rules, sifted): (&RuleSet, &Sifted),
        text: &str,
        out: &mut Vec<u8>,
        depth: u8,
    ) -> Result<usize, LineError> {
        let head = Head::read(text)?;
        if head.has("eventName") {
            return self.call((rules, sifted), text, &head, None, out);
        }
        match recognise(text)? {
            Shape::Record(Source::CloudTrail, Cow::Borrowed(text), account) => {
                self.call((rules, sifted), text, &Head::read(text)?, account, out)
            }
            Shape::Record(Source::CloudTrail, Cow::Owned(text), account) => {
                let sifted = sift(rules, &text);
                self.call((rules, &sifted), &text, &Head::read(&text)?, account, out)
            }
            Shape::Record(source, text, _) => self.finding(source, &text, out),
            Shape::Many(texts) if depth < MAX_DEPTH => {
                let mut found = 0;
                for text in texts {
                    found += match text {
                        Cow::Borrowed(text) => {
                            self.examine_at((rules, sifted), text, out, depth + 1)?
                        }
                        Cow::Owned(text) => {
                            let sifted = sift(rules, &text);
                            self.examine_at((rules, &sifted), &text, out, depth + 1)?
                        }
                    };
                }
                Ok(found)
            }
            Shape::Many(_) | Shape::Unknown(_) => {
                self.call((rules, sifted), text, &head, None, out)
            }
        }
    }

    /// A call, or what is asked as one. `account`: that of its envelope.
    fn call(
        &self,
        (rules, sifted): (&RuleSet, &Sifted),
        text: &str,
        head: &Head<'_>,
        account: Option<AccountId>,
        out: &mut Vec<u8>,
    ) -> Result<usize, LineError> {
        if head.has_object_in_text()
            && let Ok(event) = cloudtrail::parse(text)
            && event.raw != text
        {
            let sifted = sift(rules, &event.raw);
            let head = Head::read(&event.raw)?;
            return self.call((rules, &sifted), &event.raw, &head, account, out);
        }
        let fields = || match cloudtrail::parse(text) {
            Ok(event) => self.enrichment.of(&event),
            // It is asked as a call is, whatever it may be.
            Err(_) => self.enrichment.of_address(head.text("sourceIPAddress").as_deref()),
        };
        let fired = rules.places_sifted(sifted, head, &extra(rules, &fields));
        if fired.is_empty() {
            return Ok(0);
        }
        let told = self.told.get(&Source::CloudTrail).map(Vec::as_slice).unwrap_or_default();
        let fired_told = || fired.iter().filter_map(|place| told.get(*place));
        let event = if fired_told().any(|told| self.rules.correlations().counts(&told.key)) {
            cloudtrail::parse(text).ok().map(|event| in_account(event, account.as_ref()))
        } else {
            None
        };
        let points = fired_told().filter_map(|told| told.response.as_ref());
        let needs_scene = !self.mapping.is_empty() || points.into_iter().any(|r| !r.is_by_event());
        let (closely, scene);
        let scene = if let Some(event) = &event {
            scene = Scene::of(event);
            Some(&scene)
        } else if !needs_scene {
            None
        } else if let Some(glanced) = Scene::at_a_glance(head, account.as_ref()) {
            scene = glanced;
            Some(&scene)
        } else if let Ok(event) = cloudtrail::parse(text) {
            closely = in_account(event, account.as_ref());
            scene = Scene::of(&closely);
            Some(&scene)
        } else {
            None
        };
        let id = head.text("eventID").filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Cow::Owned(derive("event", &[text]).to_string()));
        let matched = Matched { source: Source::CloudTrail, id: &id, fired, scene };
        let written = self.write(&matched, out)?;
        Ok(written + self.correlate(&matched, event.as_ref(), out)?)
    }

    /// What a service found.
    fn finding(&self, of: Source, text: &str, out: &mut Vec<u8>) -> Result<usize, LineError> {
        let Some(rules) = self.rules.of(of).filter(|rules| rules.rules().len() > 0) else {
            return Ok(0);
        };
        let event = source::parse(of, text)?;
        if event.stands(Standing::Closed) {
            return Ok(0);
        }
        let fields = || self.enrichment.of(&event);
        let fired = rules.places(&Head::read(&event.raw)?, &extra(rules, &fields));
        let scene = Scene::of(&event);
        let matched = Matched { source: of, id: event.id.as_str(), fired, scene: Some(&scene) };
        let written = self.write(&matched, out)?;
        Ok(written + self.correlate(&matched, Some(&event), out)?)
    }

    fn fired<'s>(&'s self, matched: &'s Matched<'_>) -> impl Iterator<Item = &'s Told> {
        let told = self.told.get(&matched.source).map(Vec::as_slice).unwrap_or_default();
        matched.fired.iter().filter_map(|place| told.get(*place))
    }

    fn write(&self, matched: &Matched<'_>, out: &mut Vec<u8>) -> Result<usize, ScanError> {
        let mut writer = Writer::new(out, matched.id);
        let mut written = 0;
        for told in self.fired(matched).filter(|told| !told.is_silent) {
            let response = told.response.as_ref().zip(matched.scene);
            match response {
                Some((response, scene)) if response.is_by_event() => writer.line(told, || {
                    if self.mapping.is_empty() {
                        return Ok(None);
                    }
                    Ok(self.mapping.pointed(scene)?.0.into_iter().next())
                })?,
                Some((response, scene)) => {
                    let located = response.located(scene, &self.mapping)?;
                    writer.line(told, || Ok(located.resources.first().map(Pointed::of)))?;
                }
                None => writer.line(told, || Ok(None))?,
            }
            written += 1;
        }
        Ok(written)
    }

    /// Counts what matched, and writes what thereby came to be decided.
    fn correlate(
        &self,
        matched: &Matched<'_>,
        event: Option<&Event>,
        out: &mut Vec<u8>,
    ) -> Result<usize, ScanError> {
        let correlations = self.rules.correlations();
        let mut counted = self.fired(matched).filter(|told| correlations.counts(&told.key));
        let (Some(event), Some(first)) = (event, counted.next()) else { return Ok(0) };
        let resource = |place: usize| {
            let response = self.correlations.get(place).and_then(|told| told.response.as_ref());
            let Some((response, scene)) = response.zip(matched.scene) else { return Ok(None) };
            if response.is_by_event() && self.mapping.is_empty() {
                return Ok(None);
            }
            Ok(response.located(scene, &self.mapping)?.resources.into_iter().next())
        };
        let keys = std::iter::once(first).chain(counted).map(|told| told.key.as_str());
        let taken = Taken::new(correlations, &self.places, keys, event, resource)?;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let fired = windows.take(correlations, &self.places, taken);
        drop(windows);
        self.write_fired(&fired, out)
    }

    fn write_fired(&self, fired: &[Firing], out: &mut Vec<u8>) -> Result<usize, ScanError> {
        let mut written = 0;
        for firing in fired {
            let Some(told) = self.correlations.get(firing.correlation) else { continue };
            if !told.is_silent {
                let mut writer = Writer::new(out, firing.event().as_str());
                writer.line(told, || Ok(firing.resource().map(Pointed::of)))?;
                written += 1;
            }
        }
        Ok(written)
    }
}

fn sift(rules: &RuleSet, text: &str) -> Sifted {
    rules.sift(text, rules.looks_at_extra())
}

/// The fields, where a rule looks at them.
fn extra<'m>(rules: &RuleSet, fields: &'m dyn Fn() -> Map<String, Value>) -> Extra<'m> {
    if rules.looks_at_extra() { Extra::new(fields) } else { Extra::NONE }
}

/// The event in the account of its envelope, where it names none itself.
fn in_account(mut event: Event, account: Option<&AccountId>) -> Event {
    if let Some(account) = account.filter(|_| event.account.as_str() == "unknown") {
        event.account = account.clone();
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::A_MATCH;

    const RULE: &str = "title: T\nid: r-1\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s:\n    eventName: A\n  condition: s\n";
    const OFTEN: &str = "---\ntitle: Often\nid: often\ncorrelation:\n  type: event_count\n  rules: [r-1]\n  group-by: [user]\n  timespan: 1m\n  condition: { gte: 3 }\n";

    /// Users by whose third event the correlation fired, and how many matches did not count.
    fn fired(limit: usize, order: impl Fn(&mut Vec<(i64, usize)>)) -> (Vec<String>, u64) {
        let rules = format!("{RULE}{OFTEN}");
        let (mut lines, errors) = Lines::new([("r.yml", &rules)], Vec::new(), Mapping::default());
        assert!(errors.is_empty(), "{errors:?}");
        // Of matches, with their texts and the correlation's part.
        lines.windows.get_mut().unwrap().limit = limit * (2 * A_MATCH);
        // Three events of each user within a minute, users half a minute apart.
        let mut events: Vec<(i64, usize)> = (0..200_usize)
            .flat_map(|user| (0..3).map(move |n| (i64::try_from(user).unwrap() * 30 + n * 9, user)))
            .collect();
        events.sort_unstable();
        order(&mut events);
        let mut out = Vec::new();
        for (second, user) in events {
            let time = jiff::Timestamp::from_second(1_772_359_200 + second).unwrap();
            let text = format!(
                r#"{{"eventID":"{user}-{second}","eventTime":"{time}","eventName":"A","eventSource":"s","user":"{user}"}}"#
            );
            lines.examine(&text, &mut out).unwrap();
        }
        let missed = lines.finish(&mut out).unwrap();
        assert!(lines.windows.get_mut().unwrap().is_empty());
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains("r-1"), "a rule that is only there to be correlated is silent");
        (out.lines().map(|line| line.split('"').nth(3).unwrap().to_owned()).collect(), missed)
    }

    #[test]
    fn what_is_held_is_bounded_and_nothing_is_lost_of_what_comes_in_order() {
        let every: Vec<String> =
            (0..200).map(|user| format!("{user}-{}", user * 30 + 18)).collect();
        assert_eq!(fired(50_000, |_| {}), (every.clone(), 0));
        assert_eq!(fired(50_000, |events| events.reverse()), (every.clone(), 0));
        let (mut few_held, missed) = fired(160, |_| {});
        few_held.sort_by_key(|id| id.split('-').next().unwrap().parse::<u32>().unwrap());
        assert_eq!((few_held, missed), (every, 0));
    }

    #[test]
    fn what_did_not_count_is_told() {
        // All users at once are more than are held.
        let (fired, missed) =
            fired(40, |events| events.sort_unstable_by_key(|(s, u)| (s % 30, *u)));
        assert!(missed > 0 && fired.len() < 200, "{missed} {}", fired.len());
    }
}
