//! Lists of known bad addresses: one network a line, or STIX 2.1 as threat feeds export it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Deserialize;

use crate::origin::network;

/// What is wrong with a list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadListError {
    /// A line is no network.
    #[error("line {line} is no network in CIDR notation: `{text}`")]
    Line {
        /// From 1.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// It begins as JSON and is no STIX bundle or TAXII envelope.
    #[error("it is no STIX bundle")]
    Stix(#[source] serde_json::Error),
}

/// When an entry is in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Span {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// A list by the name of its file.
#[derive(Debug, Default)]
pub struct BadList {
    name: String,
    /// Single addresses, which most lists are made of.
    addresses: HashMap<IpAddr, HashSet<Span>>,
    networks: Vec<(IpNet, Span)>,
}

#[derive(Deserialize)]
struct Bundle {
    #[serde(default)]
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pattern: String,
    #[serde(default)]
    pattern_type: String,
    #[serde(default)]
    revoked: bool,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

impl BadList {
    /// Reads a list. Of STIX, indicators count whose pattern is one address or network, or
    /// several joined by `OR`; what asks for more than an address is left out.
    ///
    /// # Errors
    /// [`BadListError`], which names the line.
    pub fn parse(name: String, text: &str) -> Result<Self, BadListError> {
        let mut list = Self { name, ..Self::default() };
        if text.trim_start().starts_with('{') {
            let bundle: Bundle = serde_json::from_str(text).map_err(BadListError::Stix)?;
            for object in bundle.objects {
                let is_indicator = object.kind == "indicator" && object.pattern_type == "stix";
                if is_indicator && !object.revoked {
                    let span = Span { from: object.valid_from, until: object.valid_until };
                    for found in addresses_of(&object.pattern).into_iter().flatten() {
                        list.add(found, span);
                    }
                }
            }
            return Ok(list);
        }
        for (number, line) in text.lines().enumerate() {
            let content = line.split(['#', ';']).next().unwrap_or_default().trim();
            if content.is_empty() {
                continue;
            }
            let found = network(content).ok_or_else(|| BadListError::Line {
                line: number + 1,
                text: content.chars().take(80).collect(),
            })?;
            list.add(found, Span::default());
        }
        Ok(list)
    }

    fn add(&mut self, found: IpNet, span: Span) {
        if found.prefix_len() == found.max_prefix_len() {
            self.addresses.entry(found.addr()).or_default().insert(span);
        } else {
            self.networks.push((found, span));
        }
    }

    /// Name of the list's file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the address was on the list at that time, by what the list says of itself.
    pub fn holds(&self, address: IpAddr, at: Timestamp) -> bool {
        let in_force = |span: &Span| {
            span.from.is_none_or(|from| at >= from) && span.until.is_none_or(|until| at < until)
        };
        self.addresses.get(&address).is_some_and(|spans| spans.iter().any(in_force))
            || self.networks.iter().any(|(net, span)| net.contains(&address) && in_force(span))
    }
}

/// The networks of `[ipv4-addr:value = '192.0.2.1' OR …]`; `None` where the pattern is about
/// anything else too.
fn addresses_of(pattern: &str) -> Option<Vec<IpNet>> {
    let mut found = Vec::new();
    for observation in pattern.trim().split(']') {
        let observation = observation.trim();
        if observation.is_empty() {
            continue;
        }
        let inner = observation.strip_prefix("OR").unwrap_or(observation).trim();
        for comparison in inner.strip_prefix('[')?.split(" OR ") {
            let (path, value) = comparison.split_once('=')?;
            let is_address = matches!(path.trim(), "ipv4-addr:value" | "ipv6-addr:value");
            let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            found.push(network(value).filter(|_| is_address)?);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn lines_are_networks_and_comments() {
        let text = "# feed\n192.0.2.0/24\n\n198.51.100.7 ; scanner\n2001:db8::/32\n";
        let list = BadList::parse("feed.txt".to_owned(), text).unwrap();
        let rows = [
            ("192.0.2.200", true),
            ("198.51.100.7", true),
            ("198.51.100.8", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
        ];
        for (address, expected) in rows {
            let now = Timestamp::UNIX_EPOCH;
            assert_eq!(list.holds(address.parse().unwrap(), now), expected, "{address}");
        }
        let error = BadList::parse(String::new(), "192.0.2.1\nnonsense\n").unwrap_err();
        assert!(matches!(error, BadListError::Line { line: 2, .. }), "{error}");
    }

    /// The forms of patterns in STIX 2.1, 9.2 and its examples.
    #[test]
    fn patterns_about_addresses_alone_are_read() {
        let rows: [(&str, Option<usize>); 8] = [
            ("[ipv4-addr:value = '198.51.100.1']", Some(1)),
            (
                "[ipv4-addr:value = '198.51.100.1/32' OR ipv4-addr:value = '203.0.113.33/32']",
                Some(2),
            ),
            ("[ipv4-addr:value = '198.51.100.5'] OR [ipv6-addr:value = '2001:db8::1']", Some(2)),
            ("[ipv4-addr:value = '198.51.100.5' AND network-traffic:dst_port = 443]", None),
            (
                "[ipv4-addr:value = '198.51.100.5'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.6']",
                None,
            ),
            ("[ipv4-addr:value != '198.51.100.5']", None),
            ("[domain-name:value = 'example.com']", None),
            ("['", None),
        ];
        for (pattern, expected) in rows {
            assert_eq!(addresses_of(pattern).map(|found| found.len()), expected, "{pattern}");
        }
    }

    #[test]
    fn an_indicator_counts_while_it_is_valid_and_not_revoked() {
        let object = |address: &str, more: &str| {
            format!(
                r#"{{"type":"indicator","pattern_type":"stix","pattern":"[ipv4-addr:value = '{address}']"{more}}}"#
            )
        };
        let text = format!(
            r#"{{"type":"bundle","objects":[{},{},{},{{"type":"ipv4-addr","value":"192.0.2.4"}}]}}"#,
            object(
                "192.0.2.1",
                r#","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-02-01T00:00:00Z""#
            ),
            object("192.0.2.2", r#","revoked":true"#),
            object("192.0.2.3", ""),
        );
        let list = BadList::parse("feed.json".to_owned(), &text).unwrap();
        let holds = |address: &str, time: &str| list.holds(address.parse().unwrap(), at(time));
        assert!(holds("192.0.2.1", "2026-01-01T00:00:00Z"));
        assert!(!holds("192.0.2.1", "2026-02-01T00:00:00Z"));
        assert!(!holds("192.0.2.1", "2025-12-31T23:59:59Z"));
        assert!(!holds("192.0.2.2", "2026-01-02T00:00:00Z"));
        assert!(holds("192.0.2.3", "2026-01-02T00:00:00Z"));
        assert!(!holds("192.0.2.4", "2026-01-02T00:00:00Z"));
        assert!(BadList::parse(String::new(), "{\"objects\":1}").is_err());
    }
}
