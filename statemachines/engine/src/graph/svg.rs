//! A self-contained SVG, light or dark as the page around it.

use std::fmt::Write as _;

use super::layout::{Layout, Placed, lay_out};
use super::{arrows, is_end};
use crate::definition::{Kind, Machine, State};

const MARGIN: f64 = 24.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1b1f24}.t{font-size:10px;fill:#57606a}.s{fill:#fff;stroke:#57606a}.o{fill:#f6f8fa;stroke:#57606a}\
.g{fill:#eafbea}.r{fill:#ffebe9}.e{fill:none;stroke:#57606a}.c{stroke-dasharray:4 3}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.t{fill:#9198a1}.s{fill:#161b22}.o{fill:#0d1117}.g{fill:#12261e}.r{fill:#25171c}}";

/// The machine as an SVG document.
pub fn svg(machine: &Machine) -> String {
    let layout = lay_out(machine, 0);
    let (width, height) = (layout.width + 2.0 * MARGIN, layout.height + 2.0 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<style>{STYLE}</style>\n\
         <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#57606a\"/></marker></defs>\n\
         <g transform=\"translate({MARGIN:.0} {MARGIN:.0})\">\n"
    );
    // Containers were placed after what is in them: the last is the outermost.
    for placed in layout.boxes.iter().rev() {
        if let Some(state) = machine.state(placed.graph, placed.state) {
            draw_box(state, placed, &mut text);
        }
    }
    for placed in &layout.boxes {
        if let Some(state) = machine.state(placed.graph, placed.state) {
            draw_arrows(state, placed, &layout, &mut text);
        }
    }
    text.push_str("</g>\n</svg>\n");
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).chain(['…']).collect()
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(line);
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

fn draw_box(state: &State, at: &Placed, text: &mut String) {
    let class = match &state.kind {
        Kind::Succeed => "s g",
        Kind::Fail { .. } => "s r",
        Kind::Parallel { .. } | Kind::Map(_) => "o",
        Kind::Pass { .. } | Kind::Task(_) | Kind::Choice { .. } | Kind::Wait(_) => "s",
    };
    let stroke = if is_end(state) { 2.0 } else { 1.0 };
    push(
        text,
        format_args!(
            "<g><title>{name}</title><rect class=\"{class}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" rx=\"6\" stroke-width=\"{stroke}\"/>\
             <text x=\"{tx:.0}\" y=\"{ty:.0}\">{short}</text><text class=\"t\" x=\"{tx:.0}\" y=\"{sy:.0}\">{kind}</text></g>\n",
            name = escape(&state.name),
            x = at.x,
            y = at.y,
            w = at.width,
            h = at.height,
            tx = at.x + 10.0,
            ty = at.y + 18.0,
            sy = at.y + 32.0,
            short = escape(&shortened(&state.name, 22)),
            kind = state.kind.name(),
        ),
    );
}

fn draw_arrows(state: &State, from: &Placed, layout: &Layout, text: &mut String) {
    for arrow in arrows(state) {
        let Some(to) = layout.boxes.iter().find(|b| b.graph == from.graph && b.state == arrow.to)
        else {
            continue;
        };
        let class =
            if state.catch.iter().any(|c| c.next == arrow.to) && state.next != Some(arrow.to) {
                "e c"
            } else {
                "e"
            };
        let (x1, x2) = (from.x + from.width / 2.0, to.x + to.width / 2.0);
        let is_down = to.y > from.y;
        let (y1, y2) = if is_down {
            (from.y + from.height, to.y)
        } else {
            (from.y + from.height / 2.0, to.y + to.height / 2.0)
        };
        let path = if is_down {
            let bend = (y2 - y1) / 2.0;
            format!(
                "M{x1:.0} {y1:.0}C{x1:.0} {:.0} {x2:.0} {:.0} {x2:.0} {y2:.0}",
                y1 + bend,
                y2 - bend
            )
        } else {
            // Back to an earlier layer: round the right side.
            let (right, target) = (from.x + from.width, to.x + to.width);
            let side = right.max(target) + 26.0;
            format!("M{right:.0} {y1:.0}C{side:.0} {y1:.0} {side:.0} {y2:.0} {target:.0} {y2:.0}")
        };
        let label = escape(&shortened(&arrow.label, 26));
        push(text, format_args!("<path class=\"{class}\" d=\"{path}\" marker-end=\"url(#a)\"/>"));
        push(
            text,
            format_args!(
                "<text class=\"t\" x=\"{:.0}\" y=\"{:.0}\">{label}</text>\n",
                f64::midpoint(x1, x2) + 5.0,
                f64::midpoint(y1, y2)
            ),
        );
    }
}
