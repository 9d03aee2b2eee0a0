//! How much of the internet a set of address ranges is.
//!
//! What counts as *broad* follows AWS's own words for bucket policies ("values broader than
//! /8 for IPv4 and /32 for IPv6, excluding RFC 1918 private ranges", Amazon S3 User Guide,
//! *The meaning of "public"*), carried over to sets of ranges: a set is broad if a range of
//! it is, or if its union holds as many public addresses as the smallest broad range (a /7,
//! a /31). So `0.0.0.0/0`, its two halves, 256 ranges of /8 and `208.236.235.254/0` are the
//! world; an office network, a /8 and all of RFC 1918 are not.

use std::collections::BTreeSet;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The longest IPv4 prefix that AWS does not call broad.
const NARROW_V4: u8 = 8;
/// The same for IPv6.
const NARROW_V6: u8 = 32;

/// Reads a range or a single address; host bits are dropped, as AWS does.
pub fn parse(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let net: Option<IpNet> = text.parse().ok();
    net.or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from)).map(|net| net.trunc())
}

/// Whether the ranges, which may overlap, are so much of the internet that naming them
/// restricts nothing. The two families are judged apart.
pub fn is_broad<'a>(nets: impl IntoIterator<Item = &'a IpNet>) -> bool {
    let nets: BTreeSet<IpNet> = nets.into_iter().map(IpNet::trunc).collect();
    nets.iter().any(is_broad_alone) || is_broad_v4(&nets) || is_broad_v6(&nets)
}

/// The fewest, broadest ranges without which the rest is no longer broad.
pub fn offenders(nets: &BTreeSet<IpNet>) -> BTreeSet<IpNet> {
    let (mut bad, mut rest): (BTreeSet<_>, BTreeSet<_>) =
        nets.iter().copied().partition(is_broad_alone);
    while is_broad(&rest) {
        let Some(broadest) = broadest(&rest) else { break };
        rest.remove(&broadest);
        bad.insert(broadest);
    }
    bad
}

/// The broadest range of those families that are broad as a whole; ties go to the lowest.
fn broadest(nets: &BTreeSet<IpNet>) -> Option<IpNet> {
    let (v4, v6) = (is_broad_v4(nets), is_broad_v6(nets));
    nets.iter()
        .filter(|net| match net {
            IpNet::V4(_) => v4,
            IpNet::V6(_) => v6,
        })
        .min_by_key(|net| net.prefix_len())
        .copied()
}

fn is_broad_alone(net: &IpNet) -> bool {
    match net.trunc() {
        IpNet::V4(net) => {
            net.prefix_len() < NARROW_V4
                && !private_v4().iter().any(|private| private.contains(&net))
        }
        IpNet::V6(net) => net.prefix_len() < NARROW_V6 && !private_v6().contains(&net),
    }
}

fn is_broad_v4(nets: &BTreeSet<IpNet>) -> bool {
    let threshold = 1_u64 << (32 - NARROW_V4 + 1);
    let nets: Vec<Ipv4Net> = nets
        .iter()
        .filter_map(|net| match net {
            IpNet::V4(net) => Some(*net),
            IpNet::V6(_) => None,
        })
        .collect();
    let union = Ipv4Net::aggregate(&nets);
    let all: u64 = union.iter().map(|net| 1_u64 << (32 - net.prefix_len())).sum();
    let private: u64 = private_v4()
        .iter()
        .map(|private| {
            union
                .iter()
                .map(|net| match () {
                    () if net.contains(private) => 1_u64 << (32 - private.prefix_len()),
                    () if private.contains(net) => 1_u64 << (32 - net.prefix_len()),
                    () => 0,
                })
                .sum::<u64>()
        })
        .sum();
    all.saturating_sub(private) >= threshold
}

/// Counted in ranges of /64, which no provider hands out less than: narrower ones count as one.
fn is_broad_v6(nets: &BTreeSet<IpNet>) -> bool {
    let threshold = 1_u128 << (64 - NARROW_V6 + 1);
    let nets: Vec<Ipv6Net> = nets
        .iter()
        .filter_map(|net| match net {
            IpNet::V6(net) if !private_v6().contains(net) => Some(*net),
            IpNet::V6(_) | IpNet::V4(_) => None,
        })
        .collect();
    let union = Ipv6Net::aggregate(&nets);
    let all: u128 = union.iter().map(|net| 1_u128 << 64_u8.saturating_sub(net.prefix_len())).sum();
    all >= threshold
}

/// RFC 1918.
fn private_v4() -> [Ipv4Net; 3] {
    let net = |a, b, length| Ipv4Net::new_assert(std::net::Ipv4Addr::new(a, b, 0, 0), length);
    [net(10, 0, 8), net(172, 16, 12), net(192, 168, 16)]
}

/// Unique local addresses (RFC 4193), the like of RFC 1918.
fn private_v6() -> Ipv6Net {
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<IpNet> {
        texts.iter().map(|text| parse(text).unwrap()).collect()
    }

    #[test]
    fn the_world_is_recognised_however_it_is_written() {
        for world in [
            &["0.0.0.0/0"] as &[&str],
            &["208.236.235.254/0"],
            &["0.0.0.0/1", "128.0.0.0/1"],
            &["0.0.0.0/1"],
            &["128.0.0.0/2"],
            &["10.0.0.0/7"],
            &["18.0.0.0/8", "20.0.0.0/8"],
            &["::/0"],
            &["::/1", "8000::/1"],
            &["2000::/3"],
            &["2001:db8::/31"],
            &["2001:db8::/32", "2001:dba::/32"],
        ] {
            assert!(is_broad(&set(world)), "{world:?}");
        }
    }

    #[test]
    fn a_known_network_is_not_the_world() {
        for known in [
            &[] as &[&str],
            &["192.0.2.0/24"],
            &["203.0.113.7"],
            &["18.0.0.0/8"],
            &["18.0.0.0/8", "203.0.113.0/24"],
            &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "18.0.0.0/8"],
            &["2001:db8::/32"],
            &["fc00::/7"],
            &["fc00::/7", "2001:db8::/32", "2001:db8:1::1"],
        ] {
            assert!(!is_broad(&set(known)), "{known:?}");
        }
    }

    #[test]
    fn the_world_in_256_parts_is_the_world() {
        let parts: BTreeSet<IpNet> =
            (0..=255).map(|a| parse(&format!("{a}.0.0.0/8")).unwrap()).collect();
        assert!(is_broad(&parts));
        assert!(!is_broad(&(&parts - &offenders(&parts))));
    }

    #[test]
    fn only_the_broad_ranges_offend() {
        let nets = set(&["0.0.0.0/1", "128.0.0.0/1", "203.0.113.0/24", "10.0.0.0/8", "::/0"]);
        assert_eq!(offenders(&nets), set(&["0.0.0.0/1", "128.0.0.0/1", "::/0"]));
    }

    #[test]
    fn a_union_loses_its_broadest_part_first() {
        let nets = set(&["18.0.0.0/8", "20.0.0.0/8", "203.0.113.0/24"]);
        assert_eq!(offenders(&nets), set(&["18.0.0.0/8"]));
    }
}
