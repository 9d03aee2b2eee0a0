//! Grants of a bucket's access control list.
//! Source: Amazon S3 User Guide, "Access control list (ACL) overview".

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::keyed::{Identity, Keyed};
use crate::params;

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// Who is granted something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grantee {
    /// A canonical user id: an account.
    #[serde(rename = "ID")]
    Account(String),
    /// A predefined group.
    #[serde(rename = "URI")]
    Group(String),
    /// An account by the e-mail address of its root user (S3 turns it into an id).
    #[serde(rename = "EmailAddress")]
    Email(String),
}

impl Grantee {
    /// Everyone on the internet.
    pub fn all_users() -> Self {
        Self::Group(ALL_USERS.to_owned())
    }

    /// Everyone with an AWS account, of anybody.
    pub fn authenticated_users() -> Self {
        Self::Group(AUTHENTICATED_USERS.to_owned())
    }

    /// The service that delivers server access logs.
    pub fn log_delivery() -> Self {
        Self::Group(LOG_DELIVERY.to_owned())
    }

    /// Whether the group is open to the public.
    pub fn is_public(&self) -> bool {
        match self {
            Self::Group(uri) => {
                let uri =
                    uri.strip_prefix("https").map_or(uri.clone(), |rest| format!("http{rest}"));
                uri == ALL_USERS || uri == AUTHENTICATED_USERS
            }
            Self::Account(_) | Self::Email(_) => false,
        }
    }
}

impl std::fmt::Display for Grantee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group(uri) => f.write_str(match uri.as_str() {
                ALL_USERS => "AllUsers",
                AUTHENTICATED_USERS => "AuthenticatedUsers",
                LOG_DELIVERY => "LogDelivery",
                other => other,
            }),
            Self::Account(id) => write!(f, "id={id}"),
            Self::Email(address) => write!(f, "email={address}"),
        }
    }
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// All of the others.
    FullControl,
    /// Create, overwrite and delete objects.
    Write,
    /// Change the list of grants.
    WriteAcp,
    /// List the objects.
    Read,
    /// Read the list of grants.
    ReadAcp,
}

impl Permission {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullControl => "FULL_CONTROL",
            Self::Write => "WRITE",
            Self::WriteAcp => "WRITE_ACP",
            Self::Read => "READ",
            Self::ReadAcp => "READ_ACP",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::FullControl, Self::Write, Self::WriteAcp, Self::Read, Self::ReadAcp]
            .into_iter()
            .find(|permission| permission.as_str() == word)
    }
}

/// One grant; its identity is grantee and permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
}

impl Grant {
    /// A grant.
    pub fn new(grantee: Grantee, permission: Permission) -> Self {
        Self { grantee, permission }
    }
}

impl Identity for Grant {
    fn identity(&self) -> String {
        format!("{} {}", self.grantee, self.permission.as_str())
    }
}

/// The list of grants in the shape of the API.
pub(super) fn api_list(grants: &Keyed<Grant>) -> Value {
    grants
        .values()
        .map(|grant| {
            let grantee = match &grant.grantee {
                Grantee::Account(id) => json!({"Type": "CanonicalUser", "ID": id}),
                Grantee::Group(uri) => json!({"Type": "Group", "URI": uri}),
                Grantee::Email(address) => {
                    json!({"Type": "AmazonCustomerByEmail", "EmailAddress": address})
                }
            };
            json!({"Grantee": grantee, "Permission": grant.permission})
        })
        .collect()
}

/// The grants that a request names, by canned list, by header or by document; `None`: it
/// names none in a known form.
pub(super) fn from_request(request: &Value, owner: &str) -> Option<Keyed<Grant>> {
    if let Some(canned) = params::text_at(request, &["x-amz-acl"]) {
        return from_canned(&canned, owner);
    }
    let list = params::at(request, &["AccessControlPolicy", "AccessControlList"]);
    if let Some(list) = list {
        return from_list(list);
    }
    let grants: Keyed<Grant> = [
        ("x-amz-grant-full-control", Permission::FullControl),
        ("x-amz-grant-read", Permission::Read),
        ("x-amz-grant-read-acp", Permission::ReadAcp),
        ("x-amz-grant-write", Permission::Write),
        ("x-amz-grant-write-acp", Permission::WriteAcp),
    ]
    .into_iter()
    .filter_map(|(header, permission)| Some((params::text_at(request, &[header])?, permission)))
    .flat_map(|(value, permission)| from_header(&value, permission))
    .collect();
    (!grants.is_empty()).then_some(grants)
}

/// Source: Amazon S3 User Guide, "Canned ACL".
fn from_canned(name: &str, owner: &str) -> Option<Keyed<Grant>> {
    let full = Grant::new(Grantee::Account(owner.to_owned()), Permission::FullControl);
    let others: Vec<Grant> = match name {
        "private" | "bucket-owner-full-control" | "bucket-owner-read" | "aws-exec-read" => vec![],
        "public-read" => vec![Grant::new(Grantee::all_users(), Permission::Read)],
        "public-read-write" => vec![
            Grant::new(Grantee::all_users(), Permission::Read),
            Grant::new(Grantee::all_users(), Permission::Write),
        ],
        "authenticated-read" => {
            vec![Grant::new(Grantee::authenticated_users(), Permission::Read)]
        }
        "log-delivery-write" => vec![
            Grant::new(Grantee::log_delivery(), Permission::Write),
            Grant::new(Grantee::log_delivery(), Permission::ReadAcp),
        ],
        _ => return None,
    };
    Some(others.into_iter().chain([full]).collect())
}

/// An XML document as CloudTrail writes it, `Grant` being one element or a list.
pub(super) fn from_list(list: &Value) -> Option<Keyed<Grant>> {
    let grants = params::at(list, &["Grant"]).unwrap_or(list);
    params::items(Some(grants))
        .into_iter()
        .map(|grant| {
            let grantee = params::at(grant, &["Grantee"])?;
            let permission = Permission::parse(&params::text_at(grant, &["Permission"])?)?;
            let grantee = if let Some(uri) = params::text_at(grantee, &["URI"]) {
                Grantee::Group(uri)
            } else if let Some(id) = params::text_at(grantee, &["ID"]) {
                Grantee::Account(id)
            } else {
                Grantee::Email(params::text_at(grantee, &["EmailAddress"])?)
            };
            Some(Grant::new(grantee, permission))
        })
        .collect()
}

/// `uri="http://…", id="…", emailAddress="…"`.
fn from_header(value: &str, permission: Permission) -> Vec<Grant> {
    value
        .split(',')
        .filter_map(|part| {
            let (kind, name) = part.trim().split_once('=')?;
            let name = name.trim().trim_matches('"').to_owned();
            let grantee = match kind.trim().to_ascii_lowercase().as_str() {
                "uri" => Grantee::Group(name),
                "id" => Grantee::Account(name),
                "emailaddress" => Grantee::Email(name),
                _ => return None,
            };
            Some(Grant::new(grantee, permission))
        })
        .collect()
}
