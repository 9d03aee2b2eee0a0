//! Claims about ledgers.

use serde_json::json;

use super::Handle;
use crate::canonical::Digest;
use crate::conformance::claim::{Failure, Outcome, equal, holds};
use crate::conformance::scene::{HOSTILE, Scene, UNEVEN};
use crate::conformance::together::together;
use crate::fault::Fault;
use crate::handoff::{Contribution, Vote};
use crate::id::IncidentId;
use crate::ledger::{Appended, Call, Entry, Finding, verify_chain};
use crate::port::StoreError;
use crate::risk::{Decision, Risk};
use crate::status::Status;

async fn opened(handle: Handle<'_>, scene: &Scene, name: &str) -> Result<IncidentId, Failure> {
    let incident = scene.incident_on(name, 1, "shared");
    let id = incident.detected.incident;
    handle.incidents.open(incident, Vec::new(), scene.at(1)).await?;
    Ok(id)
}

/// Claims that the stored chain has so many links and holds.
async fn verifies(handle: Handle<'_>, id: IncidentId, links: usize) -> Outcome {
    let (stored, head) = handle.incidents.raw_ledger(id).await?;
    equal("links", &stored.len(), &links)?;
    equal("chain", &verify_chain(id, &stored, head.as_ref()), &Ok(()))
}

/// One entry of every kind, with texts and numbers that are easily spoilt.
fn entries(scene: &Scene) -> Vec<Entry> {
    let digest = Digest::of_bytes(b"plan");
    let hostile = || HOSTILE.map(str::to_owned).to_vec();
    let parameters = json!({
        "texts": HOSTILE, "large": "'x\"".repeat(33_000), "none": null,
        "numbers": [0, -1, u64::MAX, i64::MIN, 1.5, 0.1 + 0.2, 1.0 / 3.0, UNEVEN, 2.5e-300, 1e21],
    });
    let calls = vec![Call { action: "s3:PutBucketAcl".to_owned(), parameters: parameters.clone() }];
    vec![
        Entry::Opened { detected: scene.detected("a", 1, "shared") },
        Entry::Scored {
            risk: Risk::clamped(0.1 + 0.2),
            contributions: HOSTILE
                .iter()
                .zip([0.1 + 0.2, UNEVEN, -0.0, 5e-324, 1.797_693_134_862_315_7e308])
                .map(|(text, weight)| Contribution {
                    name: (*text).to_owned(),
                    weight,
                    reason: (*text).to_owned(),
                })
                .collect(),
        },
        Entry::Decided { decision: Decision::AskHuman, reasons: hostile(), is_budget_spent: true },
        Entry::FoundClean { state: digest.clone() },
        Entry::FoundGone,
        Entry::Prepared {
            round: 1,
            digest: digest.clone(),
            findings: vec![Finding {
                control: "s3.bucket-acl-public".into(),
                message: HOSTILE.join(" "),
            }],
            patch: json!([{ "op": "replace", "path": "/a~1b", "value": parameters }]),
            inverse: json!([]),
            snapshot: digest.clone(),
            target: digest.clone(),
        },
        Entry::ApprovalAsked { digest: digest.clone(), expires: scene.at(60), approvals: 2 },
        Entry::Voted {
            vote: Vote::Deny,
            by: HOSTILE.join(" "),
            reason: HOSTILE.join("\n"),
            digest: digest.clone(),
        },
        Entry::Expired { digest: digest.clone() },
        Entry::Remediated { digest: digest.clone(), calls: calls.clone() },
        Entry::Verified { holds: false, reads: 2, problems: hostile(), state: digest.clone() },
        Entry::RolledBack { digest, calls, left: hostile() },
        Entry::Faulted { error: "Fault.Permanent".to_owned(), cause: HOSTILE.join(" ") },
        Entry::Alerted { channels: vec![("file".to_owned(), Some(HOSTILE.join(" ")))] },
        Entry::Closed { status: Status::RolledBack },
    ]
}

/// Every kind of entry comes back as it was written, in order, at its time.
pub async fn entries_read_back_exactly(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/exact");
    let id = opened(handle, &scene, "a").await?;
    let entries = entries(&scene);
    // Nanoseconds count: they are part of what is hashed.
    let at = scene.at(5) + std::time::Duration::from_nanos(123_456_789);
    for (n, entry) in entries.iter().enumerate() {
        let key = format!("{n}:{}", HOSTILE.get(n % HOSTILE.len()).unwrap_or(&""));
        let appended = handle.incidents.append(id, &key, entry.clone(), at).await?;
        equal("answer", &appended, &Appended::New)?;
    }
    let ledger = handle.incidents.ledger(id).await?;
    equal("links", &ledger.len(), &(entries.len() + 1))?;
    for (n, (link, entry)) in ledger.iter().skip(1).zip(&entries).enumerate() {
        equal("entry", &link.entry, entry)?;
        equal("time", &link.at, &at)?;
        equal("number", &usize::try_from(link.seq).ok(), &Some(n + 2))?;
        holds("the link has its key", link.key.starts_with(&format!("{n}:")))?;
    }
    verifies(handle, id, entries.len() + 1).await
}

/// The stored chain holds after every append, head included.
pub async fn the_chain_verifies(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/verify");
    let id = opened(handle, &scene, "a").await?;
    verifies(handle, id, 1).await?;
    for (links, entry) in (2..).zip(entries(&scene)) {
        handle.incidents.append(id, &links.to_string(), entry, scene.at(2)).await?;
        verifies(handle, id, links).await?;
    }
    Ok(())
}

/// A step that runs twice writes once; the earlier entry stands.
pub async fn a_repeated_key_keeps_the_first_entry(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/repeat");
    let id = opened(handle, &scene, "a").await?;
    let append = |key: &'static str, entry, second| {
        handle.incidents.append(id, key, entry, scene.at(second))
    };
    append("k", Entry::FoundGone, 2).await?;
    append("l", Entry::Closed { status: Status::Gone }, 3).await?;
    let again = append("k", Entry::Closed { status: Status::Failed }, 4).await?;
    equal("answer", &again, &Appended::Already)?;
    let again = append("opened", Entry::FoundGone, 5).await?;
    equal("answer for the first link's key", &again, &Appended::Already)?;
    let entries: Vec<Entry> =
        handle.incidents.ledger(id).await?.into_iter().skip(1).map(|link| link.entry).collect();
    let expected = vec![Entry::FoundGone, Entry::Closed { status: Status::Gone }];
    equal("entries", &entries, &expected)?;
    verifies(handle, id, 3).await
}

/// Keys that look alike are different keys.
pub async fn keys_are_told_apart_exactly(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/keys");
    let id = opened(handle, &scene, "a").await?;
    let keys = ["k", "K", "k ", " k", "k%", "k_", "", "1", "1.0", "01", "\u{e9}", "e\u{301}"];
    for key in keys {
        let appended = handle.incidents.append(id, key, Entry::FoundGone, scene.at(2)).await?;
        equal(key, &appended, &Appended::New)?;
    }
    let stored: Vec<String> =
        handle.incidents.ledger(id).await?.into_iter().skip(1).map(|link| link.key).collect();
    equal("keys", &stored, &keys.map(str::to_owned).to_vec())
}

/// An entry needs an incident.
pub async fn an_unknown_incident_takes_no_entry(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/no-incident");
    let id = scene.incident_id("a");
    match handle.incidents.append(id, "k", Entry::FoundGone, scene.at(1)).await {
        Err(e @ StoreError::NotFound { .. }) => {
            use crate::fault::Classify as _;
            equal("fault", &e.fault(), &Fault::BadInput)?;
        }
        other => return equal("answer", &format!("{other:?}"), &"not found".to_owned()),
    }
    equal("links", &handle.incidents.ledger(id).await?.len(), &0)
}

/// No incident, no chain and no head.
pub async fn an_unknown_incident_has_no_ledger(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/unknown");
    let id = scene.incident_id("a");
    equal("ledger", &handle.incidents.ledger(id).await?, &Vec::new())?;
    equal("raw ledger", &handle.incidents.raw_ledger(id).await?, &(Vec::new(), None))
}

/// The same keys in two incidents do not meet.
pub async fn incidents_have_chains_of_their_own(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/own");
    let (a, b) = (opened(handle, &scene, "a").await?, opened(handle, &scene, "b").await?);
    for id in [a, b, a, b] {
        handle.incidents.append(id, "k", Entry::FoundGone, scene.at(2)).await?;
    }
    handle.incidents.append(b, "l", Entry::FoundGone, scene.at(2)).await?;
    verifies(handle, a, 2).await?;
    verifies(handle, b, 3).await
}

/// Forty appends at once through two handles: all are there, and the chain holds.
pub async fn concurrent_appends_make_one_chain(one: Handle<'_>, other: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/concurrent");
    let id = opened(one, &scene, "a").await?;
    let keys: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let calls = keys.iter().enumerate().map(|(n, key)| {
        let handle = if n % 2 == 0 { one } else { other };
        handle.incidents.append(id, key, Entry::FoundGone, scene.at(2))
    });
    for appended in together(calls).await {
        equal("answer", &appended?, &Appended::New)?;
    }
    verifies(other, id, 41).await
}

/// Sixteen appends of one step at once: one is written.
pub async fn one_of_many_concurrent_appends_of_a_key_is_new(
    one: Handle<'_>,
    other: Handle<'_>,
) -> Outcome {
    let scene = Scene::new("ledger/concurrent-key");
    let id = opened(one, &scene, "a").await?;
    let calls = (0..16).map(|n| {
        let handle = if n % 2 == 0 { one } else { other };
        handle.incidents.append(id, "k", Entry::FoundGone, scene.at(n))
    });
    let mut new = 0;
    for appended in together(calls).await {
        new += usize::from(appended? == Appended::New);
    }
    equal("new ones", &new, &1)?;
    verifies(one, id, 2).await
}

fn remediated() -> Entry {
    Entry::Remediated { digest: Digest::of_bytes(b"plan"), calls: Vec::new() }
}

/// Only `Remediated` counts, over all incidents of the resource, from `since` on.
pub async fn writes_are_counted_by_resource_and_time(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/writes");
    let (a, b) = (opened(handle, &scene, "a").await?, opened(handle, &scene, "b").await?);
    let elsewhere = scene.incident_on("c", 1, "elsewhere");
    let c = elsewhere.detected.incident;
    handle.incidents.open(elsewhere, Vec::new(), scene.at(1)).await?;
    for (id, key, second) in [(a, "1", 10), (a, "2", 20), (b, "1", 30), (c, "1", 40)] {
        handle.incidents.append(id, key, remediated(), scene.at(second)).await?;
        let (digest, calls, left) = (Digest::of_bytes(b"plan"), Vec::new(), Vec::new());
        let undone = Entry::RolledBack { digest, calls, left };
        for (kind, entry) in [("gone", Entry::FoundGone), ("undone", undone)] {
            let key = format!("{kind}:{key}");
            handle.incidents.append(id, &key, entry, scene.at(second)).await?;
        }
    }
    let shared = scene.bucket("shared").key();
    for (since, expected) in [(0, 3), (10, 3), (11, 2), (30, 1), (31, 0)] {
        let counted = handle.incidents.writes_since(&shared, scene.at(since)).await?;
        equal(&format!("writes since second {since}"), &counted, &expected)?;
    }
    let counted =
        handle.incidents.writes_since(&scene.bucket("nowhere").key(), scene.at(0)).await?;
    equal("writes to another resource", &counted, &0)
}

/// A repeated step is no second write.
pub async fn a_repeated_write_entry_counts_once(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("ledger/write-once");
    let id = opened(handle, &scene, "a").await?;
    for second in 1..5 {
        handle.incidents.append(id, "remediated:1", remediated(), scene.at(second)).await?;
    }
    let shared = scene.bucket("shared").key();
    equal("writes", &handle.incidents.writes_since(&shared, scene.at(0)).await?, &1)
}
