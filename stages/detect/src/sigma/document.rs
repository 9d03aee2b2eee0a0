//! A rule file's documents: rules, correlations and filters, with what they say of themselves.

use std::collections::{BTreeMap, BTreeSet};

use yaml_serde::{Mapping, Value};

use super::collection::Collection;
use super::compile::{Compiled, compile};
use super::correlation::Correlation;
use super::error::{Place, Problem, RuleError};
use super::filter::Filter;
use super::index::demanded;
use super::matcher::Node;
use super::source::Source;

/// How serious a hit is, by the author's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Enrichment only.
    Informational,
    /// Notable, rarely an incident.
    Low,
    /// To be reviewed.
    Medium,
    /// To be reviewed promptly.
    High,
    /// An incident.
    Critical,
}

impl Level {
    /// The word rules write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Whatever the case: authors write `High` too.
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "informational" => Some(Self::Informational),
            "low" => Some(Self::Low),
            "medium" => Some(Self::Medium),
            "high" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }
}

/// The log a rule is written for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logsource {
    /// Class of logs over products.
    pub category: Option<String>,
    /// Product that writes the log.
    pub product: Option<String>,
    /// Part of the product's logs.
    pub service: Option<String>,
}

impl Logsource {
    /// Whether a log of this product and service is one the rule is written for.
    pub fn covers(&self, product: &str, service: &str) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        self.category.is_none() && fits(&self.product, product) && fits(&self.service, service)
    }

    /// Whether every log the other one is about is among those this one is about.
    pub(super) fn contains(&self, other: &Self) -> bool {
        let fits =
            |outer: &Option<String>, inner: &Option<String>| outer.is_none() || outer == inner;
        fits(&self.category, &other.category)
            && fits(&self.product, &other.product)
            && fits(&self.service, &other.service)
    }
}

/// An attribute that the specification does not define.
#[derive(Debug, Clone)]
pub struct Custom {
    /// Its value.
    pub value: Value,
    /// Where it stands.
    pub place: Place,
    /// Where its members stand, if it is a map.
    pub members: BTreeMap<String, Place>,
}

impl Custom {
    fn new(source: &Source<'_>, key: &str, value: &Value) -> Self {
        let names = value.as_mapping().into_iter().flat_map(Mapping::keys);
        let members = names
            .filter_map(Value::as_str)
            .map(|name| (name.to_owned(), source.place(&[key, name])))
            .collect();
        Self { value: value.clone(), place: source.place(&[key]), members }
    }

    /// Where a member stands; where the whole stands, if there is no such member.
    pub fn place_of(&self, member: &str) -> &Place {
        self.members.get(member).unwrap_or(&self.place)
    }
}

/// What a document says of itself.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// Title; the one mandatory attribute.
    pub title: String,
    /// Globally unique id, mostly a UUID.
    pub id: Option<String>,
    /// Short name that correlations refer to.
    pub name: Option<String>,
    /// `stable`, `test`, `experimental`, `deprecated` or `unsupported`.
    pub status: Option<String>,
    /// What it finds and why that matters.
    pub description: Option<String>,
    /// Who wrote it; some licences ask to name them beside a hit.
    pub author: Option<String>,
    /// Licence of the rule.
    pub license: Option<String>,
    /// When it was written.
    pub date: Option<String>,
    /// When it was changed.
    pub modified: Option<String>,
    /// Where the idea comes from.
    pub references: Vec<String>,
    /// Tags such as `attack.t1530`.
    pub tags: Vec<String>,
    /// What else looks the same.
    pub falsepositives: Vec<String>,
    /// How serious a hit is.
    pub level: Option<Level>,
    /// The log it is written for.
    pub logsource: Logsource,
    /// Attributes that the specification does not define.
    pub custom: BTreeMap<String, Custom>,
    /// Attributes that decide nothing and are not what they should be: where, and what that is.
    pub odd: BTreeMap<String, (Place, &'static str)>,
    /// Its key, where another document without an id has the same name or title.
    pub(super) own_key: Option<String>,
}

impl Meta {
    /// What the document is called in output: its id, else its name, else its title; of several
    /// without an id and of one name or title, with their places.
    pub fn key(&self) -> &str {
        self.id
            .as_deref()
            .or(self.own_key.as_deref())
            .or(self.name.as_deref())
            .unwrap_or(&self.title)
    }

    /// Whether another document means this one by that word: its id, its name, or its title.
    pub fn is_called(&self, word: &str) -> bool {
        self.id.as_deref() == Some(word) || self.name.as_deref() == Some(word) || self.title == word
    }
}

/// A rule that can be evaluated over one event.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it says of itself.
    pub meta: Meta,
    /// Where it stands.
    pub place: Place,
    pub(super) node: Node,
    unused: Vec<String>,
}

impl Rule {
    /// Search identifiers that no condition uses.
    pub fn unused_selections(&self) -> &[String] {
        &self.unused
    }

    /// The fields that the rule looks at, each once; keywords, which look everywhere, aside.
    pub fn fields(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.node.for_each_field(&mut |path| {
            if let Some(path) = path {
                names.insert(path.as_str().to_owned());
            }
        });
        names
    }

    /// Values, one of which the field must have for the rule to match, in lower case; `None`:
    /// the rule does not say.
    pub fn demanded(&self, field: &str) -> Option<BTreeSet<String>> {
        demanded(&self.node, field)
    }

    /// Whether the rule matches this event.
    pub fn matches(&self, event: &serde_json::Value) -> bool {
        self.node.matches(event)
    }
}

/// One document of a rule file.
#[derive(Debug, Clone)]
pub enum Document {
    /// A rule over one event.
    Rule(Rule),
    /// A rule over hits of other rules.
    Correlation(Correlation),
    /// Conditions to be added to other rules.
    Filter(Filter),
}

const DEFINED: [&str; 22] = [
    "title",
    "id",
    "name",
    "taxonomy",
    "status",
    "description",
    "author",
    "license",
    "date",
    "modified",
    "references",
    "tags",
    "falsepositives",
    "level",
    "logsource",
    "detection",
    "correlation",
    "generate",
    "filter",
    "fields",
    "scope",
    "related",
];

/// A rule file.
#[derive(Debug, Clone, Copy)]
pub struct File<'f> {
    /// As errors name it.
    pub name: &'f str,
    /// What it holds, in YAML.
    pub text: &'f str,
    /// The same documents as a list in JSON, of a file of which a test holds that it is usable and
    /// that they are the same: several times as fast to read as YAML.
    pub read: Option<&'f str>,
}

impl<'f> From<(&'f str, &'f str)> for File<'f> {
    fn from((name, text): (&'f str, &'f str)) -> Self {
        Self { name, text, read: None }
    }
}

/// Reads every document of a rule file; `file` is the name used in errors.
pub fn parse(file: &str, text: &str) -> Vec<Result<Document, RuleError>> {
    parse_file((file, text).into())
}

/// As [`parse`], of a file that may have been read before.
pub fn parse_file(file: File<'_>) -> Vec<Result<Document, RuleError>> {
    let mut collection = Collection::default();
    let mut parsed = Vec::new();
    let mut sources = Source::split(file.name, file.text);
    let read_before: Option<Vec<Mapping>> =
        file.read.and_then(|read| serde_json::from_str(read).ok());
    let mut read_before =
        read_before.filter(|maps| maps.len() == sources.len()).map(Vec::into_iter);
    let count = sources.len();
    for (number, source) in (1..).zip(&mut sources) {
        let map = match read_before.as_mut().and_then(Iterator::next) {
            Some(map) => {
                source.is_proven = true;
                Ok(map)
            }
            None => read(source),
        };
        match map.and_then(|map| collection.complete(source, map, number == count)) {
            Ok(Some(map)) => parsed.push(parse_document(source, &map)),
            Ok(None) => {}
            Err(error) => parsed.push(Err(error)),
        }
    }
    parsed
}

fn read(source: &Source<'_>) -> Result<Mapping, RuleError> {
    let value: Value = yaml_serde::from_str(source.text).map_err(|e| source.yaml_error(e))?;
    match value {
        Value::Mapping(map) => Ok(map),
        _ => Err(source.error(&[], Problem::NotAMapping)),
    }
}

fn parse_document(source: &Source<'_>, map: &Mapping) -> Result<Document, RuleError> {
    let meta = parse_meta(source, map)?;
    let section = |name: &'static str| match map.get(name) {
        Some(Value::Mapping(section)) => Ok(Some(section)),
        Some(_) => {
            let problem = Problem::WrongType { attribute: name.to_owned(), expected: "a map" };
            Err(source.error(&[name], problem))
        }
        None => Ok(None),
    };
    if let Some(correlation) = section("correlation")? {
        return Correlation::parse(source, meta, map, correlation).map(Document::Correlation);
    }
    if section("logsource")?.is_none() {
        return Err(source.error(&[], Problem::Missing("logsource")));
    }
    if let Some(filter) = section("filter")? {
        return Filter::parse(source, meta, filter).map(Document::Filter);
    }
    let Some(detection) = section("detection")? else {
        return Err(source.error(&[], Problem::Missing("detection")));
    };
    let Compiled { node, unused } = compile(source, detection)?;
    Ok(Document::Rule(Rule { meta, place: source.place(&["title"]), node, unused }))
}

fn parse_meta(source: &Source<'_>, map: &Mapping) -> Result<Meta, RuleError> {
    let wrong = |name: &str, expected| {
        let problem = Problem::WrongType { attribute: name.to_owned(), expected };
        source.error(&[name], problem)
    };
    let text = |name: &str| match map.get(name) {
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Null) | None => Ok(None),
        Some(_) => Err(wrong(name, "a text")),
    };
    let mut odd = BTreeMap::new();
    // What decides nothing refuses no rule.
    let mut remark = |name: &str, expected| {
        odd.insert(name.to_owned(), (source.place(&[name]), expected));
    };
    let mut free_text = |name: &str| match map.get(name)? {
        Value::Null => None,
        value => plain_text(value).or_else(|| {
            remark(name, "a text");
            let items: Vec<String> = value.as_sequence()?.iter().filter_map(any_text).collect();
            (!items.is_empty()).then(|| items.join(", "))
        }),
    };
    let (status, description) = (free_text("status"), free_text("description"));
    let (author, license) = (free_text("author"), free_text("license"));
    let (date, modified) = (free_text("date"), free_text("modified"));
    let mut list = |name: &str| -> Vec<String> {
        let items = match map.get(name) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Sequence(list)) => list.as_slice(),
            Some(single) => std::slice::from_ref(single),
        };
        if items.iter().any(|item| !item.is_string()) {
            remark(name, "a list of texts");
        }
        items.iter().filter_map(any_text).collect()
    };
    let (references, tags) = (list("references"), list("tags"));
    let falsepositives = list("falsepositives");
    let level = match text("level")? {
        Some(word) => Some(Level::parse(&word).ok_or_else(|| {
            wrong("level", "`informational`, `low`, `medium`, `high` or `critical`")
        })?),
        None => None,
    };
    let of_logsource = |name: &str| {
        map.get("logsource").and_then(|l| l.get(name)).and_then(Value::as_str).map(str::to_owned)
    };
    let custom = map
        .iter()
        .filter_map(|(key, value)| Some((key.as_str()?, value)))
        .filter(|(key, _)| !DEFINED.contains(key))
        .map(|(key, value)| (key.to_owned(), Custom::new(source, key, value)))
        .collect();
    Ok(Meta {
        title: text("title")?.ok_or_else(|| source.error(&[], Problem::Missing("title")))?,
        id: text("id")?,
        name: text("name")?,
        status,
        description,
        author,
        license,
        date,
        modified,
        references,
        tags,
        falsepositives,
        level,
        logsource: Logsource {
            category: of_logsource("category"),
            product: of_logsource("product"),
            service: of_logsource("service"),
        },
        custom,
        odd,
        own_key: None,
    })
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(word) => Some(word.to_string()),
        _ => None,
    }
}

/// As [`plain_text`]; of a list or map, as when a text with `: ` lacks its quotes, its YAML.
fn any_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        _ => {
            plain_text(value).or_else(|| Some(yaml_serde::to_string(value).ok()?.trim().to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::RULES;

    /// So they may be taken for proven: `tests/it/rules.rs` puts each, read as YAML, to its cases.
    #[test]
    fn our_rules_read_before_are_our_rules() {
        for file in RULES {
            let sources = Source::split(file.path, file.rule);
            let of_yaml: Vec<Mapping> = sources.iter().map(|s| read(s).unwrap()).collect();
            let of_json: Vec<Mapping> = serde_json::from_str(file.read).unwrap();
            assert_eq!(of_json, of_yaml, "{}", file.path);
            let [a, b] = [of_json, of_yaml].map(|maps| serde_json::to_string(&maps).unwrap());
            assert_eq!(a, b, "the order of {}", file.path);
            let parsed = parse_file(file.file());
            assert!(parsed.iter().all(Result::is_ok) && !parsed.is_empty(), "{}", file.path);
        }
    }

    /// The specification makes all of these optional; none of them says what a rule matches.
    #[test]
    fn what_decides_nothing_refuses_no_rule() {
        let text = "title: A\nlevel: High\nauthor: [x, y]\ntags: [attack.t1562, 7, ~]\n\
                    falsepositives: [~]\nreferences:\n  - see: https://x.example\nstatus: { a: 1 }\n\
                    logsource: { product: aws }\ndetection: { s: { a: 1 }, condition: s }\n";
        let Ok(Document::Rule(rule)) = parse("f.yml", text).remove(0) else { panic!() };
        let meta = rule.meta;
        assert_eq!(meta.level, Some(Level::High));
        assert_eq!(meta.author.as_deref(), Some("x, y"));
        assert_eq!(meta.tags, ["attack.t1562", "7"]);
        assert_eq!(meta.references, ["see: https://x.example"]);
        assert_eq!((meta.status, meta.falsepositives), (None, Vec::new()));
        let odd: Vec<_> = meta.odd.iter().map(|(name, (place, _))| (&**name, place.line)).collect();
        assert_eq!(
            odd,
            [
                ("author", Some(3)),
                ("falsepositives", Some(5)),
                ("references", Some(6)),
                ("status", Some(8)),
                ("tags", Some(4)),
            ]
        );
    }
}
