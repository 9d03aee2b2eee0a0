//! Claims about appending and reading one event.

use serde_json::json;

use crate::conformance::claim::{Outcome, equal, holds};
use crate::conformance::scene::{HOSTILE, Scene, hit, plain};
use crate::conformance::together::together;
use crate::event::Source;
use crate::id::AccountId;
use crate::port::{Arrival, Derived, Disposition, Events, Recorded, Stored};
use crate::source::{self, cloudtrail, posture};

/// What was appended is read with every field as it was.
pub async fn an_event_reads_back_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/exact");
    let event = scene.event_with("a", 1, &json!({ "errorCode": "AccessDenied" }))?;
    let stored = events.append(vec![plain(event.clone())]).await?;
    equal("answer", &stored, &vec![Stored::New])?;
    equal("event", &events.get(&event.id).await?, &Some(event))
}

/// Findings, one of each source, are read with every field as it was.
pub async fn an_event_of_every_source_reads_back_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/sources");
    let (time, account, region) = (scene.at(1).to_string(), "111122223333", "eu-west-1");
    let hub = "arn:aws:securityhub:eu-west-1::product/aws/securityhub";
    let findings = [
        json!({ "id": scene.own("g"), "type": "Policy:S3/BucketPublicAccessGranted",
                "accountId": account, "region": region, "updatedAt": time, "severity": 8,
                "resource": { "s3BucketDetails": [{ "name": "acme" }] } }),
        json!({ "configRuleName": scene.own("c"), "awsAccountId": account, "awsRegion": region,
                "resourceType": "AWS::S3::Bucket", "resourceId": "acme",
                "newEvaluationResult": { "complianceType": "NON_COMPLIANT", "resultRecordedTime": time } }),
        json!({ "Id": scene.own("s"), "ProductArn": hub, "AwsAccountId": account, "UpdatedAt": time,
                "Resources": [{ "Type": "AwsS3Bucket", "Id": "arn:aws:s3:::acme" }] }),
        json!({ "id": scene.own("a"), "resourceType": "AWS::S3::Bucket", "status": "ACTIVE",
                "resource": "arn:aws:s3:::acme", "updatedAt": time, "accountId": account }),
        json!({ "postureFinding": 1, "scan": scene.own("p"), "time": time, "severity": "high",
                "control": "s3.bucket-acl-public",
                "resource": { "type": "AWS::S3::Bucket", "id": "acme", "account": account, "region": region } }),
    ];
    let sources = Source::ALL.into_iter().filter(|source| *source != Source::CloudTrail);
    for (source, finding) in sources.zip(findings) {
        let event = source::parse(source, &finding.to_string())?;
        events.append(vec![plain(event.clone())]).await?;
        equal("event", &events.get(&event.id).await?, &Some(event))?;
    }
    Ok(())
}

/// The account may stand in an envelope, which is not kept.
pub async fn an_account_that_the_record_does_not_name_is_kept(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/envelope");
    let mut event = scene.event_with("a", 1, &json!({ "recipientAccountId": null }))?;
    event.account = AccountId::from("444455556666");
    events.append(vec![plain(event.clone())]).await?;
    equal("event", &events.get(&event.id).await?, &Some(event))
}

/// What one handle stored has arrived for the other; the same event again arrives no later.
pub async fn arrivals_tell_what_is_stored(one: &dyn Events, other: &dyn Events) -> Outcome {
    let scene = Scene::new("events/arrivals");
    let (first, second) = (scene.event("a", 1)?, scene.event("b", 2)?);
    let ids = [second.id.clone(), first.id.clone(), first.id.clone()];
    one.append(vec![plain(first.clone())]).await?;
    let before = other.arrivals(&ids).await?;
    holds("one that is not stored is missing", before.first() == Some(&Arrival::Missing))?;
    let is_stored = |arrival: &Arrival| matches!(arrival, Arrival::Stored(_));
    let stored: Vec<bool> = before.iter().map(is_stored).collect();
    equal("stored", &stored, &vec![false, true, true])?;
    one.append(vec![plain(first)]).await?;
    let after = other.arrivals(&ids).await?;
    equal("arrivals", &after, &before)
}

/// An id that was never appended.
pub async fn an_unknown_event_is_none(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/unknown");
    equal("event", &events.get(&scene.id("a")).await?, &None)
}

/// An empty batch is answered with nothing.
pub async fn nothing_to_append_is_no_error(events: &dyn Events) -> Outcome {
    equal("answers", &events.append(Vec::new()).await?, &Vec::new())?;
    events.bury(Vec::new()).await?;
    Ok(())
}

/// The same record in a later batch, through either handle.
pub async fn a_second_delivery_is_a_duplicate(one: &dyn Events, other: &dyn Events) -> Outcome {
    let scene = Scene::new("events/second-delivery");
    let event = scene.event("a", 1)?;
    one.append(vec![plain(event.clone())]).await?;
    let again = one.append(vec![plain(event.clone())]).await?;
    equal("answer", &again, &vec![Stored::Duplicate])?;
    let elsewhere = other.append(vec![plain(event)]).await?;
    equal("answer elsewhere", &elsewhere, &vec![Stored::Duplicate])
}

/// The same record twice in one batch.
pub async fn a_duplicate_inside_one_batch_is_seen(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/duplicate-in-batch");
    let (a, b) = (scene.event("a", 1)?, scene.event("b", 2)?);
    let batch = vec![plain(a.clone()), plain(b), plain(a)];
    let expected = vec![Stored::New, Stored::New, Stored::Duplicate];
    equal("answers", &events.append(batch).await?, &expected)
}

/// The same JSON value written in another way.
pub async fn key_order_and_white_space_make_no_variant(events: &dyn Events) -> Outcome {
    let (id, time) = ("events/rewritten", "2001-02-03T04:05:06Z");
    let tight = format!(
        r#"{{"eventID":"{id}","eventTime":"{time}","eventName":"A","eventSource":"b","x":{{"p":1,"q":[1,2]}}}}"#
    );
    let loose = format!(
        "{{ \"x\": {{\"q\":[1, 2], \"p\" : 1}},\n \"eventSource\":\"b\",\"eventName\":\"\\u0041\",\"eventTime\":\"{time}\",\"eventID\":\"{id}\" }}"
    );
    let (tight, loose) = (cloudtrail::parse(&tight)?, cloudtrail::parse(&loose)?);
    events.append(vec![plain(tight.clone())]).await?;
    let again = events.append(vec![plain(loose)]).await?;
    equal("answer", &again, &vec![Stored::Duplicate])?;
    equal("event", &events.get(&tight.id).await?, &Some(tight))
}

/// A correction: another content under an id that is there; reading the id gives the first.
pub async fn other_content_under_one_id_is_a_variant(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/variant");
    let first = scene.event("a", 1)?;
    let second = scene.event_with("a", 1, &json!({ "addendum": { "reason": "UPDATED_DATA" } }))?;
    events.append(vec![plain(first.clone())]).await?;
    let stored = events.append(vec![plain(second)]).await?;
    equal("answer", &stored, &vec![Stored::Variant])?;
    equal("event", &events.get(&first.id).await?, &Some(first))
}

/// Each content under one id is kept once, in whatever order they repeat.
pub async fn a_variant_again_is_a_duplicate(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/variant-again");
    let mut contents = Vec::new();
    for n in 0..3 {
        contents.push(plain(scene.event_with("a", 1, &json!({ "version": n }))?));
    }
    let expected = vec![Stored::New, Stored::Variant, Stored::Variant];
    equal("first answers", &events.append(contents.clone()).await?, &expected)?;
    contents.reverse();
    let expected = vec![Stored::Duplicate; 3];
    equal("later answers", &events.append(contents).await?, &expected)
}

/// One answer a record, at the record's place.
pub async fn answers_come_in_the_order_of_the_records(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/answers");
    let known = scene.event("m", 5)?;
    events.append(vec![plain(known.clone())]).await?;
    let changed = scene.event_with("m", 5, &json!({ "addendum": {} }))?;
    let batch = vec![
        plain(scene.event("z", 9)?),
        plain(known),
        plain(scene.event("a", 1)?),
        plain(changed),
    ];
    let expected = vec![Stored::New, Stored::Duplicate, Stored::New, Stored::Variant];
    equal("answers", &events.append(batch).await?, &expected)
}

/// A large batch is kept whole.
pub async fn a_batch_of_a_thousand_is_kept(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/thousand");
    let mut batch = Vec::new();
    for n in 0..1024 {
        batch.push(plain(scene.event(&n.to_string(), n)?));
    }
    let stored = events.append(batch).await?;
    equal("answers", &stored, &vec![Stored::New; 1024])?;
    for n in [0, 511, 1023] {
        let event = scene.event(&n.to_string(), n)?;
        equal("event", &events.get(&event.id).await?, &Some(event))?;
    }
    Ok(())
}

/// Quotes, control characters, words of query languages, in values and in ids.
pub async fn hostile_texts_in_events_read_back_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/hostile");
    for (second, text) in (0..).zip(HOSTILE) {
        let fields = json!({
            "eventName": text, "eventSource": text, "awsRegion": text, "errorCode": text,
            "recipientAccountId": text, "sourceIPAddress": text, "requestParameters": { text: text },
            "userIdentity": { "type": text, "arn": text },
        });
        let event = scene.event_with(text, second, &fields)?;
        let stored = events.append(vec![plain(event.clone())]).await?;
        equal(text, &stored, &vec![Stored::New])?;
        equal(text, &events.get(&event.id).await?, &Some(event))?;
    }
    Ok(())
}

/// Events of 100 KB and of 250 KB, near the largest that CloudTrail writes.
pub async fn large_events_read_back_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/large");
    for (id, size) in [("a", 100_000), ("b", 250_000)] {
        let padding = "ä\"'".repeat(size / 5);
        let event = scene.event_with(id, 1, &json!({ "requestParameters": { "p": padding } }))?;
        events.append(vec![plain(event.clone())]).await?;
        equal("event", &events.get(&event.id).await?, &Some(event))?;
    }
    Ok(())
}

/// Events of our own role are kept like others.
pub async fn own_events_are_kept(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/own");
    let event = scene.event("a", 1)?;
    let own = Recorded { disposition: Disposition::Own, ..plain(event.clone()) };
    equal("answer", &events.append(vec![own.clone()]).await?, &vec![Stored::New])?;
    equal("answer", &events.append(vec![own]).await?, &vec![Stored::Duplicate])?;
    equal("event", &events.get(&event.id).await?, &Some(event))
}

/// Sixteen deliveries of one event at once: one is new, the others are duplicates.
pub async fn one_of_many_concurrent_deliveries_is_new(
    one: &dyn Events,
    other: &dyn Events,
) -> Outcome {
    let scene = Scene::new("events/concurrent-deliveries");
    let event = scene.event("a", 1)?;
    let resource = scene.bucket("b");
    let record = Recorded {
        hits: vec![hit(&event, "test.rule", &resource)],
        touches: vec![resource.clone()],
        ..plain(event)
    };
    let calls = (0..16).map(|n| {
        let handle = if n % 2 == 0 { one } else { other };
        handle.append(vec![record.clone()])
    });
    let mut new = 0;
    for stored in together(calls).await {
        match stored?.as_slice() {
            [Stored::New] => new += 1,
            answer => equal("answer", &answer, &[Stored::Duplicate].as_slice())?,
        }
    }
    equal("new ones", &new, &1)?;
    equal("touching events", &one.touching(&resource).await?.len(), &1)
}

/// Batches that share events, at once through two handles: each event is new exactly once.
pub async fn concurrent_batches_that_overlap_keep_each_event_once(
    one: &dyn Events,
    other: &dyn Events,
) -> Outcome {
    let scene = Scene::new("events/overlap");
    let mut batches = Vec::new();
    for from in 0..8 {
        let mut batch = Vec::new();
        for n in from * 10..from * 10 + 30 {
            batch.push(plain(scene.event(&n.to_string(), n)?));
        }
        batches.push((if from % 2 == 0 { one } else { other }, batch));
    }
    let calls = batches.into_iter().map(|(handle, batch)| handle.append(batch));
    let mut new = 0;
    for stored in together(calls).await {
        new += stored?.iter().filter(|stored| **stored == Stored::New).count();
    }
    equal("new events", &new, &100)?;
    holds("the last event is there", one.get(&scene.id("99")).await?.is_some())
}

/// A record is read back by the parser of its own source.
pub async fn events_of_other_sources_read_back_exactly(events: &dyn Events) -> Outcome {
    let scene = Scene::new("events/sources");
    let (time, bucket) = (scene.at(1), scene.bucket("b"));
    let found = json!({
        "postureFinding": posture::VERSION, "scan": scene.own("scan"), "time": time,
        "control": "s3.bucket-acl-public", "severity": "high", "resource": bucket,
    });
    let finding = json!({
        "id": scene.own("finding"), "type": "Policy:S3/BucketAnonymousAccessGranted",
        "accountId": "111122223333", "region": "eu-west-1", "severity": 8, "updatedAt": time,
        "resource": { "s3BucketDetails": [{ "name": scene.own("b") }] },
    });
    for (source, record) in [(Source::Posture, found), (Source::GuardDuty, finding)] {
        let event = source::parse(source, &record.to_string())?;
        equal("answer", &events.append(vec![plain(event.clone())]).await?, &vec![Stored::New])?;
        equal("event", &events.get(&event.id).await?, &Some(event))?;
    }
    Ok(())
}

/// Once, whoever derives them; an event that is not stored is named and its hit is not kept.
pub async fn hits_of_correlations_are_kept_with_stored_events(
    one: &dyn Events,
    other: &dyn Events,
) -> Outcome {
    let scene = Scene::new("events/derived");
    let (here, absent) = (scene.event("here", 1)?, scene.event("absent", 2)?);
    one.append(vec![plain(here.clone())]).await?;
    let bucket = scene.bucket("b");
    let hits = vec![hit(&here, "correlation", &bucket), hit(&absent, "correlation", &bucket)];
    let missing = [absent.id.clone()].into();
    let expected = Derived { hits: 1, suppressed: 0, events: [here.id.clone()].into(), missing };
    equal("first", &one.derive(hits.clone()).await?, &expected)?;
    let expected = Derived { missing: expected.missing, ..Derived::default() };
    equal("again", &other.derive(hits).await?, &expected)?;
    equal("nothing to derive", &one.derive(Vec::new()).await?, &Derived::default())
}
