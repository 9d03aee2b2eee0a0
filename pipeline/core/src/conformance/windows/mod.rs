//! Claims about port [`Windows`].

mod memory;

pub use memory::MemoryWindows;

use jiff::Timestamp;

use super::claim::{Outcome, Report, equal, holds, note_all};
use super::scene::{HOSTILE, Scene};
use super::together::together;
use crate::port::Windows;
use crate::window::{Changed, Counted, Entry, Match, PER_BUCKET, ROOM, WindowKey};

/// Every claim; `one` and `other` are handles on the same store.
pub async fn run_all(one: &dyn Windows, other: &dyn Windows) -> Report {
    let mut report = Report::default();
    note_all! { report;
        what_is_added_is_read_in_order_whatever_the_order_of_arrival(one, other);
        both_ends_of_a_range_belong_to_it(one);
        groups_and_correlations_are_apart(one);
        hostile_groups_and_values_read_back_exactly(one);
        a_second_delivery_changes_nothing(one, other);
        a_changed_bucket_stays_so_until_it_is_settled(one, other);
        what_comes_meanwhile_is_not_settled(one, other);
        changed_buckets_come_in_pages(one);
        of_a_flood_the_ends_stay_and_it_is_said(one);
        a_flood_of_one_part_leaves_room_to_the_others(one);
        repeats_of_a_value_leave_room_to_others(one);
        what_fired_is_noted_while_it_is_held(one, other);
        a_bucket_tells_when_something_came_last(one, other);
        concurrent_additions_are_all_kept(one, other);
        only_what_arrived_early_and_is_settled_is_forgotten(one);
    }
    report
}

fn key(scene: &Scene, group: &str) -> WindowKey {
    WindowKey { correlation: scene.own("correlation").as_str().into(), group: scene.own(group) }
}

fn entry(scene: &Scene, id: &str, second: i64, part: u32) -> Entry {
    Entry { time: scene.at(second), event: scene.id(id), part, value: String::new() }
}

fn in_bucket(key: &WindowKey, bucket: i64, entry: Entry) -> Match {
    Match { key: key.clone(), bucket, entry, counted: Counted::Matches }
}

async fn changed_of(
    windows: &dyn Windows,
    key: &WindowKey,
) -> Result<Vec<Changed>, super::Failure> {
    let all = windows.changed(None, u32::MAX).await?;
    Ok(all.into_iter().filter(|changed| changed.key == *key).collect())
}

/// Time, then event, part and value.
pub async fn what_is_added_is_read_in_order_whatever_the_order_of_arrival(
    one: &dyn Windows,
    other: &dyn Windows,
) -> Outcome {
    let scene = Scene::new("windows/order");
    let key = key(&scene, "g");
    let valued = |value: &str| Entry { value: value.to_owned(), ..entry(&scene, "b", 2, 1) };
    let sorted = vec![
        entry(&scene, "z", 1, 0),
        entry(&scene, "a", 2, 0),
        entry(&scene, "b", 2, 0),
        valued("x"),
        valued("y"),
        entry(&scene, "a", 3, 0),
    ];
    for (i, handle) in [(3, one), (5, other), (0, one), (4, other), (2, one), (1, one)] {
        let found = sorted.get(i).cloned();
        handle.add(found.map(|e| in_bucket(&key, 0, e)).into_iter().collect(), scene.at(9)).await?;
    }
    equal("entries", &one.entries(&key, scene.at(0), scene.at(9)).await?, &sorted)
}

/// A span that is exactly as long as the correlation's still counts.
pub async fn both_ends_of_a_range_belong_to_it(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/ends");
    let key = key(&scene, "g");
    let all: Vec<Entry> = (0..5).map(|n| entry(&scene, "a", n, 0)).collect();
    let matches = all.iter().map(|e| in_bucket(&key, e.time.as_second(), e.clone())).collect();
    windows.add(matches, scene.at(9)).await?;
    let found = windows.entries(&key, scene.at(1), scene.at(3)).await?;
    equal("entries", &found, &all.get(1..4).unwrap_or_default().to_vec())
}

/// A group is one correlation's.
pub async fn groups_and_correlations_are_apart(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/apart");
    let (a, b) = (key(&scene, "a"), key(&scene, "b"));
    let elsewhere = WindowKey { correlation: scene.own("other").as_str().into(), ..a.clone() };
    for (n, key) in [(1, &a), (2, &b), (3, &elsewhere)] {
        windows.add(vec![in_bucket(key, 0, entry(&scene, "e", n, 0))], scene.at(9)).await?;
    }
    for (n, key) in [(1, &a), (2, &b), (3, &elsewhere)] {
        let found = windows.entries(key, scene.at(0), scene.at(9)).await?;
        equal("entries", &found, &vec![entry(&scene, "e", n, 0)])?;
    }
    Ok(())
}

/// Groups and values are text from outside.
pub async fn hostile_groups_and_values_read_back_exactly(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/hostile");
    for text in HOSTILE {
        let key = key(&scene, text);
        let entry = Entry { value: text.to_owned(), ..entry(&scene, text, 1, 0) };
        windows.add(vec![in_bucket(&key, -1, entry.clone())], scene.at(9)).await?;
        let found = windows.entries(&key, scene.at(0), scene.at(9)).await?;
        equal("entries", &found, &vec![entry])?;
        let changed = changed_of(windows, &key).await?;
        equal("changed", &changed.iter().map(|c| c.bucket).collect(), &vec![-1])?;
    }
    Ok(())
}

/// Also after it was evaluated: there is nothing new to evaluate.
pub async fn a_second_delivery_changes_nothing(one: &dyn Windows, other: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/again");
    let key = key(&scene, "g");
    let found = in_bucket(&key, 7, entry(&scene, "a", 1, 0));
    one.add(vec![found.clone(), found.clone()], scene.at(9)).await?;
    for changed in changed_of(one, &key).await? {
        holds("it is settled", one.settle(&changed).await?)?;
    }
    other.add(vec![found], scene.at(10)).await?;
    equal("changed", &changed_of(one, &key).await?, &Vec::new())?;
    equal("count", &one.entries(&key, scene.at(0), scene.at(9)).await?.len(), &1)
}

/// Whoever looks, as often as they look.
pub async fn a_changed_bucket_stays_so_until_it_is_settled(
    one: &dyn Windows,
    other: &dyn Windows,
) -> Outcome {
    let scene = Scene::new("windows/changed");
    let key = key(&scene, "g");
    let matches = [(1, "a"), (2, "b")].map(|(n, id)| in_bucket(&key, n, entry(&scene, id, n, 0)));
    one.add(matches.to_vec(), scene.at(9)).await?;
    let seen = changed_of(other, &key).await?;
    equal("buckets", &seen.iter().map(|c| c.bucket).collect(), &vec![1, 2])?;
    equal("again", &changed_of(one, &key).await?, &seen)?;
    for changed in seen.iter().take(1) {
        holds("it is settled", other.settle(changed).await?)?;
    }
    let left = changed_of(one, &key).await?;
    equal("left", &left, &seen.get(1..).unwrap_or_default().to_vec())
}

/// A version that is not the present one settles nothing.
pub async fn what_comes_meanwhile_is_not_settled(
    one: &dyn Windows,
    other: &dyn Windows,
) -> Outcome {
    let scene = Scene::new("windows/meanwhile");
    let key = key(&scene, "g");
    one.add(vec![in_bucket(&key, 1, entry(&scene, "a", 1, 0))], scene.at(9)).await?;
    let seen = changed_of(one, &key).await?;
    other.add(vec![in_bucket(&key, 1, entry(&scene, "b", 1, 0))], scene.at(9)).await?;
    for changed in &seen {
        equal("settled", &one.settle(changed).await?, &false)?;
    }
    equal("still changed", &changed_of(one, &key).await?.len(), &1)
}

/// Without gap or repetition.
pub async fn changed_buckets_come_in_pages(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/pages");
    let keys = ["a", "b"].map(|group| key(&scene, group));
    for key in &keys {
        let matches = (-2..3).map(|n| in_bucket(key, n, entry(&scene, "e", n, 0))).collect();
        windows.add(matches, scene.at(9)).await?;
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = windows.changed(after, 3).await?;
        holds("a page keeps to its limit", page.len() <= 3)?;
        let Some(last) = page.last() else { break };
        after = Some((last.key.clone(), last.bucket));
        found.extend(page.into_iter().map(|c| (c.key, c.bucket)));
    }
    found.retain(|(key, _)| keys.contains(key));
    let expected: Vec<_> = keys.iter().flat_map(|key| (-2..3).map(|n| (key.clone(), n))).collect();
    equal("buckets", &found, &expected)
}

/// Those between the ends go, whichever came first; the flag tells that there was more.
pub async fn of_a_flood_the_ends_stay_and_it_is_said(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/full");
    let key = key(&scene, "g");
    let many = |n: u32| in_bucket(&key, 0, entry(&scene, "e", i64::from(n), 0));
    // From the middle to the ends.
    let middle = (PER_BUCKET..ROOM - PER_BUCKET).map(many);
    let ends = (0..PER_BUCKET).chain(ROOM - PER_BUCKET..ROOM).map(many);
    windows.add(middle.chain(ends).collect(), scene.at(9)).await?;
    let flags = |seen: Vec<Changed>| seen.iter().map(|c| c.is_full).collect::<Vec<_>>();
    equal("full at the brim", &flags(changed_of(windows, &key).await?), &vec![false])?;
    windows.add(vec![many(ROOM)], scene.at(9)).await?;
    equal("full", &flags(changed_of(windows, &key).await?), &vec![true])?;
    let until = scene.at(i64::from(ROOM));
    let held = windows.entries(&key, scene.at(0), until).await?;
    let numbers = (0..PER_BUCKET).chain(ROOM - PER_BUCKET..=ROOM);
    equal("held", &held, &numbers.map(|n| many(n).entry).collect())
}

/// Until it is dropped; what is not there is not noted.
pub async fn what_fired_is_noted_while_it_is_held(
    one: &dyn Windows,
    other: &dyn Windows,
) -> Outcome {
    let scene = Scene::new("windows/fired");
    let (key, elsewhere) = (key(&scene, "g"), key(&scene, "h"));
    let [first, second, absent] = [1, 2, 3].map(|n| entry(&scene, &n.to_string(), n, 0));
    for key in [&key, &elsewhere] {
        let matches = [&first, &second].map(|e| in_bucket(key, 0, e.clone()));
        one.add(matches.to_vec(), scene.at(9)).await?;
    }
    one.note_fired(&key, vec![second.clone(), absent]).await?;
    one.note_fired(&key, vec![second.clone()]).await?;
    let fired = other.fired(&key, scene.at(0), scene.at(9)).await?;
    equal("fired", &fired, &[second.event.clone()].into())?;
    equal("earlier", &other.fired(&key, scene.at(0), scene.at(1)).await?.len(), &0)?;
    equal("elsewhere", &one.fired(&elsewhere, scene.at(0), scene.at(9)).await?.len(), &0)?;
    let again = in_bucket(&key, 0, second);
    one.add(vec![again], scene.at(9)).await?;
    equal("again", &one.fired(&key, scene.at(0), scene.at(9)).await?, &fired)
}

/// By our clock; a repetition is nothing that came.
pub async fn a_bucket_tells_when_something_came_last(
    one: &dyn Windows,
    other: &dyn Windows,
) -> Outcome {
    let scene = Scene::new("windows/added");
    let key = key(&scene, "g");
    let [first, second] = [1, 2].map(|n| in_bucket(&key, 0, entry(&scene, "e", n, 0)));
    one.add(vec![first.clone()], scene.at(20)).await?;
    other.add(vec![second], scene.at(30)).await?;
    one.add(vec![first], scene.at(40)).await?;
    let added: Vec<_> = changed_of(one, &key).await?.iter().map(|c| c.added_at).collect();
    equal("added", &added, &vec![scene.at(30)])
}

/// Ten thousand failures, and the success that counts.
pub async fn a_flood_of_one_part_leaves_room_to_the_others(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/parts");
    let key = key(&scene, "g");
    let many =
        |n: u32| in_bucket(&key, 0, Entry { value: n.to_string(), ..entry(&scene, "flood", 1, 0) });
    windows.add((0..=PER_BUCKET).map(many).collect(), scene.at(9)).await?;
    let other = entry(&scene, "other", 2, 1);
    windows.add(vec![in_bucket(&key, 0, other.clone())], scene.at(9)).await?;
    let found = windows.entries(&key, scene.at(2), scene.at(2)).await?;
    equal("of the other part", &found, &vec![other])
}

/// Where only distinct values count, their first and last entries stay, whatever is repeated.
pub async fn repeats_of_a_value_leave_room_to_others(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/repeats");
    let key = key(&scene, "g");
    let of = |second: i64, id: &str, value: &str| Match {
        counted: Counted::Values,
        ..in_bucket(&key, 0, Entry { value: value.to_owned(), ..entry(&scene, id, second, 0) })
    };
    let (first, last) = (of(1, "first", "same"), of(3, "last", "same"));
    let other = of(4, "other", "other");
    let flood = (2..ROOM).map(|n| of(2, &n.to_string(), "same"));
    let all = flood.chain([last.clone(), first.clone()]).collect();
    windows.add(all, scene.at(9)).await?;
    windows.add(vec![other.clone()], scene.at(9)).await?;
    let found = windows.entries(&key, scene.at(0), scene.at(9)).await?;
    equal("kept", &found, &[first, last, other].map(|found| found.entry).to_vec())?;
    let flags = changed_of(windows, &key).await?.iter().map(|c| c.is_full).collect::<Vec<_>>();
    equal("full", &flags, &vec![false])
}

/// From both handles at once.
pub async fn concurrent_additions_are_all_kept(one: &dyn Windows, other: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/concurrent");
    let key = key(&scene, "g");
    let ids: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
    let additions = ids.iter().enumerate().map(|(n, id)| {
        let handle = if n % 2 == 0 { one } else { other };
        handle.add(vec![in_bucket(&key, 0, entry(&scene, id, 1, 0))], scene.at(9))
    });
    for outcome in together(additions).await {
        outcome?;
    }
    let found = one.entries(&key, scene.at(0), scene.at(9)).await?;
    equal("entries", &found.len(), &ids.len())?;
    let changed = changed_of(one, &key).await?;
    equal("versions", &changed.iter().map(|c| c.version).collect(), &vec![20])
}

/// Arrival counts, not the time of the event.
pub async fn only_what_arrived_early_and_is_settled_is_forgotten(windows: &dyn Windows) -> Outcome {
    let scene = Scene::new("windows/forget");
    // Before the hours of all other claims, so that theirs stay.
    let long_ago = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
    let (settled, waiting) = (key(&scene, "settled"), key(&scene, "waiting"));
    for key in [&settled, &waiting] {
        windows.add(vec![in_bucket(key, 0, entry(&scene, "early", 1, 0))], long_ago(10)).await?;
        windows.add(vec![in_bucket(key, 0, entry(&scene, "late", 0, 0))], long_ago(20)).await?;
    }
    for changed in changed_of(windows, &settled).await? {
        windows.settle(&changed).await?;
    }
    equal("forgotten", &windows.forget(long_ago(20)).await?, &1)?;
    let left = windows.entries(&settled, scene.at(0), scene.at(9)).await?;
    equal("left", &left, &vec![entry(&scene, "late", 0, 0)])?;
    equal("waiting", &windows.entries(&waiting, scene.at(0), scene.at(9)).await?.len(), &2)
}
