//! Verdicts of another rule set on its own examples, where the subject is one of ours.

use aisaws_core::source::cloudtrail;
use aisaws_detect::Detect;

use crate::data::{lines, shared};

/// Their rule, and ours on the same subject.
const SUBJECTS: [(&str, &[&str]); 5] = [
    ("AWS.CloudTrail.Stopped", &["cloudtrail.logging-stopped", "cloudtrail.trail-removed"]),
    (
        "AWS.IAM.AccessKeyCompromised",
        &["iam.access-key-quarantined-by-aws", "iam.user-quarantined-for-public-key"],
    ),
    ("AWS.S3.DeleteBucketEncryption", &["s3.default-encryption-deleted"]),
    ("AWS.S3.DeletePublicAccessBlock", &["s3.block-public-access-weakened"]),
    ("AWS.S3.SuspendVersioning", &["s3.versioning-suspended"]),
];

/// Examples we judge otherwise, and why.
const OTHERWISE: [(&str, &str); 5] = [
    ("AWS.CloudTrail.Stopped#2", REFUSED),
    ("AWS.S3.DeleteBucketEncryption#1", REFUSED),
    ("AWS.S3.DeletePublicAccessBlock#1", REFUSED),
    ("AWS.S3.DeletePublicAccessBlock#2", "a setting that is not seen to be all on is looked at"),
    ("AWS.S3.SuspendVersioning#2", REFUSED),
];
const REFUSED: &str = "a refused attempt is a hit, which is never repaired";

#[test]
fn our_rules_agree_with_labelled_verdicts_but_for_the_reasons_given() {
    let Some(path) = shared("labelled/panther_dev.ndjson") else { return };
    let detect = Detect::builtin(Vec::new()).unwrap();
    let mut otherwise = Vec::new();
    let mut agreed = 0;
    for case in lines(&path) {
        let Some((_, ours)) = SUBJECTS.iter().find(|(theirs, _)| case["rule_id"] == *theirs) else {
            continue;
        };
        let event = cloudtrail::parse(&case["event"].to_string()).unwrap();
        let examined = detect.examine(&event).unwrap();
        let fired = examined.hits.iter().map(|h| &h.rule).chain(&examined.unplaced);
        let fired = fired.filter(|id| ours.contains(&id.as_str())).count() > 0;
        if case["expected"] == fired {
            agreed += 1;
        } else {
            otherwise.push(case["id"].as_str().unwrap().to_owned());
        }
    }
    otherwise.sort();
    assert_eq!(otherwise, OTHERWISE.map(|(example, _)| example));
    assert_eq!(agreed, 14);
}
