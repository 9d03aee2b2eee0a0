//! Test cases that stand beside a rule: events that must and must not fire.
//!
//! ```yaml
//! source: guardduty                    # optional; else cloudtrail
//! known_networks: [192.0.2.0/24]       # optional
//! surroundings:                        # optional; what is known of where every event comes from
//!   { source_country: DE, source_asn: 64500, known_bad: true, region_expected: false }
//! base: { eventSource: s3.amazonaws.com }   # what the events have in common
//! cases:
//!   - name: what this case shows
//!     event: { eventName: PutBucketAcl }    # laid over `base`, member by member
//!     hits: [the-bucket]                    # ids of the resources; empty: must not fire
//!     surroundings: {}                      # optional; in place of the file's
//! ```
//!
//! Every event has an id, a time, an account (`111122223333`) and a region (`eu-west-1`), in the
//! fields of its source, unless it says otherwise. Sources are named as in a `logsource`.

use std::sync::Arc;

use aisaws_core::event::{Event, Source};
use aisaws_core::port::{Enricher, Surroundings};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::detect::{Detect, Foreign};
use crate::mapping::Mapping;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    source: Option<Source>,
    #[serde(default)]
    known_networks: Vec<IpNet>,
    surroundings: Option<Told>,
    #[serde(default)]
    base: Value,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    event: Value,
    hits: Vec<String>,
    /// In place of the file's.
    surroundings: Option<Told>,
}

/// What is known of where an event comes from, as the fields `aisaws.*` call it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    source_country: Option<String>,
    source_asn: Option<u32>,
    known_bad: Option<bool>,
    region_expected: Option<bool>,
}

impl Enricher for Told {
    fn surroundings(&self, _: &Event) -> Surroundings {
        Surroundings {
            country: self.source_country.clone(),
            asn: self.source_asn,
            is_known_bad: self.known_bad,
            is_region_expected: self.region_expected,
        }
    }
}

/// How one case went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the case shows.
    pub name: String,
    /// Resources that must be pointed at; empty: the rule must not fire.
    pub expected: Vec<String>,
    /// Resources that are.
    pub found: Vec<String>,
}

impl Outcome {
    /// Whether it went as it must.
    pub fn passed(&self) -> bool {
        self.expected == self.found
    }
}

/// Why cases could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CasesError {
    /// The file of cases does not have the documented form.
    #[error("the cases of `{rule}` cannot be read")]
    File {
        /// The rule file.
        rule: String,
        /// What is wrong.
        #[source]
        source: yaml_serde::Error,
    },
    /// The rule itself cannot be used.
    #[error("the rule cannot be used")]
    Rule(#[source] crate::sigma::RuleError),
    /// An event that no source would write.
    #[error("the event of case `{case}` cannot be read: {reason}")]
    Event {
        /// The case.
        case: String,
        /// What is wrong.
        reason: String,
    },
}

/// Runs the cases of one rule file against that file alone.
///
/// # Errors
/// Where the rule or a case cannot be read; a case that goes wrong is an [`Outcome`].
pub fn run(name: &str, rule: &str, cases: &str) -> Result<Vec<Outcome>, CasesError> {
    run_with(name, rule, cases, Mapping::default())
}

/// As [`run`], with the mapping that says what hits of a foreign rule are about.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    name: &str,
    rule: &str,
    cases: &str,
    mapping: Mapping,
) -> Result<Vec<Outcome>, CasesError> {
    let file: File = yaml_serde::from_str(cases)
        .map_err(|source| CasesError::File { rule: name.to_owned(), source })?;
    let foreign = Foreign { mapping, ..Foreign::default() };
    let (mut detect, errors) = Detect::with_foreign([(name, rule)], file.known_networks, foreign);
    if let Some(error) = errors.into_iter().next() {
        return Err(CasesError::Rule(error));
    }
    let source = file.source.unwrap_or(Source::CloudTrail);
    let mut outcomes = Vec::new();
    for case in file.cases {
        let mut event = skeleton(source);
        if file.base.is_object() {
            lay_over(&mut event, file.base.clone());
        }
        lay_over(&mut event, case.event);
        let bad = |reason: String| CasesError::Event { case: case.name.clone(), reason };
        let event = aisaws_core::source::parse(source, &event.to_string())
            .map_err(|e| bad(e.to_string()))?;
        let told = case.surroundings.or_else(|| file.surroundings.clone()).unwrap_or_default();
        detect = detect.enriched(Arc::new(told));
        let examined = detect.examine(&event).map_err(|e| bad(e.to_string()))?;
        outcomes.push(Outcome {
            name: case.name,
            expected: case.hits,
            found: examined.hits.into_iter().map(|hit| hit.resource.id).collect(),
        });
    }
    Ok(outcomes)
}

/// What every event of a source has.
fn skeleton(source: Source) -> Value {
    const ID: &str = "00000000-0000-4000-8000-000000000000";
    const TIME: &str = "2026-03-01T10:00:00Z";
    const ACCOUNT: &str = "111122223333";
    const REGION: &str = "eu-west-1";
    match source {
        Source::CloudTrail => json!({
            "eventID": ID, "eventTime": TIME, "awsRegion": REGION, "recipientAccountId": ACCOUNT,
        }),
        Source::GuardDuty => json!({
            "id": ID, "updatedAt": TIME, "region": REGION, "accountId": ACCOUNT,
        }),
        Source::Config => json!({
            "awsRegion": REGION, "awsAccountId": ACCOUNT,
            "newEvaluationResult": { "resultRecordedTime": TIME },
        }),
        Source::SecurityHub => json!({
            "Id": ID, "UpdatedAt": TIME, "Region": REGION, "AwsAccountId": ACCOUNT,
            "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/securityhub",
        }),
        Source::AccessAnalyzer => json!({
            "id": ID, "updatedAt": TIME, "region": REGION, "accountId": ACCOUNT, "status": "ACTIVE",
        }),
        Source::Posture => json!({ "postureFinding": 1, "scan": ID, "time": TIME }),
    }
}

/// Objects are merged; everything else, `null` included, replaces what was there.
fn lay_over(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay_over(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}
