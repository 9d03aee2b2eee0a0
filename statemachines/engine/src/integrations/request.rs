//! What the ARN of a service integration asks for.

use super::answer::Names;

/// The two ways Step Functions calls a service; results and error names differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `arn:aws:states:::sqs:sendMessage`: results have the metadata of the call.
    Optimised,
    /// `arn:aws:states:::aws-sdk:sqs:sendMessage`.
    Sdk,
}

/// What the task waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The answer to the request.
    Response,
    /// The end of the job; its output as text.
    Sync,
    /// The end of the job; its output as JSON.
    SyncParsed,
    /// A token.
    Token,
}

/// A request to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) service: &'a str,
    pub(super) action: &'a str,
    pub(super) style: Style,
    pub(super) pattern: Pattern,
}

impl<'a> Request<'a> {
    /// `None` where the ARN names no service integration.
    pub(super) fn parse(resource: &'a str) -> Option<Self> {
        let mut parts = resource.split(':');
        let is_integration = parts.next() == Some("arn")
            && parts.next().is_some()
            && parts.next() == Some("states")
            && parts.next() == Some("")
            && parts.next() == Some("");
        if !is_integration {
            return None;
        }
        let first = parts.next()?;
        let (style, service) = if first == "aws-sdk" {
            (Style::Sdk, parts.next()?)
        } else {
            (Style::Optimised, first)
        };
        let action = parts.next()?;
        let (action, pattern) = match action.split_once('.') {
            None => (action, Pattern::Response),
            Some((action, "sync")) => (action, Pattern::Sync),
            Some((action, "waitForTaskToken")) => (action, Pattern::Token),
            Some(_) => return None,
        };
        match (parts.next(), pattern) {
            (None, pattern) => Some(Self { service, action, style, pattern }),
            (Some("2"), Pattern::Sync) if parts.next().is_none() => {
                Some(Self { service, action, style, pattern: Pattern::SyncParsed })
            }
            _ => None,
        }
    }

    /// How errors of the service are named.
    pub(super) fn names(&self) -> Names {
        let (prefix, fallback, service) = match (self.service, self.style) {
            ("sqs", Style::Optimised) => ("SQS", "AmazonSQSException", "AmazonSQS"),
            ("sqs", Style::Sdk) => ("Sqs", "SqsException", "Sqs"),
            ("sns", Style::Optimised) => ("SNS", "AmazonSNSException", "AmazonSNS"),
            ("sns", Style::Sdk) => ("Sns", "SnsException", "Sns"),
            ("dynamodb", Style::Optimised) => {
                ("DynamoDB", "AmazonDynamoDBException", "AmazonDynamoDBv2")
            }
            ("dynamodb", Style::Sdk) => ("DynamoDb", "DynamoDbException", "DynamoDb"),
            ("lambda", Style::Optimised) => ("Lambda", "AWSLambdaException", "AWSLambda"),
            ("lambda", Style::Sdk) => ("Lambda", "LambdaException", "Lambda"),
            ("states", Style::Optimised) => {
                ("StepFunctions", "AWSStepFunctionsException", "AWSStepFunctions")
            }
            ("sfn", Style::Sdk) => ("Sfn", "SfnException", "Sfn"),
            _ => ("States", "TaskFailed", "Unknown"),
        };
        Names { style: self.style, prefix, fallback, service }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart() {
        let cases = [
            (
                "arn:aws:states:::sqs:sendMessage",
                ("sqs", "sendMessage", Style::Optimised, Pattern::Response),
            ),
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                ("sqs", "sendMessage", Style::Optimised, Pattern::Token),
            ),
            (
                "arn:aws-cn:states:::states:startExecution.sync",
                ("states", "startExecution", Style::Optimised, Pattern::Sync),
            ),
            (
                "arn:aws:states:::states:startExecution.sync:2",
                ("states", "startExecution", Style::Optimised, Pattern::SyncParsed),
            ),
            (
                "arn:aws:states:::aws-sdk:dynamodb:putItem",
                ("dynamodb", "putItem", Style::Sdk, Pattern::Response),
            ),
        ];
        for (arn, (service, action, style, pattern)) in cases {
            assert_eq!(
                Request::parse(arn),
                Some(Request { service, action, style, pattern }),
                "{arn}"
            );
        }
        for arn in [
            "",
            "arn:aws:lambda:us-east-1:111122223333:function:f",
            "arn:aws:states:us-east-1:111122223333:activity:a",
            "arn:aws:states:::sqs",
            "arn:aws:states:::aws-sdk:sqs",
            "arn:aws:states:::states:startExecution.sync:3",
            "arn:aws:states:::states:startExecution.later",
            "arn:aws:states:::sqs:sendMessage:2",
        ] {
            assert_eq!(Request::parse(arn), None, "{arn}");
        }
    }
}
