//! Access to the fields of a definition that notes every problem where it is.

use serde_json::{Map, Value};

use super::parse::Problems;
use super::{Amount, IoPath, Language, ResultPath, Text};
use crate::lang::{Expr, Template, check_jsonata, jsonata_expression};
use crate::path::{Path, ReferencePath, Root};

/// An object of the definition at a JSON Pointer.
pub(super) struct Fields<'a> {
    pub(super) map: &'a Map<String, Value>,
    pub(super) pointer: &'a str,
    pub(super) problems: &'a Problems,
}

impl<'a> Fields<'a> {
    pub(super) fn at(&self, field: &str) -> String {
        format!("{}/{}", self.pointer, field.replace('~', "~0").replace('/', "~1"))
    }

    pub(super) fn report(&self, field: &str, message: impl Into<String>) {
        let pointer = if field.is_empty() { self.pointer.to_owned() } else { self.at(field) };
        self.problems.add(pointer, message);
    }

    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field)
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// Notes every field that is not in `allowed`.
    pub(super) fn only(&self, allowed: &[&str], what: &str) {
        for key in self.map.keys() {
            if !allowed.contains(&key.as_str()) {
                self.report(key, format!("`{key}` is no field of {what}; remove it"));
            }
        }
    }

    pub(super) fn text(&self, field: &str) -> Option<&'a str> {
        if let Value::String(text) = self.get(field)? {
            Some(text)
        } else {
            self.report(field, format!("`{field}` must be a string"));
            None
        }
    }

    pub(super) fn required_text(&self, field: &str) -> Option<&'a str> {
        if !self.has(field) {
            self.report("", format!("`{field}` is missing"));
        }
        self.text(field)
    }

    pub(super) fn object(&self, field: &str) -> Option<&'a Map<String, Value>> {
        if let Value::Object(map) = self.get(field)? {
            Some(map)
        } else {
            self.report(field, format!("`{field}` must be an object"));
            None
        }
    }

    pub(super) fn array(&self, field: &str) -> Option<&'a Vec<Value>> {
        if let Value::Array(items) = self.get(field)? {
            Some(items)
        } else {
            self.report(field, format!("`{field}` must be an array"));
            None
        }
    }

    pub(super) fn comment(&self) {
        if self.get("Comment").is_some_and(|c| !c.is_string()) {
            self.report("Comment", "`Comment` must be a string");
        }
    }

    /// A path that may start at `$`, `$$` or a variable.
    pub(super) fn path(&self, field: &str) -> Option<Path> {
        let text = self.text(field)?;
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(reason) => {
                self.report(field, format!("`{text}` is no path: {reason}"));
                None
            }
        }
    }

    /// A path or an intrinsic function.
    pub(super) fn expr(&self, field: &str) -> Option<Expr> {
        let text = self.text(field)?;
        match Expr::parse(text) {
            Ok(expr) => Some(expr),
            Err(reason) => {
                self.report(
                    field,
                    format!("`{text}` is neither a path nor an intrinsic function: {reason}"),
                );
                None
            }
        }
    }

    pub(super) fn io_path(&self, field: &str) -> IoPath {
        match self.get(field) {
            None => IoPath::Whole,
            Some(Value::Null) => IoPath::Nothing,
            Some(_) => match self.path(field) {
                Some(path) if path.is_root() && path.root == Root::Data => IoPath::Whole,
                Some(path) => IoPath::Path(path),
                None => IoPath::Whole,
            },
        }
    }

    pub(super) fn result_path(&self, field: &str) -> ResultPath {
        match self.get(field) {
            None => ResultPath::Whole,
            Some(Value::Null) => ResultPath::Discard,
            Some(Value::String(text)) => match ReferencePath::parse(text) {
                Ok(path) if path.is_root() => ResultPath::Whole,
                Ok(path) => ResultPath::At(path),
                Err(reason) => {
                    self.report(field, format!("`{text}` is no reference path: {reason}"));
                    ResultPath::Whole
                }
            },
            Some(_) => {
                self.report(field, format!("`{field}` must be a reference path or null"));
                ResultPath::Whole
            }
        }
    }

    /// The template of `field`, in the state's language.
    pub(super) fn template(&self, field: &str, language: Language) -> Option<Template> {
        let value = self.get(field)?;
        let mut report = |pointer: String, message: String| self.problems.add(pointer, message);
        let pointer = self.at(field);
        Some(match language {
            Language::JsonPath => Template::jsonpath(value, &pointer, &mut report),
            Language::Jsonata => Template::jsonata(value, &pointer, &mut report),
        })
    }

    pub(super) fn object_template(&self, field: &str, language: Language) -> Option<Template> {
        let is_expression =
            matches!(self.get(field), Some(Value::String(t)) if jsonata_expression(t).is_some());
        if language == Language::JsonPath || !is_expression {
            self.object(field)?;
        }
        self.template(field, language)
    }

    /// A number from `field`, from the path in `fieldPath`, or from a JSONata expression.
    pub(super) fn amount(
        &self,
        field: &str,
        language: Language,
        least: i64,
        most: i64,
    ) -> Option<Amount> {
        let by_path = format!("{field}Path");
        if language == Language::JsonPath && self.has(&by_path) {
            if self.has(field) {
                self.report(field, format!("`{field}` and `{by_path}` are both given; keep one"));
            }
            return self.path(&by_path).map(Amount::Path);
        }
        match self.get(field)? {
            Value::Number(number) => match number.as_i64() {
                Some(n) if (least..=most).contains(&n) => Some(Amount::Fixed(n)),
                _ => {
                    self.report(
                        field,
                        format!("`{field}` must be a whole number from {least} to {most}"),
                    );
                    None
                }
            },
            Value::String(text) if language == Language::Jsonata => {
                if let Some(Ok(expression)) = jsonata_expression(text) {
                    match check_jsonata(expression, false) {
                        Ok(()) => Some(Amount::Jsonata(Template::Jsonata(expression.to_owned()))),
                        Err(reason) => {
                            self.report(field, reason);
                            None
                        }
                    }
                } else {
                    self.report(
                        field,
                        format!("`{field}` must be a number or an expression in `{{% … %}}`"),
                    );
                    None
                }
            }
            _ => {
                self.report(field, format!("`{field}` must be a whole number"));
                None
            }
        }
    }

    /// As [`Fields::amount`], for a percentage, which may have a fraction.
    pub(super) fn percentage(&self, field: &str, language: Language) -> Option<Amount> {
        match self.get(field).and_then(Value::as_f64) {
            Some(share) if share.fract() != 0.0 && (0.0..=100.0).contains(&share) => {
                let by_path = format!("{field}Path");
                if self.has(&by_path) {
                    self.report(
                        field,
                        format!("`{field}` and `{by_path}` are both given; keep one"),
                    );
                }
                Some(Amount::Share(share))
            }
            _ => self.amount(field, language, 0, 100),
        }
    }

    /// A text from `field`, from the path or intrinsic in `fieldPath`, or from JSONata.
    pub(super) fn computed_text(&self, field: &str, language: Language) -> Option<Text> {
        let by_path = format!("{field}Path");
        if language == Language::JsonPath && self.has(&by_path) {
            if self.has(field) {
                self.report(field, format!("`{field}` and `{by_path}` are both given; keep one"));
            }
            return self.expr(&by_path).map(Text::Path);
        }
        let text = self.text(field)?;
        if language == Language::Jsonata && jsonata_expression(text).is_some() {
            return self.template(field, language).map(Text::Jsonata);
        }
        Some(Text::Literal(text.to_owned()))
    }
}
