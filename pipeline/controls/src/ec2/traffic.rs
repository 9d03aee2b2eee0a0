//! Protocols and ports as security group rules name them.
//! Source: EC2 API Reference, `IpPermission`.

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Ports from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// `None`: the first lies after the last.
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first <= last { Some(Self { first, last }) } else { None }
    }

    /// The first port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many ports.
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// Whether the port is among them.
    pub fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// What is left without the given ports (in rising order), in order.
    pub fn without(self, cut: impl IntoIterator<Item = u16>) -> Vec<Self> {
        let mut left = Vec::new();
        let mut first = u32::from(self.first);
        let mut push = |first: u32, end: u32| {
            let ends = (u16::try_from(first), u16::try_from(end.wrapping_sub(1)));
            if let (true, (Ok(first), Ok(last))) = (first < end, ends) {
                left.push(Self { first, last });
            }
        };
        for port in cut.into_iter().filter(|port| self.contains(*port)) {
            push(first, u32::from(port));
            first = u32::from(port) + 1;
        }
        push(first, u32::from(self.last) + 1);
        left
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A table of ports: transport, first, last and what listens there.
pub type Ports = &'static [(Transport, u16, u16, &'static str)];

/// What a rule lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// Every protocol (`-1`).
    All,
    /// TCP or UDP to these ports.
    Ports(Transport, PortRange),
    /// ICMP of a type and code, `-1` for all.
    Icmp {
        /// Type.
        kind: i16,
        /// Code.
        code: i16,
    },
    /// ICMP for IPv6, likewise.
    Icmpv6 {
        /// Type.
        kind: i16,
        /// Code.
        code: i16,
    },
    /// Another protocol by its number; it has no ports.
    Other(u8),
}

impl Traffic {
    /// Reads what the API and its events say. Missing ports mean all of them, as do `-1`.
    pub fn parse(protocol: &str, from: Option<i64>, to: Option<i64>) -> Option<Self> {
        let ports = |transport| {
            let port = |value: Option<i64>, all: u16| match value {
                None | Some(-1) => Some(all),
                Some(value) => u16::try_from(value).ok(),
            };
            PortRange::new(port(from, 0)?, port(to, u16::MAX)?)
                .map(|range| Self::Ports(transport, range))
        };
        let icmp = |value: Option<i64>| i16::try_from(value.unwrap_or(-1)).ok();
        match protocol.to_ascii_lowercase().as_str() {
            "-1" | "all" => Some(Self::All),
            "tcp" | "6" => ports(Transport::Tcp),
            "udp" | "17" => ports(Transport::Udp),
            "icmp" | "1" => Some(Self::Icmp { kind: icmp(from)?, code: icmp(to)? }),
            "icmpv6" | "58" => Some(Self::Icmpv6 { kind: icmp(from)?, code: icmp(to)? }),
            number => number.parse().ok().map(Self::Other),
        }
    }

    /// The API's `IpProtocol`.
    pub fn protocol(self) -> String {
        match self {
            Self::All => "-1".to_owned(),
            Self::Ports(transport, _) => transport.as_str().to_owned(),
            Self::Icmp { .. } => "icmp".to_owned(),
            Self::Icmpv6 { .. } => "icmpv6".to_owned(),
            Self::Other(number) => number.to_string(),
        }
    }

    /// The API's `FromPort` and `ToPort`.
    pub fn from_and_to(self) -> Option<(i64, i64)> {
        match self {
            Self::All | Self::Other(_) => None,
            Self::Ports(_, range) => Some((range.first.into(), range.last.into())),
            Self::Icmp { kind, code } | Self::Icmpv6 { kind, code } => {
                Some((kind.into(), code.into()))
            }
        }
    }

    /// The ports of a transport that it lets through.
    pub fn ports(self, wanted: Transport) -> Option<PortRange> {
        match self {
            Self::All => Some(PortRange::ALL),
            Self::Ports(transport, range) if transport == wanted => Some(range),
            Self::Ports(..) | Self::Icmp { .. } | Self::Icmpv6 { .. } | Self::Other(_) => None,
        }
    }
}

impl std::fmt::Display for Traffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Ports(transport, range) => write!(f, "{} {range}", transport.as_str()),
            Self::Icmp { kind: -1, code: -1 } => f.write_str("icmp"),
            Self::Icmpv6 { kind: -1, code: -1 } => f.write_str("icmpv6"),
            Self::Icmp { kind, code } => write!(f, "icmp {kind}:{code}"),
            Self::Icmpv6 { kind, code } => write!(f, "icmpv6 {kind}:{code}"),
            Self::Other(number) => write!(f, "protocol {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(first: u16, last: u16, cut: &[u16]) -> Vec<(u16, u16)> {
        let range = PortRange::new(first, last).unwrap();
        range.without(cut.iter().copied()).into_iter().map(|r| (r.first, r.last)).collect()
    }

    #[test]
    fn ports_are_cut_out_exactly() {
        assert_eq!(without(22, 22, &[22]), []);
        assert_eq!(without(0, 1024, &[22, 23]), [(0, 21), (24, 1024)]);
        assert_eq!(without(22, 80, &[22]), [(23, 80)]);
        assert_eq!(without(20, 22, &[22]), [(20, 21)]);
        assert_eq!(without(80, 90, &[22]), [(80, 90)]);
        assert_eq!(without(0, 65535, &[0, 65535]), [(1, 65534)]);
    }

    #[test]
    fn numbers_and_names_of_protocols_are_the_same() {
        for (one, other) in [("6", "tcp"), ("17", "udp"), ("1", "icmp"), ("58", "icmpv6")] {
            let (a, b) = (Some(3), Some(4));
            assert_eq!(Traffic::parse(one, a, b), Traffic::parse(other, a, b));
        }
        assert_eq!(Traffic::parse("-1", Some(-1), Some(-1)), Some(Traffic::All));
        assert_eq!(Traffic::parse("tcp", Some(80), Some(22)), None);
        assert_eq!(Traffic::parse("tcp", Some(0), Some(70_000)), None);
    }
}
