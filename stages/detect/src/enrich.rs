//! What rules may ask of an event beside what it says: the fields `aisaws.*`.
//!
//! They tell the same of an event whenever it comes. What depends on other events, as whether a
//! principal is seen for the first time, is known only when all are stored: it counts in the score.

use std::net::IpAddr;
use std::sync::Arc;

use aisaws_core::event::{ActorKind, Event, Source};
use aisaws_core::port::Enricher;
use ipnet::IpNet;
use serde_json::{Map, Value};

use crate::sigma::{Head, Path};

const SOURCE_NETWORK: &str = "source_network";
const SOURCE_COUNTRY: &str = "source_country";
const SOURCE_ASN: &str = "source_asn";
const KNOWN_BAD: &str = "known_bad";
const ACTOR_KIND: &str = "actor_kind";
const REGION_EXPECTED: &str = "region_expected";
const SERVICE_CALLER: &str = "service_caller";

/// Every field, below `aisaws`.
pub(crate) const FIELDS: [&str; 7] = [
    SOURCE_NETWORK,
    SOURCE_COUNTRY,
    SOURCE_ASN,
    KNOWN_BAD,
    ACTOR_KIND,
    REGION_EXPECTED,
    SERVICE_CALLER,
];

/// What the fields are told from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Enrichment {
    pub(crate) known_networks: Vec<IpNet>,
    pub(crate) enricher: Option<Arc<dyn Enricher>>,
}

impl Enrichment {
    pub(crate) fn of_networks(known_networks: Vec<IpNet>) -> Self {
        Self { known_networks, enricher: None }
    }

    /// The fields of an event that was read; those of which nothing is known are not there.
    pub(crate) fn of(&self, event: &Event) -> Map<String, Value> {
        let mut fields = self.of_address(event.source_address.as_deref());
        let mut add = |name: &str, value: Option<Value>| {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        };
        if event.source == Source::CloudTrail {
            add(ACTOR_KIND, actor_kind(event).map(Value::from));
            add(SERVICE_CALLER, event.actor.invoked_by.as_deref().map(Value::from));
        }
        if let Some(enricher) = &self.enricher {
            let known = enricher.surroundings(event);
            add(SOURCE_COUNTRY, known.country.map(Value::from));
            add(SOURCE_ASN, known.asn.map(Value::from));
            add(KNOWN_BAD, known.is_known_bad.map(Value::from));
            add(REGION_EXPECTED, known.is_region_expected.map(Value::from));
        }
        fields
    }

    /// The fields that an address alone tells; a service has none.
    pub(crate) fn of_address(&self, address: Option<&str>) -> Map<String, Value> {
        let address = address.and_then(|address| address.parse::<IpAddr>().ok());
        let Some(address) = address.filter(|_| !self.known_networks.is_empty()) else {
            return Map::new();
        };
        let is_known = self.known_networks.iter().any(|network| network.contains(&address));
        let word = if is_known { "known" } else { "unknown" };
        Map::from_iter([(SOURCE_NETWORK.to_owned(), Value::from(word))])
    }
}

/// `None` where the event does not say.
fn actor_kind(event: &Event) -> Option<&'static str> {
    Some(match event.actor.kind {
        ActorKind::Root => "root",
        ActorKind::IamUser => "user",
        ActorKind::AssumedRole => "role",
        ActorKind::Federated => "federated",
        ActorKind::AwsAccount if is_anonymous(event) => "anonymous",
        ActorKind::AwsAccount => "account",
        ActorKind::AwsService => "service",
        ActorKind::Unknown => return None,
    })
}

/// An unsigned request has a word in the place of the account.
fn is_anonymous(event: &Event) -> bool {
    if event.actor.arn.is_some() || event.actor.access_key_id.is_some() {
        return false;
    }
    let path = Path::new("userIdentity.accountId");
    let accounts = Head::read(&event.raw).ok().and_then(|head| {
        head.texts(&path).map(|texts| {
            texts.iter().any(|text| !text.is_empty() && text.bytes().all(|b| !b.is_ascii_digit()))
        })
    });
    accounts.unwrap_or(false)
}
