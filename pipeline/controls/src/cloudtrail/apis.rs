//! The operations of a driver of trails.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS
//! CloudTrail".

use crate::api::{Api, Purpose};

const TRAIL: &str = "arn:${Partition}:cloudtrail:${Region}:${Account}:trail/*";
const SETTINGS: &[&str] = &[
    "/S3BucketName",
    "/S3KeyPrefix",
    "/SnsTopicName",
    "/IncludeGlobalServiceEvents",
    "/IsMultiRegionTrail",
    "/IsOrganizationTrail",
    "/EnableLogFileValidation",
    "/KMSKeyId",
    "/CloudWatchLogsLogGroupArn",
    "/CloudWatchLogsRoleArn",
];
const SELECTORS: &[&str] = &["/EventSelectors", "/AdvancedEventSelectors"];
const LOGGING: &[&str] = &["/IsLogging"];
const TAGS: &[&str] = &["/Tags"];

const fn write(operation: &'static str, action: &'static str, f: &'static [&'static str]) -> Api {
    Api::new(Purpose::Write, operation, action, f, TRAIL)
}

/// What reads, writes and lists trails. `DescribeTrails` lists them too. A trail that writes to
/// a log group hands CloudTrail the role for it.
pub const APIS: &[Api] = &[
    Api::new(Purpose::Read, "DescribeTrails", "cloudtrail:DescribeTrails", SETTINGS, "*"),
    Api::new(Purpose::Read, "GetTrailStatus", "cloudtrail:GetTrailStatus", LOGGING, TRAIL),
    Api::new(Purpose::Read, "GetEventSelectors", "cloudtrail:GetEventSelectors", SELECTORS, TRAIL),
    Api::new(Purpose::Read, "ListTags", "cloudtrail:ListTags", TAGS, TRAIL),
    write("CreateTrail", "cloudtrail:CreateTrail", &[""])
        .also(&["cloudtrail:AddTags"])
        .hands_roles_to("cloudtrail.amazonaws.com"),
    write("UpdateTrail", "cloudtrail:UpdateTrail", SETTINGS)
        .hands_roles_to("cloudtrail.amazonaws.com"),
    write("DeleteTrail", "cloudtrail:DeleteTrail", &[""]),
    write("PutEventSelectors", "cloudtrail:PutEventSelectors", SELECTORS),
    write("StartLogging", "cloudtrail:StartLogging", LOGGING),
    write("StopLogging", "cloudtrail:StopLogging", LOGGING),
    write("AddTags", "cloudtrail:AddTags", TAGS),
    write("RemoveTags", "cloudtrail:RemoveTags", TAGS),
];
