//! Conditions on the fields of a CloudTrail record that a rule cannot match without, as far as a
//! comparison that knows neither Sigma's case nor its texts can tell.
//!
//! Only fields that are documented to be one text or truth are looked at: a text inside an object
//! is found by Sigma and by no other.
//! Source: `CloudTrail` user guide, "`CloudTrail` record contents", "userIdentity element".

use std::collections::{BTreeMap, BTreeSet};

use super::matcher::{FieldTest, Link, Node, Test};
use super::pattern::{Case, Pattern, Shape};
use super::prefilter::regex_literals;

/// A comparison of one text or truth.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compared {
    /// It is there.
    Exists,
    /// It holds a text that fits, `*` standing for anything, in this case of letters.
    Wildcard(String),
    /// It ends so.
    Suffix(String, Letters),
    /// It begins so.
    Prefix(String, Letters),
    /// It is this truth, also as a text in any case.
    Truth(bool),
    /// It is this text.
    Equals(String, Letters),
}

/// Whether the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Letters {
    /// It does.
    AsWritten,
    /// Only letters of ASCII differ, and are given small.
    AnyCase,
}

/// Fields, all of which compare well in one of the ways given.
pub type Narrow = BTreeMap<String, BTreeSet<Compared>>;

/// Who writes a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// AWS: letters of ASCII.
    Aws,
    /// The caller, perhaps with letters that fold into those of ASCII.
    Caller,
}

/// Fields of one text or truth; those that (nearly) every record has; who writes them.
const FIELDS: [(&str, bool, Writer); 34] = [
    ("apiVersion", false, Writer::Aws),
    ("awsRegion", true, Writer::Aws),
    ("errorCode", false, Writer::Aws),
    ("errorMessage", false, Writer::Caller),
    ("eventCategory", true, Writer::Aws),
    ("eventID", true, Writer::Aws),
    ("eventName", true, Writer::Aws),
    ("eventSource", true, Writer::Aws),
    ("eventTime", true, Writer::Aws),
    ("eventType", true, Writer::Aws),
    ("eventVersion", true, Writer::Aws),
    ("managementEvent", true, Writer::Aws),
    ("readOnly", true, Writer::Aws),
    ("recipientAccountId", true, Writer::Aws),
    ("requestID", true, Writer::Aws),
    ("sessionCredentialFromConsole", false, Writer::Aws),
    ("sharedEventID", false, Writer::Aws),
    ("sourceIPAddress", true, Writer::Aws),
    ("userAgent", true, Writer::Caller),
    ("vpcEndpointAccountId", false, Writer::Aws),
    ("vpcEndpointId", false, Writer::Aws),
    ("userIdentity.accessKeyId", true, Writer::Aws),
    ("userIdentity.accountId", true, Writer::Aws),
    ("userIdentity.arn", true, Writer::Caller),
    ("userIdentity.credentialId", false, Writer::Aws),
    ("userIdentity.identityProvider", false, Writer::Aws),
    ("userIdentity.invokedBy", false, Writer::Aws),
    ("userIdentity.principalId", true, Writer::Caller),
    ("userIdentity.sessionContext.attributes.mfaAuthenticated", true, Writer::Aws),
    ("userIdentity.sessionContext.sessionIssuer.arn", true, Writer::Caller),
    ("userIdentity.sessionContext.sessionIssuer.type", true, Writer::Aws),
    ("userIdentity.sessionContext.sessionIssuer.userName", true, Writer::Caller),
    ("userIdentity.type", true, Writer::Aws),
    ("userIdentity.userName", false, Writer::Caller),
];

/// Of these one holds for every record that the rule matches; `None`: nothing is known that few
/// records fulfil.
pub(super) fn narrow(node: &Node) -> Option<Vec<Narrow>> {
    match node {
        Node::All(nodes) => {
            let (mut together, mut ways) = (Narrow::new(), Vec::new());
            for mut found in nodes.iter().filter_map(narrow) {
                if found.len() == 1 {
                    for (field, compared) in found.pop().into_iter().flatten() {
                        // Both hold: the narrower one is kept.
                        let known = together.get(&field).and_then(BTreeSet::first);
                        if known < compared.first() {
                            together.insert(field, compared);
                        }
                    }
                } else {
                    ways.push(found);
                }
            }
            if !together.is_empty() {
                ways.push(vec![together]);
            }
            ways.into_iter().max_by_key(|way| worth(way))
        }
        Node::Any(nodes) => {
            let mut all = Vec::new();
            for node in nodes {
                all.extend(narrow(node)?);
            }
            (!all.is_empty()).then_some(all)
        }
        Node::Not(_) | Node::Keywords(..) => None,
        Node::Field(field) => of_field(field),
    }
}

/// The widest of its comparisons; they are in order of how much they let through.
fn worth(ways: &[Narrow]) -> Option<Compared> {
    let of_one = |narrow: &Narrow| narrow.values().filter_map(|c| c.first().cloned()).max();
    ways.iter().map(of_one).min().flatten()
}

fn of_field(field: &FieldTest) -> Option<Vec<Narrow>> {
    let name = field.path.as_str();
    let (_, is_always_there, writer) = *FIELDS.iter().find(|(known, ..)| *known == name)?;
    let compared = field.tests.iter().map(|test| of_test(test, writer));
    let compared: BTreeSet<Compared> = match field.link {
        Link::Any => compared.collect::<Option<_>>()?,
        Link::All => compared.flatten().max().into_iter().collect(),
    };
    let tells = !(compared.is_empty() || (is_always_there && compared.contains(&Compared::Exists)));
    tells.then(|| vec![Narrow::from([(name.to_owned(), compared)])])
}

fn of_test(test: &Test, writer: Writer) -> Option<Compared> {
    match test {
        Test::Null | Test::Exists(false) => None,
        Test::Bool(truth) => Some(Compared::Truth(*truth)),
        Test::Text(pattern) => of_pattern(pattern, writer),
        Test::Exists(true)
        | Test::Number(_)
        | Test::Compare(..)
        | Test::Cidr(_)
        | Test::FieldRef(..)
        | Test::Time(..) => Some(Compared::Exists),
    }
}

fn of_pattern(pattern: &Pattern, writer: Writer) -> Option<Compared> {
    let letters = match pattern.case {
        Case::Counts => Letters::AsWritten,
        Case::Ignored => Letters::AnyCase,
    };
    // Letters outside of ASCII that are written small as `k` or begin with `i`.
    let may_be_spelled = |text: &str| {
        writer == Writer::Aws || letters == Letters::AsWritten || !text.contains(['k', 'i'])
    };
    let is_like_truth = |test: &dyn Fn(&str) -> bool| test("true") || test("false");
    Some(match &pattern.shape {
        Shape::Exact(text) if letters == Letters::AnyCase && text == "true" => {
            Compared::Truth(true)
        }
        Shape::Exact(text) if letters == Letters::AnyCase && text == "false" => {
            Compared::Truth(false)
        }
        Shape::Exact(text) if is_word(text) && may_be_spelled(text) => {
            Compared::Equals(text.clone(), letters)
        }
        Shape::Prefix(text)
            if is_word(text)
                && may_be_spelled(text)
                && !is_like_truth(&|truth| truth.starts_with(text.as_str())) =>
        {
            Compared::Prefix(text.clone(), letters)
        }
        Shape::Suffix(text)
            if text.chars().all(is_plain)
                && text.chars().any(|c| c.is_ascii_alphabetic() && !"eE".contains(c))
                && may_be_spelled(text)
                && !is_like_truth(&|truth| truth.ends_with(text.as_str())) =>
        {
            Compared::Suffix(text.clone(), letters)
        }
        Shape::Contains(finder) if letters == Letters::AsWritten => {
            let text = std::str::from_utf8(finder.needle()).unwrap_or_default();
            within(text).unwrap_or(Compared::Exists)
        }
        Shape::Regex(regex) if letters == Letters::AsWritten => {
            in_order(&regex_literals(regex.as_str())).unwrap_or(Compared::Exists)
        }
        // An object has a text of its own, by which Sigma would find it.
        Shape::Exact(text) | Shape::Prefix(text) if text.starts_with('{') => return None,
        Shape::Suffix(text) if text.ends_with('}') => return None,
        Shape::Anything
        | Shape::Exact(_)
        | Shape::Prefix(_)
        | Shape::Suffix(_)
        | Shape::Contains(_)
        | Shape::Glob(_)
        | Shape::Regex(_) => Compared::Exists,
    })
}

/// That a text holds the longest plain part of a literal, if no number or truth can hold it.
fn within(literal: &str) -> Option<Compared> {
    let parts = literal.split(|c| !is_plain(c)).filter(|part| {
        let has_letter = part.chars().any(|c| c.is_ascii_alphabetic() && !"eE".contains(c));
        has_letter && !["true", "false"].iter().any(|truth| truth.contains(part))
    });
    parts.max_by_key(|part| part.len()).map(|part| Compared::Wildcard(format!("*{part}*")))
}

/// Parts of a wildcard; EventBridge refuses patterns that it finds too complex.
const PARTS: usize = 3;

/// That a text holds the longest plain parts of these literals, one behind the other.
fn in_order(literals: &[String]) -> Option<Compared> {
    let parts = literals.iter().flat_map(|literal| literal.split(|c| !is_plain(c)));
    let mut parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    while parts.len() > PARTS {
        let shortest = (0..parts.len()).min_by_key(|i| parts.get(*i).map(|part| part.len()));
        parts.remove(shortest.unwrap_or_default());
    }
    // One part at least is in no number or truth; then what holds them all is neither.
    parts
        .iter()
        .any(|part| within(part).is_some())
        .then(|| Compared::Wildcard(format!("*{}*", parts.join("*"))))
}

/// Whether no number, truth or object has this text.
pub(crate) fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_plain)
        && !["true", "false", "null"].iter().any(|word| text.eq_ignore_ascii_case(word))
        // A number may be written `1e5`, and so hold it.
        && (text.len() > 1 || !text.eq_ignore_ascii_case("e"))
}

/// A character that means nothing to a pattern.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._:/-".contains(c)
}
