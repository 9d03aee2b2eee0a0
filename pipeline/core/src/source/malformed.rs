//! Why a text is no record.

use crate::event::Source;

/// Why a text is not the record of a source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Not JSON, or a field of another type than the source writes.
    #[error("not a record that can be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A field without which nothing can be said.
    #[error(
        "not a record of {source_name}: field `{field}` is missing; is this another kind of log?"
    )]
    Missing {
        /// The source it was taken for.
        source_name: Source,
        /// The field.
        field: &'static str,
    },
    /// The time is no time.
    #[error("field `{field}` is `{text}`, not a time such as 2026-01-31T12:00:00Z")]
    Time {
        /// The field.
        field: &'static str,
        /// What it says.
        text: String,
    },
    /// Nothing that is read here.
    #[error("{0}")]
    Unknown(String),
    /// Of a form of ours that is not known.
    #[error("the finding has form {found}, this program reads form {known}; use a later one")]
    Version {
        /// Its form.
        found: u32,
        /// The one that is read.
        known: u32,
    },
    /// An export that lost the structure of a column.
    #[error("column `{0}` is not JSON; export the column `eventJson`, or cast `{0}` as JSON")]
    Column(String),
    /// Larger than any source writes.
    #[error(
        "the record has {bytes} bytes, more than the {max} that a source writes; is it several \
         records without line breaks between them?"
    )]
    Large {
        /// Its size.
        bytes: usize,
        /// The most.
        max: usize,
    },
    /// Nested deeper than any source does.
    #[error("the record is nested more than {0} deep, which no source does")]
    Deep(usize),
}

impl Malformed {
    pub(super) fn missing(source_name: Source, field: &'static str) -> Self {
        Self::Missing { source_name, field }
    }
}
