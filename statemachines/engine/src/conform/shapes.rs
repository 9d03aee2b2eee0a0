//! The shapes of what service integrations give, as far as mocks of them are checked.

use serde_json::Value;

#[derive(Clone, Copy)]
enum Shape {
    Text,
    Number,
    Flag,
    /// Any value.
    Any,
    OneOf(&'static [&'static str]),
    List(&'static Shape),
    Object(&'static [(&'static str, Shape)]),
}

use Shape::{Any, Flag, List, Number, Object, OneOf, Text};

const CAPACITY: Shape = Object(&[
    ("CapacityUnits", Number),
    ("ReadCapacityUnits", Number),
    ("WriteCapacityUnits", Number),
    ("TableName", Text),
    ("Table", Any),
    ("LocalSecondaryIndexes", Any),
    ("GlobalSecondaryIndexes", Any),
]);

/// Responses by the end of the resource, from the API references of the services.
const RESPONSES: &[(&str, &[(&str, Shape)])] = &[
    (
        "lambda:invoke",
        &[
            ("StatusCode", Number),
            ("ExecutedVersion", Text),
            ("FunctionError", Text),
            ("LogResult", Text),
            ("Payload", Any),
        ],
    ),
    (
        "events:putEvents",
        &[
            ("FailedEntryCount", Number),
            (
                "Entries",
                List(&Object(&[("EventId", Text), ("ErrorCode", Text), ("ErrorMessage", Text)])),
            ),
        ],
    ),
    ("states:startExecution", &[("ExecutionArn", Text), ("StartDate", Text)]),
    ("sfn:startExecution", &[("ExecutionArn", Text), ("StartDate", Text)]),
    (
        "sqs:sendMessage",
        &[
            ("MD5OfMessageBody", Text),
            ("MD5OfMessageAttributes", Text),
            ("MD5OfMessageSystemAttributes", Text),
            ("MessageId", Text),
            ("SequenceNumber", Text),
        ],
    ),
    ("kms:encrypt", &[("CiphertextBlob", Text), ("KeyId", Text), ("EncryptionAlgorithm", Text)]),
    ("kms:decrypt", &[("Plaintext", Text), ("KeyId", Text), ("EncryptionAlgorithm", Text)]),
    ("sns:publish", &[("MessageId", Text), ("SequenceNumber", Text)]),
    (
        "dynamodb:putItem",
        &[
            ("Attributes", Object(&[])),
            ("ConsumedCapacity", CAPACITY),
            ("ItemCollectionMetrics", Object(&[])),
        ],
    ),
    ("dynamodb:getItem", &[("Item", Object(&[])), ("ConsumedCapacity", CAPACITY)]),
    (
        "dynamodb:updateItem",
        &[
            ("Attributes", Object(&[])),
            ("ConsumedCapacity", CAPACITY),
            ("ItemCollectionMetrics", Object(&[])),
        ],
    ),
    (
        "dynamodb:deleteItem",
        &[
            ("Attributes", Object(&[])),
            ("ConsumedCapacity", CAPACITY),
            ("ItemCollectionMetrics", Object(&[])),
        ],
    ),
    (
        "s3:getObject",
        &[
            ("AcceptRanges", Text),
            ("Body", Any),
            ("BucketKeyEnabled", Flag),
            ("ContentLength", Number),
            ("ContentType", Text),
            ("DeleteMarker", Flag),
            ("ETag", Text),
            ("LastModified", Text),
            ("Metadata", Object(&[])),
            ("MissingMeta", Number),
            ("PartsCount", Number),
            (
                "StorageClass",
                OneOf(&[
                    "STANDARD",
                    "REDUCED_REDUNDANCY",
                    "STANDARD_IA",
                    "ONEZONE_IA",
                    "INTELLIGENT_TIERING",
                    "GLACIER",
                    "DEEP_ARCHIVE",
                    "OUTPOSTS",
                    "GLACIER_IR",
                    "SNOW",
                    "EXPRESS_ONEZONE",
                    "FSX_OPENZFS",
                ]),
            ),
            ("TagCount", Number),
            ("VersionId", Text),
        ],
    ),
    (
        "s3:putObject",
        &[
            ("ETag", Text),
            ("Expiration", Text),
            ("VersionId", Text),
            ("BucketKeyEnabled", Flag),
            ("Size", Number),
        ],
    ),
];

/// Members that a response always has, as the models of the services say.
const REQUIRED: &[(&str, &[&str])] = &[
    ("states:startExecution", &["ExecutionArn", "StartDate"]),
    ("sfn:startExecution", &["ExecutionArn", "StartDate"]),
];

/// Whether `result` may be what `resource` gives; of an unknown one anything may. What must be
/// there is looked at where the mode is `STRICT`.
pub(super) fn fits(resource: &str, result: &Value, is_strict: bool) -> bool {
    let is_sync = resource.contains(".sync");
    let resource = resource.split_once('.').map_or(resource, |(action, _)| action);
    let required = REQUIRED.iter().find(|(end, _)| resource.ends_with(end) && !is_sync);
    let is_complete =
        required.is_none_or(|(_, names)| names.iter().all(|name| result.get(name).is_some()));
    if is_strict && !is_complete {
        return false;
    }
    RESPONSES
        .iter()
        .find(|(end, _)| resource.ends_with(end))
        .is_none_or(|(_, fields)| has(&Object(fields), result))
}

fn has(shape: &Shape, value: &Value) -> bool {
    match shape {
        Any => true,
        Text => value.is_string(),
        Number => value.is_number(),
        Flag => value.is_boolean(),
        OneOf(names) => value.as_str().is_some_and(|text| names.contains(&text)),
        List(item) => value.as_array().is_some_and(|items| items.iter().all(|i| has(item, i))),
        Object(fields) => {
            let Value::Object(map) = value else { return false };
            fields.iter().all(|(name, shape)| map.get(*name).is_none_or(|v| has(shape, v)))
        }
    }
}
