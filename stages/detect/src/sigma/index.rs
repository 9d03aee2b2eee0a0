//! What a rule demands of an event before anything else, so that it can be filed by it.

use std::collections::BTreeSet;

use super::matcher::{FieldTest, Link, Node, Test};
use super::pattern::{Pattern, Shape};
use super::text::fold;

/// Folded values, one of which `field` must equal for the rule to match; `None`: no such set.
///
/// INVARIANT: a superset of the values with which the rule can match, or the index would
/// lose hits. So a negation demands nothing, and an alternative only what all its parts do.
pub(super) fn demanded(node: &Node, field: &str) -> Option<BTreeSet<String>> {
    match node {
        Node::All(nodes) => nodes
            .iter()
            .filter_map(|n| demanded(n, field))
            .reduce(|a, b| a.intersection(&b).cloned().collect()),
        Node::Any(nodes) => {
            let mut all = BTreeSet::new();
            for node in nodes {
                all.extend(demanded(node, field)?);
            }
            Some(all)
        }
        Node::Field(test) if test.path.as_str() == field => equalities(test),
        Node::Not(_) | Node::Keywords(..) | Node::Field(_) => None,
    }
}

fn equalities(field: &FieldTest) -> Option<BTreeSet<String>> {
    let one = |test: &Test| match test {
        Test::Text(Pattern { shape: Shape::Exact(text), .. }) => Some(fold(text).into_owned()),
        _ => None,
    };
    match field.link {
        Link::Any => field.tests.iter().map(one).collect(),
        Link::All => field
            .tests
            .iter()
            .filter_map(one)
            .map(|text| BTreeSet::from([text]))
            .reduce(|a, b| a.intersection(&b).cloned().collect()),
    }
}

/// Whether the rule can only match an event that has a field under the top-level name `root`.
pub(super) fn needs(node: &Node, root: &str) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().any(|n| needs(n, root)),
        Node::Any(nodes) => nodes.iter().all(|n| needs(n, root)),
        Node::Field(field) => {
            let under_root = field.path.top_level_names().next() == Some(root);
            under_root && !field.tests.iter().any(holds_without_field)
        }
        Node::Not(_) | Node::Keywords(..) => false,
    }
}

fn holds_without_field(test: &Test) -> bool {
    matches!(test, Test::Null | Test::Exists(false))
}

/// The top-level members a rule looks at; `None`: all of them.
pub(super) fn members(node: &Node) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut everything = false;
    node.for_each_field(&mut |path| match path {
        Some(path) => names.extend(path.top_level_names().map(str::to_owned)),
        None => everything = true,
    });
    (!everything).then_some(names)
}
