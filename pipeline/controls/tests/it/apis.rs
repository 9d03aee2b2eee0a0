//! The operations that drivers may use, against the calls that repairs need.

use std::collections::BTreeSet;

use aisaws_controls::api::{Api, Purpose};
use aisaws_controls::plan::diff;
use aisaws_controls::{AnyResource, resource, resources};
use proptest::prelude::*;

use crate::states::state_of;
use crate::world::{BUCKET, GROUP, KEY, TRAIL, named, the};

/// The types that have a driver.
fn driven() -> impl Iterator<Item = &'static dyn AnyResource> {
    resources().iter().copied().filter(|face| !face.apis().is_empty())
}

fn covers(api: &Api, path: &str) -> bool {
    api.fields.iter().any(|field| {
        path == *field || path.strip_prefix(field).is_some_and(|rest| rest.starts_with('/'))
    })
}

fn of(apis: &'static [Api], purpose: Purpose) -> impl Iterator<Item = &'static Api> {
    apis.iter().filter(move |api| api.purpose == purpose)
}

proptest! {
    /// Least privilege, upwards: what a repair calls is declared, and what it changes is what
    /// the declaration says.
    #[test]
    fn every_call_is_declared_for_the_fields_it_changes(
        (kind, before, after) in (0..driven().count()).prop_flat_map(|index| {
            let kind = driven().nth(index).unwrap().type_name();
            (Just(kind), state_of(kind), state_of(kind))
        })
    ) {
        let face = resource(kind).unwrap();
        let subject = after.get("Id").and_then(serde_json::Value::as_str)
            .map_or_else(|| the(kind), |id| named(kind, id));
        let Ok(calls) = face.calls(&subject, &before, &after) else { return Ok(()) };
        let used: Vec<&Api> = calls
            .iter()
            .flat_map(|call| face.apis().iter().filter(|api| api.action == call.action))
            .collect();
        for call in &calls {
            prop_assert!(used.iter().any(|api| api.action == call.action), "{call:?}");
        }
        prop_assert!(used.iter().all(|api| api.purpose == Purpose::Write));
        for field in diff(&before, &after) {
            let path = field.path.as_str();
            prop_assert!(used.iter().any(|api| covers(api, path)), "{path} by {used:?}");
        }
    }
}

#[test]
fn what_can_be_repaired_by_a_driver_says_what_the_driver_needs() {
    for kind in [BUCKET, GROUP, KEY, TRAIL] {
        assert!(driven().any(|face| face.type_name() == kind), "{kind}");
    }
}

#[test]
fn every_field_of_a_state_is_read_by_a_declared_operation() {
    for face in driven() {
        let state = face.assumed(&the(face.type_name()));
        for name in state.as_object().unwrap().keys() {
            let path = format!("/{name}");
            let reads = of(face.apis(), Purpose::Read).filter(|api| covers(api, &path)).count();
            assert_eq!(reads, 1, "{} {path}", face.type_name());
        }
    }
}

#[test]
fn no_declared_field_is_none_of_the_state() {
    for face in driven() {
        let state = face.assumed(&the(face.type_name()));
        for api in face.apis() {
            for field in api.fields {
                assert!(state.pointer(field).is_some(), "{} {field}", api.operation);
            }
        }
    }
}

#[test]
fn an_operation_is_declared_once_with_an_action_of_its_service() {
    for face in driven() {
        let names: BTreeSet<&str> = face.apis().iter().map(|api| api.operation).collect();
        assert_eq!(names.len(), face.apis().len(), "{}", face.type_name());
        let services: BTreeSet<&str> =
            face.apis().iter().filter_map(|api| Some(api.action.split_once(':')?.0)).collect();
        assert_eq!(services.len(), 1, "{}: {services:?}", face.type_name());
        assert!(face.apis().iter().all(|api| api.on == "*" || api.on.starts_with("arn:")));
    }
}
