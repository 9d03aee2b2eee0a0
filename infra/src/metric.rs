//! Metrics as alarms and the dashboard name them.

use serde_json::{Value, json};

/// The namespace of what functions emit (`stages/workers/METRICS.md`).
pub const OURS: &str = "AISAWS";

/// One metric of CloudWatch.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its namespace (`AWS/SQS`).
    pub namespace: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its dimensions; a value is an expression of a template.
    pub dimensions: Vec<(&'static str, String)>,
}

impl Metric {
    fn new(namespace: &'static str, name: &'static str, dimension: (&'static str, &str)) -> Self {
        let (key, value) = dimension;
        Self { namespace, name, dimensions: vec![(key, value.to_owned())] }
    }

    /// One that functions emit.
    pub fn ours(name: &'static str) -> Self {
        Self::new(OURS, name, ("Deployment", "${Prefix}"))
    }

    /// `IncidentsClosed` of those that ended so.
    pub fn closed(outcome: &str) -> Self {
        let mut metric = Self::ours("IncidentsClosed");
        metric.dimensions.push(("Outcome", outcome.to_owned()));
        metric
    }

    /// Of the queue of that logical name.
    pub fn queue(name: &'static str, queue: &str) -> Self {
        Self::new("AWS/SQS", name, ("QueueName", &format!("${{{queue}.QueueName}}")))
    }

    /// Of the function of that name in the table of functions.
    pub fn function(name: &'static str, function: &str) -> Self {
        let value = format!("${{{function}Function}}");
        Self::new("AWS/Lambda", name, ("FunctionName", &value))
    }

    /// Of the state machine.
    pub fn machine(name: &'static str) -> Self {
        Self::new("AWS/States", name, ("StateMachineArn", "${StateMachine}"))
    }

    /// Of the topic on which people are told.
    pub fn topic(name: &'static str) -> Self {
        Self::new("AWS/SNS", name, ("TopicName", "${Topic.TopicName}"))
    }

    /// Of the table.
    pub fn table(name: &'static str) -> Self {
        Self::new("AWS/DynamoDB", name, ("TableName", "${Table}"))
    }

    /// Charges of the account, of one service or of all.
    pub fn charges(service: Option<&str>) -> Self {
        let mut metric = Self::new("AWS/Billing", "EstimatedCharges", ("Currency", "USD"));
        if let Some(service) = service {
            metric.dimensions.insert(0, ("ServiceName", service.to_owned()));
        }
        metric
    }

    /// Its dimensions as an alarm of a template writes them.
    pub(crate) fn of_alarm(&self) -> Value {
        self.dimensions
            .iter()
            .map(|(name, value)| json!({ "Name": name, "Value": { "Fn::Sub": value } }))
            .collect()
    }

    /// As a widget writes it: namespace, name, and dimensions in turn.
    pub(crate) fn of_widget(&self) -> Vec<Value> {
        let mut list = vec![Value::from(self.namespace), Value::from(self.name)];
        for (name, value) in &self.dimensions {
            list.extend([Value::from(*name), Value::from(value.as_str())]);
        }
        list
    }
}
