//! Claims about port [`Approvals`].

use crate::canonical::Digest;
use crate::conformance::claim::{Failure, Outcome, Report, equal, note_all};
use crate::conformance::scene::{HOSTILE, Scene};
use crate::conformance::together::together;
use crate::handoff::Vote;
use crate::port::{Answer, Approvals, Cast, Question, Standing};

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
        two_people_grant_together(one);
        one_person_twice_grants_once(one);
        a_denial_ends_what_somebody_granted(one);
        a_grant_that_waits_for_another_lapses(one);
        a_question_that_waits_for_another_is_open(one);
        of_two_grants_at_once_one_decides(one, other);
        of_a_grant_and_a_denial_at_once_the_denial_decides(one, other);
        one_person_at_once_grants_once(one, other);
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
        approvals: 1,
    }
}

/// A question that two people have to grant.
async fn asked_two(approvals: &dyn Approvals, scene: &Scene) -> Result<Question, Failure> {
    let question = Question { approvals: 2, ..question(scene, "a") };
    approvals.ask(question.clone()).await?;
    Ok(question)
}

fn answer(scene: &Scene, vote: Vote, by: &str, second: i64) -> Answer {
    Answer { vote, by: by.to_owned(), reason: format!("{by} says so"), at: scene.at(second) }
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
    let answer = answer(scene, vote, by, second);
    Ok(approvals.cast(scene.incident_id("a"), &plan("a"), answer).await?)
}

/// Claims how the incident `a` stands.
async fn stands(
    approvals: &dyn Approvals,
    scene: &Scene,
    question: Question,
    answers: impl IntoIterator<Item = (Vote, &str, i64)>,
) -> Outcome {
    let answers =
        answers.into_iter().map(|(vote, by, second)| answer(scene, vote, by, second)).collect();
    let standing = approvals.standing(scene.incident_id("a")).await?;
    equal("standing", &standing, &Some(Standing { question, answers }))
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
    let other =
        approvals.cast(incident, &plan("b"), answer(&scene, Vote::Grant, "ann", 20)).await?;
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

/// Until they lapse: from then on nobody can answer.
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
    let denial = answer(&scene, Vote::Deny, "ann", 50);
    approvals.cast(scene.incident_id("b"), &plan("a"), denial).await?;
    for (second, expected) in [(99, expected), (100, Vec::new()), (5000, Vec::new())] {
        let mut open = approvals.open_questions(scene.at(second)).await?;
        open.retain(|question| question.token.starts_with(&scene.own("")));
        equal("open questions", &open, &expected)?;
    }
    Ok(())
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
    let vote = standing.and_then(|standing| standing.outcome());
    equal("votes that counted", &winners, &vote.into_iter().collect())?;
    equal("votes that came too late", &late.len(), &8)
}

/// Names come from outside.
pub async fn hostile_texts_in_votes_read_back_exactly(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("vote/hostile");
    let question = asked(approvals, &scene).await?;
    let by = HOSTILE.join(" ");
    cast(approvals, &scene, Vote::Grant, &by, 20).await?;
    stands(approvals, &scene, question, Some((Vote::Grant, by.as_str(), 20))).await
}

/// Neither alone; both are recorded.
pub async fn two_people_grant_together(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("quorum/two");
    let question = asked_two(approvals, &scene).await?;
    equal("first", &cast(approvals, &scene, Vote::Grant, "ann", 20).await?, &Cast::Noted)?;
    equal("second", &cast(approvals, &scene, Vote::Grant, "bob", 30).await?, &Cast::Counted)?;
    equal("third", &cast(approvals, &scene, Vote::Grant, "cid", 40).await?, &Cast::Already)?;
    equal("denial", &cast(approvals, &scene, Vote::Deny, "dan", 40).await?, &Cast::TooLate)?;
    let both = [(Vote::Grant, "ann", 20), (Vote::Grant, "bob", 30)];
    stands(approvals, &scene, question, both).await
}

/// Under another spelling of the same name too.
pub async fn one_person_twice_grants_once(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("quorum/same");
    let question = asked_two(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Grant, "ann@example.com", 20).await?;
    for by in ["ann@example.com", "Ann@example.com", "arn:aws:iam::111122223333:user/ann"] {
        let again = cast(approvals, &scene, Vote::Grant, by, 21).await?;
        equal("the same person", &again, &Cast::Already)?;
    }
    stands(approvals, &scene, question, [(Vote::Grant, "ann@example.com", 20)]).await
}

/// Anybody's, also of the one who granted.
pub async fn a_denial_ends_what_somebody_granted(approvals: &dyn Approvals) -> Outcome {
    for (name, by) in [("quorum/denied by the same", "ann"), ("quorum/denied by another", "bob")] {
        let scene = Scene::new(name);
        let question = asked_two(approvals, &scene).await?;
        cast(approvals, &scene, Vote::Grant, "ann", 20).await?;
        equal("denial", &cast(approvals, &scene, Vote::Deny, by, 30).await?, &Cast::Counted)?;
        equal("late", &cast(approvals, &scene, Vote::Grant, "cid", 40).await?, &Cast::TooLate)?;
        let both = [(Vote::Grant, "ann", 20), (Vote::Deny, by, 30)];
        stands(approvals, &scene, question, both).await?;
    }
    Ok(())
}

/// The time is for all of them together.
pub async fn a_grant_that_waits_for_another_lapses(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("quorum/lapsed");
    let question = asked_two(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Grant, "ann", 99).await?;
    for by in ["bob", "ann"] {
        equal("late", &cast(approvals, &scene, Vote::Grant, by, 100).await?, &Cast::Lapsed)?;
    }
    stands(approvals, &scene, question, [(Vote::Grant, "ann", 99)]).await
}

/// One grant of two closes nothing, and asking the same again keeps it.
pub async fn a_question_that_waits_for_another_is_open(approvals: &dyn Approvals) -> Outcome {
    let scene = Scene::new("quorum/open");
    let question = asked_two(approvals, &scene).await?;
    cast(approvals, &scene, Vote::Grant, "ann", 20).await?;
    approvals.ask(question.clone()).await?;
    let mut open = approvals.open_questions(scene.at(20)).await?;
    open.retain(|question| question.token.starts_with(&scene.own("")));
    equal("open questions", &open, &vec![question.clone()])?;
    stands(approvals, &scene, question, [(Vote::Grant, "ann", 20)]).await
}

/// Sixteen people grant at once: one is noted, one decides, the others come to a decided question.
pub async fn of_two_grants_at_once_one_decides(
    one: &dyn Approvals,
    other: &dyn Approvals,
) -> Outcome {
    let scene = Scene::new("quorum/concurrent");
    asked_two(one, &scene).await?;
    let people: Vec<String> = (0..16).map(|n| format!("person {n}")).collect();
    let calls = people.iter().enumerate().map(|(n, by)| {
        let handle = if n % 2 == 0 { one } else { other };
        cast(handle, &scene, Vote::Grant, by, 20)
    });
    let (mut noted, mut counted) = (0, 0);
    for cast in together(calls).await {
        match cast? {
            Cast::Noted => noted += 1,
            Cast::Counted => counted += 1,
            cast => equal("cast", &cast, &Cast::Already)?,
        }
    }
    equal("noted and decided", &(noted, counted), &(1, 1))?;
    let standing = one.standing(scene.incident_id("a")).await?;
    equal("people", &standing.map(|standing| standing.granted()), &Some(2))
}

/// Whichever comes first.
pub async fn of_a_grant_and_a_denial_at_once_the_denial_decides(
    one: &dyn Approvals,
    other: &dyn Approvals,
) -> Outcome {
    for name in ["quorum/both 1", "quorum/both 2", "quorum/both 3", "quorum/both 4"] {
        let scene = Scene::new(name);
        asked_two(one, &scene).await?;
        let votes = [(one, Vote::Grant, "ann"), (other, Vote::Deny, "bob")];
        let calls = votes.iter().map(|(handle, vote, by)| cast(*handle, &scene, *vote, by, 20));
        let mut casts = Vec::new();
        for cast in together(calls).await {
            casts.push(cast?);
        }
        equal("denial", &casts.get(1), &Some(&Cast::Counted))?;
        let standing = one.standing(scene.incident_id("a")).await?;
        equal("outcome", &standing.and_then(|s| s.outcome()), &Some(Vote::Deny))?;
    }
    Ok(())
}

/// Two windows of one browser.
pub async fn one_person_at_once_grants_once(one: &dyn Approvals, other: &dyn Approvals) -> Outcome {
    let scene = Scene::new("quorum/same-at-once");
    asked_two(one, &scene).await?;
    let calls = (0..16).map(|n| {
        let handle = if n % 2 == 0 { one } else { other };
        cast(handle, &scene, Vote::Grant, "ann", 20)
    });
    let mut noted = 0;
    for cast in together(calls).await {
        match cast? {
            Cast::Noted => noted += 1,
            cast => equal("cast", &cast, &Cast::Already)?,
        }
    }
    equal("votes that were noted", &noted, &1)?;
    let standing = one.standing(scene.incident_id("a")).await?;
    equal("outcome", &standing.and_then(|s| s.outcome()), &None)
}
