//! Severity of a rule, risk of an incident, autonomy of a decision.

use serde::{Deserialize, Serialize};

/// How bad the thing is that a rule finds (Sigma `level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth recording only.
    Informational,
    /// Notable, rarely an incident.
    Low,
    /// Should be reviewed.
    Medium,
    /// Should be acted upon soon.
    High,
    /// Must be acted upon at once.
    Critical,
}

/// A risk from 0 (none) to 1 (certain harm), kept to three decimals so that thresholds are exact.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Risk(f64);

/// A number that is no risk.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("risk must lie between 0 and 1, not `{0}`")]
pub struct NotARisk(pub f64);

impl Risk {
    /// The sum of contributions, cut to the range; what is not a number counts as 1 (fail closed).
    pub fn clamped(sum: f64) -> Self {
        if sum.is_nan() {
            return Self(1.0);
        }
        Self((sum.clamp(0.0, 1.0) * 1000.0).round() / 1000.0)
    }

    /// The number, 0..=1.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Risk {
    type Error = NotARisk;

    fn try_from(value: f64) -> Result<Self, NotARisk> {
        if (0.0..=1.0).contains(&value) { Ok(Self::clamped(value)) } else { Err(NotARisk(value)) }
    }
}

impl From<Risk> for f64 {
    fn from(risk: Risk) -> Self {
        risk.0
    }
}

impl std::fmt::Display for Risk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2}", self.0)
    }
}

/// What the system may do by itself. The order is autonomy: guardrails take the minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Record, change nothing.
    LogOnly,
    /// Prepare a plan and wait for a human.
    AskHuman,
    /// Repair without asking.
    Act,
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::LogOnly => "log_only",
            Self::AskHuman => "ask_human",
            Self::Act => "act",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_should_be_seven_tenths_are() {
        assert!((Risk::clamped(0.1 + 0.2 + 0.4).value() - 0.7).abs() < f64::EPSILON);
        assert!(Risk::clamped(0.1 + 0.2 + 0.4) >= Risk::clamped(0.7));
    }

    #[test]
    fn what_is_not_a_number_is_the_highest_risk() {
        assert!((Risk::clamped(f64::NAN).value() - 1.0).abs() < f64::EPSILON);
        assert!(Risk::try_from(f64::NAN).is_err());
    }

    #[test]
    fn autonomy_is_ordered() {
        assert!(Decision::LogOnly < Decision::AskHuman && Decision::AskHuman < Decision::Act);
    }
}
