//! Whether a policy statement is public, by AWS's published meaning of the word.
//! Source: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage",
//! section *The meaning of "public"*.
//!
//! A statement that allows something to everyone is public unless one of its conditions
//! restricts who that is, by *fixed values*: values without wildcards or policy variables.
//! Conditions are joined by *and*, so one that restricts is enough; the values of a condition
//! are joined by *or*, so each of them must be fixed. Operators that hold where the key is
//! absent (`…IfExists`, `ForAllValues:`, negations) restrict nobody.

use ipnet::IpNet;
use serde_json::Value;

use crate::cidr;

/// What must be fixed about a value so that it names somebody.
#[derive(Clone, Copy)]
enum Fixed {
    /// All of it.
    Whole,
    /// The account of an access point's ARN; its name may be a pattern.
    AccessPointAccount,
    /// The organization, which is what comes before the first slash.
    Organization,
    /// An address range that is not broad.
    Network,
}

/// Condition keys that say who calls, or from where.
const RESTRICTING: &[(&str, Fixed)] = &[
    ("aws:sourceip", Fixed::Network),
    ("aws:sourcearn", Fixed::Whole),
    ("aws:sourcevpc", Fixed::Whole),
    ("aws:sourcevpce", Fixed::Whole),
    ("aws:sourceowner", Fixed::Whole),
    ("aws:sourceaccount", Fixed::Whole),
    ("aws:sourceorgid", Fixed::Whole),
    ("aws:principalorgid", Fixed::Whole),
    ("aws:principalorgpaths", Fixed::Organization),
    ("aws:principalarn", Fixed::Whole),
    ("aws:principalaccount", Fixed::Whole),
    ("aws:userid", Fixed::Whole),
    ("s3:dataaccesspointarn", Fixed::AccessPointAccount),
    ("s3:dataaccesspointaccount", Fixed::Whole),
    ("s3:x-amz-server-side-encryption-aws-kms-key-id", Fixed::Whole),
];

/// Whether the statement of a bucket policy gives something to everyone.
pub fn is_public(statement: &Value) -> bool {
    let is_allow = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
    is_allow && is_for_everyone(statement) && !is_restricted(statement)
}

fn is_for_everyone(statement: &Value) -> bool {
    // Everyone but a few is everyone.
    if statement.get("NotPrincipal").is_some() {
        return true;
    }
    match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds.values().any(names_everyone),
        Some(principal) => names_everyone(principal),
        None => false,
    }
}

fn names_everyone(principal: &Value) -> bool {
    texts(principal).any(|name| name.contains('*'))
}

fn is_restricted(statement: &Value) -> bool {
    let operators = statement.get("Condition").and_then(Value::as_object);
    operators.into_iter().flatten().any(|(operator, keys)| {
        keys.as_object().into_iter().flatten().any(|(key, values)| restricts(operator, key, values))
    })
}

fn restricts(operator: &str, key: &str, values: &Value) -> bool {
    let operator = operator.to_ascii_lowercase();
    // With one value, "any of the request's values" is the value; and a key that is absent
    // has none, so the condition fails, as it should.
    let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
    let key = key.to_ascii_lowercase();
    let Some((_, fixed)) = RESTRICTING.iter().find(|(name, _)| *name == key) else { return false };
    let all: Vec<&str> = texts(values).collect();
    if all.is_empty() {
        return false;
    }
    match (fixed, operator) {
        (Fixed::Network, "ipaddress") => {
            let nets: Option<Vec<IpNet>> = all.iter().map(|text| cidr::parse(text)).collect();
            nets.is_some_and(|nets| !cidr::is_broad(&nets))
        }
        (
            Fixed::Whole | Fixed::AccessPointAccount | Fixed::Organization,
            "stringequals" | "stringequalsignorecase" | "stringlike" | "arnequals" | "arnlike",
        ) => all.iter().all(|value| is_fixed(*fixed, value)),
        (Fixed::Network | Fixed::Whole | Fixed::AccessPointAccount | Fixed::Organization, _) => {
            false
        }
    }
}

fn is_fixed(fixed: Fixed, value: &str) -> bool {
    match fixed {
        Fixed::Whole => is_literal(value),
        // arn:partition:s3:region:account:accesspoint/name
        Fixed::AccessPointAccount => {
            let mut parts = value.splitn(6, ':');
            let account = parts.by_ref().nth(4).unwrap_or_default();
            let rest = parts.next().unwrap_or_default();
            let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
            is_account && (rest.starts_with("accesspoint/") || rest.starts_with("accesspoint:"))
        }
        Fixed::Organization => {
            let organization = value.split('/').next().unwrap_or_default();
            organization.starts_with("o-") && is_literal(organization)
        }
        // Judged together, not one by one.
        Fixed::Network => false,
    }
}

fn is_literal(value: &str) -> bool {
    !value.is_empty() && !value.contains(['*', '?']) && !value.contains("${")
}

/// The texts of a value that may be one or a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}
