//! The policy file.

use std::collections::BTreeMap;

use aisaws_core::id::ControlId;
use aisaws_core::risk::{Decision, Risk};
use serde::Deserialize;

/// The policy that ships with the program, as text with its comments.
pub const DEFAULT: &str = include_str!("../policy.toml");

/// What may be done. Shape and meaning: `policy.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    thresholds: Thresholds,
    mode: Mode,
    approval: Approval,
    budget: Budget,
    #[serde(default, rename = "override")]
    overrides: Vec<Override>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Thresholds {
    log_below: f64,
    act_below: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mode {
    max: Decision,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    timeout_seconds: u32,
    /// Files of earlier versions do not say it, and asked one person.
    #[serde(default = "one")]
    approvals: u8,
}

fn one() -> u8 {
    1
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    writes_per_resource_per_hour: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    control: Option<ControlId>,
    tag: Option<String>,
    max: Option<Decision>,
    approvals: Option<u8>,
    reason: String,
}

impl Override {
    fn bound(&self, subject: &str) -> Bound {
        let approvals = self.approvals.unwrap_or(1);
        // Who wants more than one person asked wants people asked.
        let asks = if approvals > 1 { Decision::AskHuman } else { Decision::Act };
        let max = self.max.unwrap_or(Decision::Act).min(asks);
        let says = if approvals > 1 && max == Decision::AskHuman {
            format!("{subject} asks {approvals} people")
        } else {
            format!("{subject} allows {max} at most")
        };
        Bound { max, approvals, reason: format!("{says}: {}", self.reason) }
    }
}

/// What an override bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The most that is allowed.
    pub max: Decision,
    /// How many different people have to grant.
    pub approvals: u8,
    /// Why.
    pub reason: String,
}

/// Why a policy file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not TOML, or a field that is missing, unknown or of another type; names the line.
    #[error("the policy file is not usable: {0}")]
    Parse(#[from] Box<toml::de::Error>),
    /// The thresholds are no risks or cross.
    #[error("thresholds must satisfy 0 <= log_below ({0}) <= act_below ({1}) <= 1")]
    Thresholds(f64, f64),
    /// The time to answer is out of range.
    #[error("approval.timeout_seconds is {0}; it must lie between 1 and 31536000 (a year)")]
    Timeout(u32),
    /// More people than anybody would ask, or none.
    #[error("`approvals` is {0}; it must lie between 1 and {MOST_APPROVALS}")]
    Approvals(u8),
    /// An override that bounds nothing.
    #[error("override {0} must say `max`, `approvals` or both")]
    Empty(usize),
    /// An override that names nothing, or both.
    #[error("override {0} must name either `control` or `tag`")]
    Subject(usize),
}

/// A year, the longest a Standard workflow may wait.
const YEAR_SECONDS: u32 = 31_536_000;

/// People who can be asked to agree.
const MOST_APPROVALS: u8 = 9;

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`], which names the line, the field or the override.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(Box::new)?;
        let Thresholds { log_below, act_below } = policy.thresholds;
        if !(0.0 <= log_below && log_below <= act_below && act_below <= 1.0) {
            return Err(PolicyError::Thresholds(log_below, act_below));
        }
        let timeout = policy.approval.timeout_seconds;
        if !(1..=YEAR_SECONDS).contains(&timeout) {
            return Err(PolicyError::Timeout(timeout));
        }
        if let Some(i) =
            policy.overrides.iter().position(|o| o.control.is_some() == o.tag.is_some())
        {
            return Err(PolicyError::Subject(i + 1));
        }
        let is_empty = |o: &Override| o.max.is_none() && o.approvals.is_none();
        if let Some(i) = policy.overrides.iter().position(is_empty) {
            return Err(PolicyError::Empty(i + 1));
        }
        let counts = policy.overrides.iter().filter_map(|o| o.approvals);
        let is_wrong = |count: &u8| !(1..=MOST_APPROVALS).contains(count);
        if let Some(count) = counts.chain([policy.approval.approvals]).find(is_wrong) {
            return Err(PolicyError::Approvals(count));
        }
        Ok(policy)
    }

    /// Allows this much at most, whatever the file says; never more than it says.
    pub fn lower_to(&mut self, max: Decision) {
        self.mode.max = self.mode.max.min(max);
    }

    /// Sets how long a human may take, in seconds.
    ///
    /// # Errors
    /// [`PolicyError::Timeout`].
    pub fn set_approval_timeout_seconds(&mut self, seconds: u32) -> Result<(), PolicyError> {
        if !(1..=YEAR_SECONDS).contains(&seconds) {
            return Err(PolicyError::Timeout(seconds));
        }
        self.approval.timeout_seconds = seconds;
        Ok(())
    }

    /// Asks that many different people at least, whatever the file says.
    ///
    /// # Errors
    /// [`PolicyError::Approvals`].
    pub fn raise_approvals_to(&mut self, approvals: u8) -> Result<(), PolicyError> {
        if !(1..=MOST_APPROVALS).contains(&approvals) {
            return Err(PolicyError::Approvals(approvals));
        }
        self.approval.approvals = self.approval.approvals.max(approvals);
        Ok(())
    }

    /// How many different people have to grant, where no override wants more.
    pub fn approvals(&self) -> u8 {
        self.approval.approvals
    }

    /// What the thresholds alone allow, with the reason.
    pub fn by_risk(&self, risk: Risk) -> (Decision, String) {
        let log = Risk::clamped(self.thresholds.log_below);
        let act = Risk::clamped(self.thresholds.act_below);
        if risk < log {
            (Decision::LogOnly, format!("risk {risk} is below {log}: logged only"))
        } else if risk < act {
            (Decision::Act, format!("risk {risk} is below {act}: repaired without asking"))
        } else {
            (Decision::AskHuman, format!("risk {risk} is not below {act}: a human is asked"))
        }
    }

    /// The most the mode allows.
    pub fn mode(&self) -> Decision {
        self.mode.max
    }

    /// How long a human may take, in seconds.
    pub fn approval_timeout_seconds(&self) -> u32 {
        self.approval.timeout_seconds
    }

    /// Repairs of one resource an hour.
    pub fn writes_per_resource_per_hour(&self) -> u32 {
        self.budget.writes_per_resource_per_hour
    }

    /// What the overrides for a control bound.
    pub fn overrides_for_control(&self, id: &ControlId) -> Vec<Bound> {
        let named = |o: &&Override| o.control.as_ref() == Some(id);
        let subject = format!("control `{id}`");
        self.overrides.iter().filter(named).map(|o| o.bound(&subject)).collect()
    }

    /// What the overrides for a resource with these tags bound.
    pub fn overrides_for_tags(&self, tags: &BTreeMap<String, String>) -> Vec<Bound> {
        self.overrides
            .iter()
            .filter_map(|o| {
                let tag = o.tag.as_ref().filter(|tag| has_tag(tags, tag))?;
                Some(o.bound(&format!("tag `{tag}`")))
            })
            .collect()
    }
}

fn has_tag(tags: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => tags.get(key).is_some_and(|v| v == value),
        None => tags.contains_key(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        Policy::parse(DEFAULT).unwrap()
    }

    const OBSERVE: &str =
        "\n[[override]]\ntag = \"aisaws:mode=observe\"\nmax = \"log_only\"\nreason = \"asked\"\n";

    #[test]
    fn a_mode_only_lowers() {
        let mut policy = Policy::parse(DEFAULT).unwrap();
        policy.lower_to(Decision::AskHuman);
        policy.lower_to(Decision::Act);
        assert_eq!(policy.mode(), Decision::AskHuman);
        assert!(policy.set_approval_timeout_seconds(0).is_err());
        policy.set_approval_timeout_seconds(60).unwrap();
        assert_eq!(policy.approval_timeout_seconds(), 60);
    }

    #[test]
    fn the_founding_thresholds_decide() {
        // REQUIREMENTS: < 0.4 LogOnly, < 0.7 Act, else AskHuman; exactly 0.7 asks.
        let rows = [
            (0.0, Decision::LogOnly),
            (0.399, Decision::LogOnly),
            (0.4, Decision::Act),
            (0.699, Decision::Act),
            (0.7, Decision::AskHuman),
            (1.0, Decision::AskHuman),
        ];
        for (risk, expected) in rows {
            assert_eq!(policy().by_risk(Risk::try_from(risk).unwrap()).0, expected, "{risk}");
        }
    }

    #[test]
    fn crossed_thresholds_are_refused() {
        let text = DEFAULT.replace("log_below = 0.4", "log_below = 0.8");
        assert!(matches!(Policy::parse(&text), Err(PolicyError::Thresholds(..))));
        let text = DEFAULT.replace("log_below = 0.4", "log_below = nan");
        assert!(matches!(Policy::parse(&text), Err(PolicyError::Thresholds(..))));
    }

    #[test]
    fn an_override_must_name_its_subject() {
        let text = format!("{DEFAULT}\n[[override]]\nmax = \"act\"\nreason = \"none\"\n");
        assert!(matches!(Policy::parse(&text), Err(PolicyError::Subject(1))));
    }

    #[test]
    fn an_override_may_ask_for_more_people_but_not_for_nothing() {
        let text =
            |rest: &str| format!("{DEFAULT}\n[[override]]\ntag = \"a\"\nreason = \"b\"\n{rest}");
        let tagged = BTreeMap::from([("a".to_owned(), String::new())]);
        // (what the override says, the most it allows, people who have to grant)
        let rows = [
            ("approvals = 2", Decision::AskHuman, 2),
            ("approvals = 1", Decision::Act, 1),
            ("approvals = 2\nmax = \"log_only\"", Decision::LogOnly, 2),
            ("max = \"ask_human\"", Decision::AskHuman, 1),
        ];
        for (says, max, approvals) in rows {
            let policy = Policy::parse(&text(says)).unwrap();
            let bound = policy.overrides_for_tags(&tagged).remove(0);
            assert_eq!((bound.max, bound.approvals), (max, approvals), "{says}");
        }
        assert!(matches!(Policy::parse(&text("")), Err(PolicyError::Empty(1))));
        assert!(matches!(Policy::parse(&text("approvals = 0")), Err(PolicyError::Approvals(0))));
    }

    #[test]
    fn people_to_ask_are_only_raised() {
        let text = DEFAULT.replace("approvals = 1", "approvals = 2");
        let mut policy = Policy::parse(&text).unwrap();
        policy.raise_approvals_to(1).unwrap();
        assert_eq!(policy.approvals(), 2);
        assert!(policy.raise_approvals_to(0).is_err());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let text = DEFAULT.replace("[mode]", "[mode]\nmaximum = \"act\"");
        let message = Policy::parse(&text).unwrap_err().to_string();
        assert!(message.contains("maximum") && message.contains("line"), "{message}");
    }

    #[test]
    fn a_tag_override_applies_to_the_tagged_alone() {
        let policy = Policy::parse(&format!("{DEFAULT}{OBSERVE}")).unwrap();
        let tagged = BTreeMap::from([("aisaws:mode".to_owned(), "observe".to_owned())]);
        assert_eq!(policy.overrides_for_tags(&tagged)[0].max, Decision::LogOnly);
        assert!(policy.overrides_for_tags(&BTreeMap::new()).is_empty());
    }
}
