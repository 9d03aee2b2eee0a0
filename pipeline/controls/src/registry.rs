//! The lists: every resource type and every control. A new one is a file and a line here.

use aisaws_core::event::Event;
use aisaws_core::id::ControlId;
use aisaws_core::resource::ResourceRef;

use crate::control::AnyControl;
use crate::resource::AnyResource;
use crate::{cloudtrail, ec2, iam, s3};

/// Where two controls of one resource both convict, the earlier one is fixed first; one that
/// takes a whole thing away therefore stands before one that narrows it.
static CONTROLS: &[&dyn AnyControl] = &[
    &s3::AclPublic,
    &s3::BlockPublicAccessOff,
    &s3::PolicyPublic,
    &s3::DefaultEncryptionRemoved,
    &s3::VersioningSuspended,
    &s3::AccessLoggingRemoved,
    &ec2::AllPortsWorldOpen,
    &ec2::ADMIN_PORT_WORLD_OPEN,
    &ec2::DATABASE_PORT_WORLD_OPEN,
    &iam::AccessKeyExposed,
    &cloudtrail::TrailDeleted,
    &cloudtrail::ManagementEventsExcluded,
    &cloudtrail::TrailLoggingStopped,
];

static RESOURCES: &[&dyn AnyResource] =
    &[&s3::Buckets, &ec2::SecurityGroups, &iam::AccessKeys, &cloudtrail::Trails];

/// Every control, in the order in which fixes are applied.
pub fn all() -> &'static [&'static dyn AnyControl] {
    CONTROLS
}

/// The control of that id.
pub fn get(id: &ControlId) -> Option<&'static dyn AnyControl> {
    CONTROLS.iter().copied().find(|control| control.meta().id == id.as_str())
}

/// Every resource type.
pub fn resources() -> &'static [&'static dyn AnyResource] {
    RESOURCES
}

/// The resource type of that CloudFormation name.
pub fn resource(type_name: &str) -> Option<&'static dyn AnyResource> {
    RESOURCES.iter().copied().find(|resource| resource.type_name() == type_name)
}

/// The resources of all types that the event changed.
pub fn touched(event: &Event) -> Vec<ResourceRef> {
    if event.has_failed() {
        return Vec::new();
    }
    RESOURCES.iter().flat_map(|resource| resource.touched(event)).collect()
}
