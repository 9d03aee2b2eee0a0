//! Field names, and the values they stand for in an event.

use serde_json::Value;

/// A field name of a rule: dots nest, but a name with dots in it is found too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    name: String,
    /// Ends of the parts of the name: the positions of its dots, and its length.
    ends: Vec<usize>,
}

impl Path {
    /// Every text is a field name; `requestParameters.bucketName` is two levels, or one.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let mut ends: Vec<usize> = name.match_indices('.').map(|(at, _)| at).collect();
        ends.push(name.len());
        Self { name, ends }
    }

    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Where the parts of the name end, in bytes.
    pub(super) fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// The name between two places.
    pub(super) fn part(&self, start: usize, end: usize) -> Option<&str> {
        self.name.get(start..end)
    }

    /// The names a top-level member of the event may have for this field to be in it.
    pub(crate) fn top_level_names(&self) -> impl Iterator<Item = &str> {
        self.ends.iter().filter_map(|end| self.name.get(..*end))
    }

    /// The last part of the name, which any member it is found under ends with.
    pub(super) fn last_part(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }

    /// Every value under this name, lists not yet opened. Lists on the way are walked through.
    fn values<'e>(&self, event: &'e Value, visit: &mut dyn FnMut(&'e Value) -> bool) -> bool {
        self.descend(event, 0, &self.ends, visit)
    }

    fn descend<'e>(
        &self,
        at: &'e Value,
        start: usize,
        ends: &[usize],
        visit: &mut dyn FnMut(&'e Value) -> bool,
    ) -> bool {
        match at {
            Value::Object(members) => {
                let mut rest = ends;
                while let [end, after @ ..] = rest {
                    rest = after;
                    let Some(found) = self.name.get(start..*end).and_then(|key| members.get(key))
                    else {
                        continue;
                    };
                    let stop = if after.is_empty() {
                        visit(found)
                    } else {
                        self.descend(found, end + 1, after, visit)
                    };
                    if stop {
                        return true;
                    }
                }
                false
            }
            Value::Array(items) => items.iter().any(|i| self.descend(i, start, ends, visit)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }

    /// Whether the field is in the event, whatever its value.
    pub fn exists(&self, event: &Value) -> bool {
        self.values(event, &mut |_| true)
    }

    /// Whether any value of the field passes `test`; members of lists are values of their own.
    pub fn any<'e>(&self, event: &'e Value, test: &mut dyn FnMut(&'e Value) -> bool) -> bool {
        self.values(event, &mut |value| any_member(value, test))
    }
}

fn any_member<'e>(value: &'e Value, test: &mut dyn FnMut(&'e Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|i| any_member(i, test)),
        _ => test(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(path: &str, event: &Value) -> Vec<Value> {
        let mut all = Vec::new();
        Path::new(path).any(event, &mut |v| {
            all.push(v.clone());
            false
        });
        all
    }

    #[test]
    fn a_name_is_found_nested_literal_mixed_and_through_lists() {
        let event = json!({
            "a": {"b": {"c": 1}, "b.c": 2},
            "a.b": {"c": 3},
            "a.b.c": 4,
            "l": [{"x": [5, [6]]}, {"y": 0}, 7],
        });
        assert_eq!(found("a.b.c", &event), [json!(1), json!(2), json!(3), json!(4)]);
        assert_eq!(found("l.x", &event), [json!(5), json!(6)]);
        assert_eq!(found("l.z", &event), Vec::<Value>::new());
        assert!(!Path::new("a.b.c.d").exists(&event));
    }
}
