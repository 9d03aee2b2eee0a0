//! Claims about port [`Account`].

use serde_json::Value;

use crate::canonical::Digest;
use crate::conformance::claim::{Failure, Outcome, Report, equal, holds, note_all};
use crate::conformance::together::together;
use crate::fault::{Classify as _, Fault};
use crate::id::IncidentId;
use crate::ledger::Call;
use crate::port::{Account, AccountError, WriteKey};
use crate::resource::ResourceRef;

/// A resource that claims may write to, and states of it that can be written.
#[derive(Debug, Clone)]
pub struct Subject {
    /// It exists and is in the state `start`.
    pub resource: ResourceRef,
    /// Its state before the first claim and after the last one.
    pub start: Value,
    /// `start` with one field changed.
    pub left: Value,
    /// `start` with the same field changed to something else.
    pub left_otherwise: Value,
    /// `start` with another field changed.
    pub right: Value,
    /// `start` with both fields changed, as in `left` and in `right`.
    pub both: Value,
    /// A resource of the same type that was deleted.
    pub gone: ResourceRef,
}

/// Every claim; `one` and `other` are handles on the same account.
pub async fn run_all(one: &dyn Account, other: &dyn Account, subject: &Subject) -> Report {
    let mut report = Report::default();
    note_all! { report;
        a_resource_reads_as_it_is(one, subject);
        what_was_deleted_reads_as_null(one, subject);
        an_unknown_type_is_unsupported(one, subject);
        a_write_has_exactly_its_effect(one, other, subject);
        a_repeated_write_answers_as_the_first_and_does_nothing(one, other, subject);
        another_step_of_the_same_plan_is_another_write(one, subject);
        a_write_from_a_stale_state_is_refused(one, subject);
        fields_outside_the_plan_keep_what_others_wrote(one, subject);
        writing_no_difference_makes_no_call(one, subject);
        what_is_gone_is_not_written_to(one, subject);
        one_of_many_concurrent_repetitions_acts(one, other, subject);
        of_concurrent_different_writes_one_acts(one, other, subject);
        past_states_end_with_the_present_one(one, subject);
    }
    report
}

fn key(claim: &str, step: &str) -> WriteKey {
    WriteKey {
        incident: IncidentId::from_cause(&["account", claim]),
        digest: Digest::of_bytes(claim.as_bytes()),
        step: step.to_owned(),
    }
}

/// Takes the resource back to its start.
async fn reset(account: &dyn Account, subject: &Subject, claim: &str) -> Outcome {
    let now = account.read(&subject.resource).await?;
    account.write(&subject.resource, &now, &subject.start, &key(claim, "reset")).await?;
    reads(account, subject, &subject.start).await
}

async fn reads(account: &dyn Account, subject: &Subject, expected: &Value) -> Outcome {
    equal("state", &account.read(&subject.resource).await?, expected)
}

async fn write(
    account: &dyn Account,
    subject: &Subject,
    (before, after): (&Value, &Value),
    key: WriteKey,
) -> Result<Vec<Call>, AccountError> {
    account.write(&subject.resource, before, after, &key).await
}

/// And as often as one likes.
pub async fn a_resource_reads_as_it_is(account: &dyn Account, subject: &Subject) -> Outcome {
    reads(account, subject, &subject.start).await?;
    reads(account, subject, &subject.start).await
}

/// Absent is a state.
pub async fn what_was_deleted_reads_as_null(account: &dyn Account, subject: &Subject) -> Outcome {
    equal("state", &account.read(&subject.gone).await?, &Value::Null)
}

/// For reading and for writing, and repeating is pointless.
pub async fn an_unknown_type_is_unsupported(account: &dyn Account, subject: &Subject) -> Outcome {
    let unknown =
        ResourceRef { kind: "AWS::Nothing::Thing".to_owned(), ..subject.resource.clone() };
    let read = account.read(&unknown).await.map(|_| ());
    let wrote = account
        .write(&unknown, &subject.start, &subject.left, &key("unsupported", "apply-1"))
        .await
        .map(|_| ());
    for answer in [read, wrote] {
        match answer {
            Err(e @ AccountError::Unsupported(_)) => {
                equal("fault", &e.fault(), &Fault::Permanent)?;
            }
            other => return equal("answer", &format!("{other:?}"), &"unsupported".to_owned()),
        }
    }
    Ok(())
}

/// The read-back is the state that was written, for every handle.
pub async fn a_write_has_exactly_its_effect(
    one: &dyn Account,
    other: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let states = [&subject.left, &subject.both, &subject.right, &subject.left_otherwise];
    let mut before = &subject.start;
    for (n, after) in states.into_iter().enumerate() {
        let key = key("effect", &format!("apply-{n}"));
        let calls = write(one, subject, (before, after), key).await?;
        holds("a write that changes something makes a call", !calls.is_empty())?;
        reads(one, subject, after).await?;
        reads(other, subject, after).await?;
        before = after;
    }
    reset(one, subject, "effect").await
}

/// Also when the resource was changed back meanwhile, and through another handle.
pub async fn a_repeated_write_answers_as_the_first_and_does_nothing(
    one: &dyn Account,
    other: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let (there, back) = ((&subject.start, &subject.left), (&subject.left, &subject.start));
    let first = write(one, subject, there, key("repeat", "apply-1")).await?;
    let again = write(one, subject, there, key("repeat", "apply-1")).await?;
    equal("calls of the repetition", &again, &first)?;
    reads(one, subject, &subject.left).await?;
    write(one, subject, back, key("repeat", "undo-1")).await?;
    let again = write(other, subject, there, key("repeat", "apply-1")).await?;
    equal("calls of the late repetition", &again, &first)?;
    reads(other, subject, &subject.start).await
}

/// A new round writes again.
pub async fn another_step_of_the_same_plan_is_another_write(
    account: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let (there, back) = ((&subject.start, &subject.left), (&subject.left, &subject.start));
    for round in 1..4 {
        write(account, subject, there, key("steps", &format!("apply-{round}"))).await?;
        reads(account, subject, &subject.left).await?;
        write(account, subject, back, key("steps", &format!("undo-{round}"))).await?;
        reads(account, subject, &subject.start).await?;
    }
    Ok(())
}

/// Nothing is written, and the plan has to be made again; the same key may then succeed.
pub async fn a_write_from_a_stale_state_is_refused(
    account: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let (start, left, otherwise) = (&subject.start, &subject.left, &subject.left_otherwise);
    write(account, subject, (start, otherwise), key("stale", "by-others")).await?;
    match write(account, subject, (start, left), key("stale", "apply-1")).await {
        Err(e @ AccountError::Changed(_)) => equal("fault", &e.fault(), &Fault::PlanChanged)?,
        other => return equal("answer", &format!("{other:?}"), &"changed".to_owned()),
    }
    reads(account, subject, otherwise).await?;
    reset(account, subject, "stale").await?;
    write(account, subject, (start, left), key("stale", "apply-1")).await?;
    reads(account, subject, left).await?;
    write(account, subject, (left, start), key("stale", "undo-1")).await?;
    Ok(())
}

/// The comparison is by field: a change elsewhere neither stops the write nor is undone by it.
pub async fn fields_outside_the_plan_keep_what_others_wrote(
    account: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let (start, left, right) = (&subject.start, &subject.left, &subject.right);
    write(account, subject, (start, right), key("fields", "by-others")).await?;
    write(account, subject, (start, left), key("fields", "apply-1")).await?;
    reads(account, subject, &subject.both).await?;
    write(account, subject, (left, start), key("fields", "undo-1")).await?;
    reads(account, subject, right).await?;
    reset(account, subject, "fields").await
}

/// The fewest calls for no difference are none.
pub async fn writing_no_difference_makes_no_call(
    account: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let same = (&subject.start, &subject.start);
    let calls = write(account, subject, same, key("same", "apply-1")).await?;
    equal("calls", &calls, &Vec::new())?;
    reads(account, subject, &subject.start).await
}

/// A plan made while it existed finds it changed.
pub async fn what_is_gone_is_not_written_to(account: &dyn Account, subject: &Subject) -> Outcome {
    let wrote =
        account.write(&subject.gone, &subject.start, &subject.left, &key("gone", "apply-1")).await;
    match wrote {
        Err(AccountError::Changed(_)) => {}
        other => return equal("answer", &format!("{other:?}"), &"changed".to_owned()),
    }
    equal("state", &account.read(&subject.gone).await?, &Value::Null)
}

/// Sixteen runs of one step at once: all get the same calls, and the change is made.
pub async fn one_of_many_concurrent_repetitions_acts(
    one: &dyn Account,
    other: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let there = (&subject.start, &subject.left);
    let calls = (0..16).map(|n| {
        let handle = if n % 2 == 0 { one } else { other };
        write(handle, subject, there, key("concurrent", "apply-1"))
    });
    let mut answers: Vec<Vec<Call>> = Vec::new();
    for answer in together(calls).await {
        answers.push(answer?);
    }
    let first = answers.first().cloned().unwrap_or_default();
    holds("calls were made", !first.is_empty())?;
    holds("all get the same calls", answers.iter().all(|calls| *calls == first))?;
    reads(one, subject, &subject.left).await?;
    reset(one, subject, "concurrent").await
}

/// Two plans for one field at once, from one state: one is written, the other finds it changed.
pub async fn of_concurrent_different_writes_one_acts(
    one: &dyn Account,
    other: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let plans = [&subject.left, &subject.left_otherwise];
    let calls = (0..8).map(|n| {
        let handle = if n % 4 < 2 { one } else { other };
        let after = if n % 2 == 0 { &subject.left } else { &subject.left_otherwise };
        write(handle, subject, (&subject.start, after), key("race", &format!("apply-{n}")))
    });
    let mut refused = 0;
    for answer in together(calls).await {
        match answer {
            Ok(_) => {}
            Err(AccountError::Changed(_)) => refused += 1,
            Err(e) => return Err(Failure::Account(e)),
        }
    }
    equal("refused writes", &refused, &4)?;
    let now = one.read(&subject.resource).await?;
    holds("the state is that of one of the plans", plans.contains(&&now))?;
    reset(one, subject, "race").await
}

/// As far as they are known; the present one is always known.
pub async fn past_states_end_with_the_present_one(
    account: &dyn Account,
    subject: &Subject,
) -> Outcome {
    let past = account.past_states(&subject.resource).await?;
    equal("last state", &past.last(), &Some(&subject.start))?;
    write(account, subject, (&subject.start, &subject.left), key("past", "apply-1")).await?;
    let past = account.past_states(&subject.resource).await?;
    equal("last state after a write", &past.last(), &Some(&subject.left))?;
    reset(account, subject, "past").await
}
