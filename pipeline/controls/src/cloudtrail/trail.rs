//! The state of a trail.
//! Source: CloudFormation, `AWS::CloudTrail::Trail`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::keyed::{Document, Keyed};
use crate::state::{State, explicit};

/// A trail's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the settings of the API, by name")]
pub struct Trail {
    /// The bucket that gets the log files. `None`: not known (few events tell it).
    #[serde(deserialize_with = "explicit")]
    pub s3_bucket_name: Option<String>,
    /// Prefix of their names.
    #[serde(deserialize_with = "explicit")]
    pub s3_key_prefix: Option<String>,
    /// The topic that is told of new files.
    #[serde(deserialize_with = "explicit")]
    pub sns_topic_name: Option<String>,
    /// Whether events of global services (IAM, STS) are logged.
    pub include_global_service_events: bool,
    /// Whether it logs all regions.
    pub is_multi_region_trail: bool,
    /// Whether it logs all accounts of the organization.
    pub is_organization_trail: bool,
    /// Whether digest files prove that log files are whole.
    pub enable_log_file_validation: bool,
    /// The key that encrypts the log files.
    #[serde(rename = "KMSKeyId", deserialize_with = "explicit")]
    pub kms_key_id: Option<String>,
    /// The log group that gets the events too.
    #[serde(deserialize_with = "explicit")]
    pub cloud_watch_logs_log_group_arn: Option<String>,
    /// The role that writes there.
    #[serde(deserialize_with = "explicit")]
    pub cloud_watch_logs_role_arn: Option<String>,
    /// Whether it logs at all.
    pub is_logging: bool,
    /// Which events, in the older form. A trail has one form or the other.
    pub event_selectors: Keyed<Document>,
    /// Which events, in the newer form.
    pub advanced_event_selectors: Keyed<Document>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl State for Trail {
    const TYPE: &'static str = "AWS::CloudTrail::Trail";
}

impl Trail {
    /// A trail of one region as CloudTrail creates it: it does not log until it is told to.
    pub fn new(s3_bucket_name: Option<String>) -> Self {
        Self {
            s3_bucket_name,
            s3_key_prefix: None,
            sns_topic_name: None,
            include_global_service_events: true,
            is_multi_region_trail: false,
            is_organization_trail: false,
            enable_log_file_validation: false,
            kms_key_id: None,
            cloud_watch_logs_log_group_arn: None,
            cloud_watch_logs_role_arn: None,
            is_logging: false,
            event_selectors: Self::default_selectors(),
            advanced_event_selectors: Keyed::new(),
            tags: BTreeMap::new(),
        }
    }

    /// What a trail selects that was told nothing: all management events.
    /// Source: CloudTrail API Reference, `GetEventSelectors`.
    pub fn default_selectors() -> Keyed<Document> {
        [Document(json!({
            "ReadWriteType": "All",
            "IncludeManagementEvents": true,
            "DataResources": [],
            "ExcludeManagementEventSources": [],
        }))]
        .into_iter()
        .collect()
    }
}
