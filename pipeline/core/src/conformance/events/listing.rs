//! Claims about lists of events, what they touch, and dead letters.

use jiff::Timestamp;
use serde_json::json;

use crate::conformance::claim::{Failure, Outcome, equal, holds};
use crate::conformance::scene::{HOSTILE, Scene, ids, plain};
use crate::event::Event;
use crate::id::EventId;
use crate::port::{DeadLetter, EventFilter, Events, Recorded};

/// Everything in the claim's own hour.
fn all(scene: &Scene) -> EventFilter {
    EventFilter { since: Some(scene.at(0)), until: Some(scene.at(3600)), ..EventFilter::default() }
}

/// Appends events of those names and seconds, each in a batch of its own.
async fn arrive(
    events: &dyn Events,
    scene: &Scene,
    which: &[(&str, i64)],
) -> Result<Vec<Event>, Failure> {
    let mut made = Vec::new();
    for (id, second) in which {
        let event = scene.event(id, *second)?;
        events.append(vec![plain(event.clone())]).await?;
        made.push(event);
    }
    Ok(made)
}

/// Order of arrival does not matter; equal times go by id.
pub async fn events_are_listed_by_time_then_id(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/order");
    arrive(events, &scene, &[("c", 5), ("z", 1), ("B", 5), ("a", 5), ("d", 3)]).await?;
    let listed = ids(&events.list(&all(&scene), None, 100).await?);
    let expected = ["z", "d", "B", "a", "c"].map(|id| scene.id(id)).to_vec();
    equal("events", &listed, &expected)
}

/// Whatever the page size, all pages together are the list.
pub async fn pages_have_no_gap_and_no_repetition(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/pages");
    let mut expected: Vec<(Timestamp, EventId)> = Vec::new();
    for n in 0..23_i64 {
        // Several in the same second, so that pages end among equal times.
        let event = scene.event(&format!("e{}", (n * 7) % 23), (n * 7) % 23 / 6)?;
        expected.push((event.time, event.id.clone()));
        events.append(vec![plain(event)]).await?;
    }
    expected.sort();
    for size in [1, 2, 5, 22, 23, 24] {
        let mut found: Vec<(Timestamp, EventId)> = Vec::new();
        loop {
            let page = events.list(&all(&scene), found.last().cloned(), size).await?;
            holds("a page keeps its limit", u32::try_from(page.len()).is_ok_and(|n| n <= size))?;
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|event| (event.time, event.id)));
            holds("pages come to an end", found.len() <= expected.len())?;
        }
        equal("events of all pages", &found, &expected)?;
    }
    Ok(())
}

/// Both contents of a corrected event, under the one id, and on one page.
pub async fn variants_are_listed_both(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/variants");
    let first = scene.event("b", 2)?;
    let second = scene.event_with("b", 2, &json!({ "addendum": {} }))?;
    events.append(vec![plain(first.clone()), plain(second.clone())]).await?;
    arrive(events, &scene, &[("a", 1), ("c", 3)]).await?;
    let listed = events.list(&all(&scene), None, 100).await?;
    let expected = ["a", "b", "b", "c"].map(|id| scene.id(id)).to_vec();
    equal("events", &ids(&listed), &expected)?;
    for content in [&first, &second] {
        holds("each content is listed", listed.contains(content))?;
    }
    let page = events.list(&all(&scene), None, 2).await?;
    equal("a page that would end between them", &ids(&page), &vec![scene.id("a")])?;
    let page = events.list(&all(&scene), Some((scene.at(1), scene.id("a"))), 2).await?;
    equal("the next page", &ids(&page), &vec![scene.id("b"), scene.id("b")])
}

/// `[since, until)`.
pub async fn since_is_included_and_until_is_not(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/window");
    arrive(events, &scene, &[("a", 1), ("b", 2), ("c", 3), ("d", 4)]).await?;
    let filter = EventFilter {
        since: Some(scene.at(2)),
        until: Some(scene.at(4)),
        ..EventFilter::default()
    };
    let listed = ids(&events.list(&filter, None, 100).await?);
    equal("events", &listed, &vec![scene.id("b"), scene.id("c")])
}

/// No prefix, no pattern, no other case.
pub async fn a_name_is_matched_whole_and_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/name");
    let names = ["StopLogging", "stoplogging", "StopLogging2", "Stop%", "StopLoggin_"];
    for (second, name) in (0..).zip(names) {
        let event = scene.event_with(name, second, &json!({ "eventName": name }))?;
        events.append(vec![plain(event)]).await?;
    }
    for name in names {
        let filter = EventFilter { name: Some(name.to_owned()), ..all(&scene) };
        let listed = ids(&events.list(&filter, None, 100).await?);
        equal(name, &listed, &vec![scene.id(name)])?;
    }
    Ok(())
}

/// The filter by id needs no time.
pub async fn one_id_is_found_among_others(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/id");
    arrive(events, &scene, &[("a", 1), ("b", 2)]).await?;
    let filter = EventFilter { id: Some(scene.id("b")), ..EventFilter::default() };
    equal("events", &ids(&events.list(&filter, None, 100).await?), &vec![scene.id("b")])?;
    let filter = EventFilter { id: Some(scene.id("c")), ..EventFilter::default() };
    equal("events", &ids(&events.list(&filter, None, 100).await?), &Vec::new())
}

/// An event has to match every part of the filter.
pub async fn filters_combine(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/combine");
    for (id, second, name) in [("a", 1, "N"), ("b", 2, "N"), ("c", 2, "M"), ("d", 3, "N")] {
        let event = scene.event_with(id, second, &json!({ "eventName": name }))?;
        events.append(vec![plain(event)]).await?;
    }
    let filter =
        EventFilter { since: Some(scene.at(2)), name: Some("N".to_owned()), ..all(&scene) };
    let listed = ids(&events.list(&filter, None, 100).await?);
    equal("events", &listed, &vec![scene.id("b"), scene.id("d")])?;
    let listed = ids(&events.list(&filter, Some((scene.at(2), scene.id("b"))), 100).await?);
    equal("events after one", &listed, &vec![scene.id("d")])?;
    let filter = EventFilter { id: Some(scene.id("a")), ..filter };
    equal("events of an id outside", &events.list(&filter, None, 100).await?, &Vec::new())
}

/// At most none.
pub async fn a_limit_of_none_lists_nothing(events: &dyn Events) -> Outcome {
    let scene = Scene::new("list/none");
    arrive(events, &scene, &[("a", 1)]).await?;
    equal("events", &events.list(&all(&scene), None, 0).await?, &Vec::new())
}

fn touching(event: Event, scene: &Scene, buckets: &[&str]) -> Recorded {
    let touches = buckets.iter().map(|bucket| scene.bucket(bucket)).collect();
    Recorded { touches, ..plain(event) }
}

/// By time then id, whatever the order of arrival.
pub async fn touching_events_come_in_order(events: &dyn Events) -> Outcome {
    let scene = Scene::new("touch/order");
    for (id, second) in [("c", 2), ("z", 1), ("a", 2), ("b", 2)] {
        events.append(vec![touching(scene.event(id, second)?, &scene, &["x"])]).await?;
    }
    let touched = ids(&events.touching(&scene.bucket("x")).await?);
    equal("events", &touched, &["z", "a", "b", "c"].map(|id| scene.id(id)).to_vec())
}

/// An event may touch several; events without touches touch none.
pub async fn touching_knows_one_resource_from_another(events: &dyn Events) -> Outcome {
    let scene = Scene::new("touch/which");
    events
        .append(vec![
            touching(scene.event("a", 1)?, &scene, &["x", "y", "x"]),
            touching(scene.event("b", 2)?, &scene, &["y"]),
            touching(scene.event("c", 3)?, &scene, &[]),
        ])
        .await?;
    let x = events.touching(&scene.bucket("x")).await?;
    equal("events of x", &x, &vec![scene.event("a", 1)?])?;
    let y = ids(&events.touching(&scene.bucket("y")).await?);
    equal("events of y", &y, &vec![scene.id("a"), scene.id("b")])?;
    equal("events of z", &events.touching(&scene.bucket("z")).await?, &Vec::new())
}

/// A second delivery changes nothing, even if it is said to touch more.
pub async fn a_duplicate_touches_nothing_more(events: &dyn Events) -> Outcome {
    let scene = Scene::new("touch/duplicate");
    let event = scene.event("a", 1)?;
    events.append(vec![touching(event.clone(), &scene, &["x"])]).await?;
    events.append(vec![touching(event, &scene, &["x", "y"])]).await?;
    equal("events of x", &events.touching(&scene.bucket("x")).await?.len(), &1)?;
    equal("events of y", &events.touching(&scene.bucket("y")).await?.len(), &0)
}

/// A correction has touches of its own and keeps its plain id.
pub async fn a_variant_touches_what_it_says(events: &dyn Events) -> Outcome {
    let scene = Scene::new("touch/variant");
    let first = scene.event("a", 1)?;
    let second = scene.event_with("a", 1, &json!({ "addendum": {} }))?;
    events.append(vec![touching(first, &scene, &["x"])]).await?;
    events.append(vec![touching(second.clone(), &scene, &["y"])]).await?;
    equal("events of y", &events.touching(&scene.bucket("y")).await?, &vec![second])
}

fn letter(scene: &Scene, line: u64, content: &str) -> DeadLetter {
    DeadLetter {
        origin: scene.own("file.json"),
        line,
        reason: "not a CloudTrail record".to_owned(),
        content: content.to_owned(),
    }
}

async fn letters(events: &dyn Events, scene: &Scene) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters = events.dead_letters(u32::MAX).await?;
    letters.retain(|letter| letter.origin.starts_with(&scene.own("")));
    Ok(letters)
}

/// In order of arrival, a repeated one where it first stood.
pub async fn dead_letters_are_kept_once_and_in_order(events: &dyn Events) -> Outcome {
    let scene = Scene::new("letters/once");
    let [a, b, c] = [(9, "a"), (3, "b"), (5, "c")].map(|(line, text)| letter(&scene, line, text));
    events.bury(vec![a.clone(), b.clone(), a.clone()]).await?;
    events.bury(vec![b.clone(), c.clone()]).await?;
    equal("letters", &letters(events, &scene).await?, &vec![a, b, c])?;
    equal("letters of a limit", &events.dead_letters(1).await?.len(), &1)
}

/// What makes a letter another one; its reason does not.
pub async fn dead_letters_differ_by_origin_line_or_content(events: &dyn Events) -> Outcome {
    let scene = Scene::new("letters/identity");
    let first = letter(&scene, 1, "x");
    let others = [
        DeadLetter { origin: scene.own("other.json"), ..first.clone() },
        DeadLetter { line: 2, ..first.clone() },
        DeadLetter { content: "y".to_owned(), ..first.clone() },
    ];
    events.bury(vec![first.clone()]).await?;
    events.bury(vec![DeadLetter { reason: "another".to_owned(), ..first.clone() }]).await?;
    events.bury(others.to_vec()).await?;
    let [a, b, c] = others;
    equal("letters", &letters(events, &scene).await?, &vec![first, a, b, c])
}

/// Contents are bytes from outside.
pub async fn hostile_dead_letters_read_back_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("letters/hostile");
    let mut expected: Vec<DeadLetter> = (1..)
        .zip(HOSTILE)
        .map(|(line, text)| DeadLetter {
            origin: scene.own(text),
            reason: text.to_owned(),
            ..letter(&scene, line, text)
        })
        .collect();
    expected.push(letter(&scene, u64::MAX, &"'x\n".repeat(65_536 / 3)));
    events.bury(expected.clone()).await?;
    equal("letters", &letters(events, &scene).await?, &expected)
}
