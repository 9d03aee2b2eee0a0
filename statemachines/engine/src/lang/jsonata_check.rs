//! What Step Functions refuses in a JSONata expression before anything runs.
//!
//! An expression has no context item: the input comes as `$states.input` and variables as
//! `$name`. So a bare name, `$` or `$$` at the top can never name anything, and
//! `CreateStateMachine` answers with `UNSUPPORTED_JSONATA_EXPRESSION`.

use jsonata_core::ast::{AstNode, Stage};

/// The first reference of `ast` that nothing can stand behind.
pub(super) fn unsupported(ast: &AstNode, has_error: bool) -> Option<String> {
    Check { has_error }.node(ast, true)
}

struct Check {
    /// `$states.errorOutput` is there: the expression belongs to a catcher.
    has_error: bool,
}

impl Check {
    /// `is_top`: the context is still the one the expression began with.
    fn node(&self, node: &AstNode, is_top: bool) -> Option<String> {
        match node {
            AstNode::Name(name) if is_top => Some(format!(
                "`{name}` at the top level names nothing; write `$states.input.{name}` for a field of the input, or `${name}` for a variable"
            )),
            AstNode::Variable(name) if is_top && name.is_empty() => Some(
                "`$` at the top level names nothing; write `$states.input` for the input"
                    .to_owned(),
            ),
            AstNode::ParentVariable(name) if name.is_empty() => Some(
                "`$$` is not supported; write `$states.input` for the input, `$states.context` for the context object"
                    .to_owned(),
            ),
            AstNode::Path { steps } => {
                let mut names = steps.iter().map(|step| &step.node);
                if !self.has_error
                    && matches!(names.next(), Some(AstNode::Variable(v)) if v == "states")
                    && matches!(names.next(), Some(AstNode::Name(n)) if n == "errorOutput")
                {
                    return Some(
                        "`$states.errorOutput` is there in `Output` and `Assign` of an entry of `Catch` only"
                            .to_owned(),
                    );
                }
                steps.iter().enumerate().find_map(|(i, step)| {
                    self.node(&step.node, is_top && i == 0).or_else(|| {
                        step.stages.iter().find_map(|stage| match stage {
                            Stage::Filter(filter) => self.node(filter, false),
                            Stage::KeepArray | Stage::Index(_) => None,
                        })
                    })
                })
            }
            AstNode::Binary { lhs, rhs, .. } => {
                self.node(lhs, is_top).or_else(|| self.node(rhs, is_top))
            }
            AstNode::Unary { operand, .. } => self.node(operand, is_top),
            AstNode::Function { args, .. } => self.nodes(args, is_top),
            AstNode::Call { procedure, args } => {
                self.node(procedure, is_top).or_else(|| self.nodes(args, is_top))
            }
            AstNode::Lambda { body, .. } => self.node(body, is_top),
            AstNode::Array(items) | AstNode::Block(items) => self.nodes(items, is_top),
            AstNode::Object(pairs) => self.pairs(pairs, is_top),
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input, is_top).or_else(|| self.pairs(pattern, false))
            }
            AstNode::Conditional { condition, then_branch, else_branch } => self
                .node(condition, is_top)
                .or_else(|| self.node(then_branch, is_top))
                .or_else(|| self.node(else_branch.as_deref()?, is_top)),
            AstNode::ArrayGroup(items) => self.nodes(items, false),
            AstNode::FunctionApplication(inner) => self.node(inner, false),
            AstNode::Sort { input, terms } => self
                .node(input, is_top)
                .or_else(|| terms.iter().find_map(|(term, _)| self.node(term, false))),
            AstNode::Transform { location, update, delete } => self
                .node(location, false)
                .or_else(|| self.node(update, false))
                .or_else(|| self.node(delete.as_deref()?, false)),
            AstNode::Name(_)
            | AstNode::Variable(_)
            | AstNode::ParentVariable(_)
            | AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. }
            | AstNode::Wildcard
            | AstNode::Descendant
            | AstNode::Parent(_) => None,
        }
    }

    fn nodes(&self, nodes: &[AstNode], is_top: bool) -> Option<String> {
        nodes.iter().find_map(|node| self.node(node, is_top))
    }

    fn pairs(&self, pairs: &[(AstNode, AstNode)], is_top: bool) -> Option<String> {
        pairs
            .iter()
            .find_map(|(key, value)| self.node(key, is_top).or_else(|| self.node(value, is_top)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str) -> Option<String> {
        unsupported(&jsonata_core::parser::parse(expression).unwrap(), false)
    }

    #[test]
    fn only_what_needs_a_context_item_is_refused() {
        for fine in [
            "$states.input.items[value > 3]",
            "$states.input.items.($ + 1)",
            "$states.input^(>price)",
            "$sum($states.input.orders.(price * quantity))",
            "$states.input.people{name: age}",
            "$map($states.input.a, function($x){ $x.b })",
            "($a := 1; $a + $b)",
            "{'a': $x}",
            "$states.input ~> |items|{'seen': true}|",
        ] {
            assert_eq!(check(fine), None, "{fine}");
        }
        for refused in [
            "phone",
            "phone.number",
            "$",
            "$.phone",
            "$$",
            "$states.input[$$.x = 1]",
            "1 + phone",
            "$map($states.input.a, function($x){ b })",
            "{'a': b}",
            "$states.errorOutput.Error",
        ] {
            assert!(check(refused).is_some(), "{refused}");
        }
        let in_catcher = jsonata_core::parser::parse("$states.errorOutput.Error").unwrap();
        assert_eq!(unsupported(&in_catcher, true), None);
    }
}
