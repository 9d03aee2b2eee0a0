//! The rules that must fire are exactly the rules that do.

use std::collections::BTreeSet;

use aisaws_detect::sigma::{ConditionError, Document, Extra, Problem, RuleSet, Why, parse};

use crate::data::{documents, lines, rule_set, shared};

#[test]
fn every_case_of_the_conformance_set_has_the_expected_verdict() {
    let Some(path) = shared("labelled/micro_conformance.ndjson") else { return };
    let mut wrong = Vec::new();
    for case in lines(&path) {
        let id = case["id"].as_str().unwrap();
        let documents = parse(id, case["rule"].as_str().unwrap());
        let [Ok(Document::Rule(rule))] = documents.as_slice() else {
            wrong.push(format!("{id}: {documents:?}"));
            continue;
        };
        let (rules, _) = RuleSet::new([Document::Rule(rule.clone())]);
        let event = case["event"].to_string();
        let expected = case["expect"].as_bool().unwrap();
        let verdicts = [
            rule.matches(&case["event"]),
            !rules.matching(&event, &Extra::NONE).unwrap().is_empty(),
            !rules.matching_unindexed(&event, &Extra::NONE).unwrap().is_empty(),
        ];
        if verdicts != [expected; 3] {
            wrong.push(format!("{id}: {verdicts:?}, expected {expected} ({})", case["why"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn exactly_the_expected_rules_fire_on_labelled_events() {
    let Some(events) = shared("labelled/sigma_aws_dev.ndjson") else { return };
    let Some(folder) = shared("sigma/sigmahq-aws-cloudtrail") else { return };
    let rules = rule_set(&folder);
    let mut wrong = Vec::new();
    for case in lines(&events) {
        let expected: BTreeSet<&str> =
            case["expected"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        let contested = case["contested"].as_array().unwrap();
        let event = case["event"].to_string();
        let fired = rules.matching(&event, &Extra::NONE).unwrap();
        let fired: BTreeSet<&str> = fired
            .iter()
            .filter(|r| !contested.iter().any(|c| c.as_str() == Some(&*r.place.file)))
            .filter_map(|r| r.meta.id.as_deref())
            .collect();
        if fired != expected {
            wrong.push(format!("{}: {fired:?}, expected {expected:?}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The labels leave open whether `requestParameters|contains: Suspended` looks into the
/// object. It does here, as in the rule that looks for a JSON fragment in the same place.
#[test]
fn an_object_is_searched_as_text_where_a_rule_asks_for_it() {
    let Some(folder) = shared("sigma/sigmahq-aws-cloudtrail") else { return };
    let event = r#"{"eventSource":"s3.amazonaws.com","eventName":"PutBucketVersioning","requestParameters":{"VersioningConfiguration":{"Status":"Suspended"}}}"#;
    let rules = rule_set(&folder);
    let fired = rules.matching(event, &Extra::NONE).unwrap();
    assert!(fired.iter().any(|r| &*r.place.file == "aws_disable_bucket_versioning.yml"));
}

#[test]
fn a_large_foreign_collection_loads_and_its_correlations_are_named() {
    let Some(folder) = shared("sigma/yamato-suzaku-aws") else { return };
    let (documents, errors) = documents(&folder);
    assert!(errors.is_empty(), "{errors:#?}");
    let (rules, errors) = RuleSet::new(documents);
    // One rule stands in the collection twice, alone and beside its correlation.
    let [error] = errors.as_slice() else { panic!("{errors:#?}") };
    assert!(matches!(error.problem, Problem::DuplicateId { .. }), "{error}");
    assert!(rules.rules().len() > 700, "{}", rules.rules().len());
    let correlations =
        rules.not_evaluated().iter().filter(|n| matches!(n.why, Why::Correlation(_))).count();
    assert_eq!(correlations, 5);
}

#[test]
fn placeholders_and_old_aggregations_are_refused_with_the_reason() {
    let (Some(placeholder), Some(unsupported)) =
        (shared("sigma/sigmahq-aws-placeholder"), shared("sigma/sigmahq-aws-unsupported"))
    else {
        return;
    };
    let (_, errors) = documents(&placeholder);
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(matches!(error.problem, Problem::Placeholder { .. }), "{error}");
    assert!(error.place.line.is_some());
    let (_, errors) = documents(&unsupported);
    let aggregations = errors.iter().filter(|e| {
        matches!(e.problem, Problem::Condition { reason: ConditionError::Aggregation, .. })
    });
    assert_eq!(aggregations.count(), 8, "{errors:#?}");
}
