//! The stack: proposing a change, making it, taking the stack down.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, Parameter, Replacement,
    ResourceToImport, StackStatus,
};

use super::error::{DeployError, Failure};
use super::progress::{Pace, Step};
use super::remains::Kept;
use crate::connect::Aws;
use crate::fault::{CallError, Meaning, failed};

/// What is to be there.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The stack's name.
    pub stack: String,
    /// Address of the template.
    pub template_url: String,
    /// Parameters that are set. Of others an existing stack keeps its value, a new one takes the
    /// template's default.
    pub parameters: BTreeMap<String, String>,
    /// How one waits.
    pub pace: Pace,
}

/// A stack as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// `CREATE_COMPLETE`, ...
    pub status: String,
    /// Its parameters. Those that are not shown have asterisks for a value.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// What would happen to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `Add`, `Modify`, `Remove`, ...
    pub action: String,
    /// Its name in the template.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// Whether it is, or may be, made anew.
    pub replaces: bool,
}

/// A change set that waits to be executed.
#[derive(Debug, Clone)]
pub struct Proposal {
    id: String,
    /// Whether the stack is new.
    pub creates: bool,
    /// What would happen.
    pub changes: Vec<Change>,
}

/// The stack of that name; `None` where there is none.
///
/// # Errors
/// [`DeployError::Name`], failed calls.
pub async fn stack(aws: &Aws, name: &str) -> Result<Option<Stack>, DeployError> {
    check_name(name)?;
    let answer = aws.cloudformation().describe_stacks().stack_name(name).send().await;
    let answer = match answer.map_err(failed("cloudformation:DescribeStacks")) {
        Ok(answer) => answer,
        // Of a name that is well formed, the only thing left to find fault with.
        Err(e) if matches!(e.meaning, Meaning::Invalid | Meaning::NotFound) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    let Some(found) = answer.stacks.unwrap_or_default().into_iter().next() else {
        return Ok(None);
    };
    let status = found.stack_status.unwrap_or(StackStatus::ReviewInProgress);
    if status == StackStatus::DeleteComplete {
        return Ok(None);
    }
    let parameters = found.parameters.unwrap_or_default().into_iter();
    let outputs = found.outputs.unwrap_or_default().into_iter();
    Ok(Some(Stack {
        id: found.stack_id.unwrap_or_default(),
        status: status.as_str().to_owned(),
        parameters: parameters
            .filter_map(|p| Some((p.parameter_key?, p.parameter_value?)))
            .collect(),
        outputs: outputs.filter_map(|o| Some((o.output_key?, o.output_value?))).collect(),
    }))
}

/// The API's own rule for names.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html>
fn check_name(name: &str) -> Result<(), DeployError> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let holds = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if begins && holds && name.len() <= 128 { Ok(()) } else { Err(DeployError::Name(name.into())) }
}

impl Deployment {
    /// Asks CloudFormation what would change; `None`: nothing. Nothing is changed by that.
    ///
    /// # Errors
    /// [`DeployError`].
    pub async fn propose(&self, aws: &Aws) -> Result<Option<Proposal>, DeployError> {
        let present = stack(aws, &self.stack).await?;
        let creates = match present.as_ref().map(|stack| stack.status.as_str()) {
            None | Some("REVIEW_IN_PROGRESS") => true,
            Some(status) if status.ends_with("_IN_PROGRESS") => {
                let (stack, status) = (self.stack.clone(), status.to_owned());
                return Err(DeployError::Busy { stack, status });
            }
            Some(
                status @ ("ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED"
                | "DELETE_FAILED"),
            ) => {
                let (stack, status) = (self.stack.clone(), status.to_owned());
                return Err(DeployError::Stuck { stack, status });
            }
            Some(_) => false,
        };
        let kept = present.filter(|_| !creates).map(|stack| stack.parameters).unwrap_or_default();
        let kind = if creates { ChangeSetType::Create } else { ChangeSetType::Update };
        self.proposed(aws, kind, &kept, None).await
    }

    /// A change set of that kind; `kept` are the parameters that the stack has.
    pub(super) async fn proposed(
        &self,
        aws: &Aws,
        kind: ChangeSetType,
        kept: &BTreeMap<String, String>,
        imports: Option<Vec<ResourceToImport>>,
    ) -> Result<Option<Proposal>, DeployError> {
        let client = aws.cloudformation();
        let parameters = self.parameters(&client, kept).await?;
        let creates = kind != ChangeSetType::Update;
        let create = client
            .create_change_set()
            .stack_name(&self.stack)
            .change_set_name(format!("aisaws-{}", milliseconds()))
            .change_set_type(kind)
            .template_url(&self.template_url)
            .set_parameters(Some(parameters))
            .set_resources_to_import(imports)
            .capabilities(Capability::CapabilityNamedIam);
        let answer = create.send().await.map_err(failed("cloudformation:CreateChangeSet"))?;
        let proposal = Proposal { id: answer.id.unwrap_or_default(), creates, changes: Vec::new() };
        match self.changes(&client, &proposal).await {
            Ok(Some(changes)) => Ok(Some(Proposal { changes, ..proposal })),
            Ok(None) => {
                self.discard(aws, &proposal).await?;
                Ok(None)
            }
            Err(e) => {
                // Why there is no change set says more than that it could not be put away.
                drop(self.discard(aws, &proposal).await);
                Err(e)
            }
        }
    }

    async fn parameters(
        &self,
        client: &Client,
        kept: &BTreeMap<String, String>,
    ) -> Result<Vec<Parameter>, DeployError> {
        let summary = client.get_template_summary().template_url(&self.template_url).send().await;
        let summary = summary.map_err(failed("cloudformation:GetTemplateSummary"))?;
        let declared: BTreeSet<&str> =
            summary.parameters().iter().filter_map(|p| p.parameter_key()).collect();
        if let Some(unknown) = self.parameters.keys().find(|key| !declared.contains(key.as_str())) {
            return Err(DeployError::Parameter(unknown.clone()));
        }
        let given = |(key, value): (&String, &String)| {
            Parameter::builder().parameter_key(key).parameter_value(value).build()
        };
        let previous = kept
            .keys()
            .filter(|key| declared.contains(key.as_str()) && !self.parameters.contains_key(*key))
            .map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
        Ok(self.parameters.iter().map(given).chain(previous).collect())
    }

    /// Waits for the change set; `None` where nothing changes.
    async fn changes(
        &self,
        client: &Client,
        proposal: &Proposal,
    ) -> Result<Option<Vec<Change>>, DeployError> {
        for _ in 0..self.pace.looks {
            let describe = client.describe_change_set().change_set_name(&proposal.id).send().await;
            let answer = describe.map_err(failed("cloudformation:DescribeChangeSet"))?;
            match answer.status {
                Some(ChangeSetStatus::CreateComplete) => {
                    return self.all_changes(client, &proposal.id).await.map(Some);
                }
                Some(ChangeSetStatus::Failed) => {
                    let reason = answer.status_reason.unwrap_or_default();
                    // There is no code for it; the AWS CLI goes by the same two sentences.
                    if reason.contains("didn't contain changes")
                        || reason.contains("No updates are to be performed")
                    {
                        return Ok(None);
                    }
                    return Err(DeployError::Refused { stack: self.stack.clone(), reason });
                }
                _ => tokio::time::sleep(self.pace.interval).await,
            }
        }
        Err(self.slow("computing the change"))
    }

    async fn all_changes(&self, client: &Client, id: &str) -> Result<Vec<Change>, DeployError> {
        let (mut changes, mut next) = (Vec::new(), None);
        loop {
            let describe = client.describe_change_set().change_set_name(id).set_next_token(next);
            let answer = describe.send().await;
            let answer = answer.map_err(failed("cloudformation:DescribeChangeSet"))?;
            for change in answer.changes().iter().filter_map(|change| change.resource_change()) {
                let action = change.action().map_or("?", ChangeAction::as_str);
                let replaces = change.replacement();
                changes.push(Change {
                    action: action.to_owned(),
                    resource: change.logical_resource_id().unwrap_or_default().to_owned(),
                    kind: change.resource_type().unwrap_or_default().to_owned(),
                    replaces: matches!(
                        replaces,
                        Some(Replacement::True | Replacement::Conditional)
                    ),
                });
            }
            next = answer.next_token;
            if next.is_none() {
                return Ok(changes);
            }
        }
    }

    /// Puts a proposal away; of a new stack nothing is left.
    ///
    /// # Errors
    /// Where a call fails.
    pub async fn discard(&self, aws: &Aws, proposal: &Proposal) -> Result<(), DeployError> {
        let client = aws.cloudformation();
        let delete = client.delete_change_set().change_set_name(&proposal.id);
        delete.send().await.map_err(failed("cloudformation:DeleteChangeSet"))?;
        if proposal.creates {
            let delete = client.delete_stack().stack_name(&self.stack);
            delete.send().await.map_err(failed("cloudformation:DeleteStack"))?;
        }
        Ok(())
    }

    /// Makes the proposed change and waits until it is made; `told` hears each step.
    ///
    /// # Errors
    /// [`DeployError::Failed`] with the resources that failed, others.
    pub async fn execute(
        &self,
        aws: &Aws,
        proposal: &Proposal,
        told: &mut (dyn FnMut(&Step) + Send),
    ) -> Result<Stack, DeployError> {
        let client = aws.cloudformation();
        let mut events = Events::begin(&client, &self.stack).await?;
        let execute = client.execute_change_set().change_set_name(&proposal.id);
        execute.send().await.map_err(failed("cloudformation:ExecuteChangeSet"))?;
        let mut failures = Vec::new();
        for _ in 0..self.pace.looks {
            tokio::time::sleep(self.pace.interval).await;
            let now = stack(aws, &self.stack).await?;
            let now = now.ok_or_else(|| DeployError::Missing(self.stack.clone()))?;
            events.tell(&client, told, &mut failures).await?;
            match now.status.as_str() {
                "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" => return Ok(now),
                // At first still `REVIEW_IN_PROGRESS`.
                status if status.ends_with("_IN_PROGRESS") => {}
                status => {
                    let (stack, status) = (self.stack.clone(), status.to_owned());
                    return Err(DeployError::Failed { stack, status, failures });
                }
            }
        }
        Err(self.slow("in progress"))
    }

    fn slow(&self, status: &str) -> DeployError {
        slow(&self.stack, status, self.pace)
    }
}

fn slow(stack: &str, status: &str, pace: Pace) -> DeployError {
    DeployError::Slow {
        stack: stack.to_owned(),
        status: status.to_owned(),
        minutes: pace.minutes(),
    }
}

/// What of these resources, by their names in the template, stays when the stack goes.
///
/// # Errors
/// Where the call fails.
pub async fn kept(aws: &Aws, stack: &str, names: &[&str]) -> Result<Vec<Kept>, DeployError> {
    let describe = aws.cloudformation().describe_stack_resources().stack_name(stack);
    let answer = describe.send().await.map_err(failed("cloudformation:DescribeStackResources"))?;
    let resources = answer.stack_resources.unwrap_or_default().into_iter();
    let kept = resources.filter_map(|resource| {
        Some(Kept {
            resource: resource.logical_resource_id?,
            kind: resource.resource_type?,
            id: resource.physical_resource_id?,
        })
    });
    Ok(kept.filter(|kept| names.contains(&kept.resource.as_str())).collect())
}

/// Deletes a stack and waits until it is gone; `told` hears each step.
///
/// # Errors
/// [`DeployError::Missing`], [`DeployError::Failed`], others.
pub async fn destroy(
    aws: &Aws,
    name: &str,
    pace: Pace,
    told: &mut (dyn FnMut(&Step) + Send),
) -> Result<(), DeployError> {
    let client = aws.cloudformation();
    let present = stack(aws, name).await?.ok_or_else(|| DeployError::Missing(name.to_owned()))?;
    // By its id it can be asked about when its name is free again.
    let mut events = Events::begin(&client, &present.id).await?;
    let delete = client.delete_stack().stack_name(&present.id);
    delete.send().await.map_err(failed("cloudformation:DeleteStack"))?;
    let mut failures = Vec::new();
    for _ in 0..pace.looks {
        tokio::time::sleep(pace.interval).await;
        let now = stack(aws, name).await?.filter(|now| now.id == present.id);
        events.tell(&client, told, &mut failures).await?;
        match now.map(|now| now.status) {
            None => return Ok(()),
            Some(status) if status == "DELETE_FAILED" => {
                return Err(DeployError::Failed { stack: name.to_owned(), status, failures });
            }
            Some(_) => {}
        }
    }
    Err(slow(name, "being deleted", pace))
}

/// The events of a stack that come from now on.
struct Events {
    stack: String,
    seen: BTreeSet<String>,
}

impl Events {
    async fn begin(client: &Client, stack: &str) -> Result<Self, DeployError> {
        let mut events = Self { stack: stack.to_owned(), seen: BTreeSet::new() };
        events.fresh(client).await?;
        Ok(events)
    }

    async fn tell(
        &mut self,
        client: &Client,
        told: &mut (dyn FnMut(&Step) + Send),
        failures: &mut Vec<Failure>,
    ) -> Result<(), DeployError> {
        for step in self.fresh(client).await? {
            told(&step);
            if step.is_cause() {
                let reason = step.reason.unwrap_or_else(|| "no reason given".to_owned());
                failures.push(Failure { resource: step.resource, kind: step.kind, reason });
            }
        }
        Ok(())
    }

    /// Those that were not seen, oldest first. Pages come newest first: a page with one that was
    /// seen is the last one wanted.
    async fn fresh(&mut self, client: &Client) -> Result<Vec<Step>, DeployError> {
        let (mut steps, mut next) = (Vec::new(), None);
        loop {
            let describe = client.describe_stack_events().stack_name(&self.stack);
            let answer = describe.set_next_token(next).send().await;
            let answer = match answer.map_err(failed("cloudformation:DescribeStackEvents")) {
                Ok(answer) => answer,
                Err(CallError { meaning: Meaning::Invalid | Meaning::NotFound, .. }) => break,
                Err(e) => return Err(e.into()),
            };
            let mut met = false;
            for event in answer.stack_events.unwrap_or_default() {
                let fresh = self.seen.insert(event.event_id.unwrap_or_default());
                met |= !fresh;
                if fresh {
                    steps.push(Step {
                        resource: event.logical_resource_id.unwrap_or_default(),
                        kind: event.resource_type.unwrap_or_default(),
                        status: event
                            .resource_status
                            .map(|s| s.as_str().to_owned())
                            .unwrap_or_default(),
                        reason: event.resource_status_reason.filter(|reason| !reason.is_empty()),
                    });
                }
            }
            next = answer.next_token;
            if met || next.is_none() {
                break;
            }
        }
        steps.reverse();
        Ok(steps)
    }
}

/// A change set's name has only to be new.
fn milliseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_api_takes() {
        for good in ["aisaws", "A-1", &"a".repeat(128)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a_b", "a b", "ä", &"a".repeat(129)] {
            assert!(matches!(check_name(bad), Err(DeployError::Name(_))), "{bad}");
        }
    }
}
