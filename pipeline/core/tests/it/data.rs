//! Public recordings, where they lie beside the project.

use std::path::Path;

use aisaws_core::event::{Event, Source};
use aisaws_core::source::{Shape, parse, recognise};
use serde_json::Value;

/// What a text holds: events, and the reasons for what is none.
pub(crate) fn read(text: &str) -> (Vec<Event>, Vec<String>) {
    match recognise(text) {
        Ok(Shape::Record(source, raw, _)) => match parse(source, &raw) {
            Ok(event) => (vec![event], Vec::new()),
            Err(e) => (Vec::new(), vec![e.to_string()]),
        },
        Ok(Shape::Many(objects)) => {
            let (events, dead): (Vec<_>, Vec<_>) = objects.iter().map(|one| read(one)).unzip();
            (events.concat(), dead.concat())
        }
        Ok(Shape::Unknown(reason)) => (Vec::new(), vec![reason]),
        Err(e) => (Vec::new(), vec![e.to_string()]),
    }
}

/// The records of one file of recordings; none where they are absent, which is said.
#[expect(clippy::print_stderr, reason = "a test that is skipped must be seen to be")]
pub(crate) fn recorded(name: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/eventbridge");
    let Ok(text) = std::fs::read_to_string(root.join(name)) else {
        eprintln!("SKIPPED: no recordings of {name}");
        return Vec::new();
    };
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].take();
    text.lines().map(event).collect()
}

/// How many of the records are of which source, and what is said of the others.
fn tally(name: &str) -> Option<(Vec<Event>, Vec<String>)> {
    let records = recorded(name);
    let (events, dead): (Vec<_>, Vec<_>) =
        records.iter().map(|record| read(&record.to_string())).unzip();
    (!records.is_empty()).then(|| (events.concat(), dead.concat()))
}

#[test]
fn every_recording_is_of_its_source_or_named_for_what_it_is() {
    // Counts: README beside the recordings.
    let rows = [
        ("guardduty.ndjson", Source::GuardDuty, 28),
        ("config.ndjson", Source::Config, 1),
        ("cloudtrail_eventbridge.ndjson", Source::CloudTrail, 13),
    ];
    for (name, source, expected) in rows {
        let Some((events, dead)) = tally(name) else { continue };
        assert_eq!(events.len(), expected, "{name}: {dead:#?}");
        assert!(events.iter().all(|event| event.source == source), "{name}");
    }
    if let Some((_, dead)) = tally("config.ndjson") {
        let told = |word: &str| dead.iter().filter(|reason| reason.contains(word)).count();
        assert_eq!(told("custom AWS Config rule"), 9, "{dead:#?}");
        assert_eq!(told("`Config Configuration Item Change`"), 1, "{dead:#?}");
    }
    if let Some((events, dead)) = tally("securityhub.ndjson") {
        // 126 lines: one lists the results of an insight and no findings.
        assert_eq!((events.len(), dead.len()), (125, 1), "{dead:#?}");
        assert!(dead[0].contains("`Security Hub Insight Results`"), "{dead:?}");
        assert!(events.iter().all(|event| event.source == Source::SecurityHub));
    }
    if let Some((events, dead)) = tally("other.ndjson") {
        assert!(events.iter().all(|event| event.source == Source::CloudTrail));
        assert_eq!(events.len() + dead.len(), 20);
        // Envelopes of other services, and one call without a time.
        for reason in &dead {
            let is_told = reason.contains("none of what is read") || reason.contains("eventTime");
            assert!(is_told, "{reason}");
        }
    }
}
