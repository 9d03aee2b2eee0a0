//! JSONPath as the Amazon States Language uses it: a Jayway dialect with three roots.
//!
//! `$` is the state's data, `$$` the context object, `$name` a variable. A definite path
//! gives the value it names or an error; an indefinite one gives the array of all matches.

mod eval;
mod filter;
mod parse;
mod reference;

pub(crate) use reference::ReferencePath;

use filter::Filter;

/// Where a path starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Root {
    Data,
    Context,
    Variable(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Segment {
    Keys(Vec<String>),
    Indexes(Vec<i64>),
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    Descend,
    Filter(Filter),
}

/// A function at the end of a path, as in `$.items.length()`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Length,
    Min,
    Max,
    Sum,
    Avg,
    Keys,
}

/// A parsed path; keeps its text for messages.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    text: String,
    pub(crate) root: Root,
    segments: Vec<Segment>,
    function: Option<Function>,
    definite: bool,
}

impl Path {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the path is its root alone, as `$` or `$name` are.
    pub(crate) fn is_root(&self) -> bool {
        self.segments.is_empty() && self.function.is_none()
    }

    pub(crate) fn is_definite(&self) -> bool {
        self.definite
    }
}
