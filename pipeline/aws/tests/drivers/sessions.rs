//! Roles that are assumed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aisaws_aws::drivers::{Access, AwsAccount, MemoryLog, Settings};
use aisaws_core::fault::{Classify as _, Fault as Class};
use aisaws_core::id::IncidentId;
use aisaws_core::port::Account as _;
use serde_json::json;

use crate::proxy::{Fault, Seen};
use crate::world::{ACCOUNT, World, step, with};

const ROLE: &str = "arn:aws:iam::111122223333:role/aisaws-responder";

async fn by_role(world: &World) -> AwsAccount {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"},
        "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "acme-7"}}}]});
    let create = world.iam().create_role().role_name("aisaws-responder");
    // Tests of this file share the role; whoever comes first makes it.
    drop(create.assume_role_policy_document(trust.to_string()).send().await);
    let access = Access::Role { arn: ROLE.to_owned(), external_id: Some("acme-7".to_owned()) };
    let accounts = BTreeMap::from([(ACCOUNT.into(), access)]);
    let settings = Settings { accounts, ..world.settings() };
    world.account_with(settings, Arc::new(MemoryLog::default()))
}

fn assumed(world: &World) -> Vec<Seen> {
    world.ministack.seen().into_iter().filter(|seen| seen.operation == "AssumeRole").collect()
}

fn field<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    seen.body.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

#[tokio::test]
async fn a_repair_is_made_in_a_session_that_names_its_incident() {
    let Some(world) = World::new().await else { return };
    let (bucket, key) = (world.bucket("by-role").await, world.key("by-role").await);
    let account = by_role(&world).await;
    let before = account.read(&bucket).await.unwrap();
    account.read(&key).await.unwrap();
    assert_eq!(assumed(&world).len(), 1, "one session for looking, whatever the service");
    let after = with(&before, &[("Tags", json!({"a": "b"}))]);
    let write = step("by-role");
    account.write(&bucket, &before, &after, &write).await.unwrap();
    let sessions = assumed(&world);
    let names: Vec<&str> =
        sessions.iter().map(|seen| field(seen, "RoleSessionName").unwrap()).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(IncidentId::of_session(names[0]), None);
    assert_eq!(IncidentId::of_session(names[1]), Some(write.incident));
    assert!(sessions.iter().all(|seen| field(seen, "ExternalId") == Some("acme-7")));
    // Every other call was made with what STS gave, in one session or the other.
    let calls = world.ministack.seen();
    let of_sessions = calls.iter().filter(|seen| seen.operation != "AssumeRole");
    let tokens: BTreeSet<Option<&str>> =
        of_sessions.map(|seen| seen.header("x-amz-security-token")).collect();
    assert_eq!(tokens.len(), 2);
    assert!(!tokens.contains(&None));
}

#[tokio::test]
async fn a_role_that_may_not_be_assumed_is_no_passing_trouble() {
    let Some(world) = World::new().await else { return };
    let (bucket, account) = (world.bucket("no-role").await, by_role(&world).await);
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
        <Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>";
    let denied = Fault::Answer { status: 403, body: body.to_owned() };
    world.ministack.will("AssumeRole", vec![denied; 20]);
    let error = account.read(&bucket).await.unwrap_err();
    assert_eq!(error.fault(), Class::AccessDenied, "{}", aisaws_core::fault::chain(&error));
    assert!(assumed(&world).len() <= 8, "asked once by each of the calls of a read at most");
}
