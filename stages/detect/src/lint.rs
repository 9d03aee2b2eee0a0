//! What a rule file lacks or does oddly, beyond what makes it unusable.
//!
//! Every remark says where, what, and what to try next.

use std::collections::BTreeMap;
use std::sync::Arc;

use aisaws_core::event::Source;
use aisaws_core::fault;
use aisaws_core::id::ControlId;

use crate::attack;
use crate::record;
use crate::response::{Response, SECTION};
use crate::sigma::{Document, Place, Problem, Rule, RuleError, parse, sources};

/// Whether a remark makes the file unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Usable, but not as good as it should be.
    Warning,
    /// A document that cannot be used, or not as it says.
    Error,
}

impl Gravity {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
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
    /// What to do about it.
    pub next: String,
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.gravity.as_str(), self.text)
    }
}

/// Looks at one rule file; `name` is the name used in remarks.
pub fn lint(name: &str, text: &str) -> Vec<Remark> {
    let mut remarks = Remarks { text, found: Vec::new() };
    for document in parse(name, text) {
        match document {
            Ok(Document::Rule(rule)) => lint_rule(&rule, &mut remarks),
            // References may lead to other files: they are resolved where all rules are read.
            Ok(Document::Correlation(correlation)) => {
                if let Err(error) = Response::of_meta(&correlation.meta) {
                    remarks.refuse(&error);
                }
            }
            Ok(Document::Filter(filter)) => {
                for name in filter.unused_selections() {
                    let place = remarks.line_of(&filter.place, &format!("{name}:"));
                    remarks.warn(
                        place,
                        &format!("the search identifier `{name}` is in no condition"),
                        "use it in `condition:`, or take it out",
                    );
                }
            }
            Err(error) => remarks.refuse(&error),
        }
    }
    remarks.found
}

/// Looks at files together: ids that are used twice, and controls that `knows` does not know.
pub fn across<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f str)>,
    knows: &dyn Fn(&ControlId) -> bool,
) -> Vec<Remark> {
    let mut first: BTreeMap<String, Place> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, text) in files {
        let mut remarks = Remarks { text, found: Vec::new() };
        for document in parse(name, text).into_iter().flatten() {
            let Document::Rule(rule) = document else { continue };
            if let Some(key) = rule.meta.id.clone() {
                if let Some(first) = first.get(&key) {
                    let place = remarks.line_of(&rule.place, &key);
                    remarks.fail(
                        place,
                        &format!("rule id `{key}` is already used in {first}"),
                        "give one of them an id of its own",
                    );
                } else {
                    first.insert(key, rule.place.clone());
                }
            }
            let response = Response::of(&rule).ok().flatten();
            let controls = response.as_ref().map(Response::controls).unwrap_or_default();
            for id in controls.iter().filter(|id| !knows(id)) {
                let place = remarks.line_of(&rule.place, id.as_str());
                remarks.fail(
                    place,
                    &format!("control `{id}` is not known"),
                    "take an id from `aisaws control list`, or leave `controls: []`",
                );
            }
        }
        found.extend(remarks.found);
    }
    found
}

/// The remark on a rule file that has no cases beside it.
pub fn without_cases(name: &str) -> Remark {
    Remark {
        place: Place { file: Arc::from(name), line: None },
        gravity: Gravity::Warning,
        text: "the rule has no cases".to_owned(),
        next: "write a file `NAME.cases.yml` beside it with events that must and must not fire"
            .to_owned(),
    }
}

/// Remarks on one file.
struct Remarks<'t> {
    text: &'t str,
    found: Vec<Remark>,
}

impl Remarks<'_> {
    fn push(&mut self, place: Place, gravity: Gravity, text: &str, next: &str) {
        let (text, next) = (text.to_owned(), next.to_owned());
        self.found.push(Remark { place, gravity, text, next });
    }

    fn warn(&mut self, place: Place, text: &str, next: &str) {
        self.push(place, Gravity::Warning, text, next);
    }

    fn fail(&mut self, place: Place, text: &str, next: &str) {
        self.push(place, Gravity::Error, text, next);
    }

    fn refuse(&mut self, error: &RuleError) {
        let text = fault::chain(&WithoutPlace(error));
        self.fail(error.place.clone(), &text, &next(&error.problem));
    }

    /// The first line from `from` on that holds the word; `from`, if none does.
    fn line_of(&self, from: &Place, word: &str) -> Place {
        let start = from.line.unwrap_or(1);
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let found = lines.skip(start - 1).find(|(_, line)| line.contains(word));
        Place { file: from.file.clone(), line: found.map(|(number, _)| number).or(from.line) }
    }
}

/// The place is a field of the remark already.
#[derive(Debug)]
struct WithoutPlace<'a>(&'a RuleError);

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

fn lint_rule(rule: &Rule, remarks: &mut Remarks<'_>) {
    let meta = &rule.meta;
    if meta.id.is_none() {
        remarks.fail(
            rule.place.clone(),
            "the rule has no `id`",
            "add a line `id:` with a UUID or a dotted name that is never changed",
        );
    }
    let mut lacks = |is_there: bool, text: &str, next: &str| {
        if !is_there {
            remarks.warn(rule.place.clone(), text, next);
        }
    };
    lacks(
        meta.level.is_some(),
        "the rule has no `level`; it counts as medium",
        "add `level:` with informational, low, medium, high or critical",
    );
    lacks(
        meta.description.as_ref().is_some_and(|d| !d.trim().is_empty()),
        "the rule has no `description` of what it finds and why it matters",
        "add a line `description:`",
    );
    lacks(
        !meta.falsepositives.is_empty(),
        "the rule names no `falsepositives`",
        "add a list `falsepositives:` of what else looks the same",
    );
    lacks(
        meta.tags.iter().any(|tag| attack::technique(tag).is_some()),
        "the rule has no tag of an ATT&CK technique",
        "add `tags:` with one such as `attack.t1562.008`",
    );
    lacks(
        !sources(&meta.logsource).is_empty(),
        "the rule is for a log that is not read here and is not evaluated",
        "write `logsource: { product: aws, service: cloudtrail }` if it is about CloudTrail",
    );
    lint_tags(rule, remarks);
    for (name, (place, expected)) in &meta.odd {
        remarks.warn(
            place.clone(),
            &format!("attribute `{name}` should be {expected}"),
            "write it as the Sigma specification has it; a text with `: ` in it needs quotes",
        );
    }
    for name in rule.unused_selections() {
        let place = remarks.line_of(&rule.place, &format!("{name}:"));
        remarks.warn(
            place,
            &format!("the search identifier `{name}` is in no condition"),
            "use it in `condition:`, or take it out",
        );
    }
    if sources(&meta.logsource) == [Source::CloudTrail] {
        lint_fields(rule, remarks);
    }
    match Response::of(rule) {
        Ok(Some(_)) => {}
        Ok(None) => remarks.warn(
            rule.place.clone(),
            &format!("the rule has no section `{SECTION}`: it is on probation, and its hits are about what the event names"),
            "leave it so for rules of others, or add the section (resource, controls, stage)",
        ),
        Err(error) => remarks.refuse(&error),
    }
}

fn lint_tags(rule: &Rule, remarks: &mut Remarks<'_>) {
    for tag in rule.meta.tags.iter().filter(|tag| tag.starts_with("attack.")) {
        let place = remarks.line_of(&rule.place, tag);
        if !attack::is_well_formed(tag) {
            remarks.fail(
                place,
                &format!("`{tag}` is no tag of ATT&CK"),
                "write a technique (`attack.t1530`, `attack.t1562.008`) or a tactic (`attack.impact`)",
            );
        }
    }
}

fn lint_fields(rule: &Rule, remarks: &mut Remarks<'_>) {
    let response = Response::of(rule).ok().flatten();
    let mut fields = rule.fields();
    fields.extend(response.iter().flat_map(Response::fields).map(str::to_owned));
    for field in fields.iter().filter(|field| !record::may_have(field)) {
        let place = remarks.line_of(&rule.place, field);
        let next = match record::nearest(field) {
            Some(name) => format!("did you mean `{name}`? Names are case-sensitive"),
            None => "see the record contents in the CloudTrail user guide; what a call was asked \
                     is under `requestParameters`"
                .to_owned(),
        };
        remarks.warn(place, &format!("no CloudTrail record has the field `{field}`"), &next);
    }
}

/// What to try where a document cannot be used.
fn next(problem: &Problem) -> String {
    match problem {
        Problem::Yaml(_) => "mend the YAML at this line; quote values with `:`, `#`, `*` or `%`",
        Problem::NotAMapping => "write `title:`, `logsource:`, `detection:` at the left margin",
        Problem::Missing(name) => return format!("add `{name}:`"),
        Problem::WrongType { expected, .. } => return format!("write {expected}"),
        Problem::UnknownAttribute(_) => "take it out, or mind its spelling",
        Problem::UnknownModifier { .. } => {
            "take one of contains, startswith, endswith, exact, all, re, cidr, exists, fieldref, \
             cased, neq, lt, lte, gt, gte, base64, base64offset, wide, windash, minute … year"
        }
        Problem::MisusedModifier { .. } => "leave one of the modifiers out",
        Problem::BadValue { .. } => "write another value, or leave the modifier out",
        Problem::Placeholder { .. } => "write the values in place of the placeholder",
        Problem::Regex { .. } => "write it without look-around and back-references, and smaller",
        Problem::Condition { .. } => {
            "use the names of the `detection` section with and, or, not, `1 of x_*`, `all of x_*`"
        }
        Problem::NothingToRepeat => "write the rule out, or put it behind the one it repeats",
        Problem::OldCorrelation => "write `correlation:` with `type:`, `rules:`, `timespan:`",
        Problem::UnknownRule(_) => "mind its spelling, or give the file of that rule too",
        Problem::OtherLogsource(_) => "give both the same `logsource`",
        Problem::Section(..) => "see `aisaws rule show` of a built-in rule for its form",
        Problem::Circle(_) => "let it refer to rules, or to correlations that do not need it",
        Problem::DuplicateId { .. } => "give one of them an id of its own",
    }
    .to_owned()
}
