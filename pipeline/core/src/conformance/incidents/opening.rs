//! Claims about pending hits and the opening of incidents.

use std::collections::BTreeSet;

use serde_json::json;

use super::Handle;
use crate::conformance::claim::{Failure, Outcome, equal, holds};
use crate::conformance::scene::{HOSTILE, Scene, hit, plain};
use crate::conformance::together::together;
use crate::event::Event;
use crate::hit::Hit;
use crate::id::{EventId, RuleId};
use crate::incident::Incident;
use crate::ledger::{Entry, verify_chain};
use crate::port::{Mark, Opened, Recorded};
use crate::risk::Severity;

/// Keeps an event that is hit by those rules, each on the bucket of its event's name.
async fn hit_by(
    handle: Handle<'_>,
    scene: &Scene,
    event: &Event,
    rules: &[&str],
) -> Result<Vec<Hit>, Failure> {
    let hits: Vec<Hit> = rules.iter().map(|rule| hit(event, rule, &scene.bucket("b"))).collect();
    let record = Recorded { hits: hits.clone(), ..plain(event.clone()) };
    handle.events.append(vec![record]).await?;
    Ok(hits)
}

/// The claim's own part of the pending list.
async fn pending(handle: Handle<'_>, scene: &Scene) -> Result<Vec<(Event, Vec<Hit>)>, Failure> {
    let all = handle.incidents.pending(u32::MAX).await?;
    let own = scene.own("");
    Ok(all
        .into_iter()
        .map(|pending| (pending.event, pending.hits))
        .filter(|(event, _)| event.id.as_str().starts_with(&own))
        .collect())
}

async fn pending_ids(handle: Handle<'_>, scene: &Scene) -> Result<Vec<EventId>, Failure> {
    Ok(pending(handle, scene).await?.into_iter().map(|(event, _)| event.id).collect())
}

/// Takes events off the list, by way of an incident.
async fn take(handle: Handle<'_>, scene: &Scene, events: &[&str]) -> Outcome {
    let taken = marks(handle, scene, events).await?;
    take_marks(handle, scene, taken).await
}

/// The marks of those events as they are now.
async fn marks(handle: Handle<'_>, scene: &Scene, events: &[&str]) -> Result<Vec<Mark>, Failure> {
    let events: BTreeSet<EventId> = events.iter().map(|id| scene.id(id)).collect();
    let all = handle.incidents.pending(u32::MAX).await?;
    Ok(all.into_iter().map(|p| p.mark).filter(|mark| events.contains(&mark.event)).collect())
}

async fn take_marks(handle: Handle<'_>, scene: &Scene, taken: Vec<Mark>) -> Outcome {
    handle.incidents.open(scene.incident("taker", 0), taken, scene.at(0)).await?;
    Ok(())
}

/// An event's hits come with it, once, by rule id; a hit said twice is one.
pub async fn hits_are_pending_once_and_by_rule(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/once");
    let event = scene.event("a", 1)?;
    let hits = hit_by(handle, &scene, &event, &["rule.b", "rule.c", "rule.a", "rule.b"]).await?;
    let expected: Vec<Hit> =
        [2, 0, 1].iter().filter_map(|n: &usize| hits.get(*n).cloned()).collect();
    equal("pending", &pending(handle, &scene).await?, &vec![(event, expected)])?;
    take(handle, &scene, &["a"]).await
}

/// Most events are none of Incidents' business.
pub async fn an_event_without_hits_is_never_pending(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/none");
    let event = scene.event("a", 1)?;
    let record = Recorded { touches: vec![scene.bucket("b")], ..plain(event) };
    handle.events.append(vec![record]).await?;
    equal("pending", &pending(handle, &scene).await?, &Vec::new())
}

/// By time then id, whatever the order of arrival.
pub async fn pending_events_come_in_order_and_at_most_so_many(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/order");
    for (id, second) in [("c", 2), ("z", 1), ("a", 2)] {
        hit_by(handle, &scene, &scene.event(id, second)?, &["rule.a"]).await?;
    }
    let expected = ["z", "a", "c"].map(|id| scene.id(id)).to_vec();
    equal("pending", &pending_ids(handle, &scene).await?, &expected)?;
    equal("pending of a limit", &handle.incidents.pending(2).await?.len(), &2)?;
    take(handle, &scene, &["z", "a", "c"]).await
}

/// A process that dies between append and open leaves the hits to the next one.
pub async fn hits_stay_pending_until_they_are_taken(one: Handle<'_>, other: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/stay");
    hit_by(one, &scene, &scene.event("a", 1)?, &["rule.a"]).await?;
    for handle in [one, other, one] {
        equal("pending", &pending_ids(handle, &scene).await?, &vec![scene.id("a")])?;
    }
    // Opening without taking: the event has further incidents to open.
    one.incidents.open(scene.incident("first", 1), Vec::new(), scene.at(2)).await?;
    equal("pending", &pending_ids(other, &scene).await?, &vec![scene.id("a")])?;
    take(one, &scene, &["a"]).await?;
    equal("pending", &pending_ids(other, &scene).await?, &Vec::new())
}

/// Only what is named is taken.
pub async fn opening_takes_the_named_events_and_no_others(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/named");
    for (id, second) in [("a", 1), ("b", 2), ("c", 3)] {
        hit_by(handle, &scene, &scene.event(id, second)?, &["rule.a"]).await?;
    }
    take(handle, &scene, &["a", "c"]).await?;
    equal("pending", &pending_ids(handle, &scene).await?, &vec![scene.id("b")])?;
    take(handle, &scene, &["b"]).await
}

/// A correlation may find an event while its incident is being opened: nobody saw that hit, so
/// nobody takes it.
pub async fn a_hit_that_was_derived_meanwhile_stays_pending(
    one: Handle<'_>,
    other: Handle<'_>,
) -> Outcome {
    let scene = Scene::new("pending/derived-meanwhile");
    let event = scene.event("a", 1)?;
    let mut hits = hit_by(one, &scene, &event, &["rule.b"]).await?;
    let seen = marks(one, &scene, &["a"]).await?;
    let late = hit(&event, "rule.a", &scene.bucket("b"));
    other.events.derive(vec![late.clone()]).await?;
    take_marks(one, &scene, seen).await?;
    hits.insert(0, late);
    equal("pending", &pending(one, &scene).await?, &vec![(event, hits)])?;
    take(one, &scene, &["a"]).await?;
    equal("pending afterwards", &pending(one, &scene).await?, &Vec::new())
}

/// The same of a correction that arrives meanwhile: what was seen is taken, what came is not.
pub async fn a_hit_of_a_variant_that_came_meanwhile_stays_pending(
    one: Handle<'_>,
    other: Handle<'_>,
) -> Outcome {
    let scene = Scene::new("pending/variant-meanwhile");
    hit_by(one, &scene, &scene.event("a", 1)?, &["rule.a"]).await?;
    let seen = marks(one, &scene, &["a"]).await?;
    let corrected = scene.event_with("a", 1, &json!({ "addendum": {} }))?;
    let hits = hit_by(other, &scene, &corrected, &["rule.b"]).await?;
    take_marks(one, &scene, seen).await?;
    equal("pending", &pending(one, &scene).await?, &vec![(corrected, hits)])?;
    take(one, &scene, &["a"]).await?;
    equal("pending afterwards", &pending(one, &scene).await?, &Vec::new())
}

/// Two who saw the same take it one after the other, and a hit came in between: the second one's
/// mark is out of date, even though the event has a new one.
pub async fn an_old_mark_takes_no_later_hit(one: Handle<'_>, other: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/old-mark");
    let event = scene.event("a", 1)?;
    hit_by(one, &scene, &event, &["rule.a"]).await?;
    let seen = marks(other, &scene, &["a"]).await?;
    take(one, &scene, &["a"]).await?;
    one.events.derive(vec![hit(&event, "rule.b", &scene.bucket("b"))]).await?;
    take_marks(other, &scene, seen).await?;
    equal("pending", &pending_ids(one, &scene).await?, &vec![scene.id("a")])?;
    take(one, &scene, &["a"]).await?;
    equal("pending afterwards", &pending_ids(one, &scene).await?, &Vec::new())
}

/// What was taken stays taken when the event is delivered again.
pub async fn a_late_duplicate_does_not_become_pending_again(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/late-duplicate");
    let event = scene.event("a", 1)?;
    hit_by(handle, &scene, &event, &["rule.a"]).await?;
    take(handle, &scene, &["a"]).await?;
    hit_by(handle, &scene, &event, &["rule.a", "rule.b"]).await?;
    equal("pending", &pending(handle, &scene).await?, &Vec::new())
}

/// A correction that shows something new is looked at, under its plain id.
pub async fn a_variant_with_another_hit_becomes_pending(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/variant");
    hit_by(handle, &scene, &scene.event("a", 1)?, &["rule.a"]).await?;
    take(handle, &scene, &["a"]).await?;
    let corrected = scene.event_with("a", 1, &json!({ "addendum": {} }))?;
    let hits = hit_by(handle, &scene, &corrected, &["rule.b"]).await?;
    equal("pending", &pending(handle, &scene).await?, &vec![(corrected, hits)])?;
    take(handle, &scene, &["a"]).await?;
    equal("pending afterwards", &pending(handle, &scene).await?, &Vec::new())
}

/// A correction that shows what the first delivery showed is no new incident.
pub async fn a_variant_with_the_same_hit_does_not(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/variant-same");
    hit_by(handle, &scene, &scene.event("a", 1)?, &["rule.a"]).await?;
    take(handle, &scene, &["a"]).await?;
    let corrected = scene.event_with("a", 1, &json!({ "addendum": {} }))?;
    hit_by(handle, &scene, &corrected, &["rule.a"]).await?;
    equal("pending", &pending(handle, &scene).await?, &Vec::new())
}

/// Record and events, with hostile texts.
pub async fn an_incident_reads_back_exactly(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/exact");
    let mut incident = scene.incident("a", 1);
    for text in HOSTILE {
        incident.events.insert(scene.id(text));
        incident.detected.resource.id.push_str(text);
        incident.detected.rules.push(RuleId::new(text));
    }
    let id = incident.detected.incident;
    let opened = handle.incidents.open(incident.clone(), Vec::new(), scene.at(2)).await?;
    equal("answer", &opened, &Opened::New)?;
    equal("incident", &handle.incidents.get(id).await?, &Some(incident))
}

/// An id that was never opened.
pub async fn an_unknown_incident_is_none(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/unknown");
    equal("incident", &handle.incidents.get(scene.incident_id("a")).await?, &None)?;
    equal("of events", &handle.incidents.of_events(&[scene.id("a")]).await?, &Vec::new())?;
    equal("of no events", &handle.incidents.of_events(&[]).await?, &Vec::new())
}

/// `Opened`, under the key `opened`, in the same step.
pub async fn opening_writes_the_first_link(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/link");
    let incident = scene.incident("a", 1);
    let (id, detected) = (incident.detected.incident, incident.detected.clone());
    handle.incidents.open(incident, Vec::new(), scene.at(7)).await?;
    let ledger = handle.incidents.ledger(id).await?;
    let [link] = ledger.as_slice() else {
        return equal("links", &ledger.len(), &1);
    };
    equal("key", &link.key.as_str(), &"opened")?;
    equal("time", &link.at, &scene.at(7))?;
    equal("entry", &link.entry, &Entry::Opened { detected })?;
    let (links, head) = handle.incidents.raw_ledger(id).await?;
    equal("chain", &verify_chain(id, &links, head.as_ref()), &Ok(()))
}

/// The record that was first stands; events are added; the ledger stays as it is.
pub async fn opening_again_adds_events_and_nothing_else(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/again");
    let first = scene.incident("a", 1);
    let id = first.detected.incident;
    handle.incidents.open(first.clone(), Vec::new(), scene.at(2)).await?;
    let mut later = first.clone();
    later.detected.rules.push("another.rule".into());
    later.events = BTreeSet::from([scene.id("b"), scene.id("c")]);
    for _ in 0..2 {
        let opened = handle.incidents.open(later.clone(), Vec::new(), scene.at(3)).await?;
        equal("answer", &opened, &Opened::Already)?;
    }
    let expected = Incident {
        detected: first.detected,
        events: ["a", "b", "c"].into_iter().map(|id| scene.id(id)).collect(),
    };
    equal("incident", &handle.incidents.get(id).await?, &Some(expected))?;
    equal("links", &handle.incidents.ledger(id).await?.len(), &1)
}

/// A repeated call names marks that are gone.
pub async fn taking_what_was_taken_is_no_error(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/take-again");
    hit_by(handle, &scene, &scene.event("a", 1)?, &["rule.a"]).await?;
    let seen = marks(handle, &scene, &["a"]).await?;
    for expected in [Opened::New, Opened::Already] {
        let incident = scene.incident("a", 1);
        let opened = handle.incidents.open(incident, seen.clone(), scene.at(2)).await?;
        equal("answer", &opened, &expected)?;
        equal("pending", &pending(handle, &scene).await?, &Vec::new())?;
    }
    Ok(())
}

/// Sixteen at once: one opens, the ledger has one link, and every event belongs.
pub async fn one_of_many_concurrent_openings_is_new(one: Handle<'_>, other: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/concurrent");
    let id = scene.incident_id("a");
    let calls = (0..16).map(|n| {
        let handle = if n % 2 == 0 { one } else { other };
        let mut incident = scene.incident("a", 1);
        incident.events.insert(scene.id(&n.to_string()));
        handle.incidents.open(incident, Vec::new(), scene.at(2))
    });
    let mut new = 0;
    for opened in together(calls).await {
        new += usize::from(opened? == Opened::New);
    }
    equal("new ones", &new, &1)?;
    let events = one.incidents.get(id).await?.map(|incident| incident.events.len());
    equal("events", &events, &Some(17))?;
    let (links, head) = one.incidents.raw_ledger(id).await?;
    equal("links", &links.len(), &1)?;
    equal("chain", &verify_chain(id, &links, head.as_ref()), &Ok(()))
}

/// By the time of their event, then id; whatever the page size.
pub async fn incidents_are_listed_by_time_then_id(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/list");
    let mut expected = Vec::new();
    for (name, second) in [("c", 2), ("d", 3), ("a", 1), ("b", 2), ("e", 2)] {
        let incident = scene.incident(name, second);
        expected.push((incident.detected.time, incident.detected.incident));
        handle.incidents.open(incident, Vec::new(), scene.at(9)).await?;
    }
    expected.sort();
    let until = scene.at(3600);
    for size in [1, 2, 5, 9] {
        let mut found = Vec::new();
        let mut after = (scene.at(0), scene.incident_id("before"));
        loop {
            let page = handle.incidents.list(Some(after), size).await?;
            holds("a page keeps its limit", u32::try_from(page.len()).is_ok_and(|n| n <= size))?;
            let own = page.iter().map(|i| (i.detected.time, i.detected.incident));
            let own: Vec<_> = own.filter(|(time, _)| *time < until).collect();
            let Some(last) = own.last() else { break };
            after = *last;
            found.extend(own);
            holds("pages come to an end", found.len() <= expected.len())?;
        }
        equal("incidents of all pages", &found, &expected)?;
    }
    let first = handle.incidents.list(None, 1).await?;
    equal("a list from the start", &first.len(), &1)
}

/// Each incident of each event, once, sorted.
pub async fn an_event_may_belong_to_several_incidents(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("open/several");
    let mut expected = Vec::new();
    for name in ["a", "b", "c"] {
        let mut incident = scene.incident(name, 1);
        if name != "c" {
            incident.events.insert(scene.id("shared"));
        }
        expected.push(incident.detected.incident);
        handle.incidents.open(incident, Vec::new(), scene.at(2)).await?;
    }
    expected.sort();
    let all: Vec<EventId> =
        ["b", "shared", "a", "c", "nowhere"].into_iter().map(|id| scene.id(id)).collect();
    equal("of all events", &handle.incidents.of_events(&all).await?, &expected)?;
    expected.retain(|id| *id != scene.incident_id("c"));
    let shared = handle.incidents.of_events(&[scene.id("shared")]).await?;
    equal("of the shared event", &shared, &expected)
}

/// Each rule once, by id; whether an incident took the event does not matter.
pub async fn rules_of_a_principal_are_distinct_and_sorted(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("principal/rules");
    hit_by(handle, &scene, &scene.event("a", 1)?, &["rule.c", "rule.a"]).await?;
    hit_by(handle, &scene, &scene.event("b", 2)?, &["rule.b", "rule.a"]).await?;
    let other = json!({ "userIdentity": { "type": "IAMUser", "arn": scene.own("other") } });
    hit_by(handle, &scene, &scene.event_with("c", 3, &other)?, &["rule.d"]).await?;
    take(handle, &scene, &["a", "b", "c"]).await?;
    let (since, until) = (scene.at(0), scene.at(10));
    let rules = handle.incidents.rules_of_principal(&scene.principal(), since, until).await?;
    let expected: Vec<RuleId> = ["rule.a", "rule.b", "rule.c"].map(RuleId::from).to_vec();
    equal("rules", &rules, &expected)?;
    let nobody = handle.incidents.rules_of_principal(&scene.own("%"), since, until).await?;
    equal("rules of nobody", &nobody, &Vec::new())
}

/// Rules on probation, and those that only enrich events, are held against nobody.
pub async fn rules_of_a_principal_weigh_something(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("principal/weight");
    let event = scene.event("a", 1)?;
    let hit = |rule| hit(&event, rule, &scene.bucket("b"));
    let hits = vec![
        hit("rule.a"),
        Hit { is_trial: true, ..hit("rule.b") },
        Hit { severity: Severity::Informational, ..hit("rule.c") },
    ];
    handle.events.append(vec![Recorded { hits, ..plain(event.clone()) }]).await?;
    take(handle, &scene, &["a"]).await?;
    let rules =
        handle.incidents.rules_of_principal(&scene.principal(), scene.at(0), scene.at(9)).await?;
    equal("rules", &rules, &vec![RuleId::from("rule.a")])
}

/// A hit that only enriches its event asks for no incident.
pub async fn what_opens_nothing_is_not_pending(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("pending/informational");
    let event = scene.event("a", 1)?;
    let hit = Hit { severity: Severity::Informational, ..hit(&event, "r", &scene.bucket("b")) };
    handle.events.append(vec![Recorded { hits: vec![hit], ..plain(event.clone()) }]).await?;
    equal("pending", &pending(handle, &scene).await?.len(), &0)
}

/// `[since, until)` of event time.
pub async fn rules_of_a_principal_keep_to_the_window(handle: Handle<'_>) -> Outcome {
    let scene = Scene::new("principal/window");
    for (id, second) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        hit_by(handle, &scene, &scene.event(id, second)?, &[id]).await?;
    }
    take(handle, &scene, &["a", "b", "c", "d"]).await?;
    let rules =
        handle.incidents.rules_of_principal(&scene.principal(), scene.at(2), scene.at(4)).await?;
    equal("rules", &rules, &vec![RuleId::from("b"), RuleId::from("c")])
}
