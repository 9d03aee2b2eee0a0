//! Sigma rules, from YAML text to a verdict on one event.
//!
//! Knows the Sigma specification v2.1 and JSON; knows nothing of AWS resources, controls or
//! incidents. Start at [`Logs`] and [`RuleSet`] for use, at `compile` for how a rule becomes a matcher.
//!
//! # Semantics where the specification leaves room
//! - A list in the event matches when any member does; an empty list is an empty field (`null`).
//! - An object compared with text is its compact JSON.
//! - `neq` is the plain negation, so a field that is missing is different from every value.
//! - `fieldref` to a missing field matches nothing.
//! - Field names are case-sensitive, literal dots in a name are tried beside nesting.
//! - `re` is PCRE as the specification says: `$` holds before a final line break too; see `expression`.
//! - Keywords search every key and every scalar of the event.

mod assemble;
mod collection;
mod compile;
mod condition;
mod correlation;
mod correlations;
mod document;
mod encode;
mod error;
mod expression;
mod field;
mod filter;
mod firing;
mod grams;
mod index;
mod literals;
mod logs;
mod marks;
mod matcher;
mod modifier;
mod narrow;
mod number;
mod pattern;
mod prefilter;
mod ruleset;
mod scan;
mod sieve;
mod skim;
mod source;
mod text;
mod walk;
mod when;

pub use condition::ConditionError;
pub use correlation::{Bound, Correlation, CorrelationKind, Operator, Reference};
pub use correlations::{Correlations, Resolved};
pub use document::{Custom, Document, File, Level, Logsource, Meta, Rule, parse, parse_file};
pub use error::{Place, Problem, RuleError};
pub use field::Path;
pub use filter::Filter;
pub use logs::Logs;
pub(crate) use logs::sources;
pub(crate) use narrow::is_word;
pub use narrow::{Compared, Letters, Narrow};
pub use ruleset::{Demand, Extra, NotEvaluated, RuleSet, Sifted, Why};
pub use scan::{Head, ScanError};
pub(crate) use sieve::Hashed;
