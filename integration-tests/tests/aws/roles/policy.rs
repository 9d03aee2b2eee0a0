//! The policies of roles as they are deployed.

use serde_json::Value;

use crate::stage::Deployment;

const INLINE: &str = "least";

/// One action of one statement that allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    statement: usize,
    pub(super) action: String,
}

/// A role with its one policy.
#[derive(Debug, Clone)]
pub(super) struct Role {
    name: String,
    document: Value,
}

impl Role {
    /// As it is deployed.
    pub(super) async fn load(stage: &Deployment, name: &str) -> Self {
        let get = stage.iam.get_role_policy().role_name(name).policy_name(INLINE);
        let answer = get.send().await.unwrap();
        // Documents are URL-encoded (RFC 3986).
        let text = percent_decoded(answer.policy_document());
        Self { name: name.to_owned(), document: serde_json::from_str(&text).unwrap() }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it is granted.
    pub(super) fn grants(&self) -> Vec<Grant> {
        let statements = self.document["Statement"].as_array().unwrap().iter().enumerate();
        let allow = statements.filter(|(_, statement)| statement["Effect"] == "Allow");
        let grants = allow.flat_map(|(statement, s)| {
            let action = move |action: &Value| Grant {
                statement,
                action: action.as_str().unwrap().to_owned(),
            };
            s["Action"].as_array().unwrap().iter().map(action)
        });
        grants.collect()
    }

    /// Takes one grant away.
    pub(super) async fn take(&self, stage: &Deployment, grant: &Grant) {
        let mut document = self.document.clone();
        let statements = document["Statement"].as_array_mut().unwrap();
        let actions = statements[grant.statement]["Action"].as_array_mut().unwrap();
        actions.retain(|action| action != grant.action.as_str());
        if actions.is_empty() {
            statements.remove(grant.statement);
        }
        self.put(stage, &document).await;
    }

    /// As it was.
    pub(super) async fn restore(&self, stage: &Deployment) {
        self.put(stage, &self.document).await;
    }

    async fn put(&self, stage: &Deployment, document: &Value) {
        let put = stage.iam.put_role_policy().role_name(&self.name).policy_name(INLINE);
        put.policy_document(document.to_string()).send().await.unwrap();
    }
}

fn percent_decoded(text: &str) -> String {
    let pair = format!("k={}", text.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().unwrap().1.into_owned()
}
