//! Makes calls happen: each call as the event that CloudTrail would record of it, projected.
//! It knows the few places where an API names things otherwise than its events do.

use aisaws_controls::resource;
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use serde_json::{Map, Value, json};

use crate::world::event_with;

/// The state after the calls, as their events tell it.
pub(crate) fn enact(subject: &ResourceRef, before: &Value, calls: &[Call]) -> Value {
    calls.iter().fold(before.clone(), |state, call| {
        refuse_as_s3_would(&state, call);
        let (service, action) = call.action.split_once(':').unwrap();
        let (name, request) = match service {
            "s3" => as_s3_event(action, &call.parameters),
            _ => (action.to_owned(), as_event(action, &call.parameters)),
        };
        let event = event_with(
            service,
            &name,
            json!({
                "requestParameters": request,
                "userIdentity": {
                    "type": "AssumedRole",
                    "arn": "arn:aws:sts::111122223333:assumed-role/aisaws/incident",
                    "accountId": "111122223333",
                },
            }),
        );
        resource(&subject.kind).unwrap().project(subject, &state, &event).unwrap()
    })
}

/// S3 refuses public grants and policies that are blocked, and grants where lists are void.
fn refuse_as_s3_would(state: &Value, call: &Call) {
    let is_on = |name| state["PublicAccessBlockConfiguration"][name] == json!(true);
    let text = call.parameters.to_string();
    if call.action == "s3:PutBucketAcl" {
        assert!(!(text.contains("groups/global/") && is_on("BlockPublicAcls")), "{call:?}");
        assert_ne!(state["ObjectOwnership"], json!("BucketOwnerEnforced"), "{call:?}");
    }
    if call.action == "s3:PutBucketPolicy" && is_on("BlockPublicPolicy") {
        let policy: Value =
            serde_json::from_str(call.parameters["Policy"].as_str().unwrap()).unwrap();
        let is_public =
            policy["Statement"].as_array().unwrap().iter().any(aisaws_controls::s3::is_public);
        assert!(!is_public, "{call:?}");
    }
}

fn as_s3_event(action: &str, parameters: &Value) -> (String, Value) {
    let mut request = parameters.as_object().unwrap().clone();
    let bucket = request.remove("Bucket").unwrap();
    let is_deletion = request.is_empty();
    let name = match (action, is_deletion) {
        ("PutEncryptionConfiguration", _) => "PutBucketEncryption".to_owned(),
        (action, true) => action.replace("Put", "Delete"),
        (action, false) => action.to_owned(),
    };
    for (parent, from, to) in [
        ("AccessControlPolicy", "Grants", "AccessControlList"),
        ("ServerSideEncryptionConfiguration", "Rules", "Rule"),
        ("OwnershipControls", "Rules", "Rule"),
    ] {
        rename(&mut request, parent, from, to);
    }
    if let Some(rule) = request.get_mut("OwnershipControls").and_then(|c| c.get_mut("Rule")) {
        *rule = rule[0].clone();
    }
    if let Some(set) = request.get_mut("Tagging").and_then(|t| t.get_mut("TagSet")) {
        *set = json!({"Tag": set.clone()});
    }
    if let Some(text) = request.remove("Policy") {
        request.insert("bucketPolicy".to_owned(), text);
    }
    request.insert("bucketName".to_owned(), bucket);
    (name, Value::Object(request))
}

fn rename(request: &mut Map<String, Value>, parent: &str, from: &str, to: &str) {
    if let Some(Value::Object(inner)) = request.get_mut(parent)
        && let Some(value) = inner.remove(from)
    {
        inner.insert(to.to_owned(), value);
    }
}

/// EC2 tags name resources in a list of their own, and its events call pairs of user and
/// group `groups`; all else reads the same in any casing.
fn as_event(action: &str, parameters: &Value) -> Value {
    match action {
        "CreateTags" | "DeleteTags" => json!({
            "resourcesSet": {"items": [{"resourceId": parameters["Resources"][0]}]},
            "tagSet": {"items": parameters["Tags"]},
        }),
        _ => {
            let mut request = parameters.clone();
            let permissions = request.get_mut("IpPermissions").and_then(Value::as_array_mut);
            for permission in permissions.into_iter().flatten() {
                let permission = permission.as_object_mut().unwrap();
                if let Some(pairs) = permission.remove("UserIdGroupPairs") {
                    permission.insert("groups".to_owned(), pairs);
                }
            }
            request
        }
    }
}
