//! Where each state stands: layers by distance from the start, boxes inside boxes.

use super::{arrows, inner};
use crate::definition::{Graph, Machine};

const WIDTH: f64 = 170.0;
const HEIGHT: f64 = 40.0;
const GAP_X: f64 = 30.0;
const GAP_Y: f64 = 46.0;
const PAD: f64 = 18.0;

/// A state's box, relative to the picture.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) graph: u32,
    pub(super) state: u32,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A whole graph's size and boxes.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) boxes: Vec<Placed>,
}

/// Lays out graph `number`, with what is inside its states.
pub(super) fn lay_out(machine: &Machine, number: u32) -> Layout {
    let Some(graph) = machine.graph(number) else { return Layout::default() };
    let layers = layers(graph);
    let mut layout = Layout::default();
    let mut y = 0.0;
    for layer in layers {
        let mut x = 0.0;
        let mut tallest = 0.0_f64;
        for state in layer {
            let (width, height, children) = cell(machine, graph, state);
            for mut child in children {
                child.x += x;
                child.y += y;
                layout.boxes.push(child);
            }
            layout.boxes.push(Placed { graph: number, state, x, y, width, height });
            x += width + GAP_X;
            tallest = tallest.max(height);
        }
        layout.width = layout.width.max(x - GAP_X);
        y += tallest + GAP_Y;
    }
    layout.height = (y - GAP_Y).max(0.0);
    layout
}

/// A state's size, and the boxes inside it relative to its corner.
fn cell(machine: &Machine, graph: &Graph, state: u32) -> (f64, f64, Vec<Placed>) {
    let graphs = graph.states.get(state as usize).map(inner).unwrap_or_default();
    if graphs.is_empty() {
        return (WIDTH, HEIGHT, Vec::new());
    }
    let (mut x, mut tallest, mut boxes) = (PAD, 0.0_f64, Vec::new());
    for child in graphs {
        let inside = lay_out(machine, child);
        boxes.extend(inside.boxes.into_iter().map(|mut b| {
            b.x += x;
            b.y += HEIGHT;
            b
        }));
        x += inside.width + GAP_X;
        tallest = tallest.max(inside.height);
    }
    ((x - GAP_X + PAD).max(WIDTH), HEIGHT + tallest + PAD, boxes)
}

/// States by their distance from the start, each layer in the order of the definition.
fn layers(graph: &Graph) -> Vec<Vec<u32>> {
    let mut depth: Vec<Option<usize>> = vec![None; graph.states.len()];
    let mut open = std::collections::VecDeque::from([(graph.start, 0)]);
    while let Some((state, at)) = open.pop_front() {
        let Some(slot) = depth.get_mut(state as usize) else { continue };
        if slot.is_some() {
            continue;
        }
        *slot = Some(at);
        let next = graph.states.get(state as usize).map(arrows).unwrap_or_default();
        open.extend(next.into_iter().map(|a| (a.to, at + 1)));
    }
    let count = depth.iter().flatten().max().map_or(0, |d| d + 1);
    let mut layers = vec![Vec::new(); count];
    for (state, at) in depth.iter().enumerate() {
        if let Some(layer) = at.and_then(|at| layers.get_mut(at)) {
            layer.push(u32::try_from(state).unwrap_or(u32::MAX));
        }
    }
    layers
}
