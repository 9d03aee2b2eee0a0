//! What selections, modifiers and values mean, row by row. Expected verdicts come from the
//! Sigma specification v2.1 and, where it leaves room, from the choices that `sigma` documents.

use aisaws_detect::sigma::{Document, Extra, Problem, RuleSet, parse};

fn rule(selection: &str) -> String {
    let selection = selection.replace('\n', "\n    ");
    format!(
        "title: t\nlogsource: {{ product: aws }}\ndetection:\n  s:\n    {selection}\n  condition: s\n"
    )
}

/// Selection, event, verdict.
type Row = (&'static str, &'static str, bool);

fn check(rows: &[Row]) {
    for (selection, event, expected) in rows {
        let documents = parse("row", &rule(selection));
        let [Ok(document @ Document::Rule(rule))] = documents.as_slice() else {
            panic!("{selection}: {documents:?}");
        };
        let value = serde_json::from_str(event).unwrap();
        assert_eq!(rule.matches(&value), *expected, "{selection} on {event}");
        let (rules, _) = RuleSet::new([document.clone()]);
        let found = rules.matching(event, &Extra::NONE).unwrap();
        assert_eq!(!found.is_empty(), *expected, "indexed: {selection} on {event}");
    }
}

#[test]
fn texts_are_compared_as_their_modifiers_say() {
    check(&[
        ("a|startswith: AB", r#"{"a":"abc"}"#, true),
        ("a|startswith|cased: AB", r#"{"a":"abc"}"#, false),
        ("a|endswith: [x, BC]", r#"{"a":"abc"}"#, true),
        ("a|contains: '*'", r#"{"a":""}"#, true),
        ("a|contains: 'b*d'", r#"{"a":"abcde"}"#, true),
        ("a|contains|all: [b, d]", r#"{"a":"abc"}"#, false),
        ("a|exact: '*'", r#"{"a":"*"}"#, true),
        ("a|exact: '*'", r#"{"a":"x"}"#, false),
        ("a|neq: [x, y]", r#"{"a":"z"}"#, true),
        ("a|neq: [x, y]", r#"{"a":"Y"}"#, false),
        ("a|neq: x", r#"{"b":"x"}"#, true),
        ("a|contains|neq: x", r#"{"a":"axb"}"#, false),
        ("a: true", r#"{"a":"TRUE"}"#, true),
        ("a|contains: true", r#"{"a":"is True now"}"#, true),
        ("a|contains: true", r#"{"a":"is tru"}"#, false),
        ("a|base64|contains: 123", r#"{"a":"x MTIz"}"#, true),
        ("a: false", r#"{"a":0}"#, false),
        ("a: ''", r#"{"a":null}"#, false),
        ("a: null", r#"{"a":[null,1]}"#, true),
        ("a.b: null", r#"{"a":[{"b":1},{}]}"#, false),
        ("a|contains: '\"k\":1'", r#"{"a":{"k": 1}}"#, true),
    ]);
}

#[test]
fn expressions_run_over_texts_and_numbers() {
    check(&[
        ("a|re: '^a.c$'", r#"{"a":"a\nc"}"#, false),
        ("a|re|s: '^a.c$'", r#"{"a":"a\nc"}"#, true),
        ("a|re|m: '^c$'", r#"{"a":"a\nc"}"#, true),
        ("a|re|i|m: '^C$'", r#"{"a":"a\nc"}"#, true),
        ("a|re|all: [a, c]", r#"{"a":"abc"}"#, true),
        ("a|re|neq: b", r#"{"a":"abc"}"#, false),
        ("a|re: '(foo)+bar'", r#"{"a":"xfoofoobar"}"#, true),
    ]);
}

#[test]
fn values_are_encoded_in_the_order_of_the_specification() {
    check(&[
        ("a|base64: foobar", r#"{"a":"Zm9vYmFy"}"#, true),
        ("a|base64offset|contains: foobar", r#"{"a":"eGZvb2Jhcnk="}"#, true),
        ("a|wide|base64|contains: a", r#"{"a":"--YQA=--"}"#, true),
        ("a|utf16be|base64: a", r#"{"a":"AGE="}"#, true),
        ("a|utf16|base64: a", r#"{"a":"//5hAA=="}"#, true),
        ("a|wide: ab", r#"{"a":"a\u0000b\u0000"}"#, true),
        ("a|windash|contains|all: [' -x', ' /y']", r#"{"a":"c /x -y"}"#, true),
        ("a|windash|contains: ' -x'", r#"{"a":"c –x"}"#, true),
        ("a|windash|contains: ' -x'", r#"{"a":"c +x"}"#, false),
        ("a|expand: '50\\%'", r#"{"a":"50%"}"#, true),
    ]);
}

#[test]
fn numbers_networks_and_times_are_no_texts() {
    check(&[
        ("a|gt: 5", r#"{"a":5}"#, false),
        ("a|gte: 5", r#"{"a":"5.0"}"#, true),
        ("a|lt: 9007199254740993", r#"{"a":9007199254740992}"#, true),
        ("a|lte: -1.5", r#"{"a":-2}"#, true),
        ("a|gt: 5", r#"{"a":"many"}"#, false),
        ("a: 22", r#"{"a":22.0}"#, true),
        ("a: 22", r#"{"a":"022"}"#, false),
        ("a: '012345678901'", r#"{"a":"012345678901"}"#, true),
        ("a|cidr: 192.0.2.0/24", r#"{"a":["x","192.0.2.9"]}"#, true),
        ("a|cidr: 192.0.2.0/24", r#"{"a":"::ffff:192.0.2.9"}"#, true),
        ("a|cidr: 192.0.2.7", r#"{"a":"192.0.2.8"}"#, false),
        ("a|cidr|neq: 192.0.2.0/24", r#"{"a":"198.51.100.1"}"#, true),
        ("a|hour: 23", r#"{"a":"2026-03-01T23:05:06Z"}"#, true),
        ("a|hour|gte: 22", r#"{"a":"2026-03-01T21:05:06Z"}"#, false),
        ("a|week: 9", r#"{"a":"2026-03-01"}"#, true),
    ]);
}

#[test]
fn fields_are_compared_with_fields() {
    check(&[
        ("a|fieldref: b.c", r#"{"a":"X","b":{"c":["y","x"]}}"#, true),
        ("a|fieldref|cased: b", r#"{"a":"X","b":"x"}"#, false),
        ("a|fieldref|startswith: b", r#"{"a":"xyz","b":"XY"}"#, true),
        ("a|fieldref|contains: b", r#"{"a":"xyz","b":"Y"}"#, true),
        ("a|neq|fieldref: b", r#"{"a":"x","b":"y"}"#, true),
        ("a|neq|fieldref: b", r#"{"a":"x","b":"X"}"#, false),
        ("a|fieldref: b", r#"{"a":null,"b":null}"#, false),
        ("a|fieldref: b", r#"{"a":22,"b":"22"}"#, true),
    ]);
}

#[test]
fn keywords_are_searched_for_everywhere() {
    check(&[
        ("- needle", r#"{"a":{"needle":1}}"#, true),
        ("- 'n*e'", r#"{"a":["x","a noodle"]}"#, true),
        ("- 443", r#"{"a":[8443]}"#, true),
        ("'|all': [x1, x2]", r#"{"a":"x1"}"#, false),
        ("'|re': '^need'", r#"{"a":{"b":"needle"}}"#, true),
        ("'|cased': Needle", r#"{"a":"needle"}"#, false),
        ("- a: 1\n- needle", r#"{"b":"needle"}"#, true),
    ]);
}

#[test]
fn values_that_make_no_sense_are_refused() {
    let rows = [
        "a|gt: many",
        "a|cidr: 192.0.2.0/40",
        "a|exists: maybe",
        "a|re: '(?<=x)y'",
        "a|re: 'a{1000}{1000}{1000}'",
        "a|base64: 'x*'",
        "a|base64: null",
        "a|contains: null",
        "a|fieldref: 5",
        "a|hour: late",
        "a: {}",
        "a: []",
        "a: { b: 1 }",
        "'|cidr': 192.0.2.0/24",
        "- null",
        "{}",
        "a|windash|wide|base64: '-a -b -c -d -e'",
        "a|utf16: x",
    ];
    for row in rows {
        let documents = parse("row", &rule(row));
        assert!(matches!(documents.as_slice(), [Err(_)]), "{row}: {documents:?}");
    }
    let documents = parse("row", &rule("a|expand: '%admins%'"));
    let [Err(error)] = documents.as_slice() else { panic!("{documents:?}") };
    assert!(matches!(&error.problem, Problem::Placeholder { name, .. } if name == "admins"));
    assert_eq!(error.place.to_string(), "row:5");
}

/// Values of lists are compared each with each, texts without regard to case unless it is said.
#[test]
fn fields_refer_to_lists_of_values() {
    check(&[
        ("a|fieldref: b", r#"{"a":["x","Y"],"b":["z","y"]}"#, true),
        ("a|fieldref|cased: b", r#"{"a":["x","Y"],"b":["z","y"]}"#, false),
        ("a|fieldref: b", r#"{"a":[7],"b":["7"]}"#, true),
        ("a|fieldref|endswith: b", r#"{"a":["x","Way"],"b":["z","AY"]}"#, true),
        ("a|fieldref: b", r#"{"a":["x"]}"#, false),
    ]);
    let numbers = |from: usize| (from..from + 40_000).map(|n| format!("Value{n}"));
    let (a, b): (Vec<_>, Vec<_>) = (numbers(0).collect(), numbers(100_000).collect());
    let [Ok(Document::Rule(rule))] = &parse("row", &rule("a|fieldref: b"))[..] else { panic!() };
    assert!(!rule.matches(&serde_json::json!({ "a": a, "b": b })));
}

#[test]
fn every_condition_of_a_list_is_a_text() {
    let text = rule("a: 1").replace("condition: s", "condition: [s, 1]");
    let [Err(error)] = &parse("row", &text)[..] else { panic!() };
    assert_eq!(
        error.to_string(),
        "row:6: attribute `detection.condition` must be a text or a list of texts"
    );
}

#[test]
fn a_value_of_many_options_is_found_however_they_are_written() {
    check(&[
        ("a|windash|contains: '-a -b -c -d -e.x'", r#"{"a":"run /A -b –c —d /e.x y"}"#, true),
        ("a|windash|contains: '-a -b -c -d -e.x'", r#"{"a":"run /a -b –c —d /e-x"}"#, false),
        ("a|windash|contains: '-a -b -c -d -e.x'", r#"{"a":"run /a -b –c +d /e.x"}"#, false),
        ("a|windash: '-a -b -c -d -e'", r#"{"a":"/a /b /c /d /e"}"#, true),
        ("a|windash: '-a -b -c -d -e'", r#"{"a":"x /a /b /c /d /e"}"#, false),
        ("a|windash|endswith: '-a * -b -c -d -e'", r#"{"a":"x -a y /b /c /d /e"}"#, true),
    ]);
}
