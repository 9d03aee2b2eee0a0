//! Correlations over streams of events: what fires, and that the order of arrival never matters.

use std::collections::{BTreeMap, BTreeSet};

use aisaws_core::conformance::windows::MemoryWindows;
use aisaws_core::event::Event;
use aisaws_core::port::{Correlator as _, Detector as _, Windows as _};
use aisaws_core::source::cloudtrail;
use aisaws_detect::sigma::{Problem, RuleError};
use aisaws_detect::{Detect, Lines, Mapping};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

const BASE: &str = r"
title: Failed login
name: failed
logsource: { product: aws, service: cloudtrail }
detection: { s: { eventName: Login, outcome: Failure }, condition: s }
---
title: Login
name: login
logsource: { product: aws, service: cloudtrail }
detection: { s: { eventName: Login, outcome: Success }, condition: s }
---
title: Read
name: read
logsource: { product: aws, service: cloudtrail }
detection: { s: { eventName: Get }, condition: s }
";

/// A correlation of that id with a place to point at.
fn correlation(id: &str, section: &str) -> String {
    format!(
        "---\ntitle: {id}\nid: {id}\nlevel: high\ncorrelation:\n{section}\naisaws:\n  \
         resource: {{ type: AWS::IAM::User, id: user }}\n  controls: []\n  stage: active\n"
    )
}

fn load(correlations: &str) -> Result<Detect, Vec<RuleError>> {
    let text = format!("{BASE}{correlations}");
    let (detect, errors) = Detect::new([("f.yml", text.as_str())], Vec::new());
    if errors.is_empty() { Ok(detect) } else { Err(errors) }
}

fn event(id: usize, second: i64, kind: &str, user: &str, value: &str) -> Event {
    let (name, outcome) = match kind {
        "fail" => ("Login", "Failure"),
        "login" => ("Login", "Success"),
        _ => ("Get", ""),
    };
    let time = Timestamp::from_second(1_772_359_200 + second).unwrap();
    cloudtrail::parse(
        &json!({
            "eventID": format!("{id:04}"), "eventTime": time, "eventName": name, "outcome": outcome,
            "eventSource": "s3.amazonaws.com", "user": user, "value": value,
            "recipientAccountId": "111122223333", "awsRegion": "us-east-1",
        })
        .to_string(),
    )
    .unwrap()
}

/// Takes the events in as many runs as there are chunks, evaluating after each what cannot be
/// undone, and after the last one everything; gives the correlations and events that fired.
fn run(detect: &Detect, chunks: &[Vec<Event>]) -> BTreeSet<(String, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let windows = MemoryWindows::default();
    let mut fired = BTreeSet::new();
    let mut stored: BTreeMap<String, Event> = BTreeMap::new();
    for (number, chunk) in chunks.iter().enumerate() {
        for event in chunk {
            stored.insert(event.id.as_str().to_owned(), event.clone());
            let found = detect.find(event).unwrap();
            runtime.block_on(windows.add(found.matches, Timestamp::UNIX_EPOCH)).unwrap();
        }
        let is_last = number + 1 == chunks.len();
        let levels = 0..=2;
        for level in levels {
            let changed = runtime.block_on(windows.changed(None, u32::MAX)).unwrap();
            for changed in changed.iter().filter(|c| detect.level(&c.key) == level) {
                if !is_last && detect.ends(&changed.key, changed.bucket).is_some() {
                    continue;
                }
                let (since, until) = detect.reach(&changed.key, changed.bucket).unwrap();
                let entries =
                    runtime.block_on(windows.entries(&changed.key, since, until)).unwrap();
                for id in detect.firings(&changed.key, changed.bucket, &entries) {
                    let found = detect.fire(&changed.key, &stored[id.as_str()]).unwrap();
                    runtime.block_on(windows.add(found.matches, Timestamp::UNIX_EPOCH)).unwrap();
                    for hit in found.hits {
                        assert_eq!(hit.event, id);
                        assert!(hit.is_correlation);
                        fired.insert((hit.rule.to_string(), id.as_str().to_owned()));
                    }
                }
                runtime.block_on(windows.settle(changed)).unwrap();
            }
        }
        let left = runtime.block_on(windows.changed(None, u32::MAX)).unwrap();
        let waits = |c: &aisaws_core::window::Changed| detect.ends(&c.key, c.bucket).is_some();
        assert!(left.iter().all(waits) && (left.is_empty() || !is_last));
    }
    fired
}

/// The same by lines of text, in whatever order the texts come.
fn of_lines(correlations: &str, events: &[Event]) -> BTreeSet<(String, String)> {
    let text = format!("{BASE}{correlations}");
    let (lines, _) = Lines::new([("f.yml", text.as_str())], Vec::new(), Mapping::NONE);
    let mut out = Vec::new();
    for event in events.iter().rev() {
        lines.examine(&event.raw, &mut out).unwrap();
    }
    out.clear();
    lines.finish(&mut out).unwrap();
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let of = |name: &str| line[name].as_str().unwrap().to_owned();
        (of("rule_id"), of("event_id"))
    };
    std::str::from_utf8(&out).unwrap().lines().map(read).collect()
}

/// Ids of events at which the correlation of that section fires.
fn fired_at(section: &str, events: &[(i64, &str, &str, &str)]) -> Vec<String> {
    let detect = load(&correlation("c", section)).unwrap();
    let events = events.iter().enumerate();
    let events =
        events.map(|(id, (second, kind, user, value))| event(id, *second, kind, user, value));
    let events: Vec<Event> = events.collect();
    let fired = run(&detect, std::slice::from_ref(&events));
    assert_eq!(of_lines(&correlation("c", section), &events), fired);
    fired.into_iter().map(|(_, id)| id).collect()
}

#[test]
fn events_are_counted_in_their_group_and_span() {
    let section = "  type: event_count\n  rules: [failed]\n  group-by: [user]\n  timespan: 5m\n  \
                   condition: { gte: 3 }";
    let events = [
        (0, "fail", "ann", ""),
        (100, "fail", "bob", ""),
        (150, "fail", "ann", ""),
        // Exactly five minutes after the first: both ends belong to the span.
        (300, "fail", "ann", ""),
        (301, "fail", "bob", ""),
        (900, "fail", "ann", ""),
        (901, "login", "ann", ""),
        (902, "fail", "ann", ""),
    ];
    assert_eq!(fired_at(section, &events), ["0003"]);
}

#[test]
fn copies_of_one_call_in_two_accounts_count_once() {
    let section = "  type: event_count\n  rules: [failed]\n  timespan: 5m\n  condition: { gte: 3 }";
    let detect = load(&correlation("c", section)).unwrap();
    let copy = |id: usize, second: i64, shared: &str| {
        let mut record: serde_json::Value =
            serde_json::from_str(&event(id, second, "fail", "ann", "").raw).unwrap();
        record["sharedEventID"] = shared.into();
        cloudtrail::parse(&record.to_string()).unwrap()
    };
    let twice = vec![copy(0, 0, "a"), copy(1, 0, "a"), copy(2, 1, "b"), copy(3, 1, "b")];
    assert_eq!(run(&detect, std::slice::from_ref(&twice)), BTreeSet::new());
    let third = [twice, vec![copy(4, 2, "c")]].concat();
    assert_eq!(run(&detect, &[third]), BTreeSet::from([("c".to_owned(), "0004".to_owned())]));
}

#[test]
fn a_firing_goes_on_as_long_as_the_condition_holds() {
    let section = "  type: event_count\n  rules: [failed]\n  timespan: 1h\n  condition: { gt: 2 }";
    let events: Vec<_> = (0..5).map(|n| (n, "fail", "any", "")).collect();
    assert_eq!(fired_at(section, &events), ["0002", "0003", "0004"]);
}

#[test]
fn distinct_values_are_counted() {
    let section = "  type: value_count\n  rules: [read]\n  group-by: [user]\n  timespan: 10s\n  \
                   condition: { field: value, gte: 3 }";
    let events = [
        (0, "get", "ann", "a"),
        (1, "get", "ann", "b"),
        (2, "get", "ann", "a"),
        (3, "get", "ann", "b"),
        (4, "get", "bob", "c"),
        (5, "get", "ann", "c"),
        // `a` at second 2 is gone, `b` and `c` are left.
        (13, "get", "ann", "b"),
        (20, "get", "ann", "d"),
    ];
    assert_eq!(fired_at(section, &events), ["0005"]);
    // Several fields are one value together.
    let pairs = section.replace("field: value", "field: [value, eventName]");
    assert_eq!(fired_at(&pairs, &events), ["0005"]);
}

#[test]
fn temporal_wants_every_rule_in_any_order() {
    let section =
        "  type: temporal\n  rules: [failed, login, read]\n  group-by: [user]\n  timespan: 1m";
    let events = [
        (0, "get", "ann", ""),
        (10, "login", "ann", ""),
        (20, "get", "bob", ""),
        (30, "fail", "ann", ""),
        (200, "fail", "ann", ""),
        (205, "login", "ann", ""),
    ];
    assert_eq!(fired_at(section, &events), ["0003"]);
    let two = format!("{section}\n  condition: {{ gte: 2 }}");
    assert_eq!(fired_at(&two, &events), ["0001", "0003", "0005"]);
}

#[test]
fn ordered_wants_the_rules_in_their_order() {
    let section = "  type: temporal_ordered\n  rules: [failed, read, login]\n  group-by: [user]\n  \
                   timespan: 1m";
    let events = [
        (0, "fail", "ann", ""),
        (10, "login", "ann", ""),
        (20, "get", "ann", ""),
        (30, "login", "ann", ""),
        (61, "login", "ann", ""),
        // Within one second there is no order that could be wrong.
        (500, "login", "bob", ""),
        (500, "get", "bob", ""),
        (500, "fail", "bob", ""),
    ];
    assert_eq!(fired_at(section, &events), ["0003", "0005"]);
}

#[test]
fn a_flood_of_one_rule_hides_no_other() {
    let section = "  type: temporal_ordered\n  rules: [failed, login]\n  timespan: 1d";
    let mut events = vec![(0, "fail", "ann", ""); 10_001];
    events.push((60, "login", "ann", ""));
    assert_eq!(fired_at(section, &events), ["10001"]);
}

/// The decisive event arrives when there is no room any more, and is the earliest of its part.
#[test]
fn of_a_flood_the_earliest_counts_whenever_it_comes() {
    let section = "  type: temporal_ordered\n  rules: [failed, login]\n  timespan: 1d";
    let detect = load(&correlation("c", section)).unwrap();
    let flood =
        (0..30_010).map(|id| event(id, 100 + i64::try_from(id % 50).unwrap(), "fail", "ann", ""));
    let mut events: Vec<Event> = flood.collect();
    events.push(event(40_001, 60, "login", "ann", ""));
    events.push(event(40_000, 10, "fail", "ann", ""));
    let fired = BTreeSet::from([("c".to_owned(), "40001".to_owned())]);
    assert_eq!(run(&detect, std::slice::from_ref(&events)), fired);
    events.reverse();
    assert_eq!(run(&detect, &[events]), fired);
}

#[test]
fn what_more_events_may_break_is_told_a_bucket_at_a_time() {
    // The events' first second begins a bucket of ten.
    let events: Vec<_> = [0, 1, 2, 10, 20, 21].map(|n| (n, "get", "ann", "5")).into();
    let rows = [
        ("event_count", "lt: 2", vec!["0003"]),
        ("event_count", "lte: 2", vec!["0003", "0005"]),
        ("event_count", "eq: 3", vec!["0002"]),
        ("event_count", "neq: 3", vec!["0003", "0005"]),
        ("event_count", "gte: 2, lt: 3", vec!["0005"]),
    ];
    for (kind, condition, expected) in rows {
        let section = format!(
            "  type: {kind}\n  rules: [read]\n  timespan: 10s\n  condition: {{ {condition} }}"
        );
        assert_eq!(fired_at(&section, &events), expected, "{condition}");
    }
}

#[test]
fn numbers_are_measured() {
    let values = ["1", "2", "-0.5", "10", "no number", "2.5"];
    let events: Vec<_> = (0..).zip(values).map(|(n, value)| (n, "get", "ann", value)).collect();
    // Sum 15, mean 3, median 2; the 90th percentile of five by nearest rank is the fifth.
    let rows = [
        ("value_sum", "gte: 15", true),
        ("value_sum", "gt: 15", false),
        ("value_avg", "eq: 3", true),
        ("value_median", "eq: 2", true),
        ("value_percentile", "percentile: 90, eq: 10", true),
        ("value_percentile", "percentile: 50, eq: 2", true),
        ("value_percentile", "percentile: 0, eq: -0.5", true),
    ];
    for (kind, condition, expected) in rows {
        let section = format!(
            "  type: {kind}\n  rules: [read]\n  timespan: 10s\n  condition: {{ field: value, {condition} }}"
        );
        assert_eq!(!fired_at(&section, &events).is_empty(), expected, "{kind} {condition}");
    }
}

#[test]
fn correlations_are_correlated() {
    // The specification's example: many failed logins are followed by a successful one.
    let text =
        "---\ntitle: Many\nname: many\ncorrelation:\n  type: event_count\n  rules: [failed]\n  \
                group-by: [user, value]\n  timespan: 5m\n  condition: { gte: 3 }\n"
            .to_owned()
            + &correlation(
                "taken",
                "  type: temporal_ordered\n  rules: [many, login]\n  group-by: [user]\n  timespan: 10m",
            );
    let detect = load(&text).unwrap();
    let stream = [
        (0, "fail", "ann", "here"),
        (1, "fail", "ann", "here"),
        (2, "login", "ann", "there"),
        (3, "fail", "ann", "here"),
        (4, "login", "bob", "here"),
        // The outer correlation groups by the user alone.
        (9, "login", "ann", "there"),
    ];
    let events: Vec<Event> = stream
        .iter()
        .enumerate()
        .map(|(id, (second, kind, user, value))| event(id, *second, kind, user, value))
        .collect();
    let fired = run(&detect, &[events]);
    assert_eq!(fired, [("taken".to_owned(), "0005".to_owned())].into());
}

#[test]
fn an_alias_is_another_field_for_each_rule() {
    let section = "  type: temporal\n  rules: [failed, read]\n  group-by: [who]\n  timespan: 1m\n  \
                   aliases:\n    who: { failed: user, read: value }";
    let events = [(0, "fail", "ann", ""), (1, "get", "ann", "bob"), (2, "get", "bob", "ann")];
    assert_eq!(fired_at(section, &events), ["0002"]);
    let unknown = section.replace("read: value }", "other: value }");
    let errors = load(&correlation("c", &unknown)).unwrap_err();
    assert!(matches!(&errors[0].problem, Problem::UnknownRule(name) if name == "other"));
    let line = BASE.lines().count() + unknown.lines().count();
    // Behind the head of four lines and `correlation:`.
    assert_eq!(errors[0].place.line, Some(line + 5));
}

/// All events of a group have the same value; those without one have none in common.
#[test]
fn an_event_without_the_field_is_in_no_group() {
    let section = "  type: event_count\n  rules: [failed]\n  group-by: [user, tlsDetails]\n  \
                   timespan: 5m\n  condition: { gte: 2 }";
    let events = [(0, "fail", "ann", ""), (1, "fail", "ann", ""), (2, "fail", "ann", "")];
    assert_eq!(fired_at(section, &events), [""; 0]);
    let by_user = section.replace(", tlsDetails", "");
    assert_eq!(fired_at(&by_user, &events), ["0001", "0002"]);
}

#[test]
fn references_that_lead_nowhere_or_in_a_circle_are_named_with_their_line() {
    let refer = |id: &str, to: &str| {
        correlation(id, &format!("  type: temporal\n  rules:\n    - {to}\n  timespan: 5m"))
    };
    let line = |text: &str| BASE.lines().count() + 1 + text.lines().count();
    let errors = load(&refer("a", "absent")).unwrap_err();
    assert!(matches!(&errors[0].problem, Problem::UnknownRule(name) if name == "absent"));
    assert_eq!(errors[0].place.line, Some(line("title\nid\nlevel\ncorrelation\ntype\nrules\n-")));
    let errors = load(&(refer("a", "b") + &refer("b", "a"))).unwrap_err();
    assert_eq!(errors.len(), 2);
    for error in &errors {
        assert!(matches!(error.problem, Problem::Circle(_)), "{error}");
        assert!(error.place.line.is_some());
    }
    let errors = load(&refer("a", "a")).unwrap_err();
    assert!(matches!(errors[0].problem, Problem::Circle(_)));
    let errors = load(&(refer("a", "failed") + &refer("a", "failed"))).unwrap_err();
    assert!(matches!(errors[0].problem, Problem::DuplicateId { .. }));
}

#[test]
fn a_rule_is_heard_where_it_is_to_be_generated_or_points_somewhere_itself() {
    let pointed = BASE.replacen(
        "name: failed\n",
        "name: failed\naisaws: { resource: { type: AWS::IAM::User, id: user }, controls: [], stage: active }\n",
        1,
    );
    let section = "  type: event_count\n  rules: [failed]\n  timespan: 5m\n  condition: { gte: 3 }";
    let text = pointed + &correlation("c", section);
    let (detect, _) = Detect::new([("f.yml", text.as_str())], Vec::new());
    let hits = detect.detect(&event(0, 0, "fail", "ann", "")).unwrap();
    assert_eq!(hits.len(), 1);
    let generated = format!("{BASE}{}", correlation("c", &format!("{section}\n  generate: true")));
    for (text, expected) in [(&generated, 1), (&generated.replace("  generate: true\n", ""), 0)] {
        let (detect, errors) = Detect::new([("f.yml", text.as_str())], Vec::new());
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(detect.detect(&event(0, 0, "fail", "ann", "")).unwrap().len(), expected);
    }
}

const KINDS: [&str; 3] = ["fail", "login", "get"];

/// Every type and operator, and correlations of correlations.
fn every_kind() -> Detect {
    let section = |kind: &str, span: &str, condition: &str| {
        format!(
            "  type: {kind}\n  rules: [read]\n  group-by: [user]\n  timespan: {span}\n  \
             condition: {{ {condition} }}\n  generate: false"
        )
    };
    let rows = [
        ("few", "event_count", "10s", "lt: 3"),
        ("up-to", "event_count", "13s", "lte: 2"),
        ("just", "event_count", "11s", "eq: 2"),
        ("not-just", "value_count", "9s", "field: value, neq: 2"),
        ("between", "event_count", "12s", "gt: 1, lt: 4"),
        ("sum", "value_sum", "10s", "field: value, gte: 5"),
        ("mean", "value_avg", "10s", "field: value, lt: 1.5"),
        ("middle", "value_median", "14s", "field: value, eq: 2"),
        ("most", "value_percentile", "8s", "field: value, percentile: 75, gt: 2"),
    ];
    let rows: String = rows
        .map(|(id, kind, span, condition)| correlation(id, &section(kind, span, condition)))
        .concat();
    load(
        &(rows
            + &correlation(
                "many",
                "  type: event_count\n  rules: [failed]\n  group-by: [user]\n  timespan: 10s\n  \
                 condition: { gte: 3 }\n  generate: false",
            )
            + &correlation(
                "values",
                "  type: value_count\n  rules: [read, failed]\n  group-by: [user]\n  timespan: 15s\n  \
                 condition: { field: value, gte: 3 }",
            )
            + &correlation(
                "both",
                "  type: temporal\n  rules: [read, login]\n  group-by: [user]\n  timespan: 7s",
            )
            + &correlation(
                "order",
                "  type: temporal_ordered\n  rules: [failed, read, login]\n  group-by: [user]\n  timespan: 20s",
            )
            + &correlation(
                "chain",
                "  type: temporal_ordered\n  rules: [many, login]\n  group-by: [user]\n  timespan: 30s",
            )
            // What fires late feeds what fires at once, and what fires later still.
            + &correlation(
                "after-few",
                "  type: temporal\n  rules: [few, login]\n  group-by: [user]\n  timespan: 20s\n  \
                 generate: false",
            )
            + &correlation(
                "few-of-few",
                "  type: event_count\n  rules: [few]\n  group-by: [user]\n  timespan: 40s\n  \
                 condition: { lte: 2 }\n  generate: false",
            )),
    )
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Shuffled, repeated, and split over runs that each evaluate what cannot be undone.
    #[test]
    fn the_order_of_arrival_never_matters(
        stream in prop::collection::vec((0_i64..90, 0_usize..3, 0_usize..2, 0_usize..4), 1..60),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
        cuts in prop::collection::vec(1_usize..12, 0..12),
    ) {
        let detect = every_kind();
        let events: Vec<Event> = stream
            .iter()
            .enumerate()
            .map(|(id, (second, kind, user, value))| {
                event(id, *second, KINDS[*kind], ["ann", "bob"][*user], &value.to_string())
            })
            .collect();
        let expected = run(&detect, std::slice::from_ref(&events));
        let mut arrived: Vec<Event> = order.iter().map(|i| i.get(&events).clone()).collect();
        arrived.extend(events.into_iter().rev());
        let mut chunks = Vec::new();
        for cut in cuts {
            let rest = arrived.split_off(cut.min(arrived.len()));
            chunks.push(std::mem::replace(&mut arrived, rest));
        }
        chunks.push(arrived);
        prop_assert_eq!(run(&detect, &chunks), expected);
    }

    /// Against the definition, one event at a time over the whole stream.
    #[test]
    fn counts_fire_where_the_definition_says(
        seconds in prop::collection::vec(0_i64..60, 1..40),
        span in 1_i64..20,
        least in 1_usize..6,
    ) {
        let section = format!(
            "  type: event_count\n  rules: [failed]\n  timespan: {span}s\n  condition: {{ gte: {least} }}"
        );
        let detect = load(&correlation("c", &section)).unwrap();
        let events: Vec<Event> = seconds
            .iter()
            .enumerate()
            .map(|(id, second)| event(id, *second, "fail", "ann", ""))
            .collect();
        let order = |e: &Event| (e.time, e.id.clone());
        let expected: BTreeSet<String> = events
            .iter()
            .filter(|last| {
                let since = last.time - SignedDuration::from_secs(span);
                events.iter().filter(|e| e.time >= since && order(e) <= order(last)).count() >= least
            })
            .map(|e| e.id.as_str().to_owned())
            .collect();
        let found = run(&detect, &[events]).into_iter().map(|(_, id)| id);
        prop_assert_eq!(found.collect::<BTreeSet<_>>(), expected);
    }
}
