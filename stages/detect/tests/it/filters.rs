//! Filters are added to the rules they name, as the Sigma filters specification 2.1 has it.

use aisaws_detect::sigma::{Extra, Problem, RuleError, RuleSet, parse};

const RULES: &str = r"
title: One
id: one
logsource: { product: aws, service: cloudtrail }
detection: { selection: { eventName: A }, condition: selection }
---
title: Two
name: two
logsource: { product: aws, service: cloudtrail }
detection: { selection: { eventName: A }, condition: selection }
---
title: Windows
id: windows
logsource: { product: windows }
detection: { selection: { eventName: A }, condition: selection }
";

fn load(filter: &str) -> (RuleSet, Vec<RuleError>) {
    let text = format!("{RULES}---\n{filter}");
    RuleSet::new(parse("f.yml", &text).into_iter().map(Result::unwrap))
}

fn fired(rules: &RuleSet, user: &str) -> Vec<String> {
    let event = format!(r#"{{"eventName":"A","user":"{user}"}}"#);
    let asked = rules.matching_unindexed(&event, &Extra::NONE).unwrap();
    let fired = rules.matching(&event, &Extra::NONE).unwrap();
    assert_eq!(asked.len(), fired.len());
    let titles = fired.iter().map(|r| r.meta.title.clone());
    titles.filter(|title| title != "Windows").collect()
}

#[test]
fn a_filter_is_anded_to_the_rules_it_names_and_to_no_other() {
    for word in ["one", "One"] {
        let (rules, errors) = load(&format!(
            "title: F\nlogsource: {{ product: aws }}\nfilter:\n  rules: [{word}]\n  \
             selection: {{ user|startswith: adm_ }}\n  condition: not selection\n"
        ));
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(fired(&rules, "adm_ann"), ["Two"]);
        assert_eq!(fired(&rules, "bob"), ["One", "Two"]);
    }
}

#[test]
fn a_filter_without_not_leaves_only_what_it_selects() {
    let (rules, _) = load(
        "title: F\nlogsource: { product: aws }\nfilter:\n  rules:\n    - two\n  \
         selection: { user|startswith: adm_ }\n  condition: selection\n",
    );
    assert_eq!(fired(&rules, "adm_ann"), ["One", "Two"]);
    assert_eq!(fired(&rules, "bob"), ["One"]);
}

#[test]
fn any_means_every_rule_of_the_log_source() {
    let filter = |logsource: &str| {
        format!(
            "title: F\nlogsource: {logsource}\nfilter:\n  rules: any\n  \
             selection: {{ user: ann }}\n  condition: not selection\n"
        )
    };
    assert!(fired(&load(&filter("{ product: aws, service: cloudtrail }")).0, "ann").is_empty());
    assert_eq!(fired(&load(&filter("{ product: windows }")).0, "ann").len(), 2);
    assert_eq!(fired(&load(&filter("{ product: aws, service: guardduty }")).0, "ann").len(), 2);
}

#[test]
fn several_filters_on_one_rule_all_hold() {
    let one = |user: &str| {
        format!(
            "title: F\nlogsource: {{ product: aws }}\nfilter:\n  rules: [one, two]\n  \
             selection: {{ user: {user} }}\n  condition: not selection\n---\n"
        )
    };
    let (rules, errors) = load(&(one("ann") + &one("bob")));
    assert!(errors.is_empty(), "{errors:?}");
    for (user, expected) in [("ann", 0), ("bob", 0), ("eve", 2)] {
        assert_eq!(fired(&rules, user).len(), expected, "{user}");
    }
}

#[test]
fn a_rule_that_is_not_there_is_named_with_its_line() {
    let (_, errors) = load(
        "title: F\nlogsource: { product: aws }\nfilter:\n  rules:\n    - one\n    - absent\n  \
         selection: { user: ann }\n  condition: selection\n",
    );
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert!(matches!(&error.problem, Problem::UnknownRule(name) if name == "absent"), "{error}");
    assert_eq!(error.place.to_string(), "f.yml:22");
}

#[test]
fn a_rule_of_another_log_is_no_unknown_one_and_a_filter_of_another_log_is_refused() {
    let filter = |product: &str, rule: &str| {
        format!(
            "title: F\nlogsource: {{ product: {product} }}\nfilter:\n  rules: [{rule}]\n  \
             selection: {{ user: ann }}\n  condition: selection\n"
        )
    };
    assert!(load(&filter("windows", "windows")).1.is_empty());
    let errors = load(&filter("windows", "one")).1;
    let [error] = &errors[..] else { panic!("{errors:?}") };
    assert!(matches!(error.problem, Problem::OtherLogsource(_)), "{error}");
}

#[test]
fn what_is_wrong_with_a_filter_is_told_with_its_line() {
    let head = "title: F\nlogsource: { product: aws }\nfilter:\n";
    let rows = [
        ("  selection: { a: 1 }\n  condition: selection\n", "`filter.rules` must be", 3),
        ("  rules: [1]\n  selection: { a: 1 }\n  condition: selection\n", "`filter.rules`", 4),
        ("  rules: any\n  selection: { a: 1 }\n", "`filter.condition` is missing", 3),
        ("  rules: any\n  selection: { a: 1 }\n  condition: other\n", "`other` is not", 6),
        ("  rules: any\n  selection: { a|wide: [x] }\n  condition: nothing\n", "nothing", 6),
        ("  rules: any\n  selection: { a|cidr: x }\n  condition: selection\n", "`x`", 5),
    ];
    for (body, message, line) in rows {
        let parsed = parse("f.yml", &format!("{head}{body}"));
        let [Err(error)] = &parsed[..] else { panic!("{body}: {parsed:?}") };
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.place.line, Some(line), "{error}");
    }
    let without_log = "title: F\nfilter:\n  rules: any\n  s: { a: 1 }\n  condition: s\n";
    let parsed = parse("f.yml", without_log);
    assert!(matches!(&parsed[..], [Err(e)] if matches!(e.problem, Problem::Missing("logsource"))));
}

/// As pySigma reads them: no rule named is every rule.
#[test]
fn every_way_to_say_any_is_any() {
    for word in ["any", "Any", "all", "[]"] {
        let (rules, errors) = load(&format!(
            "title: F\nlogsource: {{ product: aws }}\nfilter:\n  rules: {word}\n  \
             s: {{ user: ann }}\n  condition: not s\n"
        ));
        assert!(errors.is_empty(), "{word}: {errors:?}");
        assert_eq!(fired(&rules, "ann"), Vec::<String>::new(), "{word}");
        assert_eq!(fired(&rules, "bob").len(), 2, "{word}");
    }
}
