//! The laws that every control obeys.

use aisaws_controls::plan::{
    Outcome, Plan, PlanError, Problems, apply_guarded, diff, prepare, rollback, verify,
};
use aisaws_controls::{
    AnyControl, Cause, FixError, all, is_clean_for_baseline, resource, resources,
};
use aisaws_core::id::ControlId;
use aisaws_core::resource::ResourceRef;
use json_patch::PatchOperation;
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::Value;

use crate::enact::enact;
use crate::states::state_of;
use crate::world::{named, the};

/// The fields of the state that a control may change; "" is the whole of it.
fn fields(id: &str) -> &'static [&'static str] {
    match id {
        "s3.bucket-acl-public" => &["/AclGrants"],
        "s3.block-public-access-off" => &["/PublicAccessBlockConfiguration"],
        "s3.bucket-policy-public" => &["/BucketPolicy"],
        "s3.default-encryption-removed" => &["/BucketEncryption"],
        "s3.versioning-suspended" => &["/VersioningConfiguration"],
        "s3.access-logging-removed" => &["/LoggingConfiguration"],
        "ec2.security-group-all-ports-world-open"
        | "ec2.security-group-admin-port-world-open"
        | "ec2.security-group-database-port-world-open" => &["/SecurityGroupIngress"],
        "iam.access-key-exposed" => &["/Status"],
        "cloudtrail.trail-logging-stopped" => &["/IsLogging"],
        "cloudtrail.management-events-excluded" => &["/EventSelectors", "/AdvancedEventSelectors"],
        "cloudtrail.trail-deleted" => &[""],
        other => panic!("say here which field `{other}` may change"),
    }
}

/// A control, a state, and a baseline that may be there.
fn case() -> impl Strategy<Value = (&'static dyn AnyControl, Value, Option<Value>, bool)> {
    (0..all().len()).prop_flat_map(|index| {
        let control = all()[index];
        let kind = control.meta().resource_type;
        let state = prop_oneof![12 => state_of(kind), 1 => Just(Value::Null)];
        (Just(control), state, proptest::option::of(state_of(kind)), any::<bool>())
    })
}

fn cause(baseline: Option<&Value>, is_detection: bool) -> Cause<'_> {
    if is_detection { Cause::Detection { baseline } } else { Cause::Posture }
}

/// A type, some of its controls and two states.
fn plan_case() -> impl Strategy<Value = (&'static str, Vec<ControlId>, Value, Option<Value>, Value)>
{
    (0..resources().len()).prop_flat_map(|index| {
        let kind = resources()[index].type_name();
        let ids: Vec<ControlId> = all()
            .iter()
            .map(|control| control.meta())
            .filter(|meta| meta.resource_type == kind)
            .map(aisaws_controls::Meta::control_id)
            .collect();
        let count = ids.len();
        let state = prop_oneof![12 => state_of(kind), 1 => Just(Value::Null)];
        let baseline = proptest::option::of(state_of(kind));
        (Just(kind), subsequence(ids, 1..=count), state, baseline, state_of(kind))
    })
}

/// The resource that a state is of.
fn subject_of(kind: &str, state: &Value) -> ResourceRef {
    state.get("Id").and_then(Value::as_str).map_or_else(|| the(kind), |id| named(kind, id))
}

fn planned(
    kind: &str,
    controls: &[ControlId],
    state: &Value,
    baseline: Option<&Value>,
) -> Option<Plan> {
    match prepare(&subject_of(kind, state), controls, state, |_| baseline.cloned()) {
        Ok(Outcome::Plan(plan)) => Some(*plan),
        Ok(Outcome::Clean) => {
            assert!(!state.is_null());
            None
        }
        Ok(Outcome::Gone) => {
            assert!(state.is_null());
            None
        }
        Err(PlanError::Refused { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

/// The same JSON with every object written in the opposite order.
fn upside_down(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields: Vec<String> = map
                .iter()
                .rev()
                .map(|(key, value)| {
                    format!("{}: {}", Value::from(key.as_str()), upside_down(value))
                })
                .collect();
            format!("{{ {} }}", fields.join(" , "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(upside_down).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_fix_makes_check_silent_and_changes_nothing_else(
        (control, state, baseline, is_detection) in case()
    ) {
        let cause = cause(baseline.as_ref(), is_detection);
        let found = control.check(&state, &cause).unwrap();
        let fixed = match control.fix(&state, &cause) {
            Ok(fixed) => fixed,
            Err(FixError::Refused { .. }) => {
                prop_assert!(found.is_some(), "refused what it does not find");
                return Ok(());
            }
            Err(other) => panic!("{other}"),
        };
        prop_assert_eq!(control.check(&fixed, &cause).unwrap(), None);
        prop_assert_eq!(&control.fix(&fixed, &cause).unwrap(), &fixed, "fixed twice");
        prop_assert_eq!(found.is_some(), fixed != state);
        for changed in diff(&state, &fixed) {
            let path = changed.path.as_str();
            let may_change = fields(control.meta().id);
            prop_assert!(may_change.iter().any(|field| path.starts_with(field)), "{path}");
        }
    }

    #[test]
    fn a_baseline_never_gets_weaker((control, state, baseline, _) in case()) {
        if is_clean_for_baseline(control, &state, baseline.as_ref()).unwrap() {
            let against = Cause::Detection { baseline: baseline.as_ref() };
            prop_assert!(control.check(&state, &against).unwrap().is_none());
            prop_assert!(!state.is_null());
            // The new baseline does not convict itself.
            let own = Cause::Detection { baseline: Some(&state) };
            prop_assert!(control.check(&state, &own).unwrap().is_none());
        }
    }

    #[test]
    fn a_plan_leads_there_and_back((kind, controls, state, baseline, other) in plan_case()) {
        let Some(plan) = planned(kind, &controls, &state, baseline.as_ref()) else { return Ok(()) };
        let lookup = |_: &ControlId| baseline.clone();
        let mut document = state.clone();
        json_patch::patch(&mut document, &plan.patch).unwrap();
        prop_assert_eq!(&document, &plan.after);
        json_patch::patch(&mut document, &plan.inverse).unwrap();
        prop_assert_eq!(&document, &state);
        for patch in [&plan.patch, &plan.inverse] {
            for pair in patch.chunks(2) {
                prop_assert!(matches!(pair[0], PatchOperation::Test(_)));
                prop_assert!(pair.len() == 2 && !matches!(pair[1], PatchOperation::Test(_)));
            }
        }
        prop_assert_eq!(verify(&controls, &state, &plan.after, &plan.after, lookup), Problems::default());
        prop_assert!(!verify(&controls, &state, &plan.after, &state, lookup).all().is_empty());
        if other != plan.after {
            prop_assert!(!verify(&controls, &state, &plan.after, &other, lookup).all().is_empty());
        }
        prop_assert_eq!(apply_guarded(&state, &plan.after, &state).unwrap(), plan.after.clone());
        prop_assert_eq!(apply_guarded(&state, &plan.after, &plan.after).unwrap(), plan.after.clone());
        let back = rollback(&state, &plan.after, &plan.after);
        prop_assert_eq!((back.target, back.left), (state, vec![]));
    }

    #[test]
    fn the_digest_does_not_depend_on_order((kind, controls, state, baseline, _) in plan_case()) {
        let Some(plan) = planned(kind, &controls, &state, baseline.as_ref()) else { return Ok(()) };
        let again: Value = serde_json::from_str(&upside_down(&state)).unwrap();
        let mut reversed = controls;
        reversed.reverse();
        let twin = planned(kind, &reversed, &again, baseline.as_ref()).unwrap();
        prop_assert_eq!(&plan.digest, &twin.digest);
        let through_json: Plan =
            serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        prop_assert_eq!(plan, through_json);
    }

    #[test]
    fn the_calls_of_a_plan_do_what_it_says((kind, controls, state, baseline, _) in plan_case()) {
        let Some(plan) = planned(kind, &controls, &state, baseline.as_ref()) else { return Ok(()) };
        let (handler, subject) = (resource(kind).unwrap(), subject_of(kind, &state));
        let calls = handler.calls(&subject, &state, &plan.after).unwrap();
        prop_assert!(!calls.is_empty());
        prop_assert_eq!(enact(&subject, &state, &calls), plan.after.clone());
        let back = handler.calls(&subject, &plan.after, &state).unwrap();
        prop_assert!(!back.is_empty());
        // A trail that was created is deleted: nothing is left to compare.
        prop_assert_eq!(enact(&subject, &plan.after, &back), state);
    }

    #[test]
    fn there_are_calls_exactly_where_states_differ((kind, _, one, _, other) in plan_case()) {
        let (handler, subject) = (resource(kind).unwrap(), subject_of(kind, &one));
        prop_assert_eq!(handler.calls(&subject, &one, &one).unwrap(), vec![]);
        if let Ok(calls) = handler.calls(&subject, &one, &other) {
            prop_assert_eq!(calls.is_empty(), one == other);
            prop_assert_eq!(enact(&subject, &one, &calls), other);
        }
    }

    #[test]
    fn what_others_changed_meanwhile_stays_theirs(
        (kind, controls, state, baseline, other) in plan_case(), pick in any::<prop::sample::Index>()
    ) {
        let Some(plan) = planned(kind, &controls, &state, baseline.as_ref()) else { return Ok(()) };
        if state.is_null() {
            return Ok(());
        }
        // One field of another state is set into what was written.
        let fields: Vec<String> = other.as_object().unwrap().keys().cloned().collect();
        let name = pick.get(&fields);
        let mut now = plan.after.clone();
        now[name] = other[name].clone();
        let back = rollback(&state, &plan.after, &now);
        for field in diff(&state, &back.target) {
            let present = now.pointer(field.path.as_str());
            prop_assert_eq!(present, field.after.as_ref(), "a value that nobody wrote");
        }
        for field in diff(&now, &back.target) {
            prop_assert_eq!(field.after.as_ref(), state.pointer(field.path.as_str()));
        }
        for path in &back.left {
            prop_assert_eq!(back.target.pointer(path), now.pointer(path));
        }
    }
}
