//! Correlation rules as written: Sigma correlation rules specification 2.1, and the metric
//! types that tools around it define (`value_sum` and its kin).
//!
//! Which events fire a correlation is said in `firing.rs`, how correlations refer to rules and
//! to each other in `correlations.rs`.

use std::collections::BTreeMap;

use aisaws_core::window::PER_BUCKET;
use yaml_serde::{Mapping, Value};

use super::document::Meta;
use super::error::{Place, Problem, RuleError};
use super::source::Source;

/// What a correlation rule looks for among the matches of its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrelationKind {
    /// Number of events.
    EventCount,
    /// Number of distinct values of a field.
    ValueCount,
    /// All rules match, in any order.
    Temporal,
    /// All rules match, in the order given.
    TemporalOrdered,
    /// Sum of a field's numbers.
    ValueSum,
    /// Mean of a field's numbers.
    ValueAvg,
    /// The number at a percentile of a field's numbers (nearest rank).
    ValuePercentile,
    /// The middle of a field's numbers; of two middle ones their mean.
    ValueMedian,
}

impl CorrelationKind {
    const ALL: [(&'static str, Self); 8] = [
        ("event_count", Self::EventCount),
        ("value_count", Self::ValueCount),
        ("temporal", Self::Temporal),
        ("temporal_ordered", Self::TemporalOrdered),
        ("value_sum", Self::ValueSum),
        ("value_avg", Self::ValueAvg),
        ("value_percentile", Self::ValuePercentile),
        ("value_median", Self::ValueMedian),
    ];

    /// Whether it measures numbers, which may be broken and negative.
    pub(super) fn measures(self) -> bool {
        match self {
            Self::ValueSum | Self::ValueAvg | Self::ValuePercentile | Self::ValueMedian => true,
            Self::EventCount | Self::ValueCount | Self::Temporal | Self::TemporalOrdered => false,
        }
    }
}

/// How a count or measure is compared with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Equal.
    Eq,
    /// Not equal.
    Neq,
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "gt" => Some(Self::Gt),
            "gte" => Some(Self::Gte),
            "lt" => Some(Self::Lt),
            "lte" => Some(Self::Lte),
            "eq" => Some(Self::Eq),
            "neq" => Some(Self::Neq),
            _ => None,
        }
    }
}

/// One comparison of a condition; all of them must hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// How.
    pub operator: Operator,
    /// With what.
    pub value: f64,
}

impl Bound {
    /// Whether a count or measure keeps to it.
    #[expect(clippy::float_cmp, reason = "equality is what the rule asks for")]
    pub(super) fn holds(self, found: f64) -> bool {
        match self.operator {
            Operator::Gt => found > self.value,
            Operator::Gte => found >= self.value,
            Operator::Lt => found < self.value,
            Operator::Lte => found <= self.value,
            Operator::Eq => found == self.value,
            Operator::Neq => found != self.value,
        }
    }
}

/// A rule that a correlation refers to, and where it does.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Id, name or title.
    pub word: String,
    /// Where it stands.
    pub place: Place,
}

/// A correlation rule: which matches of which rules belong together.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// What every document has.
    pub meta: Meta,
    /// Where it stands.
    pub place: Place,
    /// What it looks for.
    pub kind: CorrelationKind,
    /// The rules it is about.
    pub rules: Vec<Reference>,
    /// Fields whose values must agree; names of `aliases` among them.
    pub group_by: Vec<String>,
    /// For an alias and a rule, the field that is meant.
    pub aliases: BTreeMap<String, BTreeMap<String, String>>,
    /// Where the rules that aliases name stand.
    pub(super) alias_places: BTreeMap<String, Place>,
    /// Length of the window in seconds, at least 1.
    pub timespan_seconds: u32,
    /// What count or measure must hold; empty where all rules must match.
    pub bounds: Vec<Bound>,
    /// The fields whose values are counted or measured.
    pub fields: Vec<String>,
    /// Which percentile, 0 to 100.
    pub percentile: f64,
    /// Whether the rules it is about also hit for themselves.
    pub generate: bool,
}

const KNOWN: [&str; 7] =
    ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];

/// The section with what is needed to say where it is wrong.
struct Section<'a> {
    source: &'a Source<'a>,
    map: &'a Mapping,
}

impl Correlation {
    /// `root` is the whole document, `map` its section `correlation`.
    pub(super) fn parse(
        source: &Source<'_>,
        meta: Meta,
        root: &Mapping,
        map: &Mapping,
    ) -> Result<Self, RuleError> {
        let section = Section { source, map };
        section.refuse_unknown()?;
        let kind = section.kind()?;
        let rules = section.texts("rules")?;
        if rules.is_empty() {
            return Err(section.wrong("rules", "a list of rules"));
        }
        let reference = |word: String| Reference {
            place: source.place_of_item(&["correlation", "rules"], &word),
            word,
        };
        let rules: Vec<Reference> = rules.into_iter().map(reference).collect();
        let timespan_seconds = section
            .map
            .get("timespan")
            .and_then(Value::as_str)
            .and_then(parse_timespan)
            .ok_or_else(|| {
                section
                    .wrong("timespan", "a positive number and `s`, `m`, `h`, `d`, `w`, `M` or `y`")
            })?;
        let Condition { bounds, fields, percentile } = section.condition(kind, rules.len())?;
        let generate = section.generate(root)?;
        let aliases = section.aliases()?;
        let alias_places = aliases
            .iter()
            .flat_map(|(alias, by_rule)| by_rule.keys().map(move |rule| (alias, rule)))
            .map(|(alias, rule)| {
                (rule.clone(), source.place(&["correlation", "aliases", alias, rule]))
            })
            .collect();
        Ok(Self {
            meta,
            place: source.place(&["correlation"]),
            kind,
            rules,
            group_by: section.texts("group-by")?,
            aliases,
            alias_places,
            timespan_seconds,
            bounds,
            fields,
            percentile,
            generate,
        })
    }
}

struct Condition {
    bounds: Vec<Bound>,
    fields: Vec<String>,
    percentile: f64,
}

impl Section<'_> {
    fn wrong(&self, key: &'static str, expected: &'static str) -> RuleError {
        let attribute = format!("correlation.{key}");
        let place = self.source.place(&["correlation", key]);
        RuleError { place, problem: Problem::WrongType { attribute, expected } }
    }

    fn refuse_unknown(&self) -> Result<(), RuleError> {
        let strange = self.map.keys().map(|key| key.as_str().unwrap_or_default());
        match strange.into_iter().find(|key| !KNOWN.contains(key)) {
            Some(key) => {
                let problem = Problem::UnknownAttribute(format!("correlation.{key}"));
                Err(self.source.error(&["correlation", key], problem))
            }
            None => Ok(()),
        }
    }

    fn kind(&self) -> Result<CorrelationKind, RuleError> {
        let word = self.map.get("type").and_then(Value::as_str);
        let known = CorrelationKind::ALL.iter().find(|(name, _)| Some(*name) == word);
        known.map(|(_, kind)| *kind).ok_or_else(|| {
            self.wrong(
                "type",
                "`event_count`, `value_count`, `temporal`, `temporal_ordered`, `value_sum`, \
                 `value_avg`, `value_percentile` or `value_median`",
            )
        })
    }

    /// The schema has `generate` at the document's root, the text of the specification in the
    /// section; where both say something, the section does.
    fn generate(&self, root: &Mapping) -> Result<bool, RuleError> {
        let (inner, outer) = (self.map.get("generate"), root.get("generate"));
        let is_said = |value: &&Value| !value.is_null();
        match inner.filter(is_said).or_else(|| outer.filter(is_said)) {
            None => Ok(false),
            Some(Value::Bool(word)) => Ok(*word),
            Some(_) => {
                let (path, attribute): (&[&str], _) = match inner.filter(is_said) {
                    Some(_) => (&["correlation", "generate"], "correlation.generate"),
                    None => (&["generate"], "generate"),
                };
                let expected = "`true` or `false`";
                let problem = Problem::WrongType { attribute: attribute.to_owned(), expected };
                Err(self.source.error(path, problem))
            }
        }
    }

    fn texts(&self, key: &'static str) -> Result<Vec<String>, RuleError> {
        list_of_texts(self.map.get(key)).ok_or_else(|| self.wrong(key, "a list of texts"))
    }

    fn aliases(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, RuleError> {
        let wrong = || self.wrong("aliases", "a map of aliases to maps of rules to fields");
        let Some(value) = self.map.get("aliases") else { return Ok(BTreeMap::new()) };
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
        let mut aliases = BTreeMap::new();
        for (alias, fields) in value.as_mapping().ok_or_else(wrong)? {
            let mut by_rule = BTreeMap::new();
            for (rule, field) in fields.as_mapping().ok_or_else(wrong)? {
                by_rule.insert(text(rule)?, text(field)?);
            }
            aliases.insert(text(alias)?, by_rule);
        }
        Ok(aliases)
    }

    fn condition(&self, kind: CorrelationKind, rules: usize) -> Result<Condition, RuleError> {
        let wrong = |expected| self.wrong("condition", expected);
        let mut condition = Condition { bounds: Vec::new(), fields: Vec::new(), percentile: 50.0 };
        let map = match self.map.get("condition") {
            None | Some(Value::Null) => &Mapping::new(),
            Some(Value::Mapping(map)) => map,
            Some(_) => return Err(wrong("a map of operators to numbers")),
        };
        for (key, value) in map {
            match (key.as_str(), value) {
                (Some("field"), fields) => {
                    condition.fields = list_of_texts(Some(fields))
                        .ok_or_else(|| wrong("given fields as texts"))?;
                }
                (Some("percentile"), Value::Number(n))
                    if kind == CorrelationKind::ValuePercentile
                        && n.as_f64().is_some_and(|n| (0.0..=100.0).contains(&n)) =>
                {
                    condition.percentile = n.as_f64().unwrap_or_default();
                }
                (Some(word), Value::Number(n)) => {
                    let operator = Operator::parse(word)
                        .ok_or_else(|| wrong("made of `gt`, `gte`, `lt`, `lte`, `eq` and `neq`"))?;
                    let value = n.as_f64().filter(|value| value.is_finite());
                    let value = value.ok_or_else(|| wrong("a map of operators to numbers"))?;
                    if !kind.measures() && (value.fract() != 0.0 || value < 0.0) {
                        return Err(wrong("of whole numbers from 0 on, as counts are"));
                    }
                    if !kind.measures() && value > f64::from(PER_BUCKET) {
                        return Err(wrong("of counts up to 10000, the most that a window holds"));
                    }
                    condition.bounds.push(Bound { operator, value });
                }
                _ => return Err(wrong("a map of operators to numbers")),
            }
        }
        self.fit(kind, rules, condition)
    }

    /// Whether the condition has what its type needs, and nothing that has no meaning there.
    fn fit(
        &self,
        kind: CorrelationKind,
        rules: usize,
        condition: Condition,
    ) -> Result<Condition, RuleError> {
        let wrong = |expected| Err(self.wrong("condition", expected));
        let (has_bounds, has_field) = (!condition.bounds.is_empty(), !condition.fields.is_empty());
        match kind {
            CorrelationKind::EventCount if !has_bounds => wrong("a map of operators to numbers"),
            CorrelationKind::ValueCount if !has_bounds || !has_field => {
                wrong("given the `field` to count and a bound")
            }
            _ if kind.measures() && (!has_bounds || condition.fields.len() != 1) => {
                wrong("given one `field` of numbers and a bound")
            }
            CorrelationKind::TemporalOrdered
                if condition.bounds.iter().any(|b| {
                    let all = u32::try_from(rules).map_or(f64::INFINITY, f64::from);
                    !b.holds(all) || b.holds(all - 1.0)
                }) =>
            {
                wrong("one that all rules fulfil and fewer do not: an order needs every rule")
            }
            _ => Ok(condition),
        }
    }
}

/// One text, or a list of them; absent is an empty list.
fn list_of_texts(value: Option<&Value>) -> Option<Vec<String>> {
    match value {
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Sequence(list)) => list.iter().map(|v| v.as_str().map(str::to_owned)).collect(),
        None | Some(Value::Null) => Some(Vec::new()),
        Some(_) => None,
    }
}

/// `90m` and its kin. A month is a twelfth of a year, a year 365.2425 days.
fn parse_timespan(text: &str) -> Option<u32> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        'M' => 2_629_746,
        'y' => 31_556_952,
        _ => return None,
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u32>().ok()?.checked_mul(seconds).filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigma::{Document, parse};

    fn read(section: &str) -> Result<Correlation, RuleError> {
        let text = format!("title: C\ncorrelation:\n{section}");
        match parse("f.yml", &text).remove(0)? {
            Document::Correlation(correlation) => Ok(correlation),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn timespans_are_a_number_and_a_unit() {
        let rows = [
            ("10s", Some(10)),
            ("90m", Some(5_400)),
            ("1h", Some(3_600)),
            ("30d", Some(2_592_000)),
            ("2w", Some(1_209_600)),
            ("1M", Some(2_629_746)),
            ("1y", Some(31_556_952)),
            ("0s", None),
            ("5", None),
            ("h", None),
            ("-1h", None),
            ("+1h", None),
            ("1.5h", None),
            ("1H", None),
            ("1ü", None),
            ("999999999999d", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_timespan(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let ok = "  type: event_count\n  rules: [a]\n  timespan: 5m\n";
        let rows = [
            ("  type: lots\n  rules: [a]\n", "correlation.type", 3),
            ("  type: event_count\n  rules: []\n", "correlation.rules", 4),
            ("  type: event_count\n  rules: [a]\n  timespan: soon\n", "correlation.timespan", 5),
            (ok, "correlation.condition", 2),
            (&format!("{ok}  condition: a and b\n"), "correlation.condition", 6),
            (&format!("{ok}  condition: {{ more: 3 }}\n"), "correlation.condition", 6),
            (&format!("{ok}  condition: {{ gte: 1.5 }}\n"), "whole numbers", 6),
            (&format!("{ok}  condition: {{ gte: 20000 }}\n"), "10000", 6),
            (&format!("{ok}  condition: {{ gte: 1 }}\n  within: 1h\n"), "correlation.within", 7),
            (
                "  type: value_count\n  rules: [a]\n  timespan: 5m\n  condition: { gte: 3 }\n",
                "`field` to count",
                6,
            ),
            (
                "  type: value_sum\n  rules: [a]\n  timespan: 5m\n  condition: { gte: 3 }\n",
                "`field` of numbers",
                6,
            ),
            (
                "  type: temporal_ordered\n  rules: [a, b, c]\n  timespan: 5m\n  condition: { gte: 2 }\n",
                "every rule",
                6,
            ),
        ];
        for (section, message, line) in rows {
            let error = read(section).unwrap_err();
            assert!(error.to_string().contains(message), "{section}: {error}");
            assert_eq!(error.place.line, Some(line), "{error}");
        }
    }

    #[test]
    fn a_range_and_several_fields_are_read() {
        let read = read(
            "  type: value_count\n  rules:\n    - a\n    - b\n  group-by: who\n  timespan: 1d\n  \
             condition:\n    field: [x, y]\n    gt: 100\n    lte: 200\n  aliases:\n    who:\n      \
             a: user\n      b: caller\n  generate: true\n",
        )
        .unwrap();
        assert_eq!(read.fields, ["x", "y"]);
        assert_eq!(read.bounds.len(), 2);
        assert_eq!(read.aliases["who"]["b"], "caller");
        assert_eq!(read.rules[1].place.line, Some(6));
        assert!(read.generate);
    }

    /// At the root it stands in the specification's JSON schema, in the section in its text.
    #[test]
    fn generate_is_read_at_the_root_and_in_the_section() {
        let whole = "  type: event_count\n  rules: [a]\n  timespan: 5m\n  condition: { gte: 1 }\n";
        for (more, expected) in [
            ("", false),
            ("  generate: true\n", true),
            ("generate: true\n", true),
            ("generate: false\n", false),
            ("generate: ~\n", false),
        ] {
            assert_eq!(read(&format!("{whole}{more}")).unwrap().generate, expected, "{more}");
        }
        let error = read(&format!("{whole}generate: yes please\n")).unwrap_err();
        assert_eq!(error.to_string(), "f.yml:7: attribute `generate` must be `true` or `false`");
    }
}
