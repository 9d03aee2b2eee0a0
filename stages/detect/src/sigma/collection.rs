//! Rule files whose documents share content: `action: global`, `reset` and `repeat`.
//!
//! Of Sigma 1, and still written. What a `global` document holds is merged into every document
//! that follows, until a `reset`; a `repeat` is the document before it with changes. Where two
//! say something of the same attribute, the later document wins; maps are merged, lists are not.

use std::collections::BTreeMap;

use yaml_serde::{Mapping, Value};

use super::error::{Problem, RuleError};
use super::source::Source;

/// What earlier documents of the file leave for later ones.
#[derive(Debug, Default)]
pub(super) struct Collection {
    global: Mapping,
    previous: Option<Mapping>,
    /// How many documents have each id.
    ids: BTreeMap<String, usize>,
}

impl Collection {
    /// The next document with what it takes from those before; `None` where it only gives.
    /// `is_last`: no other one follows, which it could give anything.
    pub(super) fn complete(
        &mut self,
        source: &Source<'_>,
        mut document: Mapping,
        is_last: bool,
    ) -> Result<Option<Mapping>, RuleError> {
        let has_id = document.contains_key("id");
        let Some(action) = document.remove("action") else {
            if !is_last {
                self.previous = Some(document.clone());
            }
            return Ok(Some(self.with_global(document, has_id)));
        };
        match action.as_str() {
            Some("global") => {
                merge(&mut self.global, document);
                Ok(None)
            }
            Some("reset") => {
                self.global = Mapping::new();
                // A reset may carry a rule of its own.
                if document.is_empty() {
                    return Ok(None);
                }
                self.previous = Some(document.clone());
                Ok(Some(self.with_global(document, has_id)))
            }
            Some("repeat") => {
                let Some(mut repeated) = self.previous.clone() else {
                    return Err(source.error(&["action"], Problem::NothingToRepeat));
                };
                merge(&mut repeated, document);
                self.previous = Some(repeated.clone());
                Ok(Some(self.with_global(repeated, has_id)))
            }
            Some("correlation") => Err(source.error(&["action"], Problem::OldCorrelation)),
            _ => {
                let attribute = "action".to_owned();
                let problem =
                    Problem::WrongType { attribute, expected: "`global`, `reset` or `repeat`" };
                Err(source.error(&["action"], problem))
            }
        }
    }

    /// A document that takes over an id which another one has is numbered.
    fn with_global(&mut self, document: Mapping, has_id: bool) -> Mapping {
        let mut whole = document;
        if !self.global.is_empty() {
            let over = std::mem::replace(&mut whole, self.global.clone());
            merge(&mut whole, over);
        }
        if let Some(Value::String(id)) = whole.get_mut("id") {
            let count = self.ids.entry(id.clone()).or_default();
            *count += 1;
            if !has_id && *count > 1 {
                *id = format!("{id}.{count}");
            }
        }
        whole
    }
}

/// Puts `over` on top. Depth is bounded by that of the YAML, which the parser bounds.
fn merge(under: &mut Mapping, over: Mapping) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Mapping(below)), Value::Mapping(above)) => merge(below, above),
            (_, value) => _ = under.insert(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{Document, parse};
    use super::super::error::Problem;

    fn titles(text: &str) -> Vec<String> {
        let documents = parse("f.yml", text).into_iter().map(Result::unwrap);
        let rules = documents.map(|d| match d {
            Document::Rule(rule) => {
                let event = serde_json::json!({ "a": 1, "b": 2 });
                format!("{}:{:?}:{}", rule.meta.title, rule.meta.level, rule.matches(&event))
            }
            other => panic!("{other:?}"),
        });
        rules.collect()
    }

    #[test]
    fn global_content_is_merged_into_what_follows_until_a_reset() {
        let text = "action: global\ntitle: G\nlevel: high\nlogsource: { product: aws }\n\
                    detection: { condition: s }\n---\ndetection: { s: { a: 1 } }\n---\n\
                    level: low\ndetection: { s: { a: 2 } }\n---\naction: reset\n---\n\
                    title: R\nlogsource: { product: aws }\ndetection: { s: { b: 2 }, condition: s }\n";
        assert_eq!(titles(text), ["G:Some(High):true", "G:Some(Low):false", "R:None:true"]);
    }

    #[test]
    fn a_repeat_is_the_document_before_with_changes() {
        let text = "title: A\nlogsource: { product: aws }\n\
                    detection: { s: { a: 1 }, condition: s }\n---\n\
                    action: repeat\ntitle: B\ndetection: { s: { a: 2 } }\n---\n\
                    action: repeat\ntitle: C\ndetection: { s: { a: 1 } }\n";
        assert_eq!(titles(text), ["A:None:true", "B:None:false", "C:None:true"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        for (text, line) in [
            ("title: x\naction: repeat\n", 2),
            ("title: x\naction: correlation\n", 2),
            ("# a\ntitle: x\naction: other\n", 3),
        ] {
            let parsed = parse("f.yml", text);
            let [Err(error)] = &parsed[..] else { panic!("{parsed:?}") };
            assert_eq!(error.place.line, Some(line), "{error}");
        }
        let parsed = parse("f.yml", "title: x\naction: repeat\n");
        assert!(
            matches!(&parsed[..], [Err(e)] if matches!(e.problem, Problem::NothingToRepeat)),
            "{parsed:?}"
        );
    }
}
