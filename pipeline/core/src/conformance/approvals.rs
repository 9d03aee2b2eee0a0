//! Claims about port [`Approvals`].

use crate::canonical::Digest;
use crate::conformance::claim::{Failure, Outcome, Report, equal, note_all};
use crate::conformance::scene::{HOSTILE, Scene};
use crate::conformance::together::together;
use crate::handoff::Vote;
use crate::port::{Approvals, Cast, Question, Standing};

/// Every claim; `one` and `other` are handles on the same store.
pub async fn run_all(one: &dyn Approvals, other: &dyn Approvals) -> Report {
    let mut report = Report::default();
    note_all! { report;
        a_question_reads_back_exactly(one);
        nothing_asked_nothing_stands(one);
        the_first_vote_counts(one);
        the_same_vote_again_is_already_given(one);
        a_second_different_vote_is_too_late(one);
        a_vote_on_another_plan_gets_nothing(one);
        a_vote_on_nothing_gets_nothing(one);
        a_vote_after_the_question_lapsed_gets_nothing(one);
        what_counted_before_the_lapse_still_stands(one);
        asking_the_same_again_changes_only_the_token(one);
        asking_the_same_again_keeps_the_vote(one);
        a_new_plan_replaces_the_question_and_its_vote(one);
        open_questions_are_those_without_a_vote_oldest_first(one);
        one_of_many_concurrent_votes_counts(one, other);
        of_concurrent_different_votes_one_counts(one, other);
        hostile_texts_in_votes_read_back_exactly(one);
    }
    report
}

fn plan(name: &str) -> Digest {
    Digest::of_bytes(name.as_bytes())
}

fn question(scene: &Scene, name: &str) -> Question {
    Question {
        incident: scene.incident_id(name),
        digest: plan("a"),
        token: scene.own(&format!("token of {name}")),
        asked: scene.at(10),
        expires: scene.at(100),
    }
}

async fn asked(approvals: &dyn Approvals, scene: &Scene) -> Result<Question, Failure> {
    let question = question(scene, "a");
    approvals.ask(question.clone()).await?;
    Ok(question)
}

/// Casts on plan `a` of incident `a` at a second.
async fn cast(
    approvals: &dyn Approvals,
    scene: &Scene,
    vote: Vote,
    by: &str,
    second: i64,
) -> Result<Cast, Failure> {
    let at = scene.at(second);
    Ok(approvals.cast(scene.incident_id("a"), &plan("a"), vote, by, at).await?)
}

/// Claims how the incident `a` stands.
async fn stands(
    approvals: &dyn Approvals,
    scene: &Scene,
    question: Question,
    vote: Option<(Vote, &str, i64)>,
) -> Outcome {
    let vote = vote.map(|(vote, by, second)| (vote, by.to_owned(), scene.at(second)));
    let standing = approvals.standing(scene.incident_id("a")).await?;
    equal("standing", &standing, &Some(Standing { question, vote }))
}

/// With its times to the nanosecond.
pub async fn a_question_reads_back_exactly(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("ask/exact");
    let mut question = question(&scene, "a");
    question.token = HOSTILE.join(" ");
    question.asked += std::time::Duration::from_nanos(123_456_789);
    approvals.ask(question.clone()).await?;
    stands(approvals, &scene, question, None).await
}

/// No question, no standing.
pub async fn nothing_asked_nothing_stands(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("ask/nothing");
    equal("standing", &approvals.standing(scene.incident_id("a")).await?, &None)
}

/// It counts, with who gave it and when.
pub async fn the_first_vote_counts(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/first");
    let question = asked(approvals, &scene).await?;
    equal("cast", &cast(approvals, &scene, Vote::Deny, "ann", 20).await?, &Cast::Counted)?;
    stands(approvals, &scene, question, Some((Vote::Deny, "ann", 20))).await
}

/// Whoever gives it again; the first voter stands.
pub async fn the_same_vote_again_is_already_given(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/again");
    let question = asked(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Grant, "ann", 20).await?;
    for (by, second) in [("ann", 21), ("bob", 22)] {
        let again = cast(approvals, &scene, Vote::Grant, by, second).await?;
        equal("cast", &again, &Cast::Already)?;
    }
    stands(approvals, &scene, question, Some((Vote::Grant, "ann", 20))).await
}

/// It gets nothing, even from the same person.
pub async fn a_second_different_vote_is_too_late(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/second");
    let question = asked(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Deny, "ann", 20).await?;
    for by in ["ann", "bob"] {
        let second = cast(approvals, &scene, Vote::Grant, by, 21).await?;
        equal("cast", &second, &Cast::TooLate)?;
    }
    stands(approvals, &scene, question, Some((Vote::Deny, "ann", 20))).await
}

/// What is approved is the digest.
pub async fn a_vote_on_another_plan_gets_nothing(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/other-plan");
    let question = asked(approvals, &scene).await?;
    let incident = scene.incident_id("a");
    let other = approvals.cast(incident, &plan("b"), Vote::Grant, "ann", scene.at(20)).await?;
    equal("cast", &other, &Cast::OtherPlan)?;
    stands(approvals, &scene, question, None).await
}

/// Nobody asked.
pub async fn a_vote_on_nothing_gets_nothing(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/nothing");
    equal("cast", &cast(approvals, &scene, Vote::Grant, "ann", 20).await?, &Cast::NotAsked)?;
    equal("standing", &approvals.standing(scene.incident_id("a")).await?, &None)
}

/// From the moment it lapses.
pub async fn a_vote_after_the_question_lapsed_gets_nothing(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/lapsed");
    let question = asked(approvals, &scene).await?;
    for second in [100, 101, 5000] {
        let late = cast(approvals, &scene, Vote::Grant, "ann", second).await?;
        equal("cast", &late, &Cast::Lapsed)?;
    }
    stands(approvals, &scene, question, None).await?;
    equal("cast", &cast(approvals, &scene, Vote::Grant, "ann", 99).await?, &Cast::Counted)
}

/// Time takes no vote back.
pub async fn what_counted_before_the_lapse_still_stands(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/before-lapse");
    let question = asked(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Grant, "ann", 20).await?;
    let again = cast(approvals, &scene, Vote::Grant, "ann", 500).await?;
    equal("the same vote", &again, &Cast::Already)?;
    let other = cast(approvals, &scene, Vote::Deny, "bob", 500).await?;
    equal("the other vote", &other, &Cast::TooLate)?;
    stands(approvals, &scene, question, Some((Vote::Grant, "ann", 20))).await
}

/// A step that runs twice asks once, with the token of its last run.
pub async fn asking_the_same_again_changes_only_the_token(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("ask/again");
    let first = asked(approvals, &scene).await?;
    let again = Question {
        token: scene.own("another token"),
        asked: scene.at(50),
        expires: scene.at(900),
        ..first.clone()
    };
    approvals.ask(again.clone()).await?;
    stands(approvals, &scene, Question { token: again.token, ..first }, None).await
}

/// The answer that was given answers the repeated question.
pub async fn asking_the_same_again_keeps_the_vote(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("ask/again-voted");
    let first = asked(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Grant, "ann", 20).await?;
    let again = Question { token: scene.own("another token"), ..first };
    approvals.ask(again.clone()).await?;
    stands(approvals, &scene, again, Some((Vote::Grant, "ann", 20))).await
}

/// A vote on the old plan says nothing about the new one.
pub async fn a_new_plan_replaces_the_question_and_its_vote(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("ask/new-plan");
    let first = asked(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Grant, "ann", 20).await?;
    let second = Question { digest: plan("b"), asked: scene.at(30), ..first };
    approvals.ask(second.clone()).await?;
    stands(approvals, &scene, second, None).await?;
    let old = cast(approvals, &scene, Vote::Grant, "ann", 40).await?;
    equal("cast on the old plan", &old, &Cast::OtherPlan)
}

/// Lapsed ones included: somebody has to end their incidents.
pub async fn open_questions_are_those_without_a_vote_oldest_first(
    approvals: &dyn Approvals,
) -> Outcome {
    let scene = Scene::new("ask/open");
    let mut expected = Vec::new();
    for (name, second) in [("c", 30), ("a", 10), ("d", 40), ("b", 20)] {
        let question = Question { asked: scene.at(second), ..question(&scene, name) };
        approvals.ask(question.clone()).await?;
        expected.push(question);
    }
    expected.sort_by_key(|question| question.asked);
    expected.retain(|question| question.incident != scene.incident_id("b"));
    approvals.cast(scene.incident_id("b"), &plan("a"), Vote::Deny, "ann", scene.at(50)).await?;
    let mut open = approvals.open_questions().await?;
    open.retain(|question| question.token.starts_with(&scene.own("")));
    equal("open questions", &open, &expected)
}

/// Sixteen same votes at once: one counts, the others were already given.
pub async fn one_of_many_concurrent_votes_counts(
    one: &dyn Approvals,
    other: &dyn Approvals,
) -> Outcome {
    let scene = Scene::new("vote/concurrent");
    asked(one, &scene).await?;
    let calls = (0..16).map(|n| {
        let handle = if n % 2 == 0 { one } else { other };
        cast(handle, &scene, Vote::Grant, "ann", 20 + n)
    });
    let mut counted = 0;
    for cast in together(calls).await {
        match cast? {
            Cast::Counted => counted += 1,
            cast => equal("cast", &cast, &Cast::Already)?,
        }
    }
    equal("votes that counted", &counted, &1)
}

/// Grants and denials at once: one counts, and what stands is that one.
pub async fn of_concurrent_different_votes_one_counts(
    one: &dyn Approvals,
    other: &dyn Approvals,
) -> Outcome {
    let scene = Scene::new("vote/concurrent-different");
    asked(one, &scene).await?;
    let votes: Vec<Vote> =
        (0..16).map(|n| if n % 2 == 0 { Vote::Grant } else { Vote::Deny }).collect();
    let calls = votes.iter().enumerate().map(|(n, vote)| {
        let handle = if n % 4 < 2 { one } else { other };
        cast(handle, &scene, *vote, "ann", 20)
    });
    let mut winners = Vec::new();
    let mut late = Vec::new();
    for (vote, cast) in votes.iter().zip(together(calls).await) {
        match cast? {
            Cast::Counted => winners.push(*vote),
            Cast::TooLate => late.push(*vote),
            cast => equal("cast", &cast, &Cast::Already)?,
        }
    }
    let standing = one.standing(scene.incident_id("a")).await?;
    let vote = standing.and_then(|standing| standing.vote).map(|(vote, ..)| vote);
    equal("votes that counted", &winners, &vote.into_iter().collect())?;
    equal("votes that came too late", &late.len(), &8)
}

/// Names come from outside.
pub async fn hostile_texts_in_votes_read_back_exactly(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/hostile");
    let question = asked(approvals, &scene).await?;
    let by = HOSTILE.join(" ");
    cast(approvals, &scene, Vote::Grant, &by, 20).await?;
    stands(approvals, &scene, question, Some((Vote::Grant, &by, 20))).await
}
