//! Whether people are told of an incident that was only logged.

use aisaws_core::handoff::Story;
use aisaws_core::risk::{Decision, Severity};

/// Which of the incidents that were only logged people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TellLogged {
    /// Every one.
    All,
    /// Those of that severity or a graver one that still concern somebody: no control answers them,
    /// or a guardrail kept the repair back. A refused call, rules on probation, a sample, and what
    /// the policy logs for its low risk concern nobody.
    From(Severity),
    /// None.
    Never,
}

impl TellLogged {
    pub(crate) fn tells(self, story: &Story) -> bool {
        let least = match self {
            Self::All => return true,
            Self::Never => return false,
            Self::From(least) => least,
        };
        let detected = &story.detected;
        let signals = &detected.signals;
        let by_risk = story.verdict.as_ref().and_then(|verdict| verdict.by_risk);
        detected.severity >= least
            && signals.error_code.is_none()
            && !signals.is_trial
            && !signals.is_sample
            && by_risk != Some(Decision::LogOnly)
    }
}
