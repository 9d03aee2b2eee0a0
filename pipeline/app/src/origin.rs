//! Where calls come from, told from files of the user's: no address is sent to anybody.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use aisaws_core::event::Event;
use aisaws_core::handoff::Origin;
use aisaws_core::port::{Enricher, Surroundings};
use ipnet::IpNet;
use maxminddb::Reader;
use serde::Deserialize;

use crate::badlist::{BadList, BadListError};
use crate::config::Network;
use crate::network::KnownNetworks;

/// Bytes of a name from a database that are kept.
const MAX_NAME: usize = 120;

/// Why a file about networks cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// It could not be read.
    #[error("network file `{path}` could not be read")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no MaxMind database.
    #[error("network database `{path}` is no MaxMind database that can be read")]
    Database {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: maxminddb::MaxMindDbError,
    },
    /// It is no list of addresses.
    #[error("list of bad addresses `{path}` cannot be used")]
    List {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: BadListError,
    },
}

/// What the user's files and settings say of networks and regions.
#[derive(Clone, Default)]
pub struct Origins {
    /// Networks calls are expected from.
    pub known: KnownNetworks,
    databases: Vec<Arc<Reader<Vec<u8>>>>,
    bad: Vec<Arc<BadList>>,
    countries: Vec<String>,
    regions: Vec<String>,
}

impl std::fmt::Debug for Origins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origins").field("known", &self.known).finish_non_exhaustive()
    }
}

/// What the common databases hold of an address. Fields differ from one to the next.
#[derive(Deserialize)]
struct Record {
    country: Option<Country>,
    country_code: Option<String>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<String>,
}

#[derive(Deserialize)]
struct Country {
    iso_code: Option<String>,
}

impl Origins {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// [`OriginError`], which names the file.
    pub fn load(settings: &Network) -> Result<Self, OriginError> {
        let read = |path: &Path| {
            let name = path.display().to_string();
            std::fs::read(path).map_err(|source| OriginError::Read { path: name, source })
        };
        let mut databases = Vec::new();
        for path in &settings.databases {
            let reader = Reader::from_source(read(path)?).map_err(|source| {
                OriginError::Database { path: path.display().to_string(), source }
            })?;
            databases.push(Arc::new(reader));
        }
        let mut bad = Vec::new();
        for path in &settings.bad {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            let list = BadList::parse(name.unwrap_or_default(), &text)
                .map_err(|source| OriginError::List { path: path.display().to_string(), source })?;
            bad.push(Arc::new(list));
        }
        Ok(Self {
            known: KnownNetworks::new(settings.known.clone()),
            databases,
            bad,
            countries: settings.countries.clone(),
            regions: settings.regions.clone(),
        })
    }

    /// What is known of an event's source. The event's time decides which entries of a list
    /// are in force.
    pub fn of(&self, event: &Event) -> Origin {
        let mut origin = Origin {
            is_unused_region: !self.regions.is_empty()
                && !self.regions.iter().any(|region| region == event.region.as_str()),
            ..Origin::default()
        };
        let address = event.source_address.as_deref().and_then(|a| a.parse::<IpAddr>().ok());
        let Some(address) = address.map(|address| address.to_canonical()) else { return origin };
        for database in &self.databases {
            // A database that breaks at an address tells nothing of it.
            let found = database.lookup(address).ok().and_then(|f| f.decode::<Record>().ok());
            let Some(record) = found.flatten() else { continue };
            let country = record.country.and_then(|c| c.iso_code).or(record.country_code);
            origin.country = origin.country.or(country.map(short));
            origin.asn = origin.asn.or(record.autonomous_system_number);
            let organisation = record.autonomous_system_organization.map(short);
            origin.organisation = origin.organisation.or(organisation);
        }
        origin.is_unexpected_country = !self.countries.is_empty()
            && origin.country.as_ref().is_some_and(|country| {
                !self.countries.iter().any(|expected| expected.eq_ignore_ascii_case(country))
            });
        let held_by = self.bad.iter().find(|list| list.holds(address, event.time));
        origin.listed_in = held_by.map(|list| list.name().to_owned());
        origin
    }
}

impl Enricher for Origins {
    fn surroundings(&self, event: &Event) -> Surroundings {
        let origin = self.of(event);
        let is_address =
            || event.source_address.as_deref().is_some_and(|a| a.parse::<IpAddr>().is_ok());
        Surroundings {
            country: origin.country,
            asn: origin.asn,
            is_known_bad: (!self.bad.is_empty() && is_address())
                .then_some(origin.listed_in.is_some()),
            is_region_expected: (!self.regions.is_empty()).then_some(!origin.is_unused_region),
        }
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(MAX_NAME) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

/// A network; an address alone is the network of that one address.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisaws_core::source::cloudtrail;

    /// Puts a value in front of what follows, as the MaxMind DB format 2.0 has it: three bits of
    /// type, five of size; types above 7 have a byte of their own.
    fn field(kind: u8, content: &[u8]) -> Vec<u8> {
        let size = u8::try_from(content.len()).unwrap();
        // Sizes from 29 on are 29, and the rest in a byte of its own.
        let head =
            if size < 29 { vec![kind << 5 | size] } else { vec![kind << 5 | 0x1d, size - 29] };
        [&head[..], content].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        field(2, text.as_bytes())
    }

    fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut all = vec![7 << 5 | u8::try_from(entries.len()).unwrap()];
        for (key, value) in entries {
            all.extend(text(key));
            all.extend(value);
        }
        all
    }

    /// A database of one network of IPv4: a chain of nodes, one for each bit of its prefix.
    fn database(net: [u8; 4], prefix: u32, data: &[u8]) -> Vec<u8> {
        let bits = u32::from_be_bytes(net);
        let mut bytes = Vec::new();
        for node in 0..prefix {
            let next = if node + 1 < prefix { node + 1 } else { prefix + 16 };
            let records =
                if bits >> (31 - node) & 1 == 0 { [next, prefix] } else { [prefix, next] };
            for record in records {
                bytes.extend(&record.to_be_bytes()[1..]);
            }
        }
        bytes.extend([0; 16]);
        bytes.extend(data);
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        let uint16 = |n: u16| field(5, &n.to_be_bytes());
        bytes.extend(map(&[
            ("node_count", field(6, &prefix.to_be_bytes())),
            ("record_size", uint16(24)),
            ("ip_version", uint16(4)),
            ("database_type", text("Test")),
            ("languages", vec![0, 4]),
            ("binary_format_major_version", uint16(2)),
            ("binary_format_minor_version", uint16(0)),
            ("build_epoch", vec![1, 2, 1]),
            ("description", map(&[])),
        ]));
        bytes
    }

    fn event(address: &str) -> Event {
        cloudtrail::parse(&format!(
            r#"{{"eventID":"e","eventTime":"2026-03-01T10:00:00Z","eventName":"A","eventSource":"b","awsRegion":"eu-west-1","sourceIPAddress":"{address}"}}"#
        ))
        .unwrap()
    }

    #[test]
    fn databases_and_lists_tell_of_an_address_and_settings_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let country = map(&[("country", map(&[("iso_code", text("DE"))]))]);
        let network = map(&[
            ("autonomous_system_number", field(6, &64500_u32.to_be_bytes())),
            ("autonomous_system_organization", text("Example")),
        ]);
        let settings = Network {
            known: Vec::new(),
            databases: vec![
                write("country.mmdb", &database([198, 51, 100, 0], 24, &country)),
                write("asn.mmdb", &database([198, 51, 0, 0], 16, &network)),
            ],
            bad: vec![write("bad.txt", b"198.51.100.7\n")],
            countries: vec!["fr".to_owned()],
            regions: vec!["us-east-1".to_owned()],
        };
        let origins = Origins::load(&settings).unwrap();
        let found = origins.of(&event("198.51.100.7"));
        let expected = Origin {
            country: Some("DE".to_owned()),
            asn: Some(64500),
            organisation: Some("Example".to_owned()),
            listed_in: Some("bad.txt".to_owned()),
            is_unexpected_country: true,
            is_unused_region: true,
            ..Origin::default()
        };
        assert_eq!(found, expected);
        let told = origins.surroundings(&event("198.51.100.7"));
        let expected = Surroundings {
            country: Some("DE".to_owned()),
            asn: Some(64500),
            is_known_bad: Some(true),
            is_region_expected: Some(false),
        };
        assert_eq!(told, expected);
        let of_service = origins.surroundings(&event("cloudformation.amazonaws.com"));
        assert_eq!(
            of_service,
            Surroundings { is_region_expected: Some(false), ..Surroundings::default() }
        );
        assert_eq!(origins.surroundings(&event("192.0.2.1")).is_known_bad, Some(false));
        let nothing = Origins::default().surroundings(&event("198.51.100.7"));
        assert_eq!(nothing, Surroundings::default());
        let elsewhere = origins.of(&event("192.0.2.1"));
        assert_eq!(elsewhere, Origin { is_unused_region: true, ..Origin::default() });
        let service = origins.of(&event("cloudformation.amazonaws.com"));
        assert_eq!(service, elsewhere);
        assert!(Origins::default().of(&event("198.51.100.7")).is_unknown());
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.mmdb");
        let settings = Network { databases: vec![path.clone()], ..Network::default() };
        assert!(matches!(Origins::load(&settings), Err(OriginError::Read { .. })));
        std::fs::write(&path, b"no database").unwrap();
        let error = Origins::load(&settings).unwrap_err();
        assert!(error.to_string().contains("other.mmdb"), "{error}");
    }
}
