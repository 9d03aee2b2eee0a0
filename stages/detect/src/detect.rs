//! Rules with their responses, asked about events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aisaws_core::event::{Event, Source, Standing};
use aisaws_core::hit::Hit;
use aisaws_core::id::RuleId;
use aisaws_core::port::{Correlator, DetectError, Detector, Enricher, Found};
use aisaws_core::risk::Severity;
use ipnet::IpNet;

use crate::attack;
use crate::builtin;
use crate::enrich::Enrichment;
use crate::mapping::Mapping;
use crate::response::{Located, Response, Stage};
use crate::scene::Scene;
use crate::sigma::{
    Correlations, Document, Extra, File, Level, Logs, NotEvaluated, Rule, RuleError, ScanError,
    parse_file,
};

/// The Detect stage: rules, what their hits are about, and the networks that are known.
#[derive(Debug)]
pub struct Detect {
    rules: Logs,
    responses: BTreeMap<String, Response>,
    mapping: Mapping,
    /// Rules that say nothing of their own and are only there to be correlated.
    silent: BTreeSet<String>,
    enrichment: Enrichment,
}

/// How rules of others are taken.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// What their hits are about, asked before the built-in mapping.
    pub mapping: Mapping,
    /// Ids of rules whose probation is over: their hits may be acted upon.
    pub promoted: BTreeSet<String>,
}

/// A rule and what its hits are about.
#[derive(Debug, Clone, Copy)]
pub struct LoadedRule<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Its response.
    pub response: &'a Response,
}

/// What an event was found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// Rules that fired, each with a resource; by rule id, then resource.
    pub hits: Vec<Hit>,
    /// Rules that fired on an event that does not name the resource, as a refused call may not.
    pub unplaced: Vec<RuleId>,
}

impl Detect {
    /// As [`Self::with_foreign`], with the built-in mapping and no rule promoted.
    pub fn new<'f>(
        files: impl IntoIterator<Item = impl Into<File<'f>>>,
        known_networks: Vec<IpNet>,
    ) -> (Self, Vec<RuleError>) {
        Self::with_foreign(files, known_networks, Foreign::default())
    }

    /// Takes rule files, also as pairs of name and text. What cannot be used is returned beside
    /// what can, so that one bad rule does not switch off the others.
    ///
    /// A rule that does not say what its hits are about is one of others: they are about what
    /// the event that fired names by the mapping, and recorded only unless it is promoted.
    ///
    /// An event has the field `aisaws.source_network` (`known` or `unknown`) where networks
    /// are given and its source address is an IP address, not the name of a service. The other
    /// fields `aisaws.*` are in `enrich.rs`.
    pub fn with_foreign<'f>(
        files: impl IntoIterator<Item = impl Into<File<'f>>>,
        known_networks: Vec<IpNet>,
        foreign: Foreign,
    ) -> (Self, Vec<RuleError>) {
        let mut errors = Vec::new();
        let mut documents = Vec::new();
        let mut responses = BTreeMap::new();
        // At first all that have no section of ours.
        let mut silent = BTreeSet::new();
        for document in files.into_iter().flat_map(|file| parse_file(file.into())) {
            match document {
                Ok(document) => {
                    let meta = match &document {
                        Document::Rule(rule) => Some(&rule.meta),
                        Document::Correlation(correlation) => Some(&correlation.meta),
                        Document::Filter(_) => None,
                    };
                    match meta.map(|meta| (meta.key().to_owned(), Response::of_meta(meta))) {
                        Some((_, Err(error))) => {
                            errors.push(error);
                            continue;
                        }
                        Some((key, Ok(response))) => {
                            if response.is_none() {
                                silent.insert(key.clone());
                            }
                            let mut response = response.unwrap_or(Response::FOREIGN);
                            if foreign.promoted.contains(&key) {
                                response.stage = Stage::Active;
                            }
                            responses.insert(key, response);
                        }
                        None => {}
                    }
                    documents.push(document);
                }
                Err(error) => errors.push(error),
            }
        }
        let (rules, duplicates) = Logs::new(documents);
        errors.extend(duplicates);
        silent.retain(|key| rules.correlations().silences(key));
        let enrichment = Enrichment::of_networks(known_networks);
        (Self { rules, responses, mapping: foreign.mapping, silent, enrichment }, errors)
    }

    /// With what else is known of where events come from, for the fields `aisaws.*`.
    #[must_use]
    pub fn enriched(mut self, enricher: Arc<dyn Enricher>) -> Self {
        self.enrichment.enricher = Some(enricher);
        self
    }

    /// Our own rules.
    ///
    /// # Errors
    /// Never in a tested build; a test loads them all.
    pub fn builtin(known_networks: Vec<IpNet>) -> Result<Self, RuleError> {
        let files = builtin::RULES.iter().map(builtin::RuleFile::file);
        let (detect, errors) = Self::new(files, known_networks);
        errors.into_iter().next().map_or(Ok(detect), Err)
    }

    /// The rules, by id.
    pub fn rules(&self) -> impl Iterator<Item = LoadedRule<'_>> {
        self.rules.rules().filter_map(|rule| {
            let response = self.responses.get(rule.meta.key())?;
            Some(LoadedRule { rule, response })
        })
    }

    /// Incidents that rules and correlations may open in an hour, as they say themselves.
    pub fn limits(&self) -> BTreeMap<String, u32> {
        let limit =
            |(key, response): (&String, &Response)| Some((key.clone(), response.limit?.get()));
        self.responses.iter().filter_map(limit).collect()
    }

    /// What was understood and is not evaluated by this stage.
    pub fn not_evaluated(&self) -> &[NotEvaluated] {
        self.rules.not_evaluated()
    }

    /// Everything the rules of the event's log say about it; nothing of a closed finding.
    ///
    /// # Errors
    /// Where the event's text is no JSON object.
    pub fn examine(&self, event: &Event) -> Result<Examined, ScanError> {
        self.place(&self.fired(event)?, event)
    }

    /// The rules of the event's log that match it.
    fn fired(&self, event: &Event) -> Result<Vec<&Rule>, ScanError> {
        let Some(rules) = self.rules.of(event.source).filter(|_| !event.stands(Standing::Closed))
        else {
            return Ok(Vec::new());
        };
        let fields = || self.enrichment.of(event);
        let extra = if rules.looks_at_extra() { Extra::new(&fields) } else { Extra::NONE };
        match event.source {
            Source::CloudTrail => {
                rules.matching_named(&event.name, &event.service, &event.raw, &extra)
            }
            // Findings have no `eventName` to file rules under, and are few.
            Source::GuardDuty
            | Source::Config
            | Source::SecurityHub
            | Source::AccessAnalyzer
            | Source::Posture => rules.matching(&event.raw, &extra),
        }
    }

    /// What the rules that fired are about; silent ones are about nothing.
    fn place(&self, fired: &[&Rule], event: &Event) -> Result<Examined, ScanError> {
        let mut examined = Examined::default();
        let scene = Scene::of(event);
        for rule in fired.iter().filter(|rule| !self.silent.contains(rule.meta.key())) {
            let Some(response) = self.responses.get(rule.meta.key()) else { continue };
            let Located { resources, controls } = response.located(&scene, &self.mapping)?;
            if resources.is_empty() {
                examined.unplaced.push(RuleId::new(rule.meta.key()));
                continue;
            }
            let hits = resources.into_iter().map(|resource| Hit {
                rule: RuleId::new(rule.meta.key()),
                title: rule.meta.title.clone(),
                severity: severity(rule.meta.level, event),
                event: event.id.clone(),
                resource,
                controls: controls.clone(),
                window_seconds: response.window_seconds,
                techniques: techniques(&rule.meta.tags),
                is_trial: response.stage == Stage::Test,
                is_correlation: false,
                suppressed_by: None,
            });
            examined.hits.extend(hits);
        }
        Ok(examined)
    }
}

impl Detect {
    /// What a hit of the rule on this event is about: its resources and controls as the rule
    /// says, or else the mapping; the account and no control where neither finds any.
    ///
    /// # Errors
    /// Where the event's text cannot be read.
    pub fn resource_of(&self, rule: LoadedRule<'_>, event: &Event) -> Result<Located, ScanError> {
        rule.response.placed(&Scene::of(event), &self.mapping)
    }

    /// The correlations over the rules.
    pub fn correlations(&self) -> &Correlations {
        self.rules.correlations()
    }

    /// What hits of the rule or correlation of that key are about.
    pub(crate) fn response(&self, key: &str) -> Option<&Response> {
        self.responses.get(key)
    }

    /// Whether it is only there to be correlated.
    pub(crate) fn is_silent(&self, key: &str) -> bool {
        self.silent.contains(key)
    }

    /// What events are about whose rules do not say.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// A hit that names the account, with no control to ask: it is recorded and scored, so that
    /// a rule that fired is never lost.
    fn account_hit(&self, id: &RuleId, event: &Event) -> Option<Hit> {
        let loaded = self.rules().find(|loaded| loaded.rule.meta.key() == id.as_str())?;
        let meta = &loaded.rule.meta;
        Some(Hit {
            rule: id.clone(),
            title: meta.title.clone(),
            severity: severity(meta.level, event),
            event: event.id.clone(),
            resource: Scene::of(event).account().into_owned(),
            controls: Vec::new(),
            window_seconds: loaded.response.window_seconds,
            techniques: techniques(&meta.tags),
            is_trial: loaded.response.stage == Stage::Test,
            is_correlation: false,
            suppressed_by: None,
        })
    }
}

impl Detector for Detect {
    fn detect(&self, event: &Event) -> Result<Vec<Hit>, DetectError> {
        self.find(event).map(|found| found.hits)
    }

    fn find(&self, event: &Event) -> Result<Found, DetectError> {
        let fired = self.fired(event).map_err(|error| unreadable(event, &error))?;
        if fired.is_empty() {
            return Ok(Found::default());
        }
        let examined = self.place(&fired, event).map_err(|error| unreadable(event, &error))?;
        let mut hits = examined.hits;
        hits.extend(examined.unplaced.iter().filter_map(|id| self.account_hit(id, event)));
        let keys = fired.iter().map(|rule| rule.meta.key());
        let matches = self.correlations().matches(keys, event);
        Ok(Found { hits, matches: matches.map_err(|error| unreadable(event, &error))? })
    }

    fn correlator(&self) -> Option<&dyn Correlator> {
        let has_any = !self.correlations().list().is_empty();
        has_any.then_some(self as &dyn Correlator)
    }
}

pub(crate) fn unreadable(event: &Event, error: &ScanError) -> DetectError {
    DetectError { event: event.id.as_str().to_owned(), reason: aisaws_core::fault::chain(error) }
}

/// A rule that does not say counts as medium. Of a finding, its own severity counts if graver.
pub(crate) fn severity(level: Option<Level>, event: &Event) -> Severity {
    let of_rule = match level {
        Some(Level::Informational) => Severity::Informational,
        Some(Level::Low) => Severity::Low,
        Some(Level::Medium) | None => Severity::Medium,
        Some(Level::High) => Severity::High,
        Some(Level::Critical) => Severity::Critical,
    };
    let of_finding = event.report.as_ref().and_then(|report| report.severity);
    of_finding.map_or(of_rule, |severity| severity.max(of_rule))
}

pub(crate) fn techniques(tags: &[String]) -> Vec<String> {
    tags.iter().filter_map(|tag| attack::technique(tag)).collect()
}
