//! The weights file.

use aisaws_core::risk::Severity;
use serde::Deserialize;

/// The weights that ship with the program, as text with its comments.
pub const DEFAULT: &str = include_str!("../weights.toml");

/// What each fact adds to the risk. Shape and meaning: `weights.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub(crate) severity: BySeverity,
    pub(crate) facts: Facts,
    pub(crate) thresholds: Thresholds,
    pub(crate) tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BySeverity {
    informational: f64,
    low: f64,
    medium: f64,
    high: f64,
    critical: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    pub(crate) root: f64,
    pub(crate) without_mfa: f64,
    pub(crate) unknown_network: f64,
    pub(crate) sensitive_tag: f64,
    pub(crate) chain: f64,
    pub(crate) refused_call: f64,
    pub(crate) made_by_service: f64,
    // Newer than the first weights files: a fact that is not weighed adds nothing.
    #[serde(default)]
    pub(crate) listed_address: f64,
    #[serde(default)]
    pub(crate) unexpected_country: f64,
    #[serde(default)]
    pub(crate) unused_region: f64,
    #[serde(default)]
    pub(crate) first_call: f64,
    #[serde(default)]
    pub(crate) first_in_region: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thresholds {
    pub(crate) chain_rules: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tags {
    pub(crate) sensitive: Vec<String>,
}

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// Not TOML, or a field that is missing, unknown or of another type; names the line.
    #[error("the weights file is not usable: {0}")]
    Parse(#[from] Box<toml::de::Error>),
    /// A weight outside -1..=1.
    #[error("weight `{name}` is {value}; it must lie between -1 and 1")]
    Range {
        /// The weight.
        name: &'static str,
        /// What it is.
        value: f64,
    },
}

impl Weights {
    /// Reads a weights file.
    ///
    /// # Errors
    /// [`WeightsError`], which names the line or the weight.
    pub fn parse(text: &str) -> Result<Self, WeightsError> {
        let weights: Self = toml::from_str(text).map_err(Box::new)?;
        for (name, value) in weights.all() {
            if !(-1.0..=1.0).contains(&value) {
                return Err(WeightsError::Range { name, value });
            }
        }
        Ok(weights)
    }

    fn all(&self) -> [(&'static str, f64); 17] {
        [
            ("severity.informational", self.severity.informational),
            ("severity.low", self.severity.low),
            ("severity.medium", self.severity.medium),
            ("severity.high", self.severity.high),
            ("severity.critical", self.severity.critical),
            ("facts.root", self.facts.root),
            ("facts.without_mfa", self.facts.without_mfa),
            ("facts.unknown_network", self.facts.unknown_network),
            ("facts.sensitive_tag", self.facts.sensitive_tag),
            ("facts.chain", self.facts.chain),
            ("facts.refused_call", self.facts.refused_call),
            ("facts.made_by_service", self.facts.made_by_service),
            ("facts.listed_address", self.facts.listed_address),
            ("facts.unexpected_country", self.facts.unexpected_country),
            ("facts.unused_region", self.facts.unused_region),
            ("facts.first_call", self.facts.first_call),
            ("facts.first_in_region", self.facts.first_in_region),
        ]
    }
}

impl BySeverity {
    pub(crate) fn of(&self, severity: Severity) -> f64 {
        match severity {
            Severity::Informational => self.informational,
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
            Severity::Critical => self.critical,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_are_usable() {
        assert!(Weights::parse(DEFAULT).is_ok());
    }

    #[test]
    fn an_unknown_weight_is_named_with_its_line() {
        let text = DEFAULT.replace("root = 0.25", "root = 0.25\nmoon_phase = 0.5");
        let message = Weights::parse(&text).unwrap_err().to_string();
        assert!(message.contains("moon_phase") && message.contains("line"), "{message}");
    }

    #[test]
    fn what_is_not_a_number_is_no_weight() {
        let text = DEFAULT.replace("root = 0.25", "root = nan");
        assert!(matches!(
            Weights::parse(&text),
            Err(WeightsError::Range { name: "facts.root", .. })
        ));
    }
}
