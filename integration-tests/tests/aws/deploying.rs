//! Putting the stack up, changing it, taking it down: by the product's code, and by its commands.

use std::process::{Command, Output};

use aisaws_aws::Aws;
use aisaws_aws::deploy::{
    Artifacts, DeployError, Deployment, Pace, delete_bucket, delete_table, stack,
};
use aisaws_aws::store::Store;
use aisaws_core::port::Incidents as _;
use aisaws_emulators::{Emulator, or_skipped};

use crate::stage::deployment::started;
use crate::stage::template;

const PACE: Pace = Pace { interval: std::time::Duration::from_millis(200), looks: 300 };

/// `aisaws` for that emulator.
fn aisaws(emulator: &Emulator, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"))
        .args(arguments)
        .envs([
            ("AWS_ENDPOINT_URL", emulator.endpoint().as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

#[tokio::test]
async fn the_artifact_bucket_is_ours_and_holds_content_once() {
    let Some(emulator) = or_skipped(started()) else { return };
    let aws = Aws::emulator(&emulator.endpoint()).await;
    let artifacts = Artifacts::ensure(&aws, None).await.unwrap();
    assert_eq!(artifacts.bucket(), "aisaws-artifacts-111122223333-us-east-1");
    let key = artifacts.put("read", "zip", b"content").await.unwrap();
    // SHA-256 of `content`.
    let digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    assert_eq!(key, format!("read-{digest}.zip"));
    assert_eq!(artifacts.put("read", "zip", b"content").await.unwrap(), key);
    // Once more is no error.
    Artifacts::ensure(&aws, None).await.unwrap();
}

#[tokio::test]
async fn what_could_not_be_made_is_named_with_its_reason() {
    let Some(emulator) = or_skipped(started()) else { return };
    let aws = Aws::emulator(&emulator.endpoint()).await;
    let artifacts = Artifacts::ensure(&aws, None).await.unwrap();
    // Of a function that is not there.
    let template = serde_json::json!({
        "Parameters": { "Any": { "Type": "String", "Default": "x" } },
        "Resources": { "Broken": { "Type": "AWS::Lambda::Url", "Properties": {
            "AuthType": "NONE",
            "TargetFunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:none",
        } } },
    });
    let template = template.to_string();
    let key = artifacts.put("template", "json", template.as_bytes()).await.unwrap();
    let mut deployment = Deployment {
        stack: "broken".to_owned(),
        template_url: artifacts.url(&key),
        parameters: [("Other".to_owned(), "x".to_owned())].into(),
        pace: PACE,
    };
    let refused = deployment.propose(&aws).await;
    assert!(matches!(&refused, Err(DeployError::Parameter(p)) if p == "Other"), "{refused:?}");
    deployment.parameters.clear();
    let proposal = deployment.propose(&aws).await.unwrap().unwrap();
    assert!(proposal.creates && proposal.changes[0].resource == "Broken", "{proposal:?}");
    let failed = deployment.execute(&aws, &proposal, &mut |_| {}).await;
    let Err(DeployError::Failed { failures, .. }) = &failed else { panic!("{failed:?}") };
    assert!(failures[0].resource == "Broken" && !failures[0].reason.is_empty(), "{failures:?}");
    // What is left takes no change, and says so.
    let stuck = deployment.propose(&aws).await;
    assert!(matches!(stuck, Err(DeployError::Stuck { .. })), "{stuck:?}");
}

#[tokio::test]
async fn a_proposal_that_is_put_away_leaves_nothing() {
    let Some(emulator) = or_skipped(started()) else { return };
    let aws = Aws::emulator(&emulator.endpoint()).await;
    let artifacts = Artifacts::ensure(&aws, None).await.unwrap();
    let template = br#"{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}"#;
    let key = artifacts.put("template", "json", template).await.unwrap();
    let deployment = Deployment {
        stack: "declined".to_owned(),
        template_url: artifacts.url(&key),
        parameters: [].into(),
        pace: PACE,
    };
    let proposal = deployment.propose(&aws).await.unwrap().unwrap();
    deployment.discard(&aws, &proposal).await.unwrap();
    assert_eq!(stack(&aws, "declined").await.unwrap(), None);
}

#[tokio::test]
async fn the_commands_put_up_change_and_take_down_and_keep_what_was_recorded() {
    let Some(emulator) = or_skipped(started()) else { return };
    let endpoint = emulator.endpoint();
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.yaml");
    std::fs::write(&template, template::adapted(&endpoint, &endpoint)).unwrap();
    let template = template.to_str().unwrap();
    let deploy =
        |more: &[&str]| aisaws(&emulator, &[&["deploy", "--template", template], more].concat());

    let without = deploy(&["--yes"]);
    assert_eq!(without.status.code(), Some(2), "{}", text(&without));
    assert!(text(&without).contains("aisaws package"), "{}", text(&without));

    let programs = ["--read-program", env!("CARGO_BIN_EXE_read-under-test"), "--write-program"];
    let programs = [&programs[..], &[env!("CARGO_BIN_EXE_write-under-test")]].concat();
    // Nobody can be asked, and nobody said yes.
    let unasked = deploy(&programs);
    assert_eq!(unasked.status.code(), Some(2), "{}", text(&unasked));
    let aws = Aws::emulator(&endpoint).await;
    assert_eq!(stack(&aws, "aisaws").await.unwrap(), None);

    let acting = [&programs[..], &["--yes", "--mode", "act", "--output", "json"]].concat();
    let nobody = deploy(&acting);
    assert_eq!(nobody.status.code(), Some(2), "{}", text(&nobody));
    assert!(text(&nobody).contains("--approver-email"), "{}", text(&nobody));
    let made = deploy(&[&acting[..], &["--approver-email", "alice@example.org"]].concat());
    assert_eq!(made.status.code(), Some(0), "{}", text(&made));
    let told: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(told["status"], "CREATE_COMPLETE");
    assert_eq!(told["outputs"]["TableName"], "aisaws");

    // What was said once stays: the programs, and the mode.
    let same = deploy(&["--yes"]);
    assert!(text(&same).contains("nothing changes"), "{}", text(&same));
    let changed = deploy(&["--yes", "--parameter", "ApprovalTimeoutSeconds=600"]);
    assert_eq!(changed.status.code(), Some(0), "{}", text(&changed));
    assert!(text(&changed).contains("DecideFunction"), "{}", text(&changed));
    let parameters = stack(&aws, "aisaws").await.unwrap().unwrap().parameters;
    assert_eq!(parameters["ApprovalTimeoutSeconds"], "600");
    assert_eq!(parameters["Mode"], "act");

    let store = store(&aws);
    let secret = store.secret("kept", [7; 32]).await.unwrap();
    let unasked = aisaws(&emulator, &["destroy"]);
    assert_eq!(unasked.status.code(), Some(2), "{}", text(&unasked));
    let gone = aisaws(&emulator, &["destroy", "--yes"]);
    assert_eq!(gone.status.code(), Some(0), "{}", text(&gone));
    assert!(text(&gone).contains("stays with what was recorded"), "{}", text(&gone));
    assert_eq!(stack(&aws, "aisaws").await.unwrap(), None);
    let none = aisaws(&emulator, &["destroy", "--yes"]);
    assert_eq!(none.status.code(), Some(3), "{}", text(&none));

    // A new stack of these names takes them in, after a question, with what was recorded.
    let unasked = deploy(&programs);
    assert_eq!(unasked.status.code(), Some(2), "{}", text(&unasked));
    assert_eq!(stack(&aws, "aisaws").await.unwrap(), None);
    let again = deploy(&[&programs[..], &["--yes", "--output", "json"]].concat());
    assert_eq!(again.status.code(), Some(0), "{}", text(&again));
    let bucket = told["outputs"]["BucketName"].as_str().unwrap();
    assert!(text(&again).contains(&format!("AWS::S3::Bucket {bucket}")), "{}", text(&again));
    assert!(text(&again).contains("AWS::KMS::Key"), "{}", text(&again));
    let now: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(now["status"], "UPDATE_COMPLETE");
    assert_eq!(now["outputs"]["BucketName"], bucket);
    assert_eq!(store.secret("kept", [8; 32]).await.unwrap(), secret);

    // Until they are deleted too.
    let gone = aisaws(&emulator, &["destroy", "--yes", "--delete-data"]);
    assert_eq!(gone.status.code(), Some(0), "{}", text(&gone));
    assert!(text(&gone).contains("IS DELETED"), "{}", text(&gone));
    assert!(store.list(None, 1).await.is_err());
    // What is gone is no error.
    delete_table(&aws, "aisaws").await.unwrap();
    delete_bucket(&aws, bucket).await.unwrap();
}

/// The store of the stack.
fn store(aws: &Aws) -> Store {
    let archive = aisaws_aws::archive::Archive::new(aws, "unused");
    Store::new(aws, "aisaws", archive, std::sync::Arc::new(aisaws_aws::SystemClock))
}

#[tokio::test]
async fn a_table_that_is_not_ours_is_no_stack_of_ours_to_take_in() {
    let Some(emulator) = or_skipped(started()) else { return };
    let aws = Aws::emulator(&emulator.endpoint()).await;
    // There is no bucket that says its key.
    store(&aws).ensure_table().await.unwrap();
    let programs = ["--read-program", env!("CARGO_BIN_EXE_read-under-test"), "--write-program"];
    let programs = [&programs[..], &[env!("CARGO_BIN_EXE_write-under-test")]].concat();
    let refused = aisaws(&emulator, &[&["deploy", "--yes"], &programs[..]].concat());
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused));
    assert!(text(&refused).contains("--parameter Prefix=NAME"), "{}", text(&refused));
    assert_eq!(stack(&aws, "aisaws").await.unwrap(), None);
}

#[tokio::test]
async fn programs_for_another_processor_are_refused_before_anything_is_called() {
    let folder = tempfile::tempdir().unwrap();
    // The heads of two ELF files, for aarch64 and for i386 (`e_machine` 183 and 3).
    let [arm, old] = [183_u8, 3].map(|machine| {
        let path = folder.path().join(machine.to_string());
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(18, 0);
        bytes.extend([machine, 0, 0, 0]);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let here = env!("CARGO_BIN_EXE_read-under-test");
    let rows: [(&[&str], i32, &str); 5] = [
        (&["--read-program", here, "--write-program", &arm], 2, "for arm64"),
        (&["--read-program", &old, "--write-program", &old], 3, "no Linux program"),
        (
            &[
                "--read-program",
                &arm,
                "--write-program",
                &arm,
                "--parameter",
                "Architecture=x86_64",
            ],
            2,
            "--target x86_64-unknown-linux-gnu",
        ),
        (&["--parameter", "Architecture=arm64"], 2, "--target aarch64-unknown-linux-gnu"),
        (&["--artifacts", "/nowhere"], 2, "/nowhere/read.zip"),
    ];
    for (arguments, code, words) in rows {
        // An endpoint at which nothing listens.
        let output = Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"))
            .args(["deploy", "--yes"])
            .args(arguments)
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains(words), "{arguments:?}: {}", text(&output));
    }
}
