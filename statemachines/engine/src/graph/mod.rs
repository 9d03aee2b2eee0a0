//! A machine drawn: as Mermaid text, or as an SVG of its own.

mod layout;
mod mermaid;
mod svg;

use crate::definition::{Graph, Kind, Machine, State};

pub use mermaid::mermaid;
pub use svg::svg;

/// One arrow out of a state: where to, and what it says.
pub(crate) struct Arrow {
    pub(crate) to: u32,
    pub(crate) label: String,
}

/// The arrows out of `state`, in the order in which they are tried.
pub(crate) fn arrows(state: &State) -> Vec<Arrow> {
    let mut all = Vec::new();
    if let Kind::Choice { rules, default } = &state.kind {
        all.extend(
            rules
                .iter()
                .enumerate()
                .map(|(i, rule)| Arrow { to: rule.next, label: format!("rule {}", i + 1) }),
        );
        all.extend(default.map(|to| Arrow { to, label: "default".to_owned() }));
    }
    all.extend(state.next.map(|to| Arrow { to, label: String::new() }));
    all.extend(state.catch.iter().map(|c| Arrow { to: c.next, label: c.errors.join(", ") }));
    all
}

/// The graphs inside `state`.
pub(crate) fn inner(state: &State) -> Vec<u32> {
    match &state.kind {
        Kind::Parallel { branches } => branches.clone(),
        Kind::Map(map) => vec![map.graph],
        Kind::Pass { .. }
        | Kind::Task(_)
        | Kind::Choice { .. }
        | Kind::Wait(_)
        | Kind::Succeed
        | Kind::Fail { .. } => Vec::new(),
    }
}

/// Whether the graph ends with `state`.
pub(crate) fn is_end(state: &State) -> bool {
    matches!(state.kind, Kind::Succeed | Kind::Fail { .. })
        || (state.next.is_none() && !matches!(state.kind, Kind::Choice { .. }))
}

pub(crate) fn root(machine: &Machine) -> Option<&Graph> {
    machine.graph(0)
}
