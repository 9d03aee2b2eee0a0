//! A parsed definition: every path, expression and target resolved once.

mod children;
mod duplicates;
mod fields;
mod flow;
mod parse;
mod resource;
mod retry;
mod rules;
mod states;
mod warnings;

use std::sync::Arc;

use serde_json::Value;

use crate::lang::{Expr, Rule, Template};
use crate::path::{Path, ReferencePath};

pub(crate) use resource::express_problems;

#[cfg(feature = "sqlite")]
pub(crate) use parse::digest;
pub use parse::{DefinitionErrors, Problem};

/// A state machine: a definition that was found to be right, ready to run.
///
/// Cloning is cheap. Two machines are the same if their definitions are, byte for byte.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(crate) compiled: Arc<Compiled>,
}

/// What [`Machine`] shares among its clones.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) text: Arc<str>,
    pub(crate) digest: Arc<str>,
    /// Depth first, the whole machine first: the order is part of what is stored.
    pub(crate) graphs: Vec<Graph>,
    pub(crate) timeout_seconds: Option<i64>,
}

/// The query language of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    JsonPath,
    Jsonata,
}

/// A set of states with a start: the machine, a branch of a Parallel, or what a Map runs.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) start: u32,
    pub(crate) states: Vec<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) language: Language,
    pub(crate) kind: Kind,
    /// `None` where the state ends its graph.
    pub(crate) next: Option<u32>,
    pub(crate) input_path: IoPath,
    pub(crate) output_path: IoPath,
    /// `Parameters`, or `Arguments` in JSONata.
    pub(crate) parameters: Option<Template>,
    pub(crate) result_selector: Option<Template>,
    pub(crate) result_path: ResultPath,
    pub(crate) output: Option<Template>,
    pub(crate) assign: Option<Template>,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
}

/// `InputPath` and `OutputPath`.
#[derive(Debug)]
pub(crate) enum IoPath {
    Whole,
    Nothing,
    Path(Path),
}

/// `ResultPath`.
#[derive(Debug)]
pub(crate) enum ResultPath {
    Whole,
    Discard,
    At(ReferencePath),
}

#[derive(Debug)]
pub(crate) enum Kind {
    Pass { result: Option<Arc<Value>> },
    Task(Task),
    Choice { rules: Vec<ChoiceRule>, default: Option<u32> },
    Wait(Wait),
    Succeed,
    Fail { error: Option<Text>, cause: Option<Text> },
    Parallel { branches: Vec<u32> },
    Map(Box<MapSpec>),
}

impl Kind {
    /// The name of the type, as in `PassStateEntered`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Pass { .. } => "Pass",
            Self::Task(_) => "Task",
            Self::Choice { .. } => "Choice",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail { .. } => "Fail",
            Self::Parallel { .. } => "Parallel",
            Self::Map(_) => "Map",
        }
    }
}

/// A text that may be computed.
#[derive(Debug)]
pub(crate) enum Text {
    Literal(String),
    Path(Expr),
    Jsonata(Template),
}

/// A number that may be computed.
#[derive(Debug)]
pub(crate) enum Amount {
    Fixed(i64),
    /// A fraction, where the field may hold one.
    Share(f64),
    Path(Path),
    Jsonata(Template),
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) resource: Arc<str>,
    pub(crate) timeout: Option<Amount>,
    pub(crate) heartbeat: Option<Amount>,
    pub(crate) credentials: Option<Template>,
}

#[derive(Debug)]
pub(crate) struct ChoiceRule {
    pub(crate) test: ChoiceTest,
    pub(crate) next: u32,
    pub(crate) assign: Option<Template>,
    pub(crate) output: Option<Template>,
}

#[derive(Debug)]
pub(crate) enum ChoiceTest {
    Rule(Rule),
    Condition(Template),
}

#[derive(Debug)]
pub(crate) enum Wait {
    Seconds(Amount),
    Timestamp(Text),
}

#[derive(Debug)]
pub(crate) struct MapSpec {
    pub(crate) graph: u32,
    pub(crate) is_distributed: bool,
    pub(crate) items: Option<Items>,
    pub(crate) selector: Option<Template>,
    pub(crate) max_concurrency: Option<Amount>,
    pub(crate) tolerated_count: Option<Amount>,
    pub(crate) tolerated_percentage: Option<Amount>,
    pub(crate) reader: Option<Reader>,
    pub(crate) batcher: Option<Batcher>,
    pub(crate) writer: Option<Writer>,
    pub(crate) label: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Items {
    Path(Expr),
    Jsonata(Template),
}

/// `ItemReader`.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) resource: String,
    pub(crate) config: Value,
    pub(crate) parameters: Option<Template>,
    pub(crate) max_items: Option<Amount>,
}

/// `ItemBatcher`.
#[derive(Debug)]
pub(crate) struct Batcher {
    pub(crate) max_items: Option<Amount>,
    pub(crate) max_bytes: Option<Amount>,
    pub(crate) batch_input: Option<Template>,
}

/// `ResultWriter`.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) resource: Option<String>,
    pub(crate) parameters: Option<Template>,
    pub(crate) config: Value,
}

/// One entry of `Retry`.
#[derive(Debug)]
pub(crate) struct Retrier {
    pub(crate) errors: Vec<String>,
    pub(crate) interval_seconds: f64,
    pub(crate) backoff_rate: f64,
    pub(crate) max_attempts: u32,
    pub(crate) max_delay_seconds: Option<f64>,
    pub(crate) has_full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug)]
pub(crate) struct Catcher {
    pub(crate) errors: Vec<String>,
    pub(crate) next: u32,
    pub(crate) result_path: ResultPath,
    pub(crate) assign: Option<Template>,
    pub(crate) output: Option<Template>,
}

impl Machine {
    /// The definition as it was given.
    pub fn definition(&self) -> &str {
        &self.compiled.text
    }

    /// SHA-256 of the definition in lower-case hexadecimal: what an execution is pinned to.
    pub fn digest(&self) -> &str {
        &self.compiled.digest
    }

    pub(crate) fn graph(&self, index: u32) -> Option<&Graph> {
        self.compiled.graphs.get(index as usize)
    }

    pub(crate) fn state(&self, graph: u32, state: u32) -> Option<&State> {
        self.graph(graph)?.states.get(state as usize)
    }
}
