//! What a rule file lacks or does oddly, beyond what makes it unusable.

use crate::response::{Response, SECTION};
use crate::sigma::{Document, Place, Rule, parse, sources};

/// Whether a remark makes the file unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Usable, but not as good as it should be.
    Warning,
    /// A document that cannot be used.
    Error,
}

/// One remark, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// File and line.
    pub place: Place,
    /// How bad it is.
    pub gravity: Gravity,
    /// What is remarked.
    pub text: String,
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.gravity {
            Gravity::Warning => "warning",
            Gravity::Error => "error",
        };
        write!(f, "{}: {word}: {}", self.place, self.text)
    }
}

/// Looks at one rule file; `name` is the name used in remarks.
pub fn lint(name: &str, text: &str) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for document in parse(name, text) {
        match document {
            Ok(Document::Rule(rule)) => lint_rule(&rule, &mut remarks),
            Ok(Document::Correlation(c)) => remarks.push(warning(
                &c.place,
                "correlation rules are read but not evaluated by this stage",
            )),
            Ok(Document::Filter(filter)) => {
                for name in filter.unused_selections() {
                    let text = format!("selection `{name}` is not used by the condition");
                    remarks.push(warning(&filter.place, &text));
                }
            }
            Err(error) => remarks.push(Remark {
                text: aisaws_core::fault::chain(&WithoutPlace(&error)),
                place: error.place.clone(),
                gravity: Gravity::Error,
            }),
        }
    }
    remarks
}

/// The place is a field of the remark already.
#[derive(Debug)]
struct WithoutPlace<'a>(&'a crate::sigma::RuleError);

impl std::fmt::Display for WithoutPlace<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.problem.fmt(f)
    }
}

impl std::error::Error for WithoutPlace<'_> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

fn warning(place: &Place, text: &str) -> Remark {
    Remark { place: place.clone(), gravity: Gravity::Warning, text: text.to_owned() }
}

fn lint_rule(rule: &Rule, remarks: &mut Vec<Remark>) {
    let meta = &rule.meta;
    let mut lacks = |is_there: bool, text: &str| {
        if !is_there {
            remarks.push(warning(&rule.place, text));
        }
    };
    lacks(meta.id.is_some(), "the rule has no `id`");
    lacks(meta.level.is_some(), "the rule has no `level`; it counts as medium");
    lacks(
        meta.description.as_ref().is_some_and(|d| !d.trim().is_empty()),
        "the rule has no `description` of what it finds and why it matters",
    );
    lacks(!meta.falsepositives.is_empty(), "the rule names no `falsepositives`");
    lacks(
        meta.tags.iter().any(|tag| tag.starts_with("attack.t")),
        "the rule has no tag of an ATT&CK technique",
    );
    lacks(
        !sources(&meta.logsource).is_empty(),
        "the rule is for a log that is not read here and is not evaluated",
    );
    for name in rule.unused_selections() {
        lacks(false, &format!("the search identifier `{name}` is in no condition"));
    }
    match Response::of(rule) {
        Ok(Some(_)) => {}
        Ok(None) => {
            lacks(false, &format!("the rule has no section `{SECTION}` and points at no resource"));
        }
        Err(error) => remarks.push(Remark {
            text: aisaws_core::fault::chain(&WithoutPlace(&error)),
            place: error.place.clone(),
            gravity: Gravity::Error,
        }),
    }
}
