//! The operations of a driver of access keys.
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS
//! Identity and Access Management".

use crate::api::{Api, Purpose};

const USER: &str = "arn:${Partition}:iam::${Account}:user/*";

/// What reads, writes and lists access keys. A key names no user, so its user is asked for by
/// `GetAccessKeyLastUsed`; where IAM will not tell, the users are gone through.
pub const APIS: &[Api] = &[
    Api::new(
        Purpose::Read,
        "GetAccessKeyLastUsed",
        "iam:GetAccessKeyLastUsed",
        &["/UserName"],
        USER,
    ),
    Api::new(Purpose::Read, "ListAccessKeys", "iam:ListAccessKeys", &["/Id", "/Status"], USER),
    Api::new(Purpose::Write, "UpdateAccessKey", "iam:UpdateAccessKey", &["/Status"], USER),
    Api::new(Purpose::List, "ListUsers", "iam:ListUsers", &[], "*"),
];
