//! Text to [`Machine`], with every problem at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::Digest as _;

use super::fields::Fields;
use super::{Compiled, Graph, Language, Machine, flow, states};

/// The longest definition AWS takes.
const MAX_BYTES: usize = 1_048_576;
/// Machines inside machines (branches, maps) deeper than this are refused.
const MAX_NESTING: usize = 32;
/// The longest state name.
const MAX_NAME: usize = 80;

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// Where, as a JSON Pointer (RFC 6901) into the definition.
    pub pointer: String,
    /// What, and what to do about it.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{} at {pointer}", self.message)
    }
}

/// Everything that is wrong with a definition, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionErrors {
    /// At least one problem.
    pub problems: Vec<Problem>,
}

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.problems.iter().map(ToString::to_string).collect();
        write!(f, "the definition has {} problem(s): {}", lines.len(), lines.join("; "))
    }
}

impl std::error::Error for DefinitionErrors {}

/// Where problems are noted while a definition is read.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem { pointer: pointer.into(), message: message.into() });
    }
}

/// What is known while the graphs of a definition are read.
pub(super) struct Builder<'a> {
    pub(super) problems: &'a Problems,
    pub(super) graphs: Vec<Option<Graph>>,
    nesting: usize,
    /// The language of the whole machine, which branches and Map processors start from.
    pub(super) language: Language,
    /// Names of all states of the machine with where they are; AWS wants them unique.
    names: HashMap<String, String>,
}

impl Machine {
    /// As [`Machine::parse`], for a machine of type Express, which can do less.
    ///
    /// # Errors
    /// Every problem of the definition, each with its JSON Pointer.
    pub fn parse_express(definition: &str) -> Result<Self, DefinitionErrors> {
        let machine = Self::parse(definition)?;
        let value: Value = serde_json::from_str(definition).unwrap_or_default();
        let problems = super::express_problems(&value);
        if problems.is_empty() { Ok(machine) } else { Err(DefinitionErrors { problems }) }
    }

    /// Parses a definition, with its substitutions already applied.
    ///
    /// # Errors
    /// Every problem of the definition, each with its JSON Pointer.
    pub fn parse(definition: &str) -> Result<Self, DefinitionErrors> {
        let problems = Problems::default();
        let compiled = read(definition, &problems);
        let problems = problems.0.into_inner();
        match compiled {
            Some((graphs, timeout_seconds)) if problems.is_empty() => Ok(Self {
                compiled: Arc::new(Compiled {
                    text: definition.into(),
                    digest: digest(definition).into(),
                    graphs,
                    timeout_seconds,
                }),
            }),
            _ => Err(DefinitionErrors { problems }),
        }
    }
}

/// SHA-256 of a definition, in hex.
pub(crate) fn digest(definition: &str) -> String {
    hex(&sha2::Sha256::digest(definition))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |text, b| text + &format!("{b:02x}"))
}

fn read(definition: &str, problems: &Problems) -> Option<(Vec<Graph>, Option<i64>)> {
    if definition.len() > MAX_BYTES {
        problems
            .add("", format!("the definition is longer than {MAX_BYTES} bytes; split the machine"));
        return None;
    }
    let value: Value = match serde_json::from_str(definition) {
        Ok(value) => value,
        Err(e) => {
            problems.add("", format!("the definition is no JSON: {e}"));
            return None;
        }
    };
    let Value::Object(map) = &value else {
        problems.add("", "a definition is a JSON object");
        return None;
    };
    super::duplicates::check(definition, problems);
    let fields = Fields { map, pointer: "", problems };
    fields.only(
        &["Comment", "QueryLanguage", "StartAt", "States", "TimeoutSeconds", "Version"],
        "a state machine",
    );
    if let Some(version) = fields.text("Version")
        && version != "1.0"
    {
        fields.report("Version", "the only version of the language is `1.0`");
    }
    let timeout = fields.get("TimeoutSeconds").and_then(|_| {
        match fields.amount("TimeoutSeconds", Language::JsonPath, 1, 99_999_999)? {
            super::Amount::Fixed(n) => Some(n),
            _ => None,
        }
    });
    let language = language(&fields, Language::JsonPath, true);
    let mut builder =
        Builder { problems, graphs: Vec::new(), nesting: 0, language, names: HashMap::new() };
    builder.graph(map, "", language);
    let graphs: Option<Vec<Graph>> = builder.graphs.into_iter().collect();
    Some((graphs?, timeout))
}

/// `QueryLanguage`; a machine or state in JSONata cannot hold one in JSONPath.
pub(super) fn language(fields: &Fields<'_>, outer: Language, is_machine: bool) -> Language {
    match fields.text("QueryLanguage") {
        None => outer,
        Some("JSONata") => Language::Jsonata,
        Some("JSONPath") => {
            if outer == Language::Jsonata && !is_machine {
                fields.report("QueryLanguage", "a JSONata state machine cannot hold a JSONPath state; use JSONata here or JSONPath outside");
            }
            Language::JsonPath
        }
        Some(other) => {
            fields.report(
                "QueryLanguage",
                format!("`{other}` is no query language; use `JSONPath` or `JSONata`"),
            );
            outer
        }
    }
}

impl Builder<'_> {
    /// Reads a graph and gives its index; depth first, so that the order is stable.
    pub(super) fn graph(
        &mut self,
        map: &Map<String, Value>,
        pointer: &str,
        language: Language,
    ) -> u32 {
        let index = self.graphs.len();
        self.graphs.push(None);
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        if self.nesting >= MAX_NESTING {
            self.problems.add(
                pointer,
                format!("machines are nested deeper than {MAX_NESTING}; flatten the definition"),
            );
            return number;
        }
        self.nesting += 1;
        let graph = self.states(map, pointer, language);
        self.nesting -= 1;
        if let Some(slot) = self.graphs.get_mut(index) {
            *slot = graph;
        }
        number
    }

    fn states(
        &mut self,
        map: &Map<String, Value>,
        pointer: &str,
        language: Language,
    ) -> Option<Graph> {
        let problems = self.problems;
        let fields = Fields { map, pointer, problems };
        fields.comment();
        let start_name = fields.required_text("StartAt");
        if !fields.has("States") {
            fields.report("", "`States` is missing");
        }
        let all = fields.object("States")?;
        if all.is_empty() {
            fields.report("States", "`States` is empty; add a state");
        }
        let mut by_name = HashMap::new();
        for (i, name) in all.keys().enumerate() {
            by_name.insert(name.clone(), u32::try_from(i).unwrap_or(u32::MAX));
        }
        let mut parsed = Vec::with_capacity(all.len());
        for (name, value) in all {
            let at = format!("{}/{}", fields.at("States"), crate::lang_escape(name));
            if name.chars().count() > MAX_NAME || name.is_empty() {
                problems.add(at.clone(), format!("a state name has 1 to {MAX_NAME} characters"));
            }
            if let Some(other) = self.names.insert(name.clone(), at.clone()) {
                problems.add(at.clone(), format!("the state name `{name}` is used at {other} too; names are unique in a machine"));
            }
            match value {
                Value::Object(state) => {
                    parsed.push(states::state(self, name, state, &at, language, &by_name));
                }
                _ => problems.add(at, "a state is a JSON object"),
            }
        }
        let states: Vec<_> = parsed.into_iter().collect::<Option<_>>().unwrap_or_default();
        let start = start_name.and_then(|name| {
            if let Some(start) = by_name.get(name) {
                Some(*start)
            } else {
                fields.report("StartAt", format!("there is no state `{name}`"));
                None
            }
        })?;
        if states.len() != all.len() {
            return None;
        }
        let graph = Graph { start, states };
        flow::check(&graph, &fields);
        Some(graph)
    }
}
