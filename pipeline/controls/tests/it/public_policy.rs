//! The meaning of "public", by the examples and rules of the Amazon S3 User Guide.

use aisaws_controls::s3::is_public;
use serde_json::{Value, json};

fn allow(principal: &Value, condition: Option<Value>) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::acme-reports/*",
    });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    statement
}

#[test]
fn everyone_is_everyone_however_it_is_written() {
    for principal in [
        json!("*"),
        json!(["*"]),
        json!({"AWS": "*"}),
        json!({"AWS": ["*"]}),
        json!({"AWS": ["arn:aws:iam::111122223333:root", "*"]}),
        json!({"Federated": "*"}),
    ] {
        assert!(is_public(&allow(&principal, None)), "{principal}");
    }
}

#[test]
fn somebody_in_particular_is_not_everyone() {
    for principal in [
        json!({"AWS": "arn:aws:iam::111122223333:root"}),
        json!({"AWS": ["111122223333", "arn:aws:iam::444455556666:role/reader"]}),
        json!({"Service": "cloudtrail.amazonaws.com"}),
        json!({"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"}),
    ] {
        assert!(!is_public(&allow(&principal, None)), "{principal}");
    }
}

#[test]
fn to_allow_all_but_one_is_public_and_to_deny_is_not() {
    let mut statement = allow(&json!("*"), None);
    statement["Effect"] = json!("Deny");
    assert!(!is_public(&statement));
    let all_but_one = json!({
        "Effect": "Allow",
        "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/mallory"},
        "Action": "s3:GetObject",
        "Resource": "*",
    });
    assert!(is_public(&all_but_one));
}

#[test]
fn a_condition_with_fixed_values_restricts() {
    for condition in [
        json!({"StringEquals": {"aws:SourceVpc": "vpc-91237329"}}),
        json!({"StringEquals": {"aws:sourceVpc": ["vpc-91237329", "vpc-1"]}}),
        json!({"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        json!({"StringEquals": {"AWS:PRINCIPALORGID": "o-a1b2c3d4e5"}}),
        json!({"StringLike": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}),
        json!({"StringEquals": {"aws:SourceOwner": "111122223333"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}),
        json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:111122223333:t"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/reader"}}),
        json!({"StringEquals": {"aws:userid": "AIDAEXAMPLE"}}),
        json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}}),
        json!({"StringEquals": {"s3:DataAccessPointAccount": "111122223333"}}),
        // The guide's own example of a wildcard that does not make a policy public.
        json!({"ArnLike": {"s3:DataAccessPointArn":
            "arn:aws:s3:us-west-2:111122223333:accesspoint/*"}}),
        json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        json!({"IpAddress": {"aws:SourceIp": ["203.0.113.7", "2001:db8::/32"]}}),
        json!({"IpAddress": {"aws:SourceIp": "54.0.0.0/8"}}),
        json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "172.16.0.0/12"]}}),
        // One condition that restricts is enough.
        json!({"Bool": {"aws:SecureTransport": "true"},
               "StringEquals": {"aws:SourceVpc": "vpc-1"}}),
        json!({"StringEquals": {"s3:prefix": "a", "aws:SourceVpc": "vpc-1"}}),
    ] {
        assert!(!is_public(&allow(&json!("*"), Some(condition.clone()))), "{condition}");
    }
}

#[test]
fn a_condition_that_names_nobody_does_not_restrict() {
    for condition in [
        json!({}),
        // Not about who calls.
        json!({"Bool": {"aws:SecureTransport": "true"}}),
        json!({"StringLike": {"aws:Referer": "https://example.com/*"}}),
        json!({"StringEquals": {"aws:UserAgent": "secret"}}),
        json!({"StringEquals": {"s3:prefix": "public/"}}),
        // The guide's own example of a public statement.
        json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}),
        json!({"StringLike": {"aws:PrincipalOrgID": "*"}}),
        json!({"StringLike": {"aws:PrincipalOrgID": "o-?1b2c3d4e5"}}),
        json!({"StringEquals": {"aws:SourceVpce": ["vpce-1", "*"]}}),
        json!({"StringEquals": {"aws:PrincipalArn": "${aws:PrincipalArn}"}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/reader"}}),
        json!({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}),
        json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "*"}}),
        json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/r-ab12/"}}),
        json!({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:*:accesspoint/*"}}),
        json!({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-west-2::accesspoint/*"}}),
        json!({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-west-2:111122223333:*"}}),
        json!({"StringEquals": {"aws:SourceVpc": []}}),
        json!({"StringEquals": {"aws:SourceVpc": ""}}),
        // Operators that hold where the key is absent, as it is for anonymous calls.
        json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}),
        json!({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}),
        json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-1/"}}),
        json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:root"}}),
        json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        json!({"IpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}}),
        json!({"Null": {"aws:SourceVpc": "false"}}),
        // Ranges that are the internet.
        json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
        json!({"IpAddress": {"aws:SourceIp": "208.236.235.254/0"}}),
        json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}),
        json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}),
        json!({"IpAddress": {"aws:SourceIp": "54.0.0.0/7"}}),
        json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "::/0"]}}),
        json!({"IpAddress": {"aws:SourceIp": "2001:db8::/31"}}),
        json!({"IpAddress": {"aws:SourceIp": "anywhere"}}),
        // An address is no text.
        json!({"StringEquals": {"aws:SourceIp": "203.0.113.0/24"}}),
    ] {
        assert!(is_public(&allow(&json!("*"), Some(condition.clone()))), "{condition}");
    }
}
