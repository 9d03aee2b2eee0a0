//! Who counts as one person, where two different ones have to agree.

/// The person behind a name that was recorded with a vote, as far as the name tells: two names with
/// the same value may be one human and count once. It errs towards one.
///
/// - An ARN counts by its user. A session of a role counts by its role, for whoever assumes a role
///   chooses the session's name; only IAM Identity Center gives its sessions the user's name.
///   <https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html>
/// - A mail address counts by what stands before `@`, without what follows a `+`, so that an address
///   and a user of the same name are one.
pub fn person(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').collect();
    let name =
        match parts.as_slice() {
            [head, role, session]
                if head.starts_with("arn:") && head.ends_with(":assumed-role") =>
            {
                if role.starts_with("AWSReservedSSO_") { session } else { role }
            }
            [head, .., last] if head.starts_with("arn:") => last,
            _ => name,
        };
    let local = name.split_once('@').map(|(local, _)| local);
    // A `+` means something in an address alone.
    let local = local.map(|local| local.split_once('+').map_or(local, |(local, _)| local));
    local.unwrap_or(name).trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_person_count_once() {
        let rows = [
            ("ann@example.com", "Ann@Example.com"),
            ("ann@example.com", "ann+aws@example.com"),
            ("ann@example.com", "arn:aws:iam::111122223333:user/ops/ann"),
            (
                "ann@example.com",
                "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Ops_0123/ann@example.com",
            ),
            // Whoever may assume the role names the session.
            (
                "arn:aws:sts::111122223333:assumed-role/Ops/one",
                "arn:aws:sts::111122223333:assumed-role/Ops/two",
            ),
        ];
        for (one, other) in rows {
            assert_eq!(person(one), person(other));
        }
    }

    #[test]
    fn names_of_different_people_differ() {
        let rows = [
            ("ann@example.com", "bob@example.com"),
            ("ann", "bob"),
            ("arn:aws:iam::111122223333:user/ann", "arn:aws:iam::111122223333:user/bob"),
            (
                "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Ops_0123/ann@example.com",
                "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Ops_0123/bob@example.com",
            ),
            (
                "arn:aws:sts::111122223333:assumed-role/Ops/one",
                "arn:aws:sts::111122223333:assumed-role/Security/one",
            ),
        ];
        for (one, other) in rows {
            assert_ne!(person(one), person(other));
        }
    }
}
