//! What a worker is told by its environment; the template of the deployment sets it.

use std::collections::BTreeSet;

use aisaws_core::id::{AccountId, Region};
use aisaws_core::risk::Decision;

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A variable is not there.
    #[error("environment variable `{0}` is missing; the template of the deployment sets it")]
    Missing(&'static str),
    /// A variable's value cannot be used.
    #[error("environment variable `{name}` is not usable: {reason}")]
    Unusable {
        /// The variable.
        name: &'static str,
        /// Why.
        reason: String,
    },
}

/// The most that is done at all (parameter `Mode` of the template).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Records and alerts.
    Observe,
    /// Repairs what a human granted.
    Ask,
    /// Also repairs by itself what the policy allows.
    Act,
}

impl Mode {
    /// The most that may be decided.
    pub fn max(self) -> Decision {
        match self {
            Self::Observe => Decision::LogOnly,
            Self::Ask => Decision::AskHuman,
            Self::Act => Decision::Act,
        }
    }
}

/// Settings that every worker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What names of resources begin with (`AISAWS_PREFIX`).
    pub prefix: String,
    /// The table (`AISAWS_TABLE`).
    pub table: String,
    /// The archive's bucket (`AISAWS_BUCKET`).
    pub bucket: String,
    /// How many days the table has what only spares work, events that no rule hit among it
    /// (`AISAWS_EVENT_DAYS`; none: 400).
    pub event_days: Option<u32>,
    /// The account this runs in (`AISAWS_ACCOUNT`).
    pub account: AccountId,
    /// Further accounts that are protected (`AISAWS_MEMBER_ACCOUNTS`, separated by commas).
    pub members: BTreeSet<AccountId>,
    /// The regions that are scanned (`AISAWS_REGIONS`, separated by commas; none: this one).
    pub regions: BTreeSet<Region>,
    /// The external id with which roles are assumed (`AISAWS_EXTERNAL_ID`).
    pub external_id: Option<String>,
    /// The state machine (`AISAWS_STATE_MACHINE_ARN`).
    pub state_machine: Option<String>,
    /// Where alerts go (`AISAWS_TOPIC_ARN`).
    pub topic: Option<String>,
    /// The queue of events (`AISAWS_QUEUE_URL`).
    pub queue: Option<String>,
    /// Where unreadable messages go (`AISAWS_DEAD_LETTER_QUEUE_URL`).
    pub dead_letters: Option<String>,
    /// The approval page (`AISAWS_APPROVAL_URL`).
    pub approval_page: Option<String>,
    /// To whom links are sent, each one of their own (`AISAWS_APPROVER`, `AISAWS_SECOND_APPROVER`).
    pub approvers: Vec<String>,
    /// How many different people have to grant a repair, at least (`AISAWS_APPROVALS`; none: the
    /// policy's).
    pub approvals: Option<u8>,
    /// The most that is done at all (`AISAWS_MODE`; none: observe).
    pub mode: Mode,
    /// How long a human may take (`AISAWS_APPROVAL_TIMEOUT_SECONDS`; none: the policy's).
    pub approval_timeout_seconds: Option<u32>,
    /// The partition of ARNs (`AISAWS_PARTITION`; none: `aws`).
    pub partition: String,
    /// An endpoint of the protected accounts instead of AWS's own, for emulators
    /// (`AISAWS_TARGET_ENDPOINT_URL`).
    pub target_endpoint: Option<String>,
}

impl Settings {
    /// Reads the settings through `variable`.
    ///
    /// # Errors
    /// [`SettingsError`], which names the variable.
    pub fn read(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        let needed = |name| given(name).ok_or(SettingsError::Missing(name));
        let mode = match given("AISAWS_MODE").as_deref() {
            None | Some("observe") => Mode::Observe,
            Some("ask") => Mode::Ask,
            Some("act") => Mode::Act,
            Some(_) => {
                let reason = "write observe, ask or act".to_owned();
                return Err(SettingsError::Unusable { name: "AISAWS_MODE", reason });
            }
        };
        let number = |name: &'static str| match given(name).map(|text| text.parse::<u32>()) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(e)) => Err(SettingsError::Unusable { name, reason: e.to_string() }),
        };
        let approval_timeout_seconds = number("AISAWS_APPROVAL_TIMEOUT_SECONDS")?;
        let name = "AISAWS_APPROVALS";
        let unusable = |_| SettingsError::Unusable { name, reason: "write 1 or 2".to_owned() };
        let approvals = number(name)?.map(u8::try_from).transpose().map_err(unusable)?;
        let mut approvers: Vec<String> =
            ["AISAWS_APPROVER", "AISAWS_SECOND_APPROVER"].into_iter().filter_map(given).collect();
        approvers.dedup();
        let members = given("AISAWS_MEMBER_ACCOUNTS").unwrap_or_default();
        let regions = given("AISAWS_REGIONS").or_else(|| given("AWS_REGION")).unwrap_or_default();
        Ok(Self {
            prefix: needed("AISAWS_PREFIX")?,
            table: needed("AISAWS_TABLE")?,
            bucket: needed("AISAWS_BUCKET")?,
            event_days: number("AISAWS_EVENT_DAYS")?,
            account: AccountId::new(needed("AISAWS_ACCOUNT")?),
            members: list(&members).map(AccountId::new).collect(),
            regions: list(&regions).map(Region::new).collect(),
            external_id: given("AISAWS_EXTERNAL_ID"),
            state_machine: given("AISAWS_STATE_MACHINE_ARN"),
            topic: given("AISAWS_TOPIC_ARN"),
            queue: given("AISAWS_QUEUE_URL"),
            dead_letters: given("AISAWS_DEAD_LETTER_QUEUE_URL"),
            approval_page: given("AISAWS_APPROVAL_URL"),
            approvers,
            approvals,
            mode,
            approval_timeout_seconds,
            partition: given("AISAWS_PARTITION").unwrap_or_else(|| "aws".to_owned()),
            target_endpoint: given("AISAWS_TARGET_ENDPOINT_URL"),
        })
    }
}

impl Settings {
    /// The name of the role that repairs: events of its sessions are our own.
    pub fn responder_role(&self) -> String {
        format!("{}-responder", self.prefix)
    }

    /// Every account that is protected: this one and its members.
    pub fn protected(&self) -> BTreeSet<AccountId> {
        self.members.iter().chain([&self.account]).cloned().collect()
    }
}

/// The parts of a text that commas separate.
fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(extra: &[(&'static str, &str)]) -> Result<Settings, SettingsError> {
        let base = [
            ("AISAWS_PREFIX", "lab"),
            ("AISAWS_TABLE", "lab"),
            ("AISAWS_BUCKET", "lab-archive"),
            ("AISAWS_ACCOUNT", "111122223333"),
        ];
        Settings::read(|name| {
            let all = extra.iter().chain(&base);
            all.copied().find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
        })
    }

    #[test]
    fn what_is_not_said_is_the_cautious_choice() {
        let settings = read(&[]).unwrap();
        assert_eq!((settings.mode, settings.members.len()), (Mode::Observe, 0));
    }

    #[test]
    fn members_are_separated_by_commas() {
        let settings = read(&[("AISAWS_MEMBER_ACCOUNTS", "444455556666, 777788889999,")]).unwrap();
        let members: Vec<_> = settings.members.iter().map(AccountId::as_str).collect();
        assert_eq!(members, ["444455556666", "777788889999"]);
    }

    #[test]
    fn each_approver_is_told_once() {
        let ann = ("AISAWS_APPROVER", "ann@example.com");
        let rows = [("bob@example.com", 2), ("ann@example.com", 1), ("", 1)];
        for (second, people) in rows {
            let settings = read(&[ann, ("AISAWS_SECOND_APPROVER", second)]).unwrap();
            assert_eq!(settings.approvers.len(), people, "{second}");
        }
    }

    #[test]
    fn what_is_missing_or_unusable_is_named() {
        for (name, value) in
            [("AISAWS_TABLE", ""), ("AISAWS_MODE", "yolo"), ("AISAWS_APPROVALS", "300")]
        {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
