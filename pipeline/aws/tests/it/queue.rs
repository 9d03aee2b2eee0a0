//! Messages are kept hidden while worked on, and leave the queue when they are done with or dead.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use aisaws_aws::Aws;
use aisaws_aws::queue::{DeadLetters, Delivery, Handler, Outcome, Queue, Settings, Tally};
use aisaws_aws::redrive::{Redriven, redrive};
use aisaws_core::canonical::Digest;
use aisaws_emulators::proxy::{Act, Call, Line, Proxy};
use async_trait::async_trait;
use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use jiff::Timestamp;

use serde_json::Value;

use crate::place::{aws, endpoint, name, sdk};

struct Place {
    client: aws_sdk_sqs::Client,
    url: String,
    dead: String,
}

impl Place {
    async fn new() -> Self {
        let client = aws_sdk_sqs::Client::new(&sdk().await);
        let url = made(&client, "events").await;
        let dead = made(&client, "dead").await;
        Self { client, url, dead }
    }

    async fn queue(&self, visibility: Duration) -> Queue {
        let settings = Settings {
            url: self.url.clone(),
            dead_letters_url: self.dead.clone(),
            visibility,
            wait: Duration::from_secs(1),
        };
        Queue::new(&aws().await, settings)
    }

    async fn send(&self, bodies: &[&str]) {
        for body in bodies {
            self.client
                .send_message()
                .queue_url(&self.url)
                .message_body(*body)
                .send()
                .await
                .unwrap();
        }
    }

    /// Messages that wait, and those that are hidden.
    async fn counts(&self) -> (String, String) {
        self.counts_of(&self.url).await
    }

    async fn counts_of(&self, url: &str) -> (String, String) {
        let [waiting, hidden] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let asked = self
            .client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .unwrap();
        let all = asked.attributes().unwrap();
        (all[&waiting].clone(), all[&hidden].clone())
    }
}

async fn made(client: &aws_sdk_sqs::Client, what: &str) -> String {
    let made = client.create_queue().queue_name(name(what)).send().await.unwrap();
    made.queue_url().unwrap().to_owned()
}

/// Does what the body says; notes what came.
#[derive(Default)]
struct Obedient {
    came: Mutex<Vec<Delivery>>,
    takes: Duration,
}

impl Obedient {
    /// Until so many messages have come.
    async fn holds(&self, messages: usize) {
        while self.came.lock().unwrap().len() < messages {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[async_trait]
impl Handler for Obedient {
    async fn handle(&self, batch: &[Delivery]) -> Vec<Outcome> {
        self.came.lock().unwrap().extend(batch.to_vec());
        tokio::time::sleep(self.takes).await;
        let outcome = |delivery: &Delivery| match delivery.body.as_str() {
            "later" => Outcome::Later,
            "dead" => Outcome::Dead("line 1 is no\u{0} JSON".to_owned()),
            _ => Outcome::Done,
        };
        batch.iter().map(outcome).collect()
    }
}

/// Takes nothing.
struct Deadly;

#[async_trait]
impl Handler for Deadly {
    async fn handle(&self, batch: &[Delivery]) -> Vec<Outcome> {
        vec![Outcome::Dead("too long to be an event".to_owned()); batch.len()]
    }
}

async fn drained(queue: &Queue, handler: &dyn Handler, messages: u32) -> Tally {
    let mut total = Tally::default();
    for _ in 0..50 {
        let Tally { done, later, dead } = queue.serve_once(handler).await.unwrap();
        total.done += done;
        total.later += later;
        total.dead += dead;
        if total.done + total.later + total.dead >= messages {
            break;
        }
    }
    total
}

#[tokio::test]
async fn each_message_of_a_batch_has_its_own_end() {
    let place = Place::new().await;
    place.send(&["one", "later", "dead", "two"]).await;
    let handler = Obedient::default();
    let queue = place.queue(Duration::from_mins(1)).await;
    let tally = drained(&queue, &handler, 4).await;
    assert_eq!(tally, Tally { done: 2, later: 1, dead: 1 });
    // One rests before it is tried again, long before the minute is over; nothing else is left.
    let (waiting, hidden) = place.counts().await;
    assert_eq!(waiting.parse::<u32>().unwrap() + hidden.parse::<u32>().unwrap(), 1);
    let again = drained(&queue, &handler, 1).await;
    assert_eq!(again, Tally { done: 0, later: 1, dead: 0 });
    let came = handler.came.lock().unwrap();
    let last = came.last().unwrap();
    assert_eq!((last.body.as_str(), last.deliveries), ("later", 2));
}

#[tokio::test]
async fn a_dead_letter_has_its_body_its_id_and_the_reason() {
    let place = Place::new().await;
    place.send(&["dead"]).await;
    let handler = Obedient::default();
    drained(&place.queue(Duration::from_mins(1)).await, &handler, 1).await;
    let receive = place.client.receive_message().queue_url(&place.dead);
    let letters = receive.message_attribute_names("All").send().await.unwrap();
    let [letter] = letters.messages() else { panic!("{letters:?}") };
    assert_eq!(letter.body(), Some("dead"));
    let attributes = letter.message_attributes().unwrap();
    assert_eq!(attributes["reason"].string_value(), Some("line 1 is no\u{fffd} JSON"));
    let id = handler.came.lock().unwrap()[0].id.clone();
    assert_eq!(attributes["message_id"].string_value(), Some(id.as_str()));
}

/// SQS counts a message's attributes to its size. The emulator does not, so that here the queue of
/// the dead takes less than the other one gives.
#[tokio::test]
async fn a_dead_letter_that_finds_no_room_is_cut_and_keeps_its_reason() {
    let place = Place::new().await;
    let smaller = place.client.set_queue_attributes().queue_url(&place.dead);
    smaller.attributes(QueueAttributeName::MaximumMessageSize, "1024").send().await.unwrap();
    let long = "ü".repeat(513);
    place.send(&[&long]).await;
    let queue = place.queue(Duration::from_mins(1)).await;
    let tally = drained(&queue, &Deadly, 1).await;
    assert_eq!(tally, Tally { done: 0, later: 0, dead: 1 });
    assert_eq!(place.counts().await, ("0".to_owned(), "0".to_owned()));
    let receive = place.client.receive_message().queue_url(&place.dead);
    let letters = receive.message_attribute_names("All").send().await.unwrap();
    let [letter] = letters.messages() else { panic!("{letters:?}") };
    let body = letter.body().unwrap();
    let attributes = letter.message_attributes().unwrap();
    let size =
        |name: &str| name.len() + "String".len() + attributes[name].string_value().unwrap().len();
    let size: usize = attributes.keys().map(|name| size(name)).sum();
    // No byte more than the message had alone, nor a letter less.
    let whole = body.len() + size;
    assert!(long.starts_with(body) && (1024..=1026).contains(&whole), "{whole}");
    assert_eq!(attributes["reason"].string_value(), Some("too long to be an event"));
    let digest = Digest::of_bytes(long.as_bytes());
    assert_eq!(attributes["whole"].string_value(), Some(&*format!("1026 bytes, {digest}")));
}

#[tokio::test]
async fn dead_letters_are_put_back_once() {
    let place = Place::new().await;
    let bodies: Vec<String> = (0..23).map(|n| format!("event {n}")).collect();
    let letters = DeadLetters::new(&aws().await, &place.dead);
    for body in &bodies {
        letters.put("id", body, "its bucket was gone").await.unwrap();
    }
    let send = place.client.send_message().queue_url(&place.dead).message_body("start of a");
    let text = |value: &str| {
        MessageAttributeValue::builder().data_type("String").string_value(value).build().unwrap()
    };
    send.message_attributes("whole", text("2000000 bytes")).send().await.unwrap();
    let done = redrive(&aws().await, &place.dead, &place.url, Timestamp::MAX).await.unwrap();
    assert_eq!(done, Redriven { moved: 23, cut: 1 });
    let handler = Obedient::default();
    drained(&place.queue(Duration::from_mins(1)).await, &handler, 23).await;
    let came = handler.came.lock().unwrap().iter().map(|d| d.body.clone()).collect::<BTreeSet<_>>();
    assert_eq!(came, bodies.into_iter().collect());
    assert_eq!(place.counts_of(&place.dead).await, ("0".to_owned(), "1".to_owned()));
}

#[tokio::test]
async fn a_letter_that_came_since_is_not_put_back() {
    let place = Place::new().await;
    let aws = aws().await;
    DeadLetters::new(&aws, &place.dead).put("id", "event", "it came back").await.unwrap();
    let until = Timestamp::UNIX_EPOCH;
    let done = redrive(&aws, &place.dead, &place.url, until).await.unwrap();
    assert_eq!(done, Redriven::default());
    assert_eq!(place.counts().await, ("0".to_owned(), "0".to_owned()));
}

/// Works until the time for which its messages are hidden was renewed so often.
struct Slow {
    proxy: Proxy,
    renewals: usize,
}

const RENEWAL: &str = "ChangeMessageVisibilityBatch";

#[async_trait]
impl Handler for Slow {
    async fn handle(&self, batch: &[Delivery]) -> Vec<Outcome> {
        while self.proxy.count(RENEWAL) < self.renewals {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        vec![Outcome::Done; batch.len()]
    }
}

/// Every call goes through.
struct Open;

impl Line for Open {
    fn act(&self, _: &Call) -> Act {
        Act::Pass
    }
}

#[tokio::test]
async fn a_message_is_kept_hidden_while_its_handler_works() {
    let place = Place::new().await;
    place.send(&["slow"]).await;
    let proxy = Proxy::before(&endpoint(), Open).unwrap();
    let settings = Settings {
        url: place.url.clone(),
        dead_letters_url: place.dead.clone(),
        visibility: Duration::from_secs(3),
        wait: Duration::from_secs(1),
    };
    let queue = Queue::new(&Aws::emulator(&proxy.endpoint()).await, settings);
    // More than the time for which it was hidden at first: it is renewed three times in that.
    let slow = Slow { proxy, renewals: 4 };
    let tally = drained(&queue, &slow, 1).await;
    assert_eq!(tally, Tally { done: 1, later: 0, dead: 0 });
    let calls = slow.proxy.calls();
    let renewals: Vec<Value> = calls
        .iter()
        .filter(|call| call.operation == RENEWAL)
        .map(|call| serde_json::from_slice(&call.body).unwrap())
        .collect();
    assert!(renewals.len() >= 4, "{renewals:#?}");
    for renewal in &renewals {
        assert_eq!(renewal["Entries"][0]["VisibilityTimeout"], 3, "{renewal:#}");
    }
    // And nothing came meanwhile that was not done with.
    assert_eq!(place.counts().await, ("0".to_owned(), "0".to_owned()));
}

/// A handler that is dropped in the middle, as a worker's death does.
#[tokio::test]
async fn what_a_dead_worker_had_in_hand_comes_again() {
    let place = Place::new().await;
    place.send(&["one"]).await;
    let stuck = Obedient { takes: Duration::from_mins(10), ..Obedient::default() };
    let queue = place.queue(Duration::from_secs(1)).await;
    tokio::select! {
        served = queue.serve_once(&stuck) => panic!("{served:?}"),
        () = stuck.holds(1) => {}
    }
    let handler = Obedient::default();
    let tally = drained(&queue, &handler, 1).await;
    assert_eq!(tally, Tally { done: 1, later: 0, dead: 0 });
}

#[tokio::test]
async fn serving_ends_when_it_is_told_to() {
    let place = Place::new().await;
    place.send(&["one", "two", "three"]).await;
    let handler = Obedient::default();
    let queue = place.queue(Duration::from_mins(1)).await;
    let tally = queue.serve(&handler, handler.holds(3)).await.unwrap();
    assert_eq!(tally, Tally { done: 3, later: 0, dead: 0 });
    assert_eq!(place.counts().await, ("0".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn where_the_dead_cannot_be_buried_they_stay() {
    let mut place = Place::new().await;
    place.dead = format!("{}-missing", place.dead);
    place.send(&["dead", "fine"]).await;
    let queue = place.queue(Duration::from_mins(1)).await;
    let handler = Obedient::default();
    let mut failed = 0;
    for _ in 0..20 {
        failed += u32::from(queue.serve_once(&handler).await.is_err());
        if handler.came.lock().unwrap().len() >= 2 {
            break;
        }
    }
    assert_eq!(failed, 1);
    assert_eq!(place.counts().await, ("0".to_owned(), "1".to_owned()));
}
