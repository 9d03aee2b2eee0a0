//! Mermaid's `stateDiagram-v2`.

use std::fmt::Write as _;

use super::{arrows, inner, is_end, root};
use crate::definition::{Graph, Kind, Machine};

/// The machine as the text of a Mermaid state diagram.
pub fn mermaid(machine: &Machine) -> String {
    let mut text = "stateDiagram-v2\n".to_owned();
    if let Some(graph) = root(machine) {
        draw(machine, graph, 0, 1, &mut text);
    }
    text
}

/// An identifier that no name can break: graph and state by number.
fn id(graph: u32, state: u32) -> String {
    format!("g{graph}s{state}")
}

/// A name or label without what Mermaid would read as syntax.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if matches!(c, '"' | '\n' | '\r' | ';' | ':' | '#' | '{' | '}') { ' ' } else { c })
        .collect()
}

fn draw(machine: &Machine, graph: &Graph, number: u32, depth: usize, text: &mut String) {
    let pad = "    ".repeat(depth);
    let mut line = |content: String| {
        let written = writeln!(text, "{pad}{content}");
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
    };
    line(format!("[*] --> {}", id(number, graph.start)));
    for (index, state) in graph.states.iter().enumerate() {
        let me = id(number, u32::try_from(index).unwrap_or(u32::MAX));
        line(format!("state \"{}\" as {me}", plain(&state.name)));
        if matches!(state.kind, Kind::Choice { .. }) {
            line(format!("note right of {me} : Choice"));
        }
        for arrow in arrows(state) {
            let label = if arrow.label.is_empty() {
                String::new()
            } else {
                format!(" : {}", plain(&arrow.label))
            };
            line(format!("{me} --> {}{label}", id(number, arrow.to)));
        }
        if is_end(state) {
            line(format!("{me} --> [*]"));
        }
    }
    for (index, state) in graph.states.iter().enumerate() {
        let children = inner(state);
        if children.is_empty() {
            continue;
        }
        let me = id(number, u32::try_from(index).unwrap_or(u32::MAX));
        text.extend([pad.as_str(), "state ", &me, " {\n"]);
        for (i, child) in children.iter().enumerate() {
            if i > 0 {
                text.extend([pad.as_str(), "    --\n"]);
            }
            if let Some(graph) = machine.graph(*child) {
                draw(machine, graph, *child, depth + 1, text);
            }
        }
        text.extend([pad.as_str(), "}\n"]);
    }
}
