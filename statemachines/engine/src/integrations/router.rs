//! Which adapter runs a task.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::activities::Activities;
use super::dynamodb::Tables;
use super::executions::Executions;
use super::lambda::Functions;
use super::request::Request;
use super::sns::Topics;
use super::sqs::Queues;
use crate::tasks::{TaskCall, TaskFailure, TaskResult, Tasks};

/// Runs tasks by the ARN in their `Resource`.
#[derive(Default)]
pub struct Router {
    functions: Option<Functions>,
    queues: Option<Queues>,
    topics: Option<Topics>,
    tables: Option<Tables>,
    executions: Option<Executions>,
    activities: Option<Activities>,
    others: Vec<(String, Arc<dyn Tasks>)>,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: Vec<&str> = self.others.iter().map(|(prefix, _)| prefix.as_str()).collect();
        f.debug_struct("Router")
            .field("functions", &self.functions)
            .field("queues", &self.queues)
            .field("topics", &self.topics)
            .field("tables", &self.tables)
            .field("others", &others)
            .finish_non_exhaustive()
    }
}

impl Router {
    /// A router that knows no service.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `lambda:invoke` and functions named by their ARN.
    #[must_use]
    pub fn functions(mut self, functions: Functions) -> Self {
        self.functions = Some(functions);
        self
    }

    /// Runs `sqs:sendMessage`.
    #[must_use]
    pub fn queues(mut self, queues: Queues) -> Self {
        self.queues = Some(queues);
        self
    }

    /// Runs `sns:publish`.
    #[must_use]
    pub fn topics(mut self, topics: Topics) -> Self {
        self.topics = Some(topics);
        self
    }

    /// Runs `dynamodb:getItem` and its like.
    #[must_use]
    pub fn tables(mut self, tables: Tables) -> Self {
        self.tables = Some(tables);
        self
    }

    /// Runs `states:startExecution`.
    #[must_use]
    pub fn executions(mut self, executions: Executions) -> Self {
        self.executions = Some(executions);
        self
    }

    /// Hands activities to workers.
    #[must_use]
    pub fn activities(mut self, activities: Activities) -> Self {
        self.activities = Some(activities);
        self
    }

    /// Gives tasks whose ARN begins with `prefix` to others; this goes before all services.
    #[must_use]
    pub fn other(mut self, prefix: &str, tasks: Arc<dyn Tasks>) -> Self {
        self.others.push((prefix.to_owned(), tasks));
        self
    }
}

fn unknown(resource: &str) -> TaskFailure {
    TaskFailure::new("States.TaskFailed", format!("no service is there to run `{resource}`"))
}

#[async_trait]
impl Tasks for Router {
    async fn run(&self, call: TaskCall) -> TaskResult {
        let other = self.others.iter().find(|(prefix, _)| call.resource.starts_with(prefix));
        if let Some((_, tasks)) = other {
            return tasks.run(call).await;
        }
        let mut parts = call.resource.split(':').skip(2);
        match (parts.next(), parts.nth(2)) {
            (Some("lambda"), _) => {
                return match &self.functions {
                    Some(functions) => functions.run_arn(&call).await,
                    None => Err(unknown(&call.resource)),
                };
            }
            (Some("states"), Some("activity")) => {
                return match &self.activities {
                    Some(activities) => activities.run(call).await,
                    None => Err(unknown(&call.resource)),
                };
            }
            _ => {}
        }
        let Some(request) = Request::parse(&call.resource) else {
            return Err(unknown(&call.resource));
        };
        match request.service {
            "lambda" if let Some(functions) = &self.functions => {
                functions.run(&request, &call).await
            }
            "sqs" if let Some(queues) = &self.queues => queues.run(&request, &call).await,
            "sns" if let Some(topics) = &self.topics => topics.run(&request, &call).await,
            "dynamodb" if let Some(tables) = &self.tables => tables.run(&request, &call).await,
            "states" | "sfn" if let Some(executions) = &self.executions => {
                executions.run(&request, &call).await
            }
            _ => Err(unknown(&call.resource)),
        }
    }
}
