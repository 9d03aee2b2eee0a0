//! Which API operations a driver may use on a resource type, and what each of them needs.
//!
//! The declaration is data without any client, so that least-privilege roles can be made from
//! it where no SDK is at hand. It stands beside [`crate::Resource::calls`], whose calls it must
//! cover; drivers can make no call that it does not name.

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Tells a state, or a part of it.
    Read,
    /// Changes it.
    Write,
    /// Tells which resources there are.
    List,
}

/// One operation of an AWS API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// Its name in the API (`PutPublicAccessBlock`).
    pub operation: &'static str,
    /// The IAM action it needs, which often has another name
    /// (`s3:PutBucketPublicAccessBlock`). Source: Service Authorization Reference.
    pub action: &'static str,
    /// Further actions on the same resource that some parameters need.
    pub also: &'static [&'static str],
    /// The service to which some parameters hand a role: that needs `iam:PassRole`.
    pub hands_roles_to: Option<&'static str>,
    /// What it is for.
    pub purpose: Purpose,
    /// The fields of the state that it reads or writes, as JSON pointers; `""` is the whole.
    pub fields: &'static [&'static str],
    /// What a policy can restrict it to: an ARN with `${Partition}`, `${Region}` and
    /// `${Account}`, or `*` where IAM knows no resource for it.
    pub on: &'static str,
}

impl Api {
    /// An operation that needs the one action.
    pub(crate) const fn new(
        purpose: Purpose,
        operation: &'static str,
        action: &'static str,
        fields: &'static [&'static str],
        on: &'static str,
    ) -> Self {
        Self { operation, action, also: &[], hands_roles_to: None, purpose, fields, on }
    }

    /// The same with further actions.
    pub(crate) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// The same where a role may be handed to that service.
    pub(crate) const fn hands_roles_to(self, service: &'static str) -> Self {
        Self { hands_roles_to: Some(service), ..self }
    }

    /// Every action it needs on its resource.
    pub fn actions(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.action).chain(self.also.iter().copied())
    }
}
