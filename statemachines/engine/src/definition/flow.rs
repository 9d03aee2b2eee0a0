//! How states lead to one another: every one must be reachable, and an end must be.

use super::fields::Fields;
use super::{Graph, Kind, State};

/// The states that `state` may lead to.
pub(super) fn targets(state: &State) -> Vec<u32> {
    let mut targets: Vec<u32> = state.next.into_iter().collect();
    targets.extend(state.catch.iter().map(|c| c.next));
    if let Kind::Choice { rules, default } = &state.kind {
        targets.extend(rules.iter().map(|r| r.next));
        targets.extend(*default);
    }
    targets
}

/// Notes unreachable states and graphs without an end.
pub(super) fn check(graph: &Graph, fields: &Fields<'_>) {
    let mut is_reached = vec![false; graph.states.len()];
    let mut open = vec![graph.start];
    while let Some(index) = open.pop() {
        let Some(reached) = is_reached.get_mut(index as usize) else { continue };
        if std::mem::replace(reached, true) {
            continue;
        }
        if let Some(state) = graph.states.get(index as usize) {
            open.extend(targets(state));
        }
    }
    let states = || graph.states.iter().zip(&is_reached);
    for (state, reached) in states() {
        if !reached {
            let at = format!("States/{}", crate::lang_escape(&state.name));
            fields.problems.add(
                format!("{}/{at}", fields.pointer),
                format!("no state leads to `{}`; remove it or lead to it", state.name),
            );
        }
    }
    let ends = |s: &State| {
        matches!(s.kind, Kind::Succeed | Kind::Fail { .. })
            || (s.next.is_none() && !matches!(s.kind, Kind::Choice { .. }))
    };
    if !states().any(|(state, _)| ends(state)) {
        fields.report(
            "States",
            "no state ends the machine; give one `\"End\": true` or add a Succeed or Fail state",
        );
    }
}
