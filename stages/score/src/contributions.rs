//! Which facts of a detection count, and why.

use aisaws_core::event::ActorKind;
use aisaws_core::handoff::{Contribution, Origin, Signals};
use aisaws_core::risk::Severity;

use crate::weights::Weights;

/// Every fact that counts, in a fixed order. Reasons are in our words; text from the event
/// stands in backticks.
pub fn contributions(
    weights: &Weights,
    severity: Severity,
    signals: &Signals,
) -> Vec<Contribution> {
    let facts = &weights.facts;
    let mut list = vec![contribution(
        "severity",
        weights.severity.of(severity),
        format!("the gravest rule that fired is {}", severity_word(severity)),
    )];
    if signals.actor == ActorKind::Root {
        list.push(contribution("root", facts.root, "the root user did it".to_owned()));
    }
    let is_user = matches!(signals.actor, ActorKind::Root | ActorKind::IamUser);
    if is_user && signals.mfa == Some(false) {
        let reason = "the session was opened without MFA".to_owned();
        list.push(contribution("without_mfa", facts.without_mfa, reason));
    }
    if signals.is_unknown_network == Some(true) {
        let reason =
            format!("the call came from outside the known networks{}", whence(&signals.origin));
        list.push(contribution("unknown_network", facts.unknown_network, reason));
    }
    if let Some(held_by) = &signals.origin.listed_in {
        let reason =
            format!("the source address is on the list `{held_by}`{}", whence(&signals.origin));
        list.push(contribution("listed_address", facts.listed_address, reason));
    }
    if signals.origin.is_unexpected_country {
        let reason = format!("calls are not expected from there{}", whence(&signals.origin));
        list.push(contribution("unexpected_country", facts.unexpected_country, reason));
    }
    if signals.origin.is_unused_region {
        let reason = "the call was made in a region that is not in use".to_owned();
        list.push(contribution("unused_region", facts.unused_region, reason));
    }
    if signals.origin.is_new_principal {
        let reason = "it is the first call of this principal that is known here".to_owned();
        list.push(contribution("first_call", facts.first_call, reason));
    }
    if signals.origin.is_new_region {
        let reason = "nothing was known to happen in this region of the account before".to_owned();
        list.push(contribution("first_in_region", facts.first_in_region, reason));
    }
    if let Some(tag) = sensitive_tag(weights, signals) {
        let reason = format!("the resource is tagged `{tag}`");
        list.push(contribution("sensitive_tag", facts.sensitive_tag, reason));
    }
    if signals.other_rules_by_actor >= weights.thresholds.chain_rules {
        let reason = format!(
            "the same principal hit {} other rules in the hour before",
            signals.other_rules_by_actor
        );
        list.push(contribution("chain", facts.chain, reason));
    }
    if let Some(code) = &signals.error_code {
        let reason = format!("the call was refused (`{code}`), so nothing changed");
        list.push(contribution("refused_call", facts.refused_call, reason));
    }
    if let Some(service) = &signals.invoked_by {
        let reason = format!("`{service}` made the call for someone");
        list.push(contribution("made_by_service", facts.made_by_service, reason));
    }
    list
}

/// Country and network of a source address, as far as they are known.
fn whence(origin: &Origin) -> String {
    let country = origin.country.as_ref().map(|country| format!("`{country}`"));
    let asn = origin.asn.map(|asn| match &origin.organisation {
        Some(organisation) => format!("AS{asn} `{organisation}`"),
        None => format!("AS{asn}"),
    });
    let known: Vec<String> = country.into_iter().chain(asn).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}

fn contribution(name: &str, weight: f64, reason: String) -> Contribution {
    Contribution { name: name.to_owned(), weight, reason }
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "informational",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

fn sensitive_tag(weights: &Weights, signals: &Signals) -> Option<String> {
    weights.tags.sensitive.iter().find_map(|wanted| {
        let (key, value) = match wanted.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (wanted.as_str(), None),
        };
        signals.tags.iter().flatten().find_map(|(k, v)| {
            let fits = k.eq_ignore_ascii_case(key)
                && value.is_none_or(|value| v.eq_ignore_ascii_case(value));
            fits.then(|| format!("{k}={v}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aisaws_core::risk::Risk;

    use super::*;
    use crate::DEFAULT;

    fn signals() -> Signals {
        Signals {
            actor: ActorKind::AssumedRole,
            mfa: Some(false),
            error_code: None,
            is_unknown_network: None,
            invoked_by: None,
            other_rules_by_actor: 0,
            tags: Some(BTreeMap::new()),
            is_trial: false,
            is_sample: false,
            origin: Box::default(),
        }
    }

    fn risk(severity: Severity, signals: &Signals) -> f64 {
        let weights = Weights::parse(DEFAULT).unwrap();
        Risk::clamped(contributions(&weights, severity, signals).iter().map(|c| c.weight).sum())
            .value()
    }

    #[test]
    fn a_lone_grave_finding_of_an_ordinary_principal_lies_in_the_middle_band() {
        for severity in [Severity::Medium, Severity::High] {
            let risk = risk(severity, &signals());
            assert!((0.4..0.7).contains(&risk), "{severity:?} {risk}");
        }
    }

    #[test]
    fn each_aggravating_fact_lifts_a_grave_finding_to_a_human() {
        let cases = [
            ("root", Signals { actor: ActorKind::Root, mfa: None, ..signals() }),
            ("unknown network", Signals { is_unknown_network: Some(true), ..signals() }),
            (
                "sensitive tag",
                Signals {
                    tags: Some(BTreeMap::from([("PII".into(), "True".into())])),
                    ..signals()
                },
            ),
            ("chain", Signals { other_rules_by_actor: 3, ..signals() }),
            (
                "listed address",
                Signals {
                    origin: Box::new(Origin {
                        listed_in: Some("bad.txt".into()),
                        ..Origin::default()
                    }),
                    ..signals()
                },
            ),
            (
                "unexpected country",
                Signals {
                    origin: Box::new(Origin { is_unexpected_country: true, ..Origin::default() }),
                    ..signals()
                },
            ),
        ];
        for (name, signals) in cases {
            assert!(risk(Severity::High, &signals) >= 0.7, "{name}");
        }
    }

    #[test]
    fn a_newcomer_alone_is_left_to_the_policy_and_in_a_new_region_to_a_human() {
        let of = |is_new_principal, is_new_region| {
            let origin = Origin { is_new_principal, is_new_region, ..Origin::default() };
            risk(Severity::High, &Signals { origin: Box::new(origin), ..signals() })
        };
        for one in [of(true, false), of(false, true)] {
            assert!(one > of(false, false) && one < 0.7, "{one}");
        }
        assert!(of(true, true) >= 0.7);
    }

    #[test]
    fn a_role_session_without_mfa_is_ordinary_and_a_users_is_not() {
        let user = Signals { actor: ActorKind::IamUser, ..signals() };
        assert!(risk(Severity::High, &user) > risk(Severity::High, &signals()));
    }

    #[test]
    fn a_refused_call_still_scores_but_below_acting() {
        let refused = Signals { error_code: Some("AccessDenied".into()), ..signals() };
        let risk = risk(Severity::High, &refused);
        assert!(risk > 0.0 && risk < 0.4, "{risk}");
    }
}
