//! What can be wrong with a rule, and where.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::condition::ConditionError;

/// A place in a rule file: the name it was given and, where known, the line (from 1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Name of the file as the caller gave it.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// A rule that cannot be used: what is wrong, and the file and line it stands in.
#[derive(Debug)]
pub struct RuleError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl Error for RuleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem.source()
    }
}

/// What is wrong with a rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is not YAML.
    #[error("the rule is not valid YAML")]
    Yaml(#[source] yaml_serde::Error),
    /// The document is a list or a scalar.
    #[error("a rule must be a mapping")]
    NotAMapping,
    /// A mandatory attribute is absent.
    #[error("attribute `{0}` is missing")]
    Missing(&'static str),
    /// An attribute has a value of the wrong kind.
    #[error("attribute `{attribute}` must be {expected}")]
    WrongType {
        /// Dotted name of the attribute.
        attribute: String,
        /// What it must be.
        expected: &'static str,
    },
    /// An attribute that this section does not have.
    #[error("attribute `{0}` is not known here")]
    UnknownAttribute(String),
    /// A modifier that the specification does not define.
    #[error("field `{field}` has the unknown modifier `{modifier}`")]
    UnknownModifier {
        /// Field as written.
        field: String,
        /// The modifier.
        modifier: String,
    },
    /// A known modifier where it has no meaning.
    #[error("field `{field}`: modifier `{modifier}` {reason}")]
    MisusedModifier {
        /// Field as written.
        field: String,
        /// The modifier.
        modifier: &'static str,
        /// Why it cannot stand there.
        reason: &'static str,
    },
    /// A value that the field's modifiers cannot take.
    #[error("field `{field}`: value `{value}` {reason}")]
    BadValue {
        /// Field as written.
        field: String,
        /// Value as written.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// `expand` asks for a placeholder, and there are no values for it.
    #[error("field `{field}` needs the placeholder `%{name}%`, which has no values")]
    Placeholder {
        /// Field as written.
        field: String,
        /// Name of the placeholder.
        name: String,
    },
    /// A regular expression that cannot be run in linear time, is too large, or is malformed.
    #[error("field `{field}` has a regular expression that cannot be used")]
    Regex {
        /// Field as written.
        field: String,
        /// What the expression engine says.
        #[source]
        source: Box<regex::Error>,
    },
    /// The condition cannot be understood.
    #[error("condition `{condition}` cannot be used: {reason}")]
    Condition {
        /// Condition as written.
        condition: String,
        /// What is wrong.
        reason: ConditionError,
    },
    /// `action: repeat` in the first document of a file.
    #[error("there is no rule before this one that could be repeated")]
    NothingToRepeat,
    /// `action: correlation`, a draft of what is now a section.
    #[error("`action: correlation` is of a draft; write a section `correlation` with its `type`")]
    OldCorrelation,
    /// A section of ours that does not have the form it must have.
    #[error("section `{0}` is not as it must be")]
    Section(&'static str, #[source] yaml_serde::Error),
    /// A filter or correlation names a rule that is not among those that were read.
    #[error(
        "rule `{0}` is not known; give the id or the name of a rule that is read with this one"
    )]
    UnknownRule(String),
    /// A correlation that refers to itself, by way of others or not.
    #[error("correlation `{0}` refers to itself, or to one that cannot be used")]
    Circle(String),
    /// A filter names a rule of another log.
    #[error("the filter is for another log source than rule `{0}`")]
    OtherLogsource(String),
    /// Two rules with one id.
    #[error("rule id `{id}` is already used in {first}")]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it was met first.
        first: Place,
    },
}
