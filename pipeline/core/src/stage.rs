//! A stage of the pipeline, and how stages fit together.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::{Classify, Fault, chain};
use crate::handoff::Failure;
use crate::port::Clock;

/// What a stage may know about the attempt it runs in.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// The time, as far as a stage may know it.
    pub clock: &'a dyn Clock,
    /// Names the attempt; one that is made again after a crash has the same, a retry another.
    pub key: &'a str,
}

impl std::fmt::Debug for Cx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cx").field("key", &self.key).finish_non_exhaustive()
    }
}

/// One step of the response. Every stage may run twice, at once, and die half-way: it must
/// come to the same end.
#[async_trait]
pub trait Stage: Send + Sync {
    /// The name of its state in the state machine.
    const NAME: &'static str;
    /// What it needs.
    type Input: DeserializeOwned + Send + 'static;
    /// What it hands on.
    type Output: Serialize + Send + 'static;
    /// What can go wrong.
    type Error: Classify + Send + Sync + 'static;

    /// Does the step.
    async fn run(&self, cx: Cx<'_>, input: Self::Input) -> Result<Self::Output, Self::Error>;
}

/// Runs a stage on JSON, as a task of a state machine does: malformed input and errors come
/// back as error names that `Retry` and `Catch` know.
///
/// # Errors
/// The fault's name and the chain of causes on one line.
pub async fn invoke<S: Stage>(stage: &S, cx: Cx<'_>, input: Value) -> Result<Value, Failure> {
    let bad = |e: serde_json::Error, what: &str| Failure {
        error: Fault::BadInput.name().to_owned(),
        cause: format!("{what} of stage `{}` is malformed: {e}", S::NAME),
    };
    let input = serde_json::from_value(input).map_err(|e| bad(e, "the input"))?;
    let output = stage
        .run(cx, input)
        .await
        .map_err(|e| Failure { error: e.fault().name().to_owned(), cause: chain(&e) })?;
    serde_json::to_value(output).map_err(|e| bad(e, "the output"))
}

/// The names of stages in the order a typed chain runs them.
///
/// A chain is built with [`Chain::first`] and [`Chain::then`]; a stage that does not take what the
/// one before hands on does not compile:
///
/// ```compile_fail
/// use aisaws_core::handoff::{Detected, Prepared, Scored};
/// use aisaws_core::stage::Chain;
/// // Score hands on `Scored`; Remediate needs `Prepared`.
/// Chain::first::<Detected, Scored>("Score").then::<Prepared, ()>("Remediate");
/// ```
#[derive(Debug, Clone)]
pub struct Chain<Out> {
    names: Vec<&'static str>,
    out: std::marker::PhantomData<fn() -> Out>,
}

impl Chain<()> {
    /// Begins a chain with a step from `In` to `Out`.
    pub fn first<In, Out>(name: &'static str) -> Chain<Out> {
        Chain { names: vec![name], out: std::marker::PhantomData }
    }

    /// Begins a chain with a stage.
    pub fn first_stage<S: Stage>() -> Chain<S::Output> {
        Self::first::<S::Input, S::Output>(S::NAME)
    }
}

impl<Out> Chain<Out> {
    /// Adds a step that takes what the chain hands on.
    #[must_use]
    pub fn then<In, Next>(mut self, name: &'static str) -> Chain<Next>
    where
        Out: Into<In>,
    {
        self.names.push(name);
        Chain { names: self.names, out: std::marker::PhantomData }
    }

    /// Adds a stage that takes what the chain hands on.
    #[must_use]
    pub fn then_stage<S: Stage>(self) -> Chain<S::Output>
    where
        Out: Into<S::Input>,
    {
        self.then::<S::Input, S::Output>(S::NAME)
    }

    /// The names in order.
    pub fn names(&self) -> &[&'static str] {
        &self.names
    }
}
