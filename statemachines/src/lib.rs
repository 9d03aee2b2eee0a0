//! The state machine definitions, as data: one file each, byte for byte the same embedded and
//! on AWS. What differs between the two are substitutions (`${Name}`), the way CloudFormation's
//! `DefinitionSubstitutions` fills them.
//!
//! This crate knows no stage and no engine.

use std::collections::BTreeMap;

/// Amazon States Language definition of the response to one incident.
pub const RESPOND: &str = include_str!("../respond.asl.json");

/// A placeholder that no substitution fills, or a substitution that nothing uses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubstitutionError {
    /// The definition asks for more than was given.
    #[error("placeholder `{0}` of the state machine has no value")]
    Missing(String),
    /// More was given than the definition asks for.
    #[error("the state machine has no placeholder `{0}`")]
    Unused(String),
}

/// The names of all placeholders, in order of first use.
pub fn placeholders(definition: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for part in definition.split("${").skip(1) {
        if let Some((name, _)) = part.split_once('}')
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// Fills every placeholder. Values are JSON-escaped, so that none can change the definition.
///
/// # Errors
/// [`SubstitutionError`] unless placeholders and values match one to one.
pub fn substitute(
    definition: &str,
    values: &BTreeMap<&str, String>,
) -> Result<String, SubstitutionError> {
    let names = placeholders(definition);
    if let Some(unused) = values.keys().find(|name| !names.contains(name)) {
        return Err(SubstitutionError::Unused((*unused).to_owned()));
    }
    let mut filled = definition.to_owned();
    for name in names {
        let value = values.get(name).ok_or_else(|| SubstitutionError::Missing(name.to_owned()))?;
        let quoted = serde_json::Value::String(value.clone()).to_string();
        let escaped =
            quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap_or_default();
        filled = filled.replace(&format!("${{{name}}}"), escaped);
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_break_out_of_its_string() {
        let values = BTreeMap::from([("A", "x\", \"Next\": \"Evil".to_owned())]);
        let filled = substitute(r#"{"Resource": "${A}"}"#, &values).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(parsed["Resource"], "x\", \"Next\": \"Evil");
        assert!(parsed.get("Next").is_none());
    }

    #[test]
    fn missing_and_unused_values_are_named() {
        assert_eq!(
            substitute("${A}", &BTreeMap::new()),
            Err(SubstitutionError::Missing("A".to_owned()))
        );
        assert_eq!(
            substitute("{}", &BTreeMap::from([("B", String::new())])),
            Err(SubstitutionError::Unused("B".to_owned()))
        );
    }

    #[test]
    fn the_definition_is_json() {
        assert!(serde_json::from_str::<serde_json::Value>(RESPOND).is_ok());
    }
}
