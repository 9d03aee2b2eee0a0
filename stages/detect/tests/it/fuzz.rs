//! Broken input is answered, not fallen over.

use std::sync::LazyLock;

use aisaws_core::source::cloudtrail;
use aisaws_detect::builtin::RULES;
use aisaws_detect::sigma::{Extra, Head, RuleSet, parse};
use aisaws_detect::{Detect, lint};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Any JSON of the words that rules look for.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("0.0.0.0/0".to_owned()),
        Just("AKIAIOSFODNN7EXAMPLE".to_owned()),
        Just("*".to_owned()),
        Just("public-read".to_owned()),
        Just("Allow".to_owned()),
        Just("x-kali1".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..500).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("bucketName"),
        Just("bucketPolicy"),
        Just("Statement"),
        Just("Principal"),
        Just("Effect"),
        Just("x-amz-acl"),
        Just("ipPermissions"),
        Just("items"),
        Just("cidrIp"),
        Just("fromPort"),
        Just("ipRanges"),
        Just("name"),
        Just("userName"),
        Just("accessKeyId"),
        Just("accessKey"),
        Just("VersioningConfiguration"),
        Just("Status"),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|m| m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    })
}

static OWN_RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let documents = RULES.iter().flat_map(|f| parse(f.path, f.rule)).map(Result::unwrap);
    RuleSet::new(documents).0
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_event_of_any_shape_hits_the_same_rules_on_every_way(
        name in prop::sample::select(vec![
            "PutBucketPolicy", "PutBucketAcl", "AuthorizeSecurityGroupIngress", "StopLogging",
            "CreateAccessKey", "PutBucketVersioning", "ListBuckets", "stoplogging",
        ]),
        source in prop::sample::select(vec!["s3", "ec2", "iam", "cloudtrail"]),
        request in any_json(),
        response in any_json(),
        identity in any_json(),
        agent in any_json(),
    ) {
        let rules = &*OWN_RULES;
        let event = json!({
            "eventTime": "2026-03-01T10:00:00Z", "eventName": name,
            "eventSource": format!("{source}.amazonaws.com"), "userAgent": agent,
            "requestParameters": request, "responseElements": response, "userIdentity": identity,
        }).to_string();
        let network = json!({"source_network": "unknown"});
        let members = || network.as_object().unwrap().clone();
        for extra in [Extra::NONE, Extra::new(&members)] {
            let ids = |found: Vec<&aisaws_detect::sigma::Rule>| -> Vec<String> {
                found.iter().map(|r| r.meta.key().to_owned()).collect()
            };
            let asked = ids(rules.matching_unindexed(&event, &extra).unwrap());
            prop_assert_eq!(&ids(rules.matching(&event, &extra).unwrap()), &asked);
            let typed = cloudtrail::parse(&event).unwrap();
            let named = rules.matching_named(&typed.name, &typed.service, &event, &extra).unwrap();
            prop_assert_eq!(&ids(named), &asked);
            let (sifted, head) = (rules.sift(&event, true), Head::read(&event).unwrap());
            let sifted = rules.matching_sifted(&sifted, &head, &extra);
            prop_assert_eq!(&ids(sifted), &asked);
        }
    }

    #[test]
    fn a_rule_file_that_was_cut_and_pasted_at_random_is_read_or_refused(
        file in 0..RULES.len(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), paste in ".{0,12}",
    ) {
        let text: Vec<char> = RULES[file].rule.chars().collect();
        let mut broken: String = text[..from.index(text.len())].iter().collect();
        broken.push_str(&paste);
        broken.extend(&text[to.index(text.len())..]);
        let (detect, errors) = Detect::new([("broken.yml", broken.as_str())], Vec::new());
        for error in &errors {
            prop_assert!(error.to_string().starts_with("broken.yml"));
        }
        let remarks = lint::lint("broken.yml", &broken);
        prop_assert!(!errors.is_empty() <= !remarks.is_empty());
        let event = cloudtrail::parse(
            r#"{"eventName":"StopLogging","eventSource":"x","eventTime":"2026-03-01T10:00:00Z"}"#,
        ).unwrap();
        prop_assert!(detect.examine(&event).is_ok());
    }
}
