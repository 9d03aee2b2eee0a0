//! Every grant of every function's role, taken away.

use std::collections::BTreeSet;
use std::sync::Arc;

use aisaws_infra::functions::FUNCTIONS;
use futures::StreamExt as _;
use futures::future::join_all;

use super::cases::Case;
use super::policy::{Grant, Role};
use crate::stage::{Deployment, Options};

/// Grants whose lack does not show here, and why; but for X-Ray's, `who` tries them by calls of its
/// own.
const NOT_ENFORCED: &[(&str, &str)] = &[
    ("logs:", "the service writes a function's log, and the emulator's does without the role"),
    ("xray:", "the service sends a function's traces; the emulator has none"),
    ("kms:", "the emulator encrypts nothing, so that nobody asks for a key"),
    ("sqs:ReceiveMessage", "the service polls the queue; the emulator's reads it from inside"),
    ("sqs:DeleteMessage", "as sqs:ReceiveMessage"),
    ("sqs:GetQueueAttributes", "as sqs:ReceiveMessage"),
];
/// Cases that are made ready at a time.
const AT_ONCE: usize = 6;

fn is_enforced(grant: &Grant) -> bool {
    !NOT_ENFORCED.iter().any(|(prefix, _)| grant.action.starts_with(prefix))
}

/// Names as `ask-human`.
fn functions() -> Vec<&'static str> {
    FUNCTIONS.iter().map(|f| &*f.kebab().leak()).collect()
}

/// Takes each grant of a role away, runs a case without it, and names those that nothing missed.
async fn idle(stage: &Deployment, role: &Role, cases: Vec<(Grant, Case)>) -> BTreeSet<String> {
    let mut idle = BTreeSet::new();
    for (grant, case) in cases {
        role.take(&grant).await;
        // A process that is running may hold a session of the role that it assumed before.
        if grant.action == "sts:AssumeRole" {
            stage.renew(case.function()).await;
        }
        let result = case.run(stage).await;
        role.restore().await;
        if result.is_ok() {
            idle.insert(format!("{} {}", role.name(), grant.action));
        }
    }
    idle
}

async fn role(stage: &Deployment, name: &str) -> (Role, Vec<Grant>) {
    let role = Role::load(&stage.iam, &format!("aisaws-{name}")).await;
    let grants = role.grants().into_iter().filter(is_enforced).collect();
    (role, grants)
}

#[tokio::test]
async fn no_function_goes_without_any_of_its_grants() {
    // With a limit of incidents, which a deployment may be told to have.
    let config = "[noise]\nincidents_per_rule_per_hour = 10000\n".to_owned();
    let variables = vec![("AISAWS_CONFIG", config)];
    let options = Options { protects_itself: true, variables, ..Options::default() };
    let Some(stage) = Deployment::start(options).await else { return };
    let stage = Arc::new(stage);
    let mut left = BTreeSet::new();

    // While there is little to scan. Only what is found is kept, and found is what no scan found
    // before.
    Case::ready(&stage, "scan").await.run(&stage).await.unwrap();
    Case::again(&stage, "scan").await.run(&stage).await.unwrap();
    let (scan, grants) = role(&stage, "scan").await;
    for grant in grants {
        let case = match grant.action.as_str() {
            "states:DescribeExecution" => Case::again(&stage, "scan").await,
            _ => Case::ready(&stage, "scan").await,
        };
        left.append(&mut idle(&stage, &scan, vec![(grant, case)]).await);
    }

    // Stages are made ready by those before them, so all of them before any grant is taken away.
    let (starting, stages): (Vec<_>, Vec<_>) = functions()
        .into_iter()
        .filter(|name| *name != "scan")
        .partition(|name| ["intake", "sweep"].contains(name));
    let ready = |name: &'static str| {
        let stage = Arc::clone(&stage);
        async move {
            Case::ready(&stage, name)
                .await
                .run(&stage)
                .await
                .unwrap_or_else(|e| panic!("{name}: {e}"));
            let (role, grants) = role(&stage, name).await;
            let mut cases = Vec::new();
            for grant in grants {
                cases.push((grant, Case::ready(&stage, name).await));
            }
            (role, cases)
        }
    };
    let made: Vec<_> =
        futures::stream::iter(stages).map(ready).buffer_unordered(AT_ONCE).collect().await;
    for mut idle in join_all(made.into_iter().map(|(role, cases)| {
        let stage = Arc::clone(&stage);
        async move { idle(&stage, &role, cases).await }
    }))
    .await
    {
        left.append(&mut idle);
    }
    // What these start runs on through the stages.
    for name in starting {
        let mut cases = vec![Case::ready(&stage, name).await, Case::again(&stage, name).await];
        if name == "sweep" {
            cases.extend([Case::vote(&stage).await, Case::given_up(&stage).await]);
        }
        for case in cases {
            case.run(&stage).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        let (role, grants) = role(&stage, name).await;
        for grant in grants {
            let case = match (name, grant.action.as_str()) {
                ("sweep", "states:SendTaskSuccess") => Case::vote(&stage).await,
                ("sweep", "sns:Publish") => Case::given_up(&stage).await,
                (_, "states:DescribeExecution") => Case::again(&stage, name).await,
                _ => Case::ready(&stage, name).await,
            };
            left.append(&mut idle(&stage, &role, vec![(grant, case)]).await);
        }
    }
    assert!(left.is_empty(), "nothing missed {left:#?}");
}
