//! No two controls fight: what one repairs is nothing that another one takes back. Nor does one take
//! back its own repair of another deployment, with one exception, which is named.

use aisaws_controls::s3::Bucket;
use aisaws_controls::{AnyControl, Cause, FixError, all};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::states::state_of;

/// Controls that want what was there, whatever it was: two deployments that saw the resource clean
/// in different states each restore their own. The budget of repairs ends that
/// (`integration-tests/tests/aws/fights.rs`).
const BY_MEMORY: &[&str] = &["s3.default-encryption-removed"];

/// Every control with every control of its type, itself included but for those above.
fn pairs() -> Vec<[&'static dyn AnyControl; 2]> {
    let kind = |control: &dyn AnyControl| control.meta().resource_type;
    let with = |one: &'static dyn AnyControl| {
        let id = one.meta().id;
        let others = all().iter().copied().filter(move |other| {
            kind(*other) == kind(one) && !(other.meta().id == id && BY_MEMORY.contains(&id))
        });
        others.map(move |other| [one, other])
    };
    all().iter().copied().flat_map(with).collect()
}

/// What one party goes by: its last clean state, where it knows one; `None`: it looks at postures.
type Ground = Option<Option<Value>>;

fn cause(ground: &Ground) -> Cause<'_> {
    match ground {
        None => Cause::Posture,
        Some(baseline) => Cause::Detection { baseline: baseline.as_ref() },
    }
}

fn ground(kind: &'static str) -> impl Strategy<Value = Ground> {
    proptest::option::weighted(0.8, proptest::option::weighted(0.8, state_of(kind)))
}

/// Two controls, what each goes by, and the state that they find.
type Meeting = ([&'static dyn AnyControl; 2], [Ground; 2], Value);

fn meeting() -> impl Strategy<Value = Meeting> {
    (0..pairs().len()).prop_flat_map(|index| {
        let pair = pairs()[index];
        let kind = pair[0].meta().resource_type;
        let state = prop_oneof![12 => state_of(kind), 1 => Just(Value::Null)];
        (Just(pair), [ground(kind), ground(kind)], state)
    })
}

/// What a control makes of a state; `None` where it declines to repair.
fn repaired(control: &dyn AnyControl, state: &Value, cause: &Cause<'_>) -> Option<Value> {
    match control.fix(state, cause) {
        Ok(fixed) => Some(fixed),
        Err(FixError::Refused { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// One repairs, then the other one, then the first one what there was nothing of before (a trail
    /// that was deleted comes back as it was, good or bad): now neither has anything left to do.
    #[test]
    fn two_that_repair_in_turn_come_to_an_end((pair, grounds, state) in meeting()) {
        let causes = grounds.each_ref().map(cause);
        let mut now = state;
        for turn in [0, 1, 0] {
            let Some(next) = repaired(pair[turn], &now, &causes[turn]) else { return Ok(()) };
            now = next;
        }
        for (control, cause) in pair.iter().zip(&causes) {
            let found = control.check(&now, cause).unwrap();
            prop_assert!(found.is_none(), "{} and {}: {found:?}", pair[0].meta().id, pair[1].meta().id);
        }
    }

    /// What one repairs does not set the other one off, where the resource was there before.
    #[test]
    fn a_repair_convicts_under_no_other_control((pair, grounds, state) in meeting()) {
        let [one, other] = pair;
        let causes = grounds.each_ref().map(cause);
        if state.is_null() || other.check(&state, &causes[1]).unwrap().is_some() {
            return Ok(());
        }
        let Some(fixed) = repaired(one, &state, &causes[0]) else { return Ok(()) };
        let found = other.check(&fixed, &causes[1]).unwrap();
        prop_assert!(found.is_none(), "{} sets {} off: {found:?}", one.meta().id, other.meta().id);
    }
}

#[test]
fn every_control_meets_the_others_of_its_type() {
    // 6 of buckets, 3 of security groups, 1 of keys, 3 of trails.
    assert_eq!(pairs().len(), 6 * 6 + 3 * 3 + 1 + 3 * 3 - BY_MEMORY.len());
}

#[test]
fn two_deployments_may_want_different_keys_of_one_bucket() {
    let bucket = serde_json::to_value(Bucket::new("111122223333")).unwrap();
    let with_key = |key: &str| {
        let mut bucket = bucket.clone();
        bucket["BucketEncryption"] =
            json!({ "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key, "BucketKeyEnabled": true });
        bucket
    };
    let (one, other) = (with_key("one"), with_key("other"));
    for id in BY_MEMORY {
        let control = aisaws_controls::get(&(*id).into()).unwrap();
        for (memory, now) in [(&one, &other), (&other, &one)] {
            let cause = Cause::Detection { baseline: Some(memory) };
            assert!(control.check(now, &cause).unwrap().is_some());
            assert_eq!(control.fix(now, &cause).unwrap(), *memory);
        }
    }
}
