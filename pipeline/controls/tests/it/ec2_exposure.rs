//! What a repair of a security group takes away, by an account of its own: who reaches which
//! port, address by address.

use std::net::IpAddr;

use aisaws_controls::ec2::{
    ADMIN_PORT_WORLD_OPEN, DATABASE_PORT_WORLD_OPEN, PortWorldOpen, SecurityGroup, Transport,
};
use aisaws_controls::{Cause, Control};
use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::states::{WORLD, group};

/// Whether a rule of the group's JSON lets the address in to the port.
fn lets_in(rule: &Value, transport: Transport, port: u16, from: IpAddr) -> bool {
    let range = rule.get("CidrIp").or_else(|| rule.get("CidrIpv6")).and_then(Value::as_str);
    let is_from = range.is_some_and(|net| net.parse::<IpNet>().unwrap().contains(&from));
    let is_to = match rule["IpProtocol"].as_str().unwrap() {
        "-1" => true,
        name if name == transport.as_str() => {
            let bound = |name: &str| rule[name].as_i64().unwrap();
            bound("FromPort") <= i64::from(port) && i64::from(port) <= bound("ToPort")
        }
        _ => false,
    };
    is_from && is_to
}

fn is_world(rule: &Value) -> bool {
    let range = rule.get("CidrIp").or_else(|| rule.get("CidrIpv6")).and_then(Value::as_str);
    range.is_some_and(|net| WORLD.contains(&net))
}

fn rules(group: &SecurityGroup) -> Vec<Value> {
    let json = serde_json::to_value(group).unwrap();
    json["SecurityGroupIngress"].as_object().unwrap().values().cloned().collect()
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        select(vec!["203.0.113.9", "198.51.100.7", "10.1.2.3", "2001:db8::1", "fd00::1", "::1"])
            .prop_map(|text| text.parse().unwrap()),
    ]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![
        select(vec![
            0, 21, 22, 23, 24, 443, 1434, 3306, 3388, 3389, 3390, 11211, 27017, 27019, 27020, 65535
        ]),
        any::<u16>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn exactly_the_forbidden_exposure_is_taken_away(
        group in group(),
        samples in proptest::collection::vec((port(), address()), 40),
    ) {
        for control in [&ADMIN_PORT_WORLD_OPEN, &DATABASE_PORT_WORLD_OPEN] {
            let fixed = control.fix(&group, &Cause::Posture).unwrap();
            let (before, after) = (rules(&group), rules(&fixed));
            for (port, from) in &samples {
                for transport in Transport::ALL {
                    let is_forbidden = forbids(control, transport, *port);
                    let wanted = before.iter().any(|rule| {
                        lets_in(rule, transport, *port, *from)
                            && !(is_forbidden && is_world(rule))
                    });
                    let is_in = after.iter().any(|rule| lets_in(rule, transport, *port, *from));
                    prop_assert_eq!(is_in, wanted, "{:?} {} from {}", transport, port, from);
                }
            }
        }
    }

    #[test]
    fn rules_that_are_not_the_world_are_never_touched(group in group()) {
        let controls: [&dyn Control<Of = SecurityGroup>; 3] = [
            &aisaws_controls::ec2::AllPortsWorldOpen,
            &ADMIN_PORT_WORLD_OPEN,
            &DATABASE_PORT_WORLD_OPEN,
        ];
        for control in controls {
            let after = rules(&control.fix(&group, &Cause::Posture).unwrap());
            for rule in rules(&group).iter().filter(|rule| !is_world(rule)) {
                prop_assert!(after.contains(rule), "{rule}");
            }
        }
    }
}

fn forbids(control: &PortWorldOpen, transport: Transport, port: u16) -> bool {
    control
        .ports()
        .iter()
        .any(|(one, first, last, _)| *one == transport && (*first..=*last).contains(&port))
}
