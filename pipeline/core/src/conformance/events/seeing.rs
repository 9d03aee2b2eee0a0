//! Claims about what was seen first.

use serde_json::json;

use crate::conformance::claim::{Outcome, equal, holds};
use crate::conformance::scene::{HOSTILE, Scene, plain};
use crate::port::Events;
use crate::seen::Seen;

/// By the events' own time, through either handle, whatever the order and the repetitions.
pub async fn the_earliest_event_tells_what_was_seen(
    one: &dyn Events,
    other: &dyn Events,
) -> Outcome {
    let scene = Scene::new("events/seen");
    let principal = scene.principal();
    let seen = Seen::Principal(&principal);
    equal("before any", &one.first_seen(seen).await?, &None)?;
    for (handle, id, second, earliest) in [
        (one, "c", 30, 30),
        (other, "d", 40, 30),
        (other, "b", 20, 20),
        (one, "e", 25, 20),
        (one, "a", 10, 10),
        (other, "c", 30, 10),
    ] {
        handle.append(vec![plain(scene.event(id, second)?)]).await?;
        for handle in [one, other] {
            equal("first", &handle.first_seen(seen).await?, &Some(scene.at(earliest)))?;
        }
    }
    let anything = one.first_seen(Seen::Anything).await?;
    holds("something was seen by then", anything.is_some_and(|time| time <= scene.at(10)))
}

/// Callers and regions are told apart exactly, also within one batch.
pub async fn what_is_seen_is_told_apart_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/seen-apart");
    let names: Vec<String> = HOSTILE.iter().map(|text| scene.own(text)).collect();
    let mut batch = Vec::new();
    for (n, name) in (1_i64..).zip(&names) {
        let identity = json!({ "type": "IAMUser", "arn": name });
        let more = json!({ "userIdentity": identity, "awsRegion": name });
        batch.push(plain(scene.event_with(&n.to_string(), n, &more)?));
    }
    let account = batch.first().map(|r| r.event.account.as_str().to_owned()).unwrap_or_default();
    events.append(batch).await?;
    for (n, name) in (1_i64..).zip(&names) {
        let first = Some(scene.at(n));
        equal("principal", &events.first_seen(Seen::Principal(name)).await?, &first)?;
        equal("region", &events.first_seen(Seen::Region(&account, name)).await?, &first)?;
        let elsewhere = Seen::Region("999988887777", name);
        equal("in another account", &events.first_seen(elsewhere).await?, &None)?;
    }
    Ok(())
}
