//! Between the types of the SDK and those of the state.

use aisaws_controls::s3::{Grant, Grantee, Permission};
use aisaws_controls::{Document, Keyed};
use aws_sdk_s3::types::{
    Grant as SdkGrant, Grantee as SdkGrantee, PartitionDateSource, PartitionedPrefix,
    Permission as SdkPermission, SimplePrefix, TargetGrant, TargetObjectKeyFormat, Type,
};
use serde_json::json;

use crate::drivers::error::{DriverError, told};
use crate::drivers::parameters::Parameters;

/// A grantee and the word of a permission, as grants of a list and of a log target both have.
type Pair<'a> = (Option<&'a SdkGrantee>, Option<&'a str>);

pub(super) fn grants<'a>(
    operation: &'static str,
    list: impl Iterator<Item = Pair<'a>>,
) -> Result<Keyed<Grant>, DriverError> {
    list.map(|(grantee, permission)| {
        let grantee = told(grantee.and_then(from_grantee), operation, "a grantee in a known form")?;
        let permission =
            told(permission.and_then(from_permission), operation, "a known permission")?;
        Ok(Grant::new(grantee, permission))
    })
    .collect()
}

fn from_grantee(grantee: &SdkGrantee) -> Option<Grantee> {
    if let Some(uri) = grantee.uri() {
        return Some(Grantee::Group(uri.to_owned()));
    }
    if let Some(id) = grantee.id() {
        return Some(Grantee::Account(id.to_owned()));
    }
    grantee.email_address().map(|address| Grantee::Email(address.to_owned()))
}

fn from_permission(word: &str) -> Option<Permission> {
    [
        Permission::FullControl,
        Permission::Write,
        Permission::WriteAcp,
        Permission::Read,
        Permission::ReadAcp,
    ]
    .into_iter()
    .find(|permission| permission.as_str() == word)
}

fn to_grantee(grant: &Parameters<'_>) -> Result<SdkGrantee, DriverError> {
    let grantee = grant.must("Grantee")?;
    SdkGrantee::builder()
        .r#type(Type::from(grantee.text("Type")?))
        .set_id(grantee.get_text("ID").map(str::to_owned))
        .set_uri(grantee.get_text("URI").map(str::to_owned))
        .set_email_address(grantee.get_text("EmailAddress").map(str::to_owned))
        .build()
        .map_err(|_| grant.wrong("a grantee"))
}

pub(super) fn to_grant(grant: &Parameters<'_>) -> Result<SdkGrant, DriverError> {
    let permission = SdkPermission::from(grant.text("Permission")?);
    Ok(SdkGrant::builder().grantee(to_grantee(grant)?).permission(permission).build())
}

pub(super) fn to_target_grant(grant: &Parameters<'_>) -> Result<TargetGrant, DriverError> {
    let permission = grant.text("Permission")?.into();
    Ok(TargetGrant::builder().grantee(to_grantee(grant)?).permission(permission).build())
}

/// How names of log files go on, as CloudFormation has it.
pub(super) fn from_key_format(format: &TargetObjectKeyFormat) -> Document {
    Document(match format.partitioned_prefix() {
        Some(partitioned) => {
            let source = partitioned.partition_date_source().map(PartitionDateSource::as_str);
            json!({"PartitionedPrefix": {"PartitionDateSource": source}})
        }
        None => json!({"SimplePrefix": {}}),
    })
}

/// The older form, `SimplePrefix`, is written as an empty object or an empty text.
pub(super) fn to_key_format(format: &Parameters<'_>) -> Result<TargetObjectKeyFormat, DriverError> {
    let built = TargetObjectKeyFormat::builder();
    if let Some(partitioned) = format.get("PartitionedPrefix") {
        let source = partitioned.get_text("PartitionDateSource").map(PartitionDateSource::from);
        let prefix = PartitionedPrefix::builder().set_partition_date_source(source).build();
        return Ok(built.partitioned_prefix(prefix).build());
    }
    format.must("SimplePrefix")?;
    Ok(built.simple_prefix(SimplePrefix::builder().build()).build())
}
