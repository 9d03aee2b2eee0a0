//! Our own rules: their cases, their form, and what they find in the corpus.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::source::cloudtrail;
use aisaws_detect::builtin::RULES;
use aisaws_detect::{Detect, cases, lint};

use crate::data::corpus;

#[test]
fn every_case_beside_a_rule_goes_as_it_says() {
    let mut wrong = Vec::new();
    for file in RULES {
        let outcomes = cases::run(file.path, file.rule, file.cases).unwrap();
        let (fires, silent): (Vec<_>, Vec<_>) =
            outcomes.iter().partition(|o| !o.expected.is_empty());
        assert!(!fires.is_empty() && !silent.is_empty(), "{} needs both kinds", file.path);
        wrong.extend(outcomes.into_iter().filter(|o| !o.passed()).map(|o| (file.path, o)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_rule_is_named_after_its_file_and_lint_has_nothing_to_say() {
    let mut seen = BTreeSet::new();
    for file in RULES {
        assert_eq!(lint::lint(file.path, file.rule), [], "{}", file.path);
        let expected = file.path.trim_end_matches(".yml").replace('/', ".").replace('_', "-");
        assert!(file.rule.contains(&format!("\nid: {expected}\n")), "{}", file.path);
        assert!(seen.insert(expected));
    }
    let detect = Detect::builtin(Vec::new()).unwrap();
    assert_eq!(detect.rules().count(), RULES.len());
}

#[test]
fn every_rule_of_the_folder_is_in_the_list() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let entries = std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().path());
    for service in entries.filter(|path| path.is_dir()) {
        for file in std::fs::read_dir(service).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let rule = name.replace(".cases.yml", ".yml");
            assert!(RULES.iter().any(|f| f.path == rule), "{name} is not in the list");
        }
    }
}

#[test]
fn every_needed_control_has_a_rule() {
    let detect = Detect::builtin(Vec::new()).unwrap();
    let named: BTreeSet<String> = detect
        .rules()
        .flat_map(|r| r.response.controls().iter().map(ToString::to_string))
        .collect();
    let needed = [
        "cloudtrail.management-events-excluded",
        "cloudtrail.trail-deleted",
        "cloudtrail.trail-logging-stopped",
        "ec2.security-group-admin-port-world-open",
        "ec2.security-group-all-ports-world-open",
        "ec2.security-group-database-port-world-open",
        "iam.access-key-exposed",
        "s3.access-logging-removed",
        "s3.block-public-access-off",
        "s3.bucket-acl-public",
        "s3.bucket-policy-public",
        "s3.default-encryption-removed",
        "s3.versioning-suspended",
    ];
    assert_eq!(named.iter().map(String::as_str).collect::<Vec<_>>(), needed);
}

#[test]
fn attacks_in_real_logs_are_found_at_the_right_resource() {
    let detect = Detect::builtin(Vec::new()).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, line) in &corpus("stratus") {
        let event = cloudtrail::parse(line).unwrap();
        for hit in detect.examine(&event).unwrap().hits {
            found.entry(hit.rule.to_string()).or_default().insert(hit.resource.id);
        }
    }
    if found.is_empty() {
        return; // The corpus is absent, which was said.
    }
    let expected = [
        ("cloudtrail.event-selectors-narrowed", "stratus-red-team-ctes-trail-khlvciwdor"),
        ("cloudtrail.logging-stopped", "stratus-red-team-ct-stop-trail-buykxbqejv"),
        ("cloudtrail.trail-removed", "stratus-red-team-cloudtraild-trail-kvrwohmiai"),
        ("ec2.security-group-opened", "sg-003dc7f1f1c686164"),
        ("iam.access-key-created-for-other-user", "AKIAL80DWDVKKM0UXEER"),
        ("iam.access-key-created-for-other-user", "AKIAXAFZN8JEPF6L682H"),
    ];
    for (rule, resource) in expected {
        let resources = found.get(rule);
        assert!(resources.is_some_and(|r| r.contains(resource)), "{rule} {resource}: {found:#?}");
    }
}
