//! The pipeline: rules, records, inputs, configuration.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use aisaws_app::config;
use aisaws_app::input::{Input, read_records};
use aisaws_core::source::cloudtrail as records;
use aisaws_decide::Policy;
use aisaws_detect::sigma::{Extra, RuleSet, parse};
use aisaws_detect::{Detect, builtin::RULES, lint};
use aisaws_score::Weights;

const RECORD: &str = r#"{"eventID":"1","eventName":"PutBucketAcl","eventSource":"s3.amazonaws.com","eventTime":"2026-01-01T00:00:00Z","awsRegion":"us-east-1","recipientAccountId":"111122223333","requestParameters":{"bucketName":"b","x-amz-acl":["public-read"],"n":12.5,"list":[1,"a",null]},"userIdentity":{"type":"IAMUser","userName":"u"}}"#;

/// A text as a file of Sigma rules, and what of it can be compiled on a record.
pub fn sigma(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let documents: Vec<_> = parse("fuzz.yml", text).into_iter().flatten().collect();
    let (rules, _) = RuleSet::new(documents);
    // However a rule is found, it must match the same.
    let indexed = rules.matching(RECORD, &Extra::NONE);
    let all = rules.matching_unindexed(RECORD, &Extra::NONE);
    if let (Ok(indexed), Ok(all)) = (indexed, all) {
        assert_eq!(indexed.len(), all.len(), "the index loses or invents hits");
    }
    drop(Detect::new([("fuzz.yml", text)], Vec::new()));
    lint::lint("fuzz.yml", text);
}

static BUILTIN: LazyLock<Option<Detect>> = LazyLock::new(|| Detect::builtin(Vec::new()).ok());
static OWN: LazyLock<RuleSet> =
    LazyLock::new(|| RuleSet::new(RULES.iter().flat_map(|f| parse(f.path, f.rule)).flatten()).0);

/// A text as a CloudTrail record, and our rules on it.
pub fn cloudtrail(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    drop(OWN.matching(text, &Extra::NONE));
    let Ok(event) = records::parse(text) else { return };
    if let Some(detect) = BUILTIN.as_ref() {
        drop(detect.examine(&event));
    }
}

static SCRATCH: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("aisaws-fuzz-{}", std::process::id())));

/// Bytes as an input file: lines, documents, envelopes, gzip.
pub fn intake(data: &[u8]) {
    let written = std::fs::File::create(&*SCRATCH).and_then(|mut file| file.write_all(data));
    if written.is_err() {
        return;
    }
    let input = Input::File(SCRATCH.clone());
    let mut items = 0_usize;
    let read = read_records(
        &input,
        &mut |_| {
            items += 1;
            items < 10_000
        },
        &mut |_| {},
    );
    drop(read);
}

/// A text as each of the configuration files.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    drop(config::parse(text, "fuzz.toml"));
    drop(Policy::parse(text));
    drop(Weights::parse(text));
}
