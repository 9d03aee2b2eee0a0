//! Why a deployment did not come about, and what to try.

use std::fmt;

use crate::fault::CallError;

/// One resource that could not be made, changed or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name in the template.
    pub resource: String,
    /// Its type (`AWS::DynamoDB::Table`).
    pub kind: String,
    /// What CloudFormation says.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}): {}", self.resource, self.kind, self.reason)
    }
}

/// Why a deployment did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A call was not complete: never for what this module gives.
    #[error("a call could not be put together")]
    Build(#[from] aws_smithy_types::error::operation::BuildError),
    /// There is no region to deploy to.
    #[error("no region is set; set AWS_REGION, or a region in the profile")]
    NoRegion,
    /// A name that CloudFormation does not take.
    #[error("`{0}` is no name of a stack: a letter, then letters, digits and hyphens, 128 at most")]
    Name(String),
    /// The bucket of that name is somebody else's, or may not be used.
    #[error("bucket `{0}` is not ours, or may not be used; name another with --artifact-bucket")]
    Bucket(String),
    /// The template has no such parameter.
    #[error("the template has no parameter `{0}`; `aisaws infra template` shows those it has")]
    Parameter(String),
    /// What the stack would make is there, and is not what an earlier one left.
    #[error(
        "`{id}` ({kind}) is there, and is not what an earlier stack of AISAWS left; choose other names with --parameter Prefix=NAME"
    )]
    Taken {
        /// Its type.
        kind: String,
        /// Its name.
        id: String,
    },
    /// Something else is at work on the stack.
    #[error("stack `{stack}` is {status}; try again when that has ended")]
    Busy {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
    },
    /// An earlier attempt left a stack that takes no change.
    #[error(
        "stack `{stack}` is {status} and takes no change; run `aisaws destroy --stack {stack}`, then deploy again"
    )]
    Stuck {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
    },
    /// CloudFormation does not take the change.
    #[error("CloudFormation refuses the change of stack `{stack}`: {reason}")]
    Refused {
        /// The stack.
        stack: String,
        /// What it says.
        reason: String,
    },
    /// The stack was not brought to where it should be.
    #[error(
        "stack `{stack}` ended {status}: {}; mend the causes and run the same command again",
        listed(.failures)
    )]
    Failed {
        /// The stack.
        stack: String,
        /// How it ended.
        status: String,
        /// Which resources failed, the first cause first.
        failures: Vec<Failure>,
    },
    /// An object of a bucket that is to be deleted could not be.
    #[error("object `{key}` of bucket `{bucket}` could not be deleted: {reason}")]
    Stays {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
        /// What S3 says.
        reason: String,
    },
    /// There is no such stack.
    #[error("there is no stack `{0}` in this account and region; see `aisaws deploy --help`")]
    Missing(String),
    /// It takes too long.
    #[error(
        "stack `{stack}` is still {status} after {minutes} minutes; CloudFormation goes on, look at its events in the console"
    )]
    Slow {
        /// The stack.
        stack: String,
        /// Its status.
        status: String,
        /// How long was waited.
        minutes: u64,
    },
}

fn listed(failures: &[Failure]) -> String {
    if failures.is_empty() {
        return "no resource gave a reason".to_owned();
    }
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_each_resource_with_its_reason() {
        let failures = vec![Failure {
            resource: "Table".to_owned(),
            kind: "AWS::DynamoDB::Table".to_owned(),
            reason: "aisaws already exists".to_owned(),
        }];
        let error = DeployError::Failed {
            stack: "aisaws".to_owned(),
            status: "ROLLBACK_COMPLETE".to_owned(),
            failures,
        };
        assert_eq!(
            error.to_string(),
            "stack `aisaws` ended ROLLBACK_COMPLETE: `Table` (AWS::DynamoDB::Table): aisaws already exists; mend the causes and run the same command again"
        );
    }
}
