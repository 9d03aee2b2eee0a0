//! The demo's scenario, end to end, through the command line.

use std::process::Command;

use serde_json::Value;

use crate::program::{aisaws, demo_events, json, run, text};

fn incident<'a>(report: &'a Value, resource: &str) -> &'a Value {
    report["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["resource"]["id"] == resource)
        .unwrap_or_else(|| panic!("no incident about {resource}: {report:#}"))
}

#[test]
fn the_scenario_ends_as_it_must() {
    let folder = tempfile::tempdir().unwrap();
    let events = demo_events(folder.path());
    let report = json(aisaws(&folder.path().join("s.sqlite")).arg("respond").arg(&events));
    let rows = [
        ("acme-quarterly-reports", "AWS::S3::Bucket", "act", "remediated", true),
        ("sg-0de00000000000ff1", "AWS::EC2::SecurityGroup", "act", "remediated", true),
        ("org-trail", "AWS::CloudTrail::Trail", "act", "remediated", true),
        ("AKIADEMO0000CIDEPLOY", "AWS::IAM::AccessKey", "ask_human", "waiting_approval", false),
        ("acme-payroll", "AWS::S3::Bucket", "log_only", "logged", false),
        ("acme-scratch", "AWS::S3::Bucket", "act", "gone", false),
        ("sg-0de00000000000ff2", "AWS::EC2::SecurityGroup", "act", "already_clean", false),
    ];
    for (id, kind, decision, status, verified) in rows {
        let incident = incident(&report, id);
        assert_eq!(incident["resource"]["type"], kind, "{incident:#}");
        assert_eq!(incident["resource"]["account"], "111122223333");
        assert_eq!(incident["decision"], decision, "{incident:#}");
        assert_eq!(incident["status"], status, "{incident:#}");
        assert_eq!(incident["verified"], verified, "{incident:#}");
    }
    assert_eq!(report["incidents"].as_array().unwrap().len(), rows.len());
    let totals = &report["totals"];
    assert_eq!(
        (&totals["events"], &totals["duplicates"], &totals["own"]),
        (&15.into(), &1.into(), &1.into())
    );
}

/// Nothing repairs a sign-in, so being told is all there is.
#[test]
fn people_are_told_of_a_grave_hit_that_no_control_answers() {
    let folder = tempfile::tempdir().unwrap();
    let event = |id: &str, user: &str| {
        serde_json::json!({
            "eventVersion": "1.08", "eventID": id, "eventTime": "2026-03-01T10:00:00Z",
            "eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com",
            "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
            "sourceIPAddress": "192.0.2.7",
            "userIdentity": { "type": user, "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:root" },
            "responseElements": { "ConsoleLogin": "Success" },
        })
    };
    let events = folder.path().join("e.json");
    std::fs::write(&events, event("a", "Root").to_string()).unwrap();
    for (severity, messages) in [("high", 1), ("critical", 0), ("never", 0)] {
        let alerts = folder.path().join(format!("{severity}.jsonl"));
        let mut command = aisaws(&folder.path().join(format!("{severity}.sqlite")));
        command.env("AISAWS_ALERT_FILE", &alerts).env("AISAWS_ALERT_SEVERITY", severity);
        let report = json(command.arg("respond").arg(&events));
        let incident = incident(&report, "111122223333");
        assert_eq!(
            (&incident["decision"], &incident["status"]),
            (&"log_only".into(), &"logged".into())
        );
        let told = std::fs::read_to_string(&alerts).unwrap_or_default();
        let told: Vec<Value> = told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let rule = "iam.root-console-login";
        let about: Vec<&Value> = told.iter().filter(|m| m["rules"][0] == rule).collect();
        assert_eq!(about.len(), messages, "{severity}: {told:?}");
        assert!(messages > 0 || told.is_empty(), "{severity}: {told:?}");
        for message in about {
            // A sign-in is a use of root too: both rules, one message.
            let subject = format!(
                "AWS::::Account 111122223333: {rule}, iam.root-used; recorded, nothing was changed"
            );
            assert_eq!(message["subject"], subject.as_str());
            // Not that a human is asked, which the risk alone would have called for.
            assert_eq!(message["lines"][0], "no control answers these rules");
        }
    }
}

#[test]
fn the_report_keeps_to_its_schema() {
    let folder = tempfile::tempdir().unwrap();
    let events = demo_events(folder.path());
    let report = json(aisaws(&folder.path().join("s.sqlite")).arg("respond").arg(&events));
    let schema: Value =
        serde_json::from_str(include_str!("../../../pipeline/app/schema/respond.schema.json"))
            .unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&report).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn a_repair_removes_the_forbidden_exposure_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let events = demo_events(folder.path());
    let report = json(aisaws(&store).arg("respond").arg(&events));
    let id = incident(&report, "sg-0de00000000000ff1")["id"].as_str().unwrap().to_owned();
    let shown = json(aisaws(&store).args(["incident", "show", &id]));
    let remediated = shown["ledger"]
        .as_array()
        .unwrap()
        .iter()
        .find(|link| link["entry"]["kind"] == "remediated")
        .unwrap();
    let calls = remediated["entry"]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!(calls[0]["action"], "ec2:RevokeSecurityGroupIngress");
    let parameters = calls[0]["parameters"].to_string();
    assert!(
        parameters.contains("0.0.0.0/0") && !parameters.contains("192.0.2.0/24"),
        "{parameters}"
    );
}

#[test]
fn the_first_vote_counts_and_a_different_second_one_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let events = demo_events(folder.path());
    let respond = run(aisaws(&store).arg("respond").arg(&events));
    assert_eq!(respond.status.code(), Some(1), "one incident waits");
    let waiting = json(aisaws(&store).args(["approval", "list"]));
    let id = waiting[0]["incident"].as_str().unwrap().to_owned();
    assert!(!waiting.to_string().contains("token"), "the token is secret");

    let grant = run(aisaws(&store).args(["approval", "grant", &id, "--yes", "--reason", "seen"]));
    assert_eq!(grant.status.code(), Some(0), "{}", text(&grant.stderr));
    let digest = waiting[0]["digest"].as_str().unwrap();
    assert!(text(&grant.stderr).contains(digest), "the plan's digest is shown");
    let deny = run(aisaws(&store).args(["approval", "deny", &id, "--yes"]));
    assert_eq!(deny.status.code(), Some(1));

    let shown = json(aisaws(&store).args(["incident", "show", &id]));
    assert_eq!(shown["incident"]["status"], "remediated");
    let kinds: Vec<_> = shown["ledger"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["entry"]["kind"].as_str().unwrap())
        .collect();
    let votes = kinds.iter().filter(|k| **k == "voted").count();
    assert_eq!(votes, 1, "{kinds:?}");
}

/// A store on which the demo's question needs two people, the question's incident, and the program.
fn asked_two(folder: &std::path::Path) -> (impl Fn(&str) -> Command, String) {
    let store = folder.join("s.sqlite");
    let policy = folder.join("policy.toml");
    let shipped = include_str!("../../../stages/decide/policy.toml");
    let two = shipped.replace("\napprovals = 1", "\napprovals = 2");
    assert_ne!(two, shipped);
    std::fs::write(&policy, two).unwrap();
    let program = move |user: &str| {
        let mut command = aisaws(&store);
        command.env("AISAWS_DECIDE_POLICY", &policy).env("USER", user).env_remove("SUDO_USER");
        command
    };
    run(program("ann").arg("respond").arg(demo_events(folder)));
    let waiting = json(program("ann").args(["approval", "list"]));
    let id = waiting[0]["incident"].as_str().unwrap().to_owned();
    (program, id)
}

/// Who voted what according to the ledger.
fn votes(shown: &Value) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let links = shown["ledger"].as_array().unwrap().iter().map(|link| &link["entry"]);
    links.filter(|e| e["kind"] == "voted").map(|e| (word(&e["by"]), word(&e["vote"]))).collect()
}

#[test]
fn two_people_grant_a_repair_that_one_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let (program, id) = asked_two(folder.path());
    let shows = |status: &str, voters: &[&str]| {
        let shown = json(program("ann").args(["incident", "show", &id]));
        assert_eq!(shown["incident"]["status"], status);
        let granted: Vec<_> =
            voters.iter().map(|by| ((*by).to_owned(), "grant".to_owned())).collect();
        assert_eq!(votes(&shown), granted);
    };
    for _ in 0..2 {
        let grant = run(program("ann").args(["approval", "grant", &id, "--yes"]));
        assert_eq!(grant.status.code(), Some(1), "{}", text(&grant.stdout));
        shows("waiting_approval", &["ann"]);
    }
    let waiting = json(program("ann").args(["approval", "list"]));
    assert_eq!((&waiting[0]["granted"], &waiting[0]["approvals"]), (&1.into(), &2.into()));
    let grant = run(program("bob").args(["approval", "grant", &id, "--yes"]));
    assert_eq!(grant.status.code(), Some(0), "{}", text(&grant.stderr));
    shows("remediated", &["ann", "bob"]);
}

#[test]
fn a_denial_ends_what_one_of_two_granted() {
    let folder = tempfile::tempdir().unwrap();
    let (program, id) = asked_two(folder.path());
    run(program("ann").args(["approval", "grant", &id, "--yes"]));
    run(program("bob").args(["approval", "deny", &id, "--yes"]));
    let late = run(program("cid").args(["approval", "grant", &id, "--yes"]));
    assert_eq!(late.status.code(), Some(1), "{}", text(&late.stdout));
    let shown = json(program("ann").args(["incident", "show", &id]));
    assert_eq!(shown["incident"]["status"], "denied");
    assert_eq!(votes(&shown).len(), 2);
}

#[test]
fn a_denied_repair_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    run(aisaws(&store).arg("respond").arg(demo_events(folder.path())));
    let before = crate::program::writes(&store);
    let waiting = json(aisaws(&store).args(["approval", "list"]));
    let id = waiting[0]["incident"].as_str().unwrap();
    let deny = run(aisaws(&store).args(["approval", "deny", id, "--yes", "--reason", "known"]));
    assert_eq!(deny.status.code(), Some(0));
    let shown = json(aisaws(&store).args(["incident", "show", id]));
    assert_eq!(shown["incident"]["status"], "denied");
    assert_eq!(crate::program::writes(&store), before);
}

#[test]
fn replay_of_what_was_recorded_differs_in_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    run(aisaws(&store).arg("respond").arg(demo_events(folder.path())));
    let before = crate::program::ledger(&store);
    let replay = json(aisaws(&store).arg("replay"));
    assert_eq!(replay["differing"], 0, "{replay:#}");
    assert_eq!(replay["incidents"].as_array().unwrap().len(), 7);
    assert_eq!(crate::program::ledger(&store), before, "replay writes nothing");
}

#[test]
fn replay_tells_what_another_policy_would_decide() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    run(aisaws(&store).arg("respond").arg(demo_events(folder.path())));
    let policy = folder.path().join("policy.toml");
    let text = include_str!("../../../stages/decide/policy.toml");
    std::fs::write(&policy, text.replace("max = \"act\"", "max = \"ask_human\"")).unwrap();
    let replay = json(aisaws(&store).env("AISAWS_DECIDE_POLICY", &policy).arg("replay"));
    let bucket = replay["incidents"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["resource"]["id"] == "acme-quarterly-reports")
        .unwrap();
    assert_eq!(bucket["recorded"]["decision"], "act");
    assert_eq!(bucket["replayed"]["decision"], "ask_human");
    assert_eq!(bucket["differs"], true);
    assert_eq!(bucket["recorded"]["plan"], bucket["replayed"]["plan"]);
}

#[test]
fn replay_compares_what_is_selected() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    run(aisaws(&store).arg("respond").arg(demo_events(folder.path())));
    let compared = |arguments: &[&str]| -> Vec<Value> {
        let replay = json(aisaws(&store).arg("replay").args(arguments));
        assert_eq!(replay["differing"], 0, "{replay:#}");
        replay["incidents"].as_array().unwrap().clone()
    };
    let all = compared(&[]);
    let bucket = "acme-quarterly-reports";
    let arn = format!("arn:aws:s3:::{bucket}");
    for name in [bucket, arn.as_str()] {
        let rows = compared(&["--resource", name]);
        assert!(!rows.is_empty() && rows.len() < all.len());
        assert!(rows.iter().all(|row| row["resource"]["id"] == bucket), "{rows:#?}");
    }
    let id = all[0]["incident"].as_str().unwrap();
    let rows = compared(&["--id", id]);
    assert_eq!(rows.iter().map(|row| &row["incident"]).collect::<Vec<_>>(), [id]);
    let opens = compared(&["--event-name", "AuthorizeSecurityGroupIngress"]);
    assert!(!opens.is_empty());
    assert!(opens.iter().all(|row| row["resource"]["type"] == "AWS::EC2::SecurityGroup"));
    for nobody in [["--actor", "nobody"], ["--resource", "none"], ["--event-name", "None"]] {
        assert!(compared(&nobody).is_empty());
    }
    // Whoever called is a caller of some incidents, and everybody together of all.
    let scenario = include_str!("../../../pipeline/cli/demo/scenario.json");
    let scenario: Value = serde_json::from_str(scenario).unwrap();
    let callers: std::collections::BTreeSet<&str> = scenario["Records"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|record| record["userIdentity"]["arn"].as_str())
        .collect();
    let mut by_caller = std::collections::BTreeSet::new();
    for caller in callers {
        let rows = compared(&["--actor", caller]);
        by_caller.extend(rows.iter().map(|row| row["incident"].to_string()));
    }
    assert!(!by_caller.is_empty() && by_caller.len() <= all.len());
}

#[test]
fn a_live_rerun_of_what_is_clean_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let report = json(aisaws(&store).arg("respond").arg(demo_events(folder.path())));
    let id = incident(&report, "acme-quarterly-reports")["id"].as_str().unwrap().to_owned();
    let before = crate::program::ledger(&store);
    let live = json(aisaws(&store).args(["replay", "--live", &id, "--yes"]));
    assert_eq!(live["rerun"], Value::Null, "{live:#}");
    assert_eq!(crate::program::ledger(&store), before);
}

#[test]
fn a_live_rerun_shows_its_plan_and_repairs_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let events = demo_events(folder.path());
    // Only recorded at first; then the policy in force repairs.
    let policy = folder.path().join("policy.toml");
    let shipped = include_str!("../../../stages/decide/policy.toml");
    std::fs::write(&policy, shipped.replace("max = \"act\"", "max = \"log_only\"")).unwrap();
    let observed =
        json(aisaws(&store).env("AISAWS_DECIDE_POLICY", &policy).arg("respond").arg(events));
    let first = incident(&observed, "acme-quarterly-reports");
    assert_eq!(first["status"], "logged");
    let id = first["id"].as_str().unwrap();
    let live = || run(aisaws(&store).args(["replay", "--live", id, "--yes", "--output", "json"]));
    let done = live();
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(answer["status"], "remediated", "{answer:#}");
    assert!(text(&done.stderr).contains(answer["digest"].as_str().unwrap()), "the plan is shown");
    let shown = json(aisaws(&store).args(["incident", "show", answer["rerun"].as_str().unwrap()]));
    let asked = &shown["ledger"][0]["entry"]["detected"]["rerun"];
    assert_eq!(
        (&asked["by"], &asked["of"], &asked["run"]),
        (&"tester".into(), &id.into(), &1.into())
    );
    let first = json(aisaws(&store).args(["incident", "show", id]));
    assert_eq!(first["reruns"], serde_json::json!([answer["rerun"]]));
    let writes = crate::program::writes(&store);
    let again = live();
    let answer: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(answer["rerun"], Value::Null, "{answer:#}");
    assert_eq!(crate::program::writes(&store), writes);
    // What a person asked for is no incident that rules or policy would find.
    let replay = json(aisaws(&store).env("AISAWS_DECIDE_POLICY", &policy).arg("replay"));
    assert_eq!(replay["differing"], 0, "{replay:#}");
    assert_eq!(json(aisaws(&store).args(["store", "verify"]))["holds"], true);
}

#[test]
fn a_changed_ledger_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    run(aisaws(&store).arg("respond").arg(demo_events(folder.path())));
    assert_eq!(json(aisaws(&store).args(["store", "verify"]))["holds"], true);
    let db = rusqlite::Connection::open(&store).unwrap();
    let changed = db
        .execute("update ledger set entry = replace(entry, '\"act\"', '\"log_only\"') where entry like '%\"act\"%'", [])
        .unwrap();
    assert!(changed > 0);
    drop(db);
    let output = run(aisaws(&store).args(["store", "verify"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("content does not match its hash"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn what_stands_beside_the_ledger_is_compared_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let events = demo_events(folder.path());
    let tampering = [
        ("a removed record", "delete from incident where rowid = 1"),
        ("a renamed record", "update incident set id = id || 'x' where rowid = 1"),
        ("a changed record", "update incident set detected = replace(detected, 'acme', 'evil')"),
        ("a changed snapshot", "update state set content = '{}'"),
        ("a removed link", "delete from ledger where seq = 1"),
        ("a changed execution", "update machine_execution set revision = revision + 1"),
        ("a removed piece of a history", "delete from machine_history where first = 1"),
        ("a changed definition", "update machine_definition set definition = '{}'"),
    ];
    for (turn, (name, sql)) in tampering.into_iter().enumerate() {
        let store = folder.path().join(format!("{turn}.sqlite"));
        run(aisaws(&store).arg("respond").arg(&events));
        let db = rusqlite::Connection::open(&store).unwrap();
        let triggers: Vec<String> = db
            .prepare("select name from sqlite_master where type = 'trigger'")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        for trigger in triggers {
            db.execute_batch(&format!("drop trigger {trigger}")).unwrap();
        }
        assert!(db.execute(sql, []).unwrap() > 0, "{name}");
        drop(db);
        let output = run(aisaws(&store).args(["store", "verify"]));
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output.stdout));
    }
}

#[test]
fn bad_usage_is_two_and_says_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let missing = run(aisaws(&store).args(["respond", "no-such-file.json"]));
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("no-such-file.json"));
    let no_store = run(aisaws(&store).args(["incident", "list"]));
    assert_eq!(no_store.status.code(), Some(2));
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "[own]\nrole = []\n").unwrap();
    let unknown = run(aisaws(&store).arg("--config").arg(&config).args(["config", "check"]));
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("line 2"), "{}", text(&unknown.stderr));
}

#[test]
fn malformed_records_are_kept_and_never_stop_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let input = folder.path().join("in.ndjson");
    let good = text(&std::fs::read(demo_events(folder.path())).unwrap());
    let good: Value = serde_json::from_str(&good).unwrap();
    let lines = format!("not json\n{}\n{{\"eventID\": 7}}\n", good["Records"][3]);
    std::fs::write(&input, lines).unwrap();
    let report = json(aisaws(&store).arg("respond").arg(&input));
    assert_eq!(report["totals"]["dead_letters"], 2);
    assert_eq!(report["incidents"][0]["status"], "remediated");
    let db = rusqlite::Connection::open(&store).unwrap();
    let kept: Vec<(i64, String)> = db
        .prepare("select line, reason from dead_letter order by line")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(kept.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3]);
}

/// A record of an ordinary role in the scenario's account, with the given parameters.
fn record(id: &str, time: &str, service: &str, name: &str, rest: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.09","eventID":"{id}","eventTime":"2026-03-01T{time}Z","eventName":"{name}","eventSource":"{service}.amazonaws.com","awsRegion":"us-east-1","recipientAccountId":"111122223333","sourceIPAddress":"192.0.2.10","userIdentity":{{"type":"AssumedRole","arn":"arn:aws:sts::111122223333:assumed-role/ops/bob","accountId":"111122223333"}},{rest}}}"#
    )
}

fn respond_to(records: &[String]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.ndjson");
    std::fs::write(&input, records.join("\n")).unwrap();
    json(aisaws(&folder.path().join("s.sqlite")).arg("respond").arg(&input))
}

#[test]
fn what_the_event_does_not_tell_is_not_called_clean() {
    // A policy padded beyond 100 KB is cut from the record; only the ARN is left.
    let report = respond_to(&[record(
        "e-1",
        "10:00:00",
        "s3",
        "PutBucketPolicy",
        r#""requestParameters":{"omitted":true,"reason":"requestParameters too large"},"resources":[{"type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::acme-padded"}]"#,
    )]);
    let incident = incident(&report, "acme-padded");
    assert_eq!(incident["status"], "failed", "{incident:#}");
    assert_eq!(incident["verified"], false);
}

#[test]
fn a_refused_attempt_that_names_no_resource_is_recorded_about_the_account() {
    let report = respond_to(&[record(
        "e-1",
        "10:00:00",
        "iam",
        "CreateAccessKey",
        r#""errorCode":"AccessDenied","requestParameters":{"userName":"alice"},"responseElements":null"#,
    )]);
    let incident = incident(&report, "111122223333");
    assert_eq!(incident["resource"]["type"], "AWS::::Account");
    assert_eq!(
        (&incident["decision"], &incident["status"]),
        (&"log_only".into(), &"logged".into())
    );
    assert!(incident["score"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_revocation_that_cannot_be_placed_does_not_hide_an_open_port() {
    let report = respond_to(&[
        record(
            "e-1",
            "10:00:00",
            "ec2",
            "RevokeSecurityGroupIngress",
            r#""requestParameters":{"groupId":"sg-0123456789abcdef0","securityGroupRuleIds":{"items":[{"securityGroupRuleId":"sgr-0a"}]}},"responseElements":{"_return":true}"#,
        ),
        record(
            "e-2",
            "10:01:00",
            "ec2",
            "AuthorizeSecurityGroupIngress",
            r#""requestParameters":{"groupId":"sg-0123456789abcdef0","ipProtocol":"tcp","fromPort":22,"toPort":22,"cidrIp":"0.0.0.0/0","ipPermissions":{}},"responseElements":{"_return":true}"#,
        ),
    ]);
    assert_eq!(incident(&report, "sg-0123456789abcdef0")["status"], "remediated", "{report:#}");
}

#[test]
fn a_question_nobody_answered_in_time_ends_in_those_words() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("s.sqlite");
    let policy = folder.path().join("policy.toml");
    let shipped = include_str!("../../../stages/decide/policy.toml");
    std::fs::write(&policy, shipped.replace("timeout_seconds = 86400", "timeout_seconds = 1"))
        .unwrap();
    let program = || {
        let mut command = aisaws(&store);
        command.env("AISAWS_DECIDE_POLICY", &policy);
        command
    };
    run(program().arg("respond").arg(demo_events(folder.path())));
    // A slow machine sees the question lapsed already.
    let incidents = json(program().args(["incident", "list"]));
    let asked = |i: &&Value| i["status"] == "waiting_approval" || i["status"] == "expired";
    let asked: Vec<&Value> = incidents.as_array().unwrap().iter().filter(asked).collect();
    let [asked] = asked[..] else { panic!("{incidents:#}") };
    let id = asked["id"].as_str().unwrap().to_owned();
    let before = crate::program::writes(&store);
    // The question lapses by the machine's clock.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let grant = run(program().args(["approval", "grant", &id, "--yes"]));
    assert_eq!(grant.status.code(), Some(1), "{}", text(&grant.stdout));
    let shown = json(program().args(["incident", "show", &id]));
    assert_eq!(shown["incident"]["status"], "expired");
    assert_eq!(crate::program::writes(&store), before);
}
