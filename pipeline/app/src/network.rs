//! Which networks calls are expected from.

use std::net::IpAddr;

use ipnet::IpNet;

/// The networks an organisation's own people and machines call from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownNetworks(Vec<IpNet>);

impl KnownNetworks {
    /// Networks as CIDR blocks; empty: nothing is known about networks.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the source address lies outside all of them. `None` where no networks are
    /// configured, or the address is a service's name.
    pub fn is_unknown(&self, address: Option<&str>) -> Option<bool> {
        if self.0.is_empty() {
            return None;
        }
        let address: IpAddr = address?.parse().ok()?;
        Some(!self.0.iter().any(|network| network.contains(&address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_outside_configured_networks_is_unknown() {
        let known = KnownNetworks::new(vec!["192.0.2.0/24".parse().unwrap()]);
        assert_eq!(known.is_unknown(Some("192.0.2.7")), Some(false));
        assert_eq!(known.is_unknown(Some("198.51.100.7")), Some(true));
        assert_eq!(known.is_unknown(Some("cloudformation.amazonaws.com")), None);
        assert_eq!(known.is_unknown(None), None);
        assert_eq!(KnownNetworks::default().is_unknown(Some("198.51.100.7")), None);
    }
}
