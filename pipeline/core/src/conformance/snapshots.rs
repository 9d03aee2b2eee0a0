//! Claims about port [`Snapshots`].

use serde_json::{Value, json};

use crate::canonical::Digest;
use crate::conformance::claim::{Outcome, Report, equal, note_all};
use crate::conformance::scene::{HOSTILE, Scene, UNEVEN};
use crate::conformance::together::together;
use crate::port::{Snapshots, StoreError};
use crate::resource::ResourceRef;

/// Every claim; `one` and `other` are handles on the same store.
pub async fn run_all(one: &dyn Snapshots, other: &dyn Snapshots) -> Report {
    let mut report = Report::default();
    note_all! { report;
        a_state_loads_exactly(one);
        the_same_state_is_kept_once(one, other);
        absence_is_a_state(one);
        an_unknown_state_is_not_found(one);
        a_resource_has_no_baseline_at_first(one);
        a_baseline_is_the_last_one_set(one);
        baselines_differ_by_resource_and_control(one);
        a_baseline_outlives_what_looks_like_it(one);
        concurrent_keeps_agree(one, other);
    }
    report
}

/// A state that no other claim has, with what is easily spoilt.
fn state(scene: &Scene, name: &str) -> Value {
    json!({
        "BucketName": scene.own(name), "Texts": HOSTILE, "Nested": { HOSTILE.join("/"): [null, {}, []] },
        "Numbers": [0, -1, u64::MAX, 1.5, 0.1 + 0.2, 1.0 / 3.0, UNEVEN, 2.5e-300, 1e21], "Large": "'x\"ä".repeat(20_000),
    })
}

/// Under its digest, with every text and number.
pub async fn a_state_loads_exactly(snapshots: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("state/exact");
    let state = state(&scene, "a");
    let digest = snapshots.keep(&state).await?;
    equal("digest", &digest, &Digest::of(&state))?;
    let loaded = snapshots.load(&digest).await?;
    equal("digest of what was loaded", &Digest::of(&loaded), &digest)?;
    equal("state", &loaded, &state)
}

/// Keeping is idempotent, whatever the order of keys.
pub async fn the_same_state_is_kept_once(one: &dyn Snapshots, other: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("state/once");
    let first = one.keep(&json!({ "a": scene.own("x"), "b": 1 })).await?;
    for handle in [one, other] {
        let again = handle.keep(&json!({ "b": 1, "a": scene.own("x") })).await?;
        equal("digest", &again, &first)?;
    }
    let different = one.keep(&json!({ "b": 1.0, "a": scene.own("x") })).await?;
    equal("states are the same", &(different == first), &false)
}

/// `null` is the state of what does not exist.
pub async fn absence_is_a_state(snapshots: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("state/null");
    let digest = snapshots.keep(&Value::Null).await?;
    equal("state", &snapshots.load(&digest).await?, &Value::Null)?;
    let (bucket, control) = (scene.bucket("a"), "s3.test".into());
    snapshots.set_baseline(&bucket, &control, &Value::Null).await?;
    equal("baseline", &snapshots.baseline(&bucket, &control).await?, &Some(Value::Null))
}

/// A digest that was never kept.
pub async fn an_unknown_state_is_not_found(snapshots: &dyn Snapshots) -> Outcome {
    match snapshots.load(&Digest::of_bytes(b"nobody kept this")).await {
        Err(StoreError::NotFound { .. }) => Ok(()),
        other => equal("answer", &format!("{other:?}"), &"not found".to_owned()),
    }
}

/// Nothing was ever clean.
pub async fn a_resource_has_no_baseline_at_first(snapshots: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("baseline/none");
    equal("baseline", &snapshots.baseline(&scene.bucket("a"), &"s3.test".into()).await?, &None)
}

/// A later one replaces it, also by one that was there before.
pub async fn a_baseline_is_the_last_one_set(snapshots: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("baseline/last");
    let (bucket, control) = (scene.bucket("a"), "s3.test".into());
    for name in ["one", "two", "two", "one"] {
        let state = state(&scene, name);
        snapshots.set_baseline(&bucket, &control, &state).await?;
        let digest = Digest::of(&state);
        equal("baseline", &snapshots.baseline(&bucket, &control).await?, &Some(state))?;
        equal("its snapshot", &Digest::of(&snapshots.load(&digest).await?), &digest)?;
    }
    Ok(())
}

/// Type, id, account, region and control each make another baseline.
pub async fn baselines_differ_by_resource_and_control(snapshots: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("baseline/which");
    let bucket = scene.bucket(HOSTILE.join("/").as_str());
    let others = [
        ResourceRef { kind: "AWS::S3::AccessPoint".to_owned(), ..bucket.clone() },
        ResourceRef { id: bucket.id.to_uppercase(), ..bucket.clone() },
        ResourceRef { account: "444455556666".into(), ..bucket.clone() },
        ResourceRef { region: "eu-west-2".into(), ..bucket.clone() },
    ];
    let mut expected = Vec::new();
    for (n, resource) in others.into_iter().chain([bucket]).enumerate() {
        for control in ["s3.one", "s3.two", "S3.one"] {
            let state = json!({ "n": n, "control": control });
            snapshots.set_baseline(&resource, &control.into(), &state).await?;
            expected.push((resource.clone(), control, state));
        }
    }
    for (resource, control, state) in expected {
        let found = snapshots.baseline(&resource, &control.into()).await?;
        equal("baseline", &found, &Some(state))?;
    }
    Ok(())
}

/// A baseline of one resource is not lost when another one's changes.
pub async fn a_baseline_outlives_what_looks_like_it(snapshots: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("baseline/shared");
    let (a, b, control) = (scene.bucket("a"), scene.bucket("b"), "s3.test".into());
    let (first, second) = (state(&scene, "one"), state(&scene, "two"));
    snapshots.set_baseline(&a, &control, &first).await?;
    snapshots.set_baseline(&b, &control, &first).await?;
    snapshots.set_baseline(&a, &control, &second).await?;
    equal("baseline", &snapshots.baseline(&b, &control).await?, &Some(first))
}

/// Eight at once: one digest, one state, one baseline of those set.
pub async fn concurrent_keeps_agree(one: &dyn Snapshots, other: &dyn Snapshots) -> Outcome {
    let scene = Scene::new("state/concurrent");
    let state = state(&scene, "a");
    let calls = (0..8).map(|n| if n % 2 == 0 { one } else { other }.keep(&state));
    for digest in together(calls).await {
        equal("digest", &digest?, &Digest::of(&state))?;
    }
    let (bucket, control) = (scene.bucket("a"), "s3.test".into());
    let states: Vec<Value> = (0..8).map(|n| json!({ "n": n, "in": scene.own("") })).collect();
    let calls = states.iter().map(|state| one.set_baseline(&bucket, &control, state));
    for set in together(calls).await {
        set?;
    }
    let baseline = other.baseline(&bucket, &control).await?;
    equal("it is one of those set", &baseline.is_some_and(|it| states.contains(&it)), &true)
}
