//! Alarms and the dashboard name metrics that exist: ours that functions emit, and AWS's documented ones.

use std::collections::BTreeSet;

use aisaws_infra::metric::{Metric, OURS};
use aisaws_infra::{alarms, dashboard};
use aisaws_workers::metrics::{NAMESPACE, Name};

/// Metrics of services, with their dimensions, as the pages named list them.
const DOCUMENTED: &[(&str, &[&str], &[&str])] = &[
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    (
        "AWS/SQS",
        &["QueueName"],
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
        ],
    ),
    // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    ("AWS/Lambda", &["FunctionName"], &["Duration", "Errors", "Invocations", "Throttles"]),
    // https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    (
        "AWS/States",
        &["StateMachineArn"],
        &[
            "ExecutionsAborted",
            "ExecutionsFailed",
            "ExecutionsStarted",
            "ExecutionsSucceeded",
            "ExecutionsTimedOut",
        ],
    ),
    // https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    ("AWS/SNS", &["TopicName"], &["NumberOfNotificationsDelivered", "NumberOfNotificationsFailed"]),
    // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    (
        "AWS/DynamoDB",
        &["TableName"],
        &[
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
            "ReadThrottleEvents",
            "WriteThrottleEvents",
        ],
    ),
    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/monitor_estimated_charges_with_cloudwatch.html
    ("AWS/Billing", &["ServiceName", "Currency"], &["EstimatedCharges"]),
];

fn named() -> Vec<Metric> {
    alarms::alarms().into_iter().map(|alarm| alarm.metric).chain(dashboard::metrics()).collect()
}

#[test]
fn what_is_shown_is_what_functions_emit() {
    assert_eq!(OURS, NAMESPACE);
    let shown: BTreeSet<&str> =
        named().iter().filter(|m| m.namespace == OURS).map(|m| m.name).collect();
    let emitted: BTreeSet<&str> = Name::ALL.iter().map(|name| name.as_str()).collect();
    assert_eq!(shown, emitted);
}

#[test]
fn our_metrics_are_named_with_the_dimensions_they_come_with() {
    use aisaws_core::status::Status;
    let finals = Status::ALL.into_iter().filter(|status| status.is_final());
    let finals: BTreeSet<&str> = finals.map(Status::as_str).collect();
    let mut outcomes = BTreeSet::new();
    for metric in named().iter().filter(|metric| metric.namespace == OURS) {
        let names: Vec<&str> = metric.dimensions.iter().map(|(name, _)| *name).collect();
        if names == ["Deployment"] {
            continue;
        }
        assert_eq!(
            (metric.name, names.as_slice()),
            ("IncidentsClosed", &["Deployment", "Outcome"][..])
        );
        outcomes.insert(metric.dimensions[1].1.clone());
    }
    assert_eq!(outcomes.iter().map(String::as_str).collect::<BTreeSet<_>>(), finals);
}

#[test]
fn metrics_of_services_are_documented_ones() {
    for metric in named().iter().filter(|metric| metric.namespace != OURS) {
        let of_service = DOCUMENTED.iter().find(|(namespace, ..)| *namespace == metric.namespace);
        let (_, dimensions, names) = of_service.unwrap_or_else(|| panic!("{metric:?}"));
        assert!(names.contains(&metric.name), "{metric:?}");
        assert!(metric.dimensions.iter().all(|(name, _)| dimensions.contains(name)), "{metric:?}");
    }
}

#[test]
fn what_alarms_and_widgets_refer_to_is_in_the_template() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let resources: BTreeSet<&str> = template
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#'])))
        .filter_map(|line| line.strip_suffix(':'))
        .collect();
    for metric in named() {
        for (_, value) in &metric.dimensions {
            let Some(name) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
            else {
                continue;
            };
            let name = name.split('.').next().unwrap();
            assert!(resources.contains(name), "{name} is not in the template: {metric:?}");
        }
    }
}
