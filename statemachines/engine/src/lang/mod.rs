//! The two query languages of the Amazon States Language, and what a state evaluates with them.

mod choice;
mod functions;
mod intrinsic;
mod jsonata;
mod jsonata_check;
mod jsonata_functions;
mod scope;
mod template;
mod timestamp;

pub(crate) use choice::{Rule, Test};
pub(crate) use intrinsic::Intrinsic;
pub(crate) use jsonata::{check as check_jsonata, expression as jsonata_expression};
pub(crate) use scope::{Chance, Scope, Variables};
pub(crate) use template::{Expr, Template, escape};
pub(crate) use timestamp::{format_millis, parse_timestamp, parse_timestamp_strict};

/// Why an expression of a definition could not be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EvalError {
    /// A JSONPath found nothing; `field` as written, with its `.$`.
    NotFound { field: String, path: String },
    /// A path that stands alone in a field such as `InputPath`.
    InvalidPath { path: String, reason: String },
    /// An intrinsic function refused its arguments; `call` is the whole as written.
    Intrinsic { call: String, reason: String },
    /// The values an evaluation copies together are too much.
    TooMuch,
    /// A JSONata expression failed; `location` is the field's path, as `Output/result`.
    Query { location: String, cause: String },
}
