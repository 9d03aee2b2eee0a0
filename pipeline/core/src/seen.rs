//! What may be seen for the first time.
//!
//! "First" is told by the events' own time: the earliest event that shows something decides,
//! whenever it arrived.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::event::Event;

/// Keys that are remembered; where there are more, remembering starts anew.
const REMEMBERED: usize = 65_536;

/// Something that events show again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Seen<'a> {
    /// Any event at all.
    Anything,
    /// A caller, by [`Actor::principal`](crate::event::Actor::principal).
    Principal(&'a str),
    /// A region of an account: account, region.
    Region(&'a str, &'a str),
}

impl<'a> Seen<'a> {
    /// All that the event shows.
    pub fn in_event(event: &'a Event) -> impl Iterator<Item = Self> {
        let region = Self::Region(event.account.as_str(), event.region.as_str());
        let principal = event.actor.principal().map(Self::Principal);
        [Self::Anything, region].into_iter().chain(principal)
    }

    /// A text that is equal for equal things alone.
    pub fn key(self) -> String {
        match self {
            Self::Anything => "anything".to_owned(),
            Self::Principal(principal) => format!("principal {principal}"),
            Self::Region(account, region) => format!("region {account} {region}"),
        }
    }
}

/// Times from which on things are known to be stored as seen, so that most events write nothing.
#[derive(Debug, Clone, Default)]
pub struct Known(HashMap<String, Timestamp>);

impl Known {
    /// What the events show earlier than is known, by key with the earliest time.
    pub fn news<'a>(&self, events: impl Iterator<Item = &'a Event>) -> Vec<(String, Timestamp)> {
        let mut earliest: HashMap<Seen<'_>, Timestamp> = HashMap::new();
        for event in events {
            for seen in Seen::in_event(event) {
                let time = earliest.entry(seen).or_insert(event.time);
                *time = event.time.min(*time);
            }
        }
        let all = earliest.into_iter().map(|(seen, time)| (seen.key(), time));
        all.filter(|(key, time)| self.0.get(key).is_none_or(|known| time < known)).collect()
    }

    /// Takes in what was stored.
    pub fn learn(&mut self, stored: Vec<(String, Timestamp)>) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        for (key, time) in stored {
            let known = self.0.entry(key).or_insert(time);
            *known = time.min(*known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::cloudtrail;

    fn event(second: u8, user: &str) -> Event {
        let text = format!(
            r#"{{"eventID":"{second}{user}","eventTime":"2026-03-01T10:00:{second:02}Z","eventName":"A",
            "eventSource":"b","awsRegion":"eu-west-1","recipientAccountId":"111122223333",
            "userIdentity":{{"type":"IAMUser","arn":"{user}"}}}}"#
        );
        cloudtrail::parse(&text).unwrap()
    }

    #[test]
    fn only_what_is_earlier_than_known_is_news() {
        let mut known = Known::default();
        let events = [event(5, "ann"), event(3, "ann"), event(4, "bob")];
        let mut news = known.news(events.iter());
        news.sort();
        let third = events[1].time;
        let expected = [
            ("anything".to_owned(), third),
            ("principal ann".to_owned(), third),
            ("principal bob".to_owned(), events[2].time),
            ("region 111122223333 eu-west-1".to_owned(), third),
        ];
        assert_eq!(news, expected);
        known.learn(news);
        assert_eq!(known.news([event(6, "ann"), event(3, "ann")].iter()), []);
        let earlier = event(3, "bob");
        assert_eq!(known.news([&earlier].into_iter()), [("principal bob".to_owned(), third)]);
    }
}
