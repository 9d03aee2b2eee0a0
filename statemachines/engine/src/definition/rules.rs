//! Choice states and their rules.

use serde_json::Value;

use super::fields::Fields;
use super::states::{Targets, assign, target};
use super::{ChoiceRule, ChoiceTest, Kind, Language};
use crate::lang::{Rule, Test};
use crate::path::Path;

/// Choice rules inside rules deeper than this are refused.
const MAX_RULE_DEPTH: usize = 32;

pub(super) fn choice(fields: &Fields<'_>, language: Language, targets: &Targets) -> Option<Kind> {
    if !fields.has("Choices") {
        fields.report("", "`Choices` is missing");
    }
    let items = fields.array("Choices")?;
    if items.is_empty() {
        fields.report("Choices", "`Choices` is empty; add a rule");
    }
    let mut rules = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("{}/{i}", fields.at("Choices"));
        let Value::Object(map) = item else {
            fields.problems.add(pointer, "a choice rule is an object");
            continue;
        };
        let rule = Fields { map, pointer: &pointer, problems: fields.problems };
        rule.comment();
        let next = target(&rule, "Next", targets);
        let test = match language {
            Language::JsonPath => choice_rule(&rule, 0).map(ChoiceTest::Rule),
            Language::Jsonata => {
                rule.only(
                    &["Assign", "Comment", "Condition", "Next", "Output"],
                    "a choice rule in JSONata",
                );
                condition(&rule)
            }
        };
        if let (Some(test), Some(next)) = (test, next) {
            rules.push(ChoiceRule {
                test,
                next,
                assign: assign(&rule, language),
                output: rule.template("Output", language),
            });
        }
    }
    let default = if fields.has("Default") { target(fields, "Default", targets) } else { None };
    Some(Kind::Choice { rules, default })
}

fn condition(rule: &Fields<'_>) -> Option<ChoiceTest> {
    match rule.get("Condition") {
        Some(Value::Bool(_)) => {}
        Some(Value::String(text)) if crate::lang::jsonata_expression(text).is_some() => {}
        Some(_) => rule.report("Condition", "`Condition` must be an expression in `{% … %}`"),
        None => rule.report("", "`Condition` is missing"),
    }
    rule.template("Condition", Language::Jsonata).map(ChoiceTest::Condition)
}

fn choice_rule(rule: &Fields<'_>, depth: usize) -> Option<Rule> {
    if depth > MAX_RULE_DEPTH {
        rule.report("", "choice rules are nested too deeply");
        return None;
    }
    if depth > 0 && rule.has("Next") {
        rule.report("Next", "`Next` belongs to the outermost rule; remove it");
    }
    let mut found: Option<Rule> = None;
    let mut count = 0;
    for (key, value) in rule.map {
        let parsed = match key.as_str() {
            "Variable" | "Next" | "Comment" => continue,
            "Assign" if depth == 0 => continue,
            "And" | "Or" => {
                all_rules(rule, key, depth).map(if key == "And" { Rule::And } else { Rule::Or })
            }
            "Not" => {
                nested(rule, &rule.at("Not"), value, depth).map(|inner| Rule::Not(Box::new(inner)))
            }
            name => match Test::parse(name, value) {
                Some(Ok(test)) => variable(rule).map(|variable| Rule::Test { variable, test }),
                Some(Err(reason)) => {
                    rule.report(name, reason);
                    None
                }
                None => {
                    rule.report(name, format!("`{name}` is no comparison of a choice rule"));
                    continue;
                }
            },
        };
        count += 1;
        found = parsed;
    }
    if count != 1 {
        rule.report("", "a choice rule has exactly one comparison, `And`, `Or` or `Not`");
    }
    if rule.has("Variable") && matches!(found, Some(Rule::And(_) | Rule::Or(_) | Rule::Not(_))) {
        rule.report("Variable", "`Variable` belongs to a comparison; remove it here");
    }
    found
}

fn variable(rule: &Fields<'_>) -> Option<Path> {
    if !rule.has("Variable") {
        rule.report("", "`Variable` is missing");
    }
    rule.path("Variable")
}

fn nested(rule: &Fields<'_>, pointer: &str, value: &Value, depth: usize) -> Option<Rule> {
    if let Value::Object(map) = value {
        choice_rule(&Fields { map, pointer, problems: rule.problems }, depth + 1)
    } else {
        rule.problems.add(pointer, "a choice rule is an object");
        None
    }
}

fn all_rules(rule: &Fields<'_>, field: &str, depth: usize) -> Option<Vec<Rule>> {
    let items = rule.array(field)?;
    if items.is_empty() {
        rule.report(field, format!("`{field}` is empty; add a rule"));
    }
    let rules: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(i, item)| nested(rule, &format!("{}/{i}", rule.at(field)), item, depth))
        .collect();
    rules.into_iter().collect()
}
