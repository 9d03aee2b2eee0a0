//! From the event that fired to the resource it is about, for rules that do not say.
//!
//! ```yaml
//! - source: iam.amazonaws.com          # eventSource of the event
//!   events: [CreateUser, DeleteUser]   # optional; else every event of the source
//!   resource:                          # as in a rule's section, see `response`
//!     type: AWS::IAM::User
//!     id: requestParameters.userName
//!   controls: []                       # optional; checked there, in this order
//! ```
//!
//! Entries that name the event are asked before those that do not, in the order of the file; the
//! first one whose fields name a resource counts. A user's file is asked before the built-in
//! one. Where none names a resource, the hit is about the account and asks no control.
//!
//! Lambda writes the version of its API behind names (`AddPermission20150331v2`); an entry
//! without it is meant too.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, LazyLock};

use aisaws_core::event::Event;
use aisaws_core::id::ControlId;
use serde::Deserialize;

use crate::pointer::{Pointed, Pointer, Written};
use crate::response::Located;
use crate::scene::Scene;
use crate::sigma::{Hashed, ScanError};

/// The built-in mapping, as text.
pub const DEFAULT: &str = include_str!("../mapping.yml");

/// Read when it is first asked: only hits of rules that do not say need it.
static BUILT_IN: LazyLock<Table> = LazyLock::new(|| {
    // A test parses it; an empty table would point every hit at the account.
    Table::parse(DEFAULT, "built-in mapping").unwrap_or_default()
});

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// Not YAML, an unknown key, or a value of another type.
    #[error("mapping `{file}` is not as it must be")]
    Form {
        /// The file.
        file: String,
        /// What and where.
        #[source]
        source: yaml_serde::Error,
    },
    /// An entry that could never name a resource.
    #[error("mapping `{file}`: entry {entry} has no field in `resource.id`")]
    NoField {
        /// The file.
        file: String,
        /// Which entry, counted from 1.
        entry: usize,
    },
}

/// What events are about. The default is the built-in mapping.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Asked first.
    own: Option<Arc<Table>>,
    /// Whether the built-in one is asked after it.
    with_built_in: bool,
}

/// Something by its name.
type ByName<T> = HashMap<String, T, BuildHasherDefault<Hashed>>;

#[derive(Debug, Default)]
struct Table {
    services: ByName<Service>,
}

#[derive(Debug, Default)]
struct Service {
    by_event: ByName<Vec<Arc<Entry>>>,
    others: Vec<Arc<Entry>>,
}

#[derive(Debug)]
struct Entry {
    pointer: Pointer,
    controls: Vec<ControlId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    source: String,
    events: Option<Vec<String>>,
    resource: Written,
    #[serde(default)]
    controls: Vec<ControlId>,
}

impl Default for Mapping {
    fn default() -> Self {
        Self { own: None, with_built_in: true }
    }
}

impl Mapping {
    /// A mapping that says nothing of any event.
    pub const NONE: Self = Self { own: None, with_built_in: false };

    /// Whether it says nothing of any event of CloudTrail.
    pub fn is_empty(&self) -> bool {
        self.own.is_none() && !self.with_built_in
    }

    /// In the order in which they are asked.
    fn tables(&self) -> impl Iterator<Item = &Table> {
        let built_in = self.with_built_in.then(|| &*BUILT_IN);
        self.own.as_deref().into_iter().chain(built_in)
    }

    /// Reads a user's mapping, which is asked before the built-in one; `file` names it in errors.
    ///
    /// # Errors
    /// [`MappingError`].
    pub fn parse(text: &str, file: &str) -> Result<Self, MappingError> {
        Ok(Self { own: Some(Arc::new(Table::parse(text, file)?)), with_built_in: true })
    }

    /// Every control that an entry names, perhaps more than once.
    pub fn controls(&self) -> impl Iterator<Item = &ControlId> {
        let services = self.tables().flat_map(|table| table.services.values());
        let entries = services.flat_map(|s| s.by_event.values().flatten().chain(&s.others));
        entries.flat_map(|entry| &entry.controls)
    }

    /// Whether an entry is meant for this event by its name, and asks a control.
    pub fn has_control(&self, source: &str, event: &str) -> bool {
        let services = self.tables().filter_map(|table| table.services.get(source));
        let mut entries = services.flat_map(|service| service.named(event));
        entries.any(|entry| !entry.controls.is_empty())
    }

    /// What the event is about; the account and no control where no entry names a resource.
    ///
    /// # Errors
    /// Where the parts of the event that may name it cannot be read.
    pub fn located(&self, event: &Event) -> Result<Located, ScanError> {
        self.located_in(&Scene::of(event))
    }

    pub(crate) fn located_in(&self, scene: &Scene<'_>) -> Result<Located, ScanError> {
        let (pointed, controls) = self.pointed(scene)?;
        let resources = pointed.into_iter().map(Pointed::into_owned).collect();
        Ok(Located { resources, controls: controls.to_vec() })
    }

    /// As [`Self::located`], without owning what it says.
    pub(crate) fn pointed<'s>(
        &'s self,
        scene: &'s Scene<'_>,
    ) -> Result<(Vec<Pointed<'s>>, &'s [ControlId]), ScanError> {
        // A finding names its resources; entries are for calls.
        let resources = scene.named_resources();
        if !resources.is_empty() {
            return Ok((resources.iter().map(Pointed::of).collect(), &[]));
        }
        let services = || self.tables().filter_map(|t| t.services.get(scene.service()));
        let named = services().flat_map(|service| service.named(scene.name()));
        let others = services().flat_map(|service| &service.others);
        for entry in named.chain(others) {
            let pointed = entry.pointer.pointed(scene)?;
            if !pointed.is_empty() {
                return Ok((pointed, &entry.controls));
            }
        }
        Ok((vec![scene.account()], &[]))
    }
}

impl Table {
    fn parse(text: &str, file: &str) -> Result<Self, MappingError> {
        let form = |source| MappingError::Form { file: file.to_owned(), source };
        let written: Vec<WrittenEntry> = yaml_serde::from_str(text).map_err(form)?;
        let mut table = Self::default();
        for (index, written) in written.into_iter().enumerate() {
            let pointer = Pointer::new(written.resource)
                .ok_or_else(|| MappingError::NoField { file: file.to_owned(), entry: index + 1 })?;
            let entry = Arc::new(Entry { pointer, controls: written.controls });
            let service = table.services.entry(written.source).or_default();
            match written.events {
                None => service.others.push(entry),
                Some(names) => {
                    for name in names {
                        service.by_event.entry(name).or_default().push(entry.clone());
                    }
                }
            }
        }
        Ok(table)
    }
}

impl Service {
    fn named(&self, event: &str) -> impl Iterator<Item = &Arc<Entry>> {
        let bare = Some(without_version(event)).filter(|bare| *bare != event);
        let names = [Some(event), bare].into_iter().flatten();
        names.filter_map(|name| self.by_event.get(name)).flatten()
    }
}

/// The name of an event without the version of the API behind it: eight digits and perhaps
/// `v` and a digit.
pub fn without_version(event: &str) -> &str {
    let digits =
        |text: &str| text.len() - text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let date = match event.rsplit_once('v') {
        Some((before, after)) if !after.is_empty() && digits(after) == after.len() => before,
        Some(_) | None => event,
    };
    if digits(date) == 8 { date.get(..date.len() - 8).unwrap_or(event) } else { event }
}

#[cfg(test)]
mod tests {
    use aisaws_core::source::cloudtrail;
    use serde_json::{Value, json};

    use super::*;

    fn located(mapping: &Mapping, source: &str, name: &str, more: &Value) -> Located {
        let mut record = json!({
            "eventID": "e-1", "eventTime": "2026-03-01T10:00:00Z", "eventName": name,
            "eventSource": source, "awsRegion": "eu-west-1",
            "recipientAccountId": "111122223333",
        });
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        mapping.located(&cloudtrail::parse(&record.to_string()).unwrap()).unwrap()
    }

    #[test]
    fn the_built_in_mapping_is_readable() {
        assert!(Table::parse(DEFAULT, "mapping.yml").unwrap().services.len() > 40);
    }

    #[test]
    fn an_event_points_at_what_its_fields_name() {
        // Shapes as AWS writes them: the API reference, and the examples of the user guides.
        let flow_log =
            json!({"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}});
        let key = "arn:aws:kms:eu-west-1:111122223333:key/k-1";
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:f";
        let rows = [
            ("s3", "PutBucketAcl", json!({"bucketName": "b"}), "AWS::S3::Bucket b", 1),
            ("s3", "GetObject", json!({"bucketName": "b", "key": "k"}), "AWS::S3::Bucket b", 0),
            (
                "ec2",
                "AuthorizeSecurityGroupIngress",
                json!({"groupId": "sg-1"}),
                "AWS::EC2::SecurityGroup sg-1",
                3,
            ),
            ("ec2", "DeleteFlowLogs", flow_log, "AWS::EC2::FlowLog fl-1", 0),
            ("cloudtrail", "StopLogging", json!({"name": "t"}), "AWS::CloudTrail::Trail t", 1),
            ("iam", "AttachUserPolicy", json!({"userName": "u"}), "AWS::IAM::User u", 0),
            ("iam", "UpdateAccessKey", json!({"accessKeyId": "A"}), "AWS::IAM::AccessKey A", 1),
            ("kms", "DisableKey", json!({"keyId": key}), "AWS::KMS::Key k-1", 0),
            (
                "lambda",
                "AddPermission20150331v2",
                json!({"functionName": function}),
                "AWS::Lambda::Function f",
                0,
            ),
            (
                "rds",
                "ModifyDBSnapshotAttribute",
                json!({"dBSnapshotIdentifier": "s"}),
                "AWS::RDS::DBSnapshot s",
                0,
            ),
            (
                "guardduty",
                "DeleteDetector",
                json!({"detectorId": "d"}),
                "AWS::GuardDuty::Detector d",
                0,
            ),
            // No fields to go by, no entry: the account.
            ("s3", "ListBuckets", Value::Null, "AWS::::Account 111122223333", 0),
            ("new-service", "DoIt", json!({"id": 1}), "AWS::::Account 111122223333", 0),
        ];
        for (service, name, parameters, expected, controls) in rows {
            let source = format!("{service}.amazonaws.com");
            let found = located(
                &Mapping::default(),
                &source,
                name,
                &json!({"requestParameters": parameters}),
            );
            let [resource] = found.resources.as_slice() else { panic!("{name}: {found:?}") };
            assert_eq!(resource.to_string(), expected, "{name}");
            assert_eq!(found.controls.len(), controls, "{name}");
        }
    }

    #[test]
    fn a_key_that_is_made_is_named_by_the_answer_and_its_user_by_the_question() {
        let parameters = json!({"userName": "u"});
        let answer = json!({"accessKey": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE"}});
        let made = json!({"requestParameters": parameters, "responseElements": answer});
        let found = located(&Mapping::default(), "iam.amazonaws.com", "CreateAccessKey", &made);
        assert_eq!(found.resources[0].kind, "AWS::IAM::AccessKey");
        let refused = json!({"requestParameters": parameters, "errorCode": "AccessDenied"});
        let found = located(&Mapping::default(), "iam.amazonaws.com", "CreateAccessKey", &refused);
        assert_eq!(found.resources[0].to_string(), "AWS::IAM::User u");
        assert!(found.controls.is_empty());
    }

    #[test]
    fn a_user_s_entry_is_asked_first() {
        let text =
            "- source: s3.amazonaws.com\n  resource: { type: T, id: requestParameters.mine }\n";
        let mapping = Mapping::parse(text, "m.yml").unwrap();
        let both = json!({"requestParameters": {"mine": "x", "bucketName": "b"}});
        let found = located(&mapping, "s3.amazonaws.com", "GetObject", &both);
        assert_eq!(found.resources[0].to_string(), "T x");
        let theirs = json!({"requestParameters": {"bucketName": "b"}});
        let found = located(&mapping, "s3.amazonaws.com", "GetObject", &theirs);
        assert_eq!(found.resources[0].to_string(), "AWS::S3::Bucket b");
    }

    #[test]
    fn a_mapping_with_an_unknown_key_or_no_field_is_refused() {
        for text in [
            "- source: s\n  resource: { type: T, id: [] }\n",
            "- source: s\n  event: X\n  resource: { type: T, id: a }\n",
            "- resource: { type: T, id: a }\n",
        ] {
            let error = Mapping::parse(text, "m.yml").unwrap_err();
            assert!(error.to_string().contains("m.yml"), "{error}");
        }
    }

    #[test]
    fn versions_are_cut_off_names() {
        for (name, bare) in [
            ("AddPermission20150331v2", "AddPermission"),
            ("CreateFunction20150331", "CreateFunction"),
            ("PutFunctionConcurrency20171031", "PutFunctionConcurrency"),
            ("Invoke", "Invoke"),
            ("RunTaskV2", "RunTaskV2"),
            ("Recv2", "Recv2"),
            ("", ""),
        ] {
            assert_eq!(without_version(name), bare);
        }
    }
}
