//! Claims about limits of incidents.

use super::Handle;
use crate::conformance::claim::{Outcome, equal};
use crate::conformance::scene::Scene;
use crate::conformance::together::together;

/// Whoever took a place keeps it; names are told apart.
pub async fn at_most_so_many_are_admitted_and_stay_so(
    one: Handle<'_>,
    other: Handle<'_>,
) -> Outcome {
    let scene = Scene::new("admit/limit");
    let [a, b, c] = ["a", "b", "c"].map(|name| scene.incident_id(name));
    let (name, next) = (scene.own("it's a %_* rule"), scene.own("it's a %_* rule "));
    equal("no room at all", &one.incidents.admit(&name, a, 0).await?, &false)?;
    for (what, id, limit, expected) in [
        ("the first", a, 2, true),
        ("the second", b, 2, true),
        ("the third", c, 2, false),
        ("the first again", a, 2, true),
        ("the first under a lower limit", a, 0, true),
        ("the third again", c, 2, false),
        ("the third under a higher limit", c, 3, true),
        ("the third under the old one", c, 2, true),
    ] {
        equal(what, &one.incidents.admit(&name, id, limit).await?, &expected)?;
        equal(what, &other.incidents.admit(&name, id, limit).await?, &expected)?;
    }
    equal("another name", &one.incidents.admit(&next, c, 1).await?, &true)
}

/// As many as there is room for, whoever asks first.
pub async fn of_many_at_once_no_more_are_admitted(one: Handle<'_>, other: Handle<'_>) -> Outcome {
    let scene = Scene::new("admit/together");
    let name = scene.own("rule");
    let calls = (0..12).map(|n| {
        let handle = if n % 2 == 0 { one } else { other };
        let (name, id) = (&name, scene.incident_id(&n.to_string()));
        async move { handle.incidents.admit(name, id, 5).await }
    });
    let mut admitted = 0;
    for answer in together(calls).await {
        admitted += u32::from(answer?);
    }
    equal("admitted", &admitted, &5)
}
