//! What an error of an AWS call means: by its code, in one table, never by its message.
//!
//! The codes are those of the "Common Error Types" page that every AWS API reference has, of the
//! error pages of S3, EC2, IAM, DynamoDB, SQS, SNS, Step Functions and CloudTrail, and of the
//! retry classifiers of AWS's own SDKs. A code that is not in the table is judged by its HTTP
//! status, and what is neither is [`Fault::Permanent`].

use std::error::Error;
use std::fmt;

use aisaws_core::fault::{Classify, Fault};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What an error code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The service asks to slow down.
    Throttled,
    /// The same call may succeed shortly.
    Transient,
    /// The caller may not do this, or is not who it says.
    Denied,
    /// What the call names, or this part of its configuration, does not exist.
    NotFound,
    /// The request is malformed.
    Invalid,
    /// Repeating changes nothing, for another reason.
    Final,
}

impl Meaning {
    /// As stages and state machines know it.
    pub fn fault(self) -> Fault {
        match self {
            Self::Throttled => Fault::Throttled,
            Self::Transient => Fault::Transient,
            Self::Denied => Fault::AccessDenied,
            Self::NotFound | Self::Invalid => Fault::BadInput,
            Self::Final => Fault::Permanent,
        }
    }
}

use Meaning::{Denied, Final, Invalid, NotFound, Throttled, Transient};

/// Code and meaning, sorted by code.
const MEANINGS: &[(&str, Meaning)] = &[
    ("AWS.SimpleQueueService.NonExistentQueue", NotFound),
    ("AccessDenied", Denied),
    ("AccessDeniedException", Denied),
    ("AccessPointNotFound", NotFound),
    ("AllAccessDisabled", Denied),
    ("AuthFailure", Denied),
    ("AuthorizationError", Denied),
    ("AuthorizationErrorException", Denied),
    ("BadDigest", Transient),
    ("BandwidthLimitExceeded", Throttled),
    ("Blocked", Denied),
    // Two changes of one trail, one bucket, one user at once: the other one ends.
    ("ConcurrentModification", Transient),
    ("ConcurrentModificationException", Transient),
    ("ConditionalRequestConflict", Transient),
    ("ConflictException", Transient),
    ("EC2ThrottledException", Throttled),
    ("EntityDoesNotExist", NotFound),
    // IAM, right after something was created.
    ("EntityTemporarilyUnmodifiable", Transient),
    ("ExecutionDoesNotExist", NotFound),
    // The next attempt is signed with fresh credentials.
    ("ExpiredToken", Transient),
    ("ExpiredTokenException", Transient),
    ("IncompleteSignature", Denied),
    ("IncompleteSignatureException", Denied),
    ("InsufficientInstanceCapacity", Transient),
    ("InternalError", Transient),
    ("InternalErrorException", Transient),
    ("InternalFailure", Transient),
    ("InternalServerError", Transient),
    ("InternalServerErrorException", Transient),
    ("InternalServiceError", Transient),
    ("InternalServiceException", Transient),
    ("InvalidAccessKeyId", Denied),
    ("InvalidAction", Invalid),
    ("InvalidArgument", Invalid),
    ("InvalidArn", Invalid),
    ("InvalidClientTokenId", Denied),
    ("InvalidExecutionInput", Invalid),
    ("InvalidInput", Invalid),
    ("InvalidParameter", Invalid),
    ("InvalidParameterCombination", Invalid),
    ("InvalidParameterException", Invalid),
    ("InvalidParameterValue", Invalid),
    ("InvalidQueryParameter", Invalid),
    ("InvalidRequest", Invalid),
    ("InvalidSecurity", Denied),
    ("InvalidSignatureException", Denied),
    ("InvalidToken", Denied),
    // Of the key of a queue or a topic: SNS writes `KMS`, SQS `Kms`, and SDKs know SNS's codes by
    // the names of their exceptions.
    ("KMSAccessDenied", Denied),
    ("KMSAccessDeniedException", Denied),
    ("KMSDisabled", Final),
    ("KMSDisabledException", Final),
    ("KMSInvalidState", Final),
    ("KMSInvalidStateException", Final),
    ("KMSNotFound", NotFound),
    ("KMSNotFoundException", NotFound),
    ("KMSOptInRequired", Denied),
    ("KMSThrottling", Throttled),
    ("KMSThrottlingException", Throttled),
    ("KmsAccessDenied", Denied),
    ("KmsDisabled", Final),
    ("KmsInvalidKeyUsage", Final),
    ("KmsInvalidState", Final),
    ("KmsNotFound", NotFound),
    ("KmsOptInRequired", Denied),
    ("KmsThrottled", Throttled),
    // IAM's name for a quota of the account; not to be confused with the next.
    ("LimitExceeded", Final),
    // Too many changes of tables, keys or streams at a time: AWS's SDKs retry it.
    ("LimitExceededException", Throttled),
    ("MalformedHttpRequestException", Invalid),
    ("MalformedPolicyDocument", Invalid),
    ("MalformedQueryString", Invalid),
    ("MalformedXML", Invalid),
    ("MissingAction", Invalid),
    ("MissingAuthenticationToken", Denied),
    ("MissingParameter", Invalid),
    ("MissingRequiredParameter", Invalid),
    ("NoSuchBucket", NotFound),
    ("NoSuchBucketPolicy", NotFound),
    ("NoSuchCORSConfiguration", NotFound),
    ("NoSuchConfiguration", NotFound),
    ("NoSuchEntity", NotFound),
    ("NoSuchEntityException", NotFound),
    ("NoSuchKey", NotFound),
    ("NoSuchLifecycleConfiguration", NotFound),
    ("NoSuchPublicAccessBlockConfiguration", NotFound),
    ("NoSuchTagSet", NotFound),
    ("NoSuchTagSetError", NotFound),
    ("NoSuchUpload", NotFound),
    ("NoSuchVersion", NotFound),
    ("NoSuchWebsiteConfiguration", NotFound),
    ("NotAuthorized", Denied),
    ("NotFound", NotFound),
    ("NotFoundException", NotFound),
    ("OperationAborted", Transient),
    ("OptInRequired", Denied),
    ("OwnershipControlsNotFoundError", NotFound),
    ("PriorRequestNotComplete", Throttled),
    ("ProvisionedThroughputExceeded", Throttled),
    ("ProvisionedThroughputExceededException", Throttled),
    ("QueueDeletedRecently", Transient),
    ("QueueDoesNotExist", NotFound),
    ("ReplicationConfigurationNotFoundError", NotFound),
    ("RequestAbortedException", Transient),
    ("RequestEntityTooLargeException", Invalid),
    // The clock of the next attempt is corrected from the answer.
    ("RequestExpired", Transient),
    ("RequestInProgress", Transient),
    ("RequestLimitExceeded", Throttled),
    ("RequestThrottled", Throttled),
    ("RequestThrottledException", Throttled),
    ("RequestTimeTooSkewed", Transient),
    ("RequestTimeout", Transient),
    ("RequestTimeoutException", Transient),
    ("ResourceInUseException", Transient),
    ("ResourceNotFound", NotFound),
    ("ResourceNotFoundException", NotFound),
    ("SerializationException", Invalid),
    ("ServerSideEncryptionConfigurationNotFoundError", NotFound),
    ("ServiceFailure", Transient),
    ("ServiceFailureException", Transient),
    ("ServiceUnavailable", Transient),
    ("ServiceUnavailableException", Transient),
    ("SignatureDoesNotMatch", Denied),
    ("SlowDown", Throttled),
    ("StateMachineDoesNotExist", NotFound),
    ("Throttled", Throttled),
    ("ThrottledException", Throttled),
    ("Throttling", Throttled),
    ("ThrottlingException", Throttled),
    ("TooManyRequests", Throttled),
    ("TooManyRequestsException", Throttled),
    ("TrailNotFoundException", NotFound),
    ("TransactionConflict", Transient),
    ("TransactionConflictException", Transient),
    ("TransactionInProgressException", Throttled),
    ("UnauthorizedAccess", Denied),
    ("UnauthorizedOperation", Denied),
    ("Unavailable", Transient),
    ("UnknownOperationException", Invalid),
    ("UnrecognizedClientException", Denied),
    ("ValidationError", Invalid),
    ("ValidationException", Invalid),
];

/// What the code means, where it is known. EC2 names what is missing before the dot
/// (`InvalidGroup.NotFound`) and what is wrong after it (`InvalidGroupId.Malformed`).
pub fn meaning_of_code(code: &str) -> Option<Meaning> {
    if let Ok(at) = MEANINGS.binary_search_by_key(&code, |(known, _)| known) {
        return MEANINGS.get(at).map(|(_, meaning)| *meaning);
    }
    match code.rsplit_once('.') {
        Some((_, "NotFound")) => Some(NotFound),
        Some((_, "Malformed")) => Some(Invalid),
        _ => None,
    }
}

/// What the HTTP status means, for codes that are not known and answers without any.
fn meaning_of_status(status: u16) -> Meaning {
    match status {
        429 => Throttled,
        408 | 500.. => Transient,
        401 | 403 => Denied,
        404 => NotFound,
        _ => Final,
    }
}

/// What an error of a call means.
pub fn meaning<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Meaning {
    match error {
        SdkError::ConstructionFailure(_) => Invalid,
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => Transient,
        SdkError::ResponseError(context) => meaning_of_status(context.raw().status().as_u16()),
        SdkError::ServiceError(context) => {
            let code = context.err().code().and_then(meaning_of_code);
            code.unwrap_or_else(|| meaning_of_status(context.raw().status().as_u16()))
        }
        // A kind of failure that came after this was written tells nothing about itself.
        _ => Final,
    }
}

/// A call to AWS that failed.
#[derive(Debug)]
pub struct CallError {
    /// IAM's name of the call (`dynamodb:PutItem`).
    pub call: &'static str,
    /// The service's code, where it gave one.
    pub code: Option<String>,
    /// What that means.
    pub meaning: Meaning,
    /// What the service said.
    message: Option<String>,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` failed", self.call)?;
        if let Some(code) = &self.code {
            write!(f, " with `{code}`")?;
        }
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // A service's answer is told whole above; what the network said is not.
        if self.code.is_some() { None } else { Some(self.source.as_ref()) }
    }
}

impl Classify for CallError {
    fn fault(&self) -> Fault {
        self.meaning.fault()
    }
}

/// Names the call that an error belongs to.
pub fn failed<E>(call: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    move |error| CallError {
        call,
        code: error.as_service_error().and_then(|e| e.code()).map(str::to_owned),
        meaning: meaning(&error),
        message: error.as_service_error().and_then(|e| e.message()).map(str::to_owned),
        source: Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[derive(Debug)]
    struct Answered(ErrorMetadata);

    impl fmt::Display for Answered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("answered")
        }
    }

    impl Error for Answered {}

    impl ProvideErrorMetadata for Answered {
        fn meta(&self) -> &ErrorMetadata {
            &self.0
        }
    }

    fn answer(code: Option<&str>, status: u16) -> SdkError<Answered, HttpResponse> {
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = code {
            meta = meta.code(code).message("said so");
        }
        let status = StatusCode::try_from(status).unwrap();
        let response = HttpResponse::new(status, SdkBody::empty());
        SdkError::service_error(Answered(meta.build()), response)
    }

    #[test]
    fn codes_are_sorted_and_stand_once() {
        assert!(MEANINGS.is_sorted_by(|(a, _), (b, _)| a < b));
    }

    /// Code, HTTP status and fault, as the pages of AWS have them.
    const DOCUMENTED: &[(&str, u16, Fault)] = &[
        // Common Error Types: IAM, Lambda, SNS, Step Functions API references.
        ("AccessDeniedException", 400, Fault::AccessDenied),
        ("ExpiredTokenException", 403, Fault::Transient),
        ("IncompleteSignature", 400, Fault::AccessDenied),
        ("InternalFailure", 500, Fault::Transient),
        ("InvalidAction", 400, Fault::BadInput),
        ("InvalidClientTokenId", 403, Fault::AccessDenied),
        ("InvalidParameterCombination", 400, Fault::BadInput),
        ("InvalidParameterValue", 400, Fault::BadInput),
        ("MalformedHttpRequestException", 400, Fault::BadInput),
        ("MissingAuthenticationToken", 403, Fault::AccessDenied),
        ("MissingParameter", 400, Fault::BadInput),
        ("NotAuthorized", 401, Fault::AccessDenied),
        ("OptInRequired", 403, Fault::AccessDenied),
        ("RequestAbortedException", 400, Fault::Transient),
        ("RequestEntityTooLargeException", 413, Fault::BadInput),
        ("RequestExpired", 400, Fault::Transient),
        ("RequestTimeoutException", 408, Fault::Transient),
        ("ServiceUnavailable", 503, Fault::Transient),
        ("ThrottlingException", 400, Fault::Throttled),
        ("UnrecognizedClientException", 403, Fault::AccessDenied),
        ("UnknownOperationException", 404, Fault::BadInput),
        ("ValidationError", 400, Fault::BadInput),
        // DynamoDB, "Error handling with DynamoDB".
        ("ProvisionedThroughputExceededException", 400, Fault::Throttled),
        ("RequestLimitExceeded", 400, Fault::Throttled),
        ("InternalServerError", 500, Fault::Transient),
        ("LimitExceededException", 400, Fault::Throttled),
        ("ResourceNotFoundException", 400, Fault::BadInput),
        ("ValidationException", 400, Fault::BadInput),
        ("TransactionConflictException", 400, Fault::Transient),
        ("ItemCollectionSizeLimitExceededException", 400, Fault::Permanent),
        // S3, "Error responses".
        ("AccessDenied", 403, Fault::AccessDenied),
        ("SlowDown", 503, Fault::Throttled),
        ("InternalError", 500, Fault::Transient),
        ("OperationAborted", 409, Fault::Transient),
        ("RequestTimeout", 400, Fault::Transient),
        ("NoSuchBucket", 404, Fault::BadInput),
        ("NoSuchBucketPolicy", 404, Fault::BadInput),
        ("MalformedXML", 400, Fault::BadInput),
        ("BucketAlreadyExists", 409, Fault::Permanent),
        ("SignatureDoesNotMatch", 403, Fault::AccessDenied),
        // EC2, "Error codes for the Amazon EC2 API".
        ("UnauthorizedOperation", 403, Fault::AccessDenied),
        ("AuthFailure", 403, Fault::AccessDenied),
        ("InvalidGroup.NotFound", 400, Fault::BadInput),
        ("InvalidGroupId.Malformed", 400, Fault::BadInput),
        ("InvalidPermission.Duplicate", 400, Fault::Permanent),
        ("Unavailable", 503, Fault::Transient),
        // IAM API reference.
        ("NoSuchEntity", 404, Fault::BadInput),
        ("EntityTemporarilyUnmodifiable", 409, Fault::Transient),
        ("LimitExceeded", 409, Fault::Permanent),
        ("ServiceFailure", 500, Fault::Transient),
        ("MalformedPolicyDocument", 400, Fault::BadInput),
        // CloudTrail API reference.
        ("TrailNotFoundException", 400, Fault::BadInput),
        ("ConflictException", 400, Fault::Transient),
        ("InvalidTrailNameException", 400, Fault::Permanent),
        // SNS API reference, `Publish`; codes as the service model has them.
        ("AuthorizationError", 403, Fault::AccessDenied),
        ("InternalError", 500, Fault::Transient),
        ("InvalidParameter", 400, Fault::BadInput),
        ("KMSAccessDenied", 400, Fault::AccessDenied),
        ("KMSDisabled", 400, Fault::Permanent),
        ("KMSInvalidState", 400, Fault::Permanent),
        ("KMSNotFound", 400, Fault::BadInput),
        ("KMSOptInRequired", 403, Fault::AccessDenied),
        ("KMSThrottling", 400, Fault::Throttled),
        ("NotFound", 404, Fault::BadInput),
        ("Throttled", 429, Fault::Throttled),
        // SQS API reference, `SendMessage`.
        ("KmsAccessDenied", 400, Fault::AccessDenied),
        ("KmsDisabled", 400, Fault::Permanent),
        ("KmsInvalidKeyUsage", 400, Fault::Permanent),
        ("KmsInvalidState", 400, Fault::Permanent),
        ("KmsNotFound", 400, Fault::BadInput),
        ("KmsOptInRequired", 403, Fault::AccessDenied),
        ("KmsThrottled", 400, Fault::Throttled),
        ("RequestThrottled", 403, Fault::Throttled),
        // A code that nobody wrote down yet.
        ("SomethingNew", 400, Fault::Permanent),
        ("SomethingNew", 429, Fault::Throttled),
        ("SomethingNew", 502, Fault::Transient),
        ("SomethingNew", 403, Fault::AccessDenied),
        ("SomethingNew", 404, Fault::BadInput),
    ];

    #[test]
    fn every_documented_error_has_its_fault() {
        for (code, status, fault) in DOCUMENTED {
            let error = failed("test:Call")(answer(Some(code), *status));
            assert_eq!(error.fault(), *fault, "{code} {status}");
        }
    }

    #[test]
    fn an_answer_without_a_code_is_judged_by_its_status() {
        // HEAD requests have no body.
        for (status, fault) in [
            (404, Fault::BadInput),
            (403, Fault::AccessDenied),
            (503, Fault::Transient),
            (301, Fault::Permanent),
        ] {
            assert_eq!(meaning(&answer(None, status)).fault(), fault, "{status}");
        }
    }

    #[test]
    fn what_did_not_arrive_may_arrive_next_time() {
        let lost = SdkError::<Answered, HttpResponse>::timeout_error("no answer");
        assert_eq!(meaning(&lost), Transient);
    }

    #[test]
    fn an_error_tells_call_code_and_message() {
        let error = failed("s3:PutObject")(answer(Some("AccessDenied"), 403));
        assert_eq!(error.to_string(), "`s3:PutObject` failed with `AccessDenied`: said so");
        assert!(error.source().is_none());
    }
}
