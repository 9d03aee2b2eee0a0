//! Amazon Resource Names.

/// The parts of an ARN, `arn:partition:service:region:account:resource`. Parts that a type of
/// resource does not have are empty (`arn:aws:s3:::bucket`).
/// Source: IAM user guide, "Amazon Resource Names (ARNs)".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `s3`.
    pub service: &'a str,
    /// Where it is, if its type is in a region.
    pub region: &'a str,
    /// Who owns it, if the name says so.
    pub account: &'a str,
    /// The rest, which may hold colons and slashes.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN; `None` for anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let arn = Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        };
        (!arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart() {
        let arn = Arn::parse("arn:aws:cloudtrail:eu-west-1:111122223333:trail/main").unwrap();
        assert_eq!(
            (arn.region, arn.account, arn.resource),
            ("eu-west-1", "111122223333", "trail/main")
        );
        let arn = Arn::parse("arn:aws:lambda:eu-west-1:111122223333:function:f:1").unwrap();
        assert_eq!(arn.resource, "function:f:1");
        assert_eq!(Arn::parse("arn:aws:s3:::bucket").unwrap().account, "");
    }

    #[test]
    fn what_is_no_arn_is_none() {
        for text in ["", "arn:", "bucket", "arn:aws:s3", "arn:aws:s3:::", "arn:::::x"] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
