//! From the detection section of a rule to a [`Node`].

use std::collections::BTreeSet;

use ipnet::IpNet;
use yaml_serde::{Mapping, Value};

use super::condition::{Condition, ConditionError};
use super::encode;
use super::error::{Problem, RuleError};
use super::expression::{Build, Expression};
use super::field::Path;
use super::matcher::{FieldTest, Link, Node, Test};
use super::modifier::{Affix, Base64, Kind, Modifiers, RegexFlags};
use super::number::Number;
use super::pattern::{Case, Pattern};
use super::source::{FILTER, Source};
use super::text::{Piece, SigmaText};

/// Attributes of the detection section that are no search identifiers.
const RESERVED: [&str; 2] = ["condition", "timeframe"];

/// A compiled detection section.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) node: Node,
    /// Search identifiers that no condition uses.
    pub(super) unused: Vec<String>,
}

/// Compiles the detection section of a rule, or what stands for it in a filter.
pub(super) fn compile(source: &Source<'_>, detection: &Mapping) -> Result<Compiled, RuleError> {
    let mut names = Vec::new();
    let mut nodes = Vec::new();
    for (name, selection) in detection {
        let Some(name) = name.as_str() else {
            return Err(source.error(&[source.section], wrong(source.section, "named by texts")));
        };
        if RESERVED.contains(&name) {
            continue;
        }
        names.push(name);
        nodes.push(compile_selection(source, name, selection)?);
    }
    let conditions = match detection.get("condition") {
        Some(Value::String(text)) => vec![text.as_str()],
        Some(Value::Sequence(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| wrong_condition(source))?
        }
        Some(_) => return Err(wrong_condition(source)),
        None => {
            return Err(
                source.error(&[source.section], Problem::Missing(missing_condition(source)))
            );
        }
    };
    if conditions.is_empty() {
        return Err(source.error(&[source.section], Problem::Missing(missing_condition(source))));
    }
    let mut alternatives = Vec::new();
    let mut used = BTreeSet::new();
    for text in conditions {
        let refuse = |reason| {
            let problem = Problem::Condition { condition: text.to_owned(), reason };
            source.error(&[source.section, "condition"], problem)
        };
        if detection.contains_key("timeframe") {
            return Err(refuse(ConditionError::Aggregation));
        }
        let condition = Condition::parse(text, &names).map_err(refuse)?;
        condition.collect_used(&mut used);
        alternatives.push(assemble(&condition, &nodes));
    }
    let unused = names.iter().enumerate().filter(|(index, _)| !used.contains(index));
    let unused = unused.map(|(_, name)| (*name).to_owned()).collect();
    Ok(Compiled { node: join(alternatives, Node::Any), unused })
}

fn assemble(condition: &Condition, nodes: &[Node]) -> Node {
    let all = |members: &[Condition]| members.iter().map(|c| assemble(c, nodes)).collect();
    match condition {
        // INVARIANT: the condition was parsed over the names of `nodes`, so the index is in it.
        Condition::Is(index) => nodes.get(*index).cloned().unwrap_or(Node::Any(Vec::new())),
        Condition::All(members) => Node::All(all(members)),
        Condition::Any(members) => Node::Any(all(members)),
        Condition::Not(inner) => Node::Not(Box::new(assemble(inner, nodes))),
    }
}

fn join(mut nodes: Vec<Node>, link: fn(Vec<Node>) -> Node) -> Node {
    match nodes.pop() {
        Some(only) if nodes.is_empty() => only,
        Some(last) => {
            nodes.push(last);
            link(nodes)
        }
        None => link(nodes),
    }
}

fn wrong_condition(source: &Source<'_>) -> RuleError {
    let problem = wrong(&format!("{}.condition", source.section), "a text or a list of texts");
    source.error(&[source.section, "condition"], problem)
}

fn missing_condition(source: &Source<'_>) -> &'static str {
    if source.section == FILTER { "filter.condition" } else { "detection.condition" }
}

fn wrong(attribute: &str, expected: &'static str) -> Problem {
    Problem::WrongType { attribute: attribute.to_owned(), expected }
}

fn compile_selection(source: &Source<'_>, name: &str, value: &Value) -> Result<Node, RuleError> {
    let empty = || {
        let problem =
            wrong(&format!("{}.{name}", source.section), "a map or list that is not empty");
        source.error(&[source.section, name], problem)
    };
    match value {
        Value::Mapping(map) if !map.is_empty() => compile_map(source, name, map),
        Value::Sequence(list) if !list.is_empty() => {
            let mut nodes = Vec::new();
            for member in list {
                nodes.push(match member {
                    Value::Mapping(map) if !map.is_empty() => compile_map(source, name, map)?,
                    Value::Mapping(_) | Value::Sequence(_) => return Err(empty()),
                    scalar => compile_entry(source, name, "", scalar)?,
                });
            }
            Ok(join(nodes, Node::Any))
        }
        Value::Mapping(_) | Value::Sequence(_) | Value::Null => Err(empty()),
        scalar => compile_entry(source, name, "", scalar),
    }
}

fn compile_map(source: &Source<'_>, name: &str, map: &Mapping) -> Result<Node, RuleError> {
    let mut nodes = Vec::new();
    for (key, value) in map {
        let key = match key {
            Value::String(key) => key.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(source.error(&[source.section, name], wrong(name, "named by texts"))),
        };
        nodes.push(compile_entry(source, name, &key, value)?);
    }
    Ok(join(nodes, Node::All))
}

/// One `field|modifiers: value` line; an empty field searches the whole event.
fn compile_entry(
    source: &Source<'_>,
    selection: &str,
    key: &str,
    value: &Value,
) -> Result<Node, RuleError> {
    let place = |problem| source.error(&[source.section, selection, key], problem);
    let (field, modifiers) = Modifiers::parse(key).map_err(place)?;
    let values = match value {
        Value::Sequence(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    if values.is_empty() {
        return Err(place(wrong(key, "a list that is not empty")));
    }
    let build = if source.is_proven { Build::WhenAsked } else { Build::Now };
    let mut groups = Vec::new();
    for value in values {
        groups.push(compile_value(key, modifiers, value, build).map_err(place)?);
    }
    let node = if field.is_empty() {
        keywords(key, modifiers, groups).map_err(place)?
    } else {
        field_node(&Path::new(field), modifiers, groups)
    };
    Ok(if modifiers.negated { Node::Not(Box::new(node)) } else { node })
}

/// `groups` holds, for each value, the tests it expands to, any of which will do.
fn field_node(path: &Path, modifiers: Modifiers, groups: Vec<Vec<Test>>) -> Node {
    let field = |tests, link| Node::Field(FieldTest { path: path.clone(), tests, link });
    if !modifiers.all {
        return field(groups.into_iter().flatten().collect(), Link::Any);
    }
    if groups.iter().all(|g| g.len() == 1) {
        return field(groups.into_iter().flatten().collect(), Link::All);
    }
    Node::All(groups.into_iter().map(|tests| field(tests, Link::Any)).collect())
}

fn keywords(key: &str, modifiers: Modifiers, groups: Vec<Vec<Test>>) -> Result<Node, Problem> {
    let mut nodes = Vec::new();
    for tests in groups {
        let mut patterns = Vec::new();
        for test in tests {
            match test {
                Test::Text(pattern) => patterns.push(pattern),
                Test::Number(n) => {
                    patterns.push(contains(&SigmaText::literal(&n.to_text()), modifiers.case));
                }
                _ => {
                    let (field, modifier) = (key.to_owned(), "cidr, exists, null and the like");
                    let reason = "cannot be searched for in a whole event";
                    return Err(Problem::MisusedModifier { field, modifier, reason });
                }
            }
        }
        nodes.push(Node::Keywords(Link::Any, patterns));
    }
    Ok(join(nodes, if modifiers.all { Node::All } else { Node::Any }))
}

fn contains(text: &SigmaText, case: Case) -> Pattern {
    let mut open = text.clone();
    open.open_start();
    open.open_end();
    Pattern::new(&open, case)
}

fn compile_value(
    key: &str,
    modifiers: Modifiers,
    value: &Value,
    build: Build,
) -> Result<Vec<Test>, Problem> {
    let bad = |value: &Value, reason| {
        let value = yaml_serde::to_string(value).unwrap_or_default().trim().to_owned();
        Err(Problem::BadValue { field: key.to_owned(), value, reason })
    };
    let number = match value {
        Value::Number(n) => Number::from_yaml(n),
        Value::String(s) => Number::from_text(s),
        _ => None,
    };
    let test = match (modifiers.kind, value) {
        (Kind::Compare(_) | Kind::Plain, _) if modifiers.time.is_some() => {
            let (Some(part), Some(number)) = (modifiers.time, number) else {
                return bad(value, "must be a number");
            };
            let how = if let Kind::Compare(how) = modifiers.kind { Some(how) } else { None };
            Test::Time(part, how, number)
        }
        (Kind::Compare(how), _) => match number {
            Some(number) => Test::Compare(how, number),
            None => return bad(value, "must be a number"),
        },
        (Kind::Exists, Value::Bool(wanted)) => Test::Exists(*wanted),
        (Kind::Exists, _) => return bad(value, "must be `true` or `false`"),
        (Kind::Cidr, Value::String(text)) => match parse_net(text) {
            Some(net) => Test::Cidr(net),
            None => return bad(value, "is no network in CIDR notation"),
        },
        (Kind::FieldRef, Value::String(other)) if !other.is_empty() => {
            Test::FieldRef(Path::new(other.as_str()), modifiers.affix, modifiers.case)
        }
        (Kind::Regex(flags), Value::String(text)) => return regex(key, flags, text, build),
        (Kind::Regex(flags), Value::Number(n)) => return regex(key, flags, &n.to_string(), build),
        (Kind::Cidr | Kind::FieldRef | Kind::Regex(_), _) => return bad(value, "must be a text"),
        (Kind::Plain, Value::String(text)) => return texts(key, modifiers, text),
        // Modifiers of texts take numbers and truth values as they are written.
        (Kind::Plain, Value::Number(n)) if modifiers.encodes() => {
            return texts(key, modifiers, &n.to_string());
        }
        (Kind::Plain, Value::Bool(word))
            if modifiers.encodes() || modifiers.affix != Affix::Whole =>
        {
            return texts(key, modifiers, &word.to_string());
        }
        (Kind::Plain, Value::Null) if modifiers.encodes() => {
            return bad(value, "must be a text to be encoded");
        }
        (Kind::Plain, Value::Number(_)) => match number {
            Some(number) if modifiers.affix == Affix::Whole => Test::Number(number),
            Some(number) => return texts(key, modifiers, &number.to_text()),
            None => return bad(value, "is no number that can be compared"),
        },
        (Kind::Plain, Value::Null) if modifiers.affix == Affix::Whole => Test::Null,
        (Kind::Plain, Value::Bool(wanted)) => Test::Bool(*wanted),
        (Kind::Plain, _) => return bad(value, "cannot be used with these modifiers"),
    };
    Ok(vec![test])
}

/// A network; an address alone is the network of that one address.
fn parse_net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
}

fn regex(key: &str, flags: RegexFlags, text: &str, build: Build) -> Result<Vec<Test>, Problem> {
    let expression = Expression::new(text, flags, build)
        .map_err(|e| Problem::Regex { field: key.to_owned(), source: Box::new(e) })?;
    let case = if flags.ignore_case { Case::Ignored } else { Case::Counts };
    Ok(vec![Test::Text(Pattern::regex(expression, case))])
}

/// Applies the transformations of a text value in the order they are defined to have.
fn texts(key: &str, modifiers: Modifiers, written: &str) -> Result<Vec<Test>, Problem> {
    let bad = |reason| {
        Err(Problem::BadValue { field: key.to_owned(), value: written.to_owned(), reason })
    };
    let written =
        if modifiers.expand { without_placeholders(key, written)? } else { written.to_owned() };
    let variants = if modifiers.windash {
        match encode::windash(&written) {
            Some(variants) => variants,
            None if modifiers.utf16.is_none() && modifiers.base64.is_none() => {
                return dashed(key, modifiers, &written);
            }
            None => return bad("has more dashes than can be permuted and encoded"),
        }
    } else {
        vec![written.clone()]
    };
    let mut values = Vec::new();
    for variant in variants {
        let text = if modifiers.affix == Affix::Verbatim {
            SigmaText::literal(&variant)
        } else {
            SigmaText::parse(&variant)
        };
        if modifiers.utf16.is_none() && modifiers.base64.is_none() {
            values.push(text);
            continue;
        }
        let Some(plain) = text.as_plain() else {
            return bad("has wildcards, which cannot be encoded");
        };
        let bytes = match modifiers.utf16 {
            Some(form) => encode::utf16(&plain, form),
            None => plain.into_bytes(),
        };
        match modifiers.base64 {
            Some(Base64::Whole) => values.push(SigmaText::literal(&encode::base64(&bytes))),
            Some(Base64::AnyOffset) => {
                let variants = encode::base64_offsets(&bytes);
                values.extend(variants.iter().map(|v| SigmaText::literal(v)));
            }
            None => match String::from_utf8(bytes) {
                Ok(text) => values.push(SigmaText::literal(&text)),
                Err(_) => return bad("is no text in UTF-16; follow it with Base64"),
            },
        }
    }
    if values.is_empty() {
        return bad("is too short to be found in Base64");
    }
    // A keyword is looked for anywhere; `key` starts with `|` or is empty for keywords.
    let keyword = key.split('|').next() == Some("");
    let finish = |mut text: SigmaText| {
        if keyword || matches!(modifiers.affix, Affix::Contains | Affix::EndsWith) {
            text.open_start();
        }
        if keyword || matches!(modifiers.affix, Affix::Contains | Affix::StartsWith) {
            text.open_end();
        }
        Test::Text(Pattern::new(&text, modifiers.case))
    };
    Ok(values.into_iter().map(finish).collect())
}

/// A text of many options as an expression: their permutations would be too many.
fn dashed(key: &str, modifiers: Modifiers, written: &str) -> Result<Vec<Test>, Problem> {
    const MARK: char = '\0';
    let marked = encode::mark_dashes(written, MARK);
    let text = if modifiers.affix == Affix::Verbatim {
        SigmaText::literal(&marked)
    } else {
        SigmaText::parse(&marked)
    };
    let keyword = key.split('|').next() == Some("");
    let open_start = keyword || matches!(modifiers.affix, Affix::Contains | Affix::EndsWith);
    let open_end = keyword || matches!(modifiers.affix, Affix::Contains | Affix::StartsWith);
    let mut expression = String::from(if open_start { "" } else { "^" });
    for piece in text.0 {
        match piece {
            Piece::Char(MARK) => expression.push_str(encode::ANY_DASH),
            Piece::Char(c) => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            Piece::One => expression.push('.'),
            Piece::Many => expression.push_str(".*"),
        }
    }
    expression.push_str(if open_end { "" } else { r"\z" });
    let ignore_case = modifiers.case == Case::Ignored;
    let flags = RegexFlags { ignore_case, multi_line: false, dot_is_all: true };
    regex(key, flags, &expression, Build::Now)
}

/// Resolves `\%`; a placeholder that is left has no values here.
fn without_placeholders(key: &str, written: &str) -> Result<String, Problem> {
    const ESCAPED: char = '\u{0}';
    let hidden = written.replace("\\%", &ESCAPED.to_string());
    let mut parts = hidden.split('%');
    parts.next();
    if let (Some(name), Some(_)) = (parts.next(), parts.next()) {
        let (field, name) = (key.to_owned(), name.to_owned());
        return Err(Problem::Placeholder { field, name });
    }
    Ok(hidden.replace(ESCAPED, "%"))
}
