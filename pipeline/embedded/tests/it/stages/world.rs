//! One incident about one bucket, with everything the stages need around it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aisaws_core::canonical::Digest;
use aisaws_core::handoff::{
    Ballot, Cleared, Decided, Detected, Failure, Limit, Prepared, Remediated, Rerun, Score, Scored,
    Story, Undo, Verdict, Vote,
};
use aisaws_core::id::IncidentId;
use aisaws_core::ledger::Entry;
use aisaws_core::message::Message;
use aisaws_core::port::{
    Answer, Approvals as _, Channel, ChannelError, Clock, Incidents as _, Question,
};
use aisaws_core::resource::ResourceRef;
use aisaws_core::risk::{Decision, Risk};
use aisaws_core::source::cloudtrail;
use aisaws_core::stage::{Cx, Stage as _};
use aisaws_embedded::store::Store;
use aisaws_remediate::{Prepare, Remediate};
use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::account::FakeAccount;
use crate::durability::incident;

pub(super) const ACL: &str = "s3.bucket-acl-public";
pub(super) const BLOCK: &str = "s3.block-public-access-off";
/// How long a human may take to answer in these tests.
pub(super) const PATIENCE_SECONDS: u32 = 3600;

/// A clock that stands still unless somebody sleeps.
#[derive(Debug)]
pub(super) struct FakeClock {
    now: Mutex<Timestamp>,
    slept: Mutex<Vec<Duration>>,
}

impl FakeClock {
    pub(super) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    async fn sleep(&self, time: Duration) {
        self.slept.lock().unwrap().push(time);
        *self.now.lock().unwrap() += time;
    }
}

/// A channel that keeps what it was told; `is_broken`: and says it did not, `is_busy`: not yet.
#[derive(Debug)]
pub(super) struct FakeChannel {
    name: &'static str,
    is_broken: bool,
    is_busy: bool,
    told: Mutex<Vec<Message>>,
}

impl FakeChannel {
    pub(super) fn working(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, is_broken: false, is_busy: false, told: Mutex::default() })
    }

    pub(super) fn broken(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, is_broken: true, is_busy: false, told: Mutex::default() })
    }

    pub(super) fn busy(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, is_broken: true, is_busy: true, told: Mutex::default() })
    }

    pub(super) fn told(&self) -> Vec<Message> {
        self.told.lock().unwrap().clone()
    }
}

#[async_trait]
impl Channel for FakeChannel {
    fn name(&self) -> &str {
        self.name
    }

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        self.told.lock().unwrap().push(message.clone());
        if self.is_broken {
            let (channel, reason) = (self.name.to_owned(), "out of order".to_owned());
            return Err(ChannelError { channel, reason, is_passing: self.is_busy });
        }
        Ok(())
    }
}

pub(super) fn bucket() -> ResourceRef {
    incident("any").detected.resource
}

/// The bucket as S3 creates it: no control convicts it.
pub(super) fn clean() -> Value {
    aisaws_controls::resource("AWS::S3::Bucket").unwrap().assumed(&bucket())
}

/// The bucket after somebody made its list of grants public: both controls convict it.
pub(super) fn public() -> Value {
    let raw = json!({
        "eventID": "e", "eventTime": "2026-03-01T10:00:00Z", "eventName": "PutBucketAcl",
        "eventSource": "s3.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "requestParameters": { "bucketName": "acme", "x-amz-acl": "public-read" },
    });
    let event = cloudtrail::parse(&raw.to_string()).unwrap();
    let face = aisaws_controls::resource("AWS::S3::Bucket").unwrap();
    face.project(&bucket(), &clean(), &event).unwrap()
}

/// [`public`] as the two controls repair it: no public grant, all of Block Public Access.
pub(super) fn repaired() -> Value {
    let mut state = public();
    state["AclGrants"] = clean()["AclGrants"].clone();
    state["PublicAccessBlockConfiguration"] = clean()["PublicAccessBlockConfiguration"].clone();
    state
}

/// The state with another value in one field.
pub(super) fn with(mut state: Value, field: &str, value: Value) -> Value {
    state[field] = value;
    state
}

pub(super) fn limit(control: &str, max: Decision) -> Limit {
    Limit {
        control: control.into(),
        max,
        reason: format!("`{control}`: {max} at most"),
        approvals: 1,
    }
}

pub(super) fn failure() -> Failure {
    Failure { error: "Fault.NotVerified".to_owned(), cause: "it does not hold".to_owned() }
}

pub(super) struct World {
    _dir: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) account: Arc<FakeAccount>,
    pub(super) clock: FakeClock,
    pub(super) detected: Detected,
}

impl World {
    /// An open incident about the bucket in that state.
    pub(super) async fn new(state: Value) -> Self {
        Self::over(FakeAccount::new(state)).await
    }

    pub(super) async fn over(account: FakeAccount) -> Self {
        Self::of(account, None).await
    }

    /// The re-run of an incident, where one is asked for.
    pub(super) async fn of(account: FakeAccount, rerun: Option<Rerun>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.sqlite")).unwrap();
        let mut opened = incident("e");
        opened.detected.controls = vec![ACL.into(), BLOCK.into()];
        opened.detected.rerun = rerun.map(Box::new);
        let detected = opened.detected.clone();
        let now = detected.time;
        store.open(opened, Vec::new(), now).await.unwrap();
        let clock = FakeClock { now: Mutex::new(now), slept: Mutex::default() };
        Self { _dir: dir, store, account: Arc::new(account), clock, detected }
    }

    pub(super) fn incident(&self) -> IncidentId {
        self.detected.incident
    }

    pub(super) fn cx<'a>(&'a self, key: &'a str) -> Cx<'a> {
        Cx { clock: &self.clock, key }
    }

    pub(super) async fn append(&self, key: &str, entry: Entry) {
        self.store.append(self.incident(), key, entry, self.clock.now()).await.unwrap();
    }

    /// The ledger without its first entry, `Opened`.
    pub(super) async fn entries(&self) -> Vec<Entry> {
        let links = self.store.ledger(self.incident()).await.unwrap();
        links.into_iter().skip(1).map(|link| link.entry).collect()
    }

    pub(super) async fn count(&self, is_meant: impl Fn(&Entry) -> bool) -> usize {
        self.entries().await.iter().filter(|entry| is_meant(entry)).count()
    }

    /// Decide's hand-off, as the ledger has it.
    pub(super) async fn decided(&self, decision: Decision, limits: Vec<Limit>) -> Decided {
        self.append(
            "decided",
            Entry::Decided { decision, reasons: Vec::new(), is_budget_spent: false },
        )
        .await;
        let score = Score { risk: Risk::clamped(0.5), contributions: Vec::new() };
        Decided {
            scored: Scored { detected: self.detected.clone(), score },
            verdict: Verdict {
                decision,
                by_risk: Some(decision),
                reasons: vec!["so it was decided".to_owned()],
                limits,
                approval_timeout_seconds: PATIENCE_SECONDS,
                approvals: 1,
            },
        }
    }

    pub(super) fn prepare(&self) -> Prepare {
        let store = Arc::new(self.store.clone());
        Prepare::new(self.account.clone(), store.clone(), store)
    }

    pub(super) fn remediate(&self) -> Remediate {
        let store = Arc::new(self.store.clone());
        Remediate::new(self.account.clone(), store.clone(), store.clone(), store)
    }

    /// Decided and planned.
    pub(super) async fn prepared(&self, decision: Decision) -> Prepared {
        let decided = self.decided(decision, Vec::new()).await;
        self.prepare().run(self.cx("p"), decided.into()).await.unwrap()
    }

    /// Decided, planned and written without asking.
    pub(super) async fn remediated(&self) -> Remediated {
        let prepared = self.prepared(Decision::Act).await;
        self.remediate().run(self.cx("r"), Cleared::from(prepared)).await.unwrap()
    }

    /// A question about that plan, and the answer to it.
    pub(super) async fn answered(&self, digest: &Digest, vote: Option<Vote>) {
        let (asked, incident) = (self.clock.now(), self.incident());
        let expires = asked + Duration::from_secs(u64::from(PATIENCE_SECONDS));
        let (token, digest) = ("token".to_owned(), digest.clone());
        let question =
            Question { incident, digest: digest.clone(), token, asked, expires, approvals: 1 };
        self.store.ask(question).await.unwrap();
        if let Some(vote) = vote {
            let by = "ann".to_owned();
            let answer = Answer { vote, by, reason: String::new(), at: asked };
            self.store.cast(incident, &digest, answer).await.unwrap();
        }
    }

    /// The story of an incident of which no more is known than what opened it.
    pub(super) fn story(&self) -> Story {
        Story {
            detected: self.detected.clone(),
            score: None,
            verdict: None,
            preparation: None,
            ballot: None,
            lapse: None,
            failure: None,
            rollback_failure: None,
        }
    }
}

pub(super) fn digest_of(prepared: &Prepared) -> Digest {
    prepared.preparation.digest.clone().unwrap()
}

pub(super) fn granted(prepared: Prepared) -> Cleared {
    let digest = digest_of(&prepared);
    Cleared { prepared, ballot: Some(Ballot { vote: Vote::Grant, digest }) }
}

pub(super) fn undo(prepared: Prepared) -> Undo {
    Undo { prepared, ballot: None, failure: failure() }
}
