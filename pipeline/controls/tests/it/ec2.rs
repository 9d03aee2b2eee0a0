//! Security groups: event shapes, pitfalls and calls.

use aisaws_controls::plan::{Outcome, prepare};
use aisaws_controls::{resource, touched};
use aisaws_core::event::Event;
use aisaws_core::id::ControlId;
use aisaws_core::risk::Decision;
use serde_json::{Value, json};

use crate::world::{GROUP, actions, after, control, convicts, event, event_with, fixed, the};

const ADMIN: &str = "ec2.security-group-admin-port-world-open";
const DATABASE: &str = "ec2.security-group-database-port-world-open";
const ALL: &str = "ec2.security-group-all-ports-world-open";

fn ec2(name: &str, mut request: Value) -> Event {
    request["groupId"] = json!(the(GROUP).id);
    event("ec2", name, &request, &json!({"_return": true}))
}

fn permission(protocol: &str, from: i64, to: i64, nets: &[&str]) -> Value {
    let list = |is_v6: bool, name: &str| -> Value {
        let items: Vec<Value> = nets
            .iter()
            .filter(|net| net.contains(':') == is_v6)
            .map(|net| json!({name: net, "description": "by hand"}))
            .collect();
        if items.is_empty() { json!({}) } else { json!({"items": items}) }
    };
    json!({
        "ipProtocol": protocol, "fromPort": from, "toPort": to, "groups": {}, "prefixListIds": {},
        "ipRanges": list(false, "cidrIp"), "ipv6Ranges": list(true, "cidrIpv6"),
    })
}

fn authorize(permissions: Vec<Value>) -> Event {
    ec2("AuthorizeSecurityGroupIngress", json!({"ipPermissions": {"items": permissions}}))
}

fn open(protocol: &str, from: i64, to: i64, nets: &[&str]) -> Value {
    after(GROUP, &[authorize(vec![permission(protocol, from, to, nets)])])
}

fn keys(state: &Value) -> Vec<&str> {
    let rules = state["SecurityGroupIngress"].as_object().unwrap();
    let mut keys: Vec<&str> = rules.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_rule_comes_in_three_shapes() {
    let flat = json!({"ipPermissions": {}, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                      "cidrIp": "0.0.0.0/0"});
    let nested = json!({"ipPermissions": {"items": [permission("tcp", 22, 22, &["0.0.0.0/0"])]}});
    let texts = json!({"ipPermissions": {"items": [{"ipProtocol": "6", "fromPort": "22",
        "toPort": "22", "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}});
    for request in [flat, nested, texts] {
        let event = ec2("AuthorizeSecurityGroupIngress", request);
        assert_eq!(touched(&event), [the(GROUP)]);
        assert_eq!(keys(&after(GROUP, &[event])), ["tcp 22 0.0.0.0/0"]);
    }
    let one = json!({"SecurityGroupRuleId": "sgr-1", "tag": 1, "SecurityGroupRule":
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}});
    for rules in [one.clone(), json!([one])] {
        let request = json!({"ModifySecurityGroupRulesRequest":
            {"GroupId": the(GROUP).id, "SecurityGroupRule": rules}});
        let event = event("ec2", "ModifySecurityGroupRules", &request, &Value::Null);
        assert_eq!(touched(&event), [the(GROUP)]);
        assert_eq!(keys(&after(GROUP, &[event])), ["tcp 22 0.0.0.0/0"]);
    }
}

#[test]
fn host_bits_are_dropped_as_ec2_drops_them() {
    let state = open("tcp", 22, 22, &["208.236.235.254/0", "100.68.0.18/18"]);
    assert_eq!(keys(&state), ["tcp 22 0.0.0.0/0", "tcp 22 100.68.0.0/18"]);
    assert!(convicts(ADMIN, &state));
}

#[test]
fn the_world_is_seen_however_it_is_put_together() {
    for nets in [
        &["0.0.0.0/0"] as &[&str],
        &["0.0.0.0/1", "128.0.0.0/1"],
        &["::/0"],
        &["::/1", "8000::/1"],
        &["203.0.113.0/24", "128.0.0.0/2"],
    ] {
        for port in [22, 23, 3389, 5985, 5986] {
            assert!(convicts(ADMIN, &open("tcp", port, port, nets)), "{port} {nets:?}");
        }
        for port in [1433, 1521, 3306, 5432, 5439, 6379, 9042, 9200, 11211, 27018, 50000] {
            assert!(convicts(DATABASE, &open("tcp", port, port, nets)), "{port} {nets:?}");
        }
        assert!(convicts(ALL, &open("-1", -1, -1, nets)), "{nets:?}");
    }
}

#[test]
fn known_networks_and_harmless_ports_are_left_alone() {
    for (protocol, from, to, net) in [
        ("tcp", 443, 443, "0.0.0.0/0"),
        ("tcp", 80, 80, "::/0"),
        ("udp", 22, 22, "0.0.0.0/0"),
        ("icmp", 8, -1, "0.0.0.0/0"),
        ("50", -1, -1, "0.0.0.0/0"),
        ("tcp", 0, 65535, "10.0.0.0/8"),
        ("-1", -1, -1, "192.168.0.0/16"),
        ("tcp", 22, 22, "203.0.113.7/32"),
    ] {
        let state = open(protocol, from, to, &[net]);
        for id in [ADMIN, DATABASE, ALL] {
            assert!(!convicts(id, &state), "{id}: {protocol} {from}-{to} {net}");
        }
    }
}

#[test]
fn the_world_in_parts_over_several_rules_and_port_ranges_is_seen() {
    let state = after(
        GROUP,
        &[
            authorize(vec![permission("tcp", 20, 30, &["18.0.0.0/8"])]),
            authorize(vec![permission("tcp", 22, 22, &["20.0.0.0/8"])]),
            authorize(vec![permission("-1", -1, -1, &["22.0.0.0/8"])]),
        ],
    );
    assert!(convicts(ADMIN, &state), "three /8 reach port 22");
    assert!(!convicts(DATABASE, &state), "one reaches port 3306");
}

#[test]
fn a_wide_range_keeps_its_allowed_parts() {
    let state = open("tcp", 0, 1024, &["0.0.0.0/0", "10.0.0.0/8"]);
    let repaired = fixed(ADMIN, &state);
    assert_eq!(
        keys(&repaired),
        [
            "tcp 0-1024 10.0.0.0/8",
            "tcp 0-21 0.0.0.0/0",
            "tcp 136-444 0.0.0.0/0",
            "tcp 24-134 0.0.0.0/0",
            "tcp 446-1024 0.0.0.0/0",
        ]
    );
    let rules = &repaired["SecurityGroupIngress"];
    assert_eq!(rules["tcp 0-21 0.0.0.0/0"]["Description"], json!("by hand"));
}

#[test]
fn other_sources_of_the_same_permission_stay() {
    let request = json!({"ipPermissions": {"items": [{
        "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
        "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}, {"cidrIp": "203.0.113.0/24",
            "description": "office"}]},
        "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]},
        "groups": {"items": [{"groupId": "sg-0beef", "userId": "444455556666"},
            {"groupId": "sg-0cafe", "userId": "111122223333"}]},
        "prefixListIds": {"items": [{"prefixListId": "pl-0123"}]},
    }]}});
    let state = after(GROUP, &[ec2("AuthorizeSecurityGroupIngress", request)]);
    let repaired = fixed(ADMIN, &state);
    assert_eq!(
        keys(&repaired),
        [
            "tcp 22 203.0.113.0/24",
            "tcp 22 444455556666/sg-0beef",
            "tcp 22 pl-0123",
            "tcp 22 sg-0cafe",
        ]
    );
    let calls = resource(GROUP).unwrap().calls(&the(GROUP), &state, &repaired).unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].action, "ec2:RevokeSecurityGroupIngress");
    assert_eq!(
        calls[0].parameters,
        json!({"GroupId": the(GROUP).id, "IpPermissions": [{
            "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
        }]})
    );
}

#[test]
fn what_stays_is_authorised_before_anything_is_revoked() {
    let state = open("tcp", 20, 25, &["0.0.0.0/0"]);
    let repaired = fixed(ADMIN, &state);
    assert_eq!(
        actions(GROUP, &state, &repaired),
        ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"]
    );
    let calls = resource(GROUP).unwrap().calls(&the(GROUP), &state, &repaired).unwrap();
    assert_eq!(
        calls[0].parameters["IpPermissions"],
        json!([
            {"IpProtocol": "tcp", "FromPort": 20, "ToPort": 21,
             "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "by hand"}]},
            {"IpProtocol": "tcp", "FromPort": 24, "ToPort": 25,
             "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "by hand"}]},
        ])
    );
}

#[test]
fn all_traffic_becomes_what_is_left_of_it() {
    let state = open("-1", -1, -1, &["0.0.0.0/0"]);
    assert!(convicts(ADMIN, &state) && convicts(DATABASE, &state) && convicts(ALL, &state));
    let repaired = fixed(ADMIN, &state);
    let left = keys(&repaired);
    assert!(left.contains(&"icmp 0.0.0.0/0") && left.contains(&"tcp 0-21 0.0.0.0/0"), "{left:?}");
    assert!(left.contains(&"udp 0-3388 0.0.0.0/0"), "{left:?}");
    assert_eq!(keys(&fixed(ALL, &state)), Vec::<&str>::new());
}

#[test]
fn all_ports_are_all_ports_in_any_number_of_rules() {
    let two_halves = after(
        GROUP,
        &[authorize(vec![
            permission("tcp", 0, 32767, &["0.0.0.0/0"]),
            permission("tcp", 32768, 65535, &["0.0.0.0/0"]),
            permission("tcp", 443, 443, &["0.0.0.0/0"]),
            permission("tcp", 0, 65535, &["10.0.0.0/8"]),
        ])],
    );
    assert!(convicts(ALL, &two_halves));
    assert_eq!(keys(&fixed(ALL, &two_halves)), ["tcp 0-65535 10.0.0.0/8", "tcp 443 0.0.0.0/0"]);
    assert!(convicts(ALL, &open("tcp", 1, 65534, &["0.0.0.0/0"])));
    assert!(convicts(ALL, &open("udp", 0, 65535, &["::/0"])));
    assert!(!convicts(ALL, &open("tcp", 8000, 9000, &["0.0.0.0/0"])));
}

#[test]
fn a_wide_rule_goes_even_if_half_of_the_ports_would_be_closed_without() {
    let state = after(
        GROUP,
        &[authorize(vec![
            permission("tcp", 0, 40_000, &["0.0.0.0/0"]),
            permission("tcp", 40_001, 65_535, &["0.0.0.0/0"]),
        ])],
    );
    assert_eq!(keys(&fixed(ALL, &state)), Vec::<&str>::new());
}

#[test]
fn a_wall_of_narrow_rules_loses_its_widest() {
    let wall: Vec<Value> =
        (0..64).map(|i| permission("tcp", i * 1000, i * 1000 + 600 + i, &["0.0.0.0/0"])).collect();
    let state = after(GROUP, &[authorize(wall)]);
    let (before, repaired) = (keys(&state), fixed(ALL, &state));
    // 64 rules of 601 to 664 ports are 40480 ports; without the widest 12 they are 32578.
    assert_eq!(keys(&repaired).len(), before.len() - 12);
    assert!(!keys(&repaired).contains(&"tcp 63000-63663 0.0.0.0/0"));
}

#[test]
fn a_range_is_taken_away_only_where_it_completes_the_world() {
    let state = after(
        GROUP,
        &[authorize(vec![
            permission("tcp", 0, 40_000, &["18.0.0.0/8", "20.0.0.0/8"]),
            permission("tcp", 50_000, 60_000, &["18.0.0.0/8"]),
        ])],
    );
    assert_eq!(keys(&fixed(ALL, &state)), ["tcp 0-40000 20.0.0.0/8", "tcp 50000-60000 18.0.0.0/8"]);
}

#[test]
fn a_part_that_stays_does_not_take_the_place_of_a_rule_that_was_there() {
    let wide = json!({"ipPermissions": {}, "ipProtocol": "tcp", "fromPort": 0, "toPort": 22,
                      "cidrIp": "0.0.0.0/0"});
    let state = after(
        GROUP,
        &[
            authorize(vec![permission("tcp", 0, 21, &["0.0.0.0/0"])]),
            ec2("AuthorizeSecurityGroupIngress", wide),
        ],
    );
    let repaired = fixed(ADMIN, &state);
    assert_eq!(keys(&repaired), ["tcp 0-21 0.0.0.0/0"]);
    let rule = &repaired["SecurityGroupIngress"]["tcp 0-21 0.0.0.0/0"];
    assert_eq!(rule["Description"], json!("by hand"));
}

#[test]
fn where_everything_is_open_the_rule_goes_as_a_whole() {
    let state = open("-1", -1, -1, &["0.0.0.0/0"]);
    let controls = [ADMIN, DATABASE, ALL].map(ControlId::from);
    let Outcome::Plan(plan) = prepare(&the(GROUP), &controls, &state, |_| None).unwrap() else {
        panic!("three controls convict");
    };
    assert_eq!(keys(&plan.after), Vec::<&str>::new());
    assert_eq!(plan.findings.len(), 3);
}

#[test]
fn revoking_and_deleting_are_followed() {
    let flat = json!({"ipPermissions": {}, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22,
                      "cidrIp": "0.0.0.0/0"});
    let add = ec2("AuthorizeSecurityGroupIngress", flat.clone());
    let revoke = ec2("RevokeSecurityGroupIngress", flat);
    assert_eq!(keys(&after(GROUP, &[add.clone(), revoke])), Vec::<&str>::new());
    let by_id = event(
        "ec2",
        "RevokeSecurityGroupIngress",
        &json!({"groupId": the(GROUP).id, "ipPermissions": {},
                "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-1"}]}}),
        &json!({"_return": true, "revokedSecurityGroupRuleSet": {"items": [
            {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}]}}),
    );
    assert_eq!(keys(&after(GROUP, &[add.clone(), by_id])), Vec::<&str>::new());
    assert_eq!(after(GROUP, &[add, ec2("DeleteSecurityGroup", json!({}))]), Value::Null);
}

#[test]
fn a_new_group_is_named_by_the_response() {
    let created = event(
        "ec2",
        "CreateSecurityGroup",
        &json!({"groupName": "web", "groupDescription": "Web", "vpcId": "vpc-1",
                "tagSpecificationSet": {"items": [{"resourceType": "security-group",
                    "tags": [{"key": "team", "value": "web"}]}]}}),
        &json!({"_return": true, "groupId": the(GROUP).id}),
    );
    assert_eq!(touched(&created), [the(GROUP)]);
    let state = after(GROUP, &[created]);
    assert_eq!((&state["GroupName"], &state["VpcId"]), (&json!("web"), &json!("vpc-1")));
    assert_eq!(resource(GROUP).unwrap().tags(&state).unwrap()["team"], "web");
    assert_eq!(keys(&state), Vec::<&str>::new());
}

#[test]
fn egress_denied_calls_and_other_resources_are_not_its_business() {
    assert_eq!(touched(&ec2("AuthorizeSecurityGroupEgress", json!({}))), []);
    let denied = event_with(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        json!({
            "requestParameters": {"groupId": "sg-1", "cidrIp": "0.0.0.0/0"},
            "errorCode": "Client.UnauthorizedOperation",
        }),
    );
    assert_eq!(touched(&denied), []);
    assert_eq!(resource(GROUP).unwrap().touched(&denied), []);
    let tagged = |id: &str| {
        let request = json!({"resourcesSet": {"items": [{"resourceId": id}]},
                             "tagSet": {"items": [{"key": "a", "value": "b"}]}});
        event("ec2", "CreateTags", &request, &Value::Null)
    };
    assert_eq!(touched(&tagged("i-0123")), []);
    assert_eq!(touched(&tagged(&the(GROUP).id)), [the(GROUP)]);
}

#[test]
fn single_ports_may_be_closed_without_asking_and_everything_may_not() {
    assert_eq!(control(ADMIN).meta().max_autonomy, Decision::Act);
    assert_eq!(control(DATABASE).meta().max_autonomy, Decision::Act);
    assert_eq!(control(ALL).meta().max_autonomy, Decision::AskHuman);
}

#[test]
fn a_state_holds_rules_in_one_form_only() {
    let mut state = open("tcp", 22, 22, &["203.0.113.0/24"]);
    state["SecurityGroupIngress"]["tcp 22 203.0.113.0/24"]["IpProtocol"] = json!("6");
    let e = control(ADMIN).check(&state, &aisaws_controls::Cause::Posture).unwrap_err();
    assert!(aisaws_core::fault::chain(&e).contains("form EC2 gives back"), "{e}");
}
