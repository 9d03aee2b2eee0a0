//! A record of CloudTrail at a glance: what was called and where, from a top level that was
//! read already.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;
use serde_json::Value;

use super::cloudtrail::Identity;
use super::fields::timestamp;
use super::lake;
use crate::arn::Arn;
use crate::id::AccountId;

/// What was called, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance<'a> {
    /// `eventSource`.
    pub service: &'a str,
    /// `eventName`.
    pub name: &'a str,
    /// The account it happened in.
    pub account: Cow<'a, str>,
    /// The region it happened in.
    pub region: &'a str,
}

/// A member of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a, 'n> {
    /// Its name.
    pub name: &'n str,
    /// Its value, as JSON text.
    pub raw: &'a str,
    /// Whether the value is a text without escapes.
    pub is_plain: bool,
}

/// Members that are texts.
#[derive(Default)]
struct Texts<'a> {
    time: Option<&'a str>,
    name: Option<&'a str>,
    service: Option<&'a str>,
    region: Option<&'a str>,
    account: Option<&'a str>,
}

/// What [`super::cloudtrail::parse`] would say of the record with these members at its top level.
/// `None` where that takes reading more closely: it may be no record, one with escapes in its
/// texts, or one in another spelling.
pub fn glance<'a, 'n>(members: impl Iterator<Item = Member<'a, 'n>>) -> Option<Glance<'a>> {
    let mut texts = Texts::default();
    let mut identity = None;
    let mut seen = 0_u32;
    for member in members {
        let bit = match member.name {
            "eventTime" => set(&mut texts.time, member, 0)?,
            "eventName" => set(&mut texts.name, member, 1)?,
            "eventSource" => set(&mut texts.service, member, 2)?,
            "awsRegion" => set(&mut texts.region, member, 3)?,
            "recipientAccountId" => set(&mut texts.account, member, 4)?,
            // They only have to be texts.
            "eventID" => set(&mut None, member, 5)?,
            "sourceIPAddress" => set(&mut None, member, 6)?,
            "sharedEventID" => set(&mut None, member, 7)?,
            "errorCode" => set(&mut None, member, 8)?,
            "@timestamp" => set(&mut None, member, 9)?,
            "userIdentity" => {
                identity = Some(member.raw);
                structure(member.raw, 10)?
            }
            "requestParameters" => structure(member.raw, 11)?,
            "responseElements" => structure(member.raw, 12)?,
            "addendum" => 13,
            "insightDetails" => 14,
            _ => continue,
        };
        // Of a repeated member, which one counts is for others to say.
        if seen & (1 << bit) != 0 {
            return None;
        }
        seen |= 1 << bit;
    }
    let given = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
    let time = given(texts.time)?;
    if !(is_usual_time(time.as_bytes()) || timestamp(time).is_some()) {
        return None;
    }
    let account = given(texts.account).map(Cow::Borrowed).or_else(|| {
        let identity: Identity<'_> = serde_json::from_str(identity?).ok()?;
        identity.account.filter(|account| !account.is_empty())
    });
    Some(Glance {
        service: given(texts.service)?,
        name: given(texts.name)?,
        account: account.unwrap_or(Cow::Borrowed("unknown")),
        region: given(texts.region).unwrap_or("unknown"),
    })
}

/// Takes a member that must be a text without escapes, or `null`; gives back its number.
fn set<'a>(text: &mut Option<&'a str>, member: Member<'a, '_>, number: u32) -> Option<u32> {
    if member.is_plain {
        *text = Some(member.raw.strip_prefix('"')?.strip_suffix('"')?);
    } else if member.raw != "null" {
        return None;
    }
    Some(number)
}

/// Gives back the number of a member that is no structure written as a text.
fn structure(value: &str, number: u32) -> Option<u32> {
    (!lake::is_row(&[Some(value)])).then_some(number)
}

/// Whether it is a time as CloudTrail writes it, `2026-03-01T10:00:00Z`. The days of February
/// that not every year has are left to the parser.
fn is_usual_time(text: &[u8]) -> bool {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        i0,
        i1,
        b':',
        s0,
        s1,
        b'Z',
    ] = text
    else {
        return false;
    };
    let number = |tens: &u8, ones: &u8| {
        let both = tens.is_ascii_digit() && ones.is_ascii_digit();
        both.then(|| (tens - b'0') * 10 + (ones - b'0'))
    };
    let is_in = |tens, ones, from, to| number(tens, ones).is_some_and(|n| (from..=to).contains(&n));
    [y0, y1, y2, y3].into_iter().all(u8::is_ascii_digit)
        && number(m0, m1).is_some_and(|month| is_in(d0, d1, 1, usual_days(month)))
        && is_in(h0, h1, 0, 23)
        && is_in(i0, i1, 0, 59)
        && is_in(s0, s1, 0, 59)
}

/// The days that a month has every year; none where there is no such month.
fn usual_days(month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28,
        _ => 0,
    }
}

const MEMBER: &str = "\"accountId\"";
/// `arn:partition:service:region:account:…`
const ARN: &str = "\"arn:";
/// To make a search costs more than most searches.
static MEMBERS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(MEMBER));
static ARNS: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(ARN));

/// Whether a record's `resources`, a JSON text, name no other account than this one. Then
/// [`owner`] can name no other either.
pub fn name_only(resources: &str, account: &str) -> bool {
    let text = resources.as_bytes();
    if memchr::memchr(b'\\', text).is_some() {
        return false;
    }
    let after = |name: &str, at: usize| text.get(at + name.len()..).unwrap_or_default();
    let is_this = |at| {
        let value = after(MEMBER, at).strip_prefix(b":\"");
        let rest = value.and_then(|value| value.strip_prefix(account.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&b'"'))
    };
    let is_in_this = |at| {
        let owner = after(ARN, at).split(|byte| *byte == b':').nth(3);
        owner.is_none_or(|owner| owner.is_empty() || owner == account.as_bytes())
    };
    MEMBERS.find_iter(text).all(is_this) && ARNS.find_iter(text).all(is_in_this)
}

/// The account that a record's `resources`, a JSON text, name for the resource of that name.
pub fn owner(resources: &str, name: &str) -> Option<AccountId> {
    #[derive(serde::Deserialize)]
    struct Entry<'a> {
        #[serde(borrow, rename = "ARN", alias = "arn")]
        arn: Option<Cow<'a, str>>,
        #[serde(borrow, rename = "accountId")]
        account: Option<Cow<'a, str>>,
    }
    // Most lists name other resources.
    let may_have = resources.contains(name) || resources.as_bytes().contains(&b'\\');
    if !may_have {
        return None;
    }
    if let Ok(entries) = serde_json::from_str::<Vec<Entry<'_>>>(resources) {
        return entries
            .iter()
            .find_map(|e| owner_in(e.arn.as_deref()?, e.account.as_deref(), name));
    }
    // One of another shape does not hide the others.
    let entries: Vec<Value> = serde_json::from_str(resources).ok()?;
    entries.iter().find_map(|entry| {
        let arn = entry.get("ARN").or_else(|| entry.get("arn"))?.as_str()?;
        owner_in(arn, entry.get("accountId").and_then(Value::as_str), name)
    })
}

/// The account of one entry, if it is the one of that name.
fn owner_in(arn: &str, account: Option<&str>, name: &str) -> Option<AccountId> {
    let arn = Arn::parse(arn)?;
    let last = arn.resource.rsplit('/').next();
    if arn.resource != name && last != Some(name) {
        return None;
    }
    let account = account.unwrap_or(arn.account);
    (!account.is_empty()).then(|| AccountId::new(account))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    use super::*;
    use crate::source::cloudtrail::parse;

    fn glanced(record: &str) -> Option<[String; 4]> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(record).unwrap();
        let glance = glance(members.iter().map(|(name, value)| {
            let raw = value.get();
            Member { name, raw, is_plain: raw.starts_with('"') && !raw.contains('\\') }
        }))?;
        Some([glance.service, glance.name, &glance.account, glance.region].map(str::to_owned))
    }

    #[test]
    fn it_says_what_a_close_reading_says_or_nothing() {
        let begun = r#"{"eventName":"A","eventSource":"b""#;
        let time = r#","eventTime":"2026-03-01T10:00:00Z""#;
        for (rest, is_told) in [
            (format!("{time}}}"), true),
            (format!(r#"{time},"awsRegion":"eu-west-1","recipientAccountId":"1"}}"#), true),
            (format!(r#"{time},"awsRegion":null,"errorCode":"X"}}"#), true),
            (format!(r#"{time},"userIdentity":{{"accountId":"2"}}}}"#), true),
            (format!(r#"{time},"userIdentity":"odd","recipientAccountId":""}}"#), true),
            (r#","eventTime":"2026-02-29T10:00:00Z"}"#.to_owned(), false),
            (r#","eventTime":"2028-02-29 10:00:00"}"#.to_owned(), true),
            (r#","eventTime":"2026-02-28T23:59:59Z"}"#.to_owned(), true),
            (r#","eventTime":"2028-02-29T10:00:00Z"}"#.to_owned(), true),
            (r#","eventTime":"2026-04-30T10:00:00Z"}"#.to_owned(), true),
            (r#","eventTime":"2026-04-31T10:00:00Z"}"#.to_owned(), false),
            (r#","eventTime":"2026-12-31T10:00:00Z"}"#.to_owned(), true),
            (r#","eventTime":"2026-13-01T10:00:00Z"}"#.to_owned(), false),
            (r#","eventTime":"2026-03-01T24:00:00Z"}"#.to_owned(), false),
            ("}".to_owned(), false),
            (format!(r#"{time},"errorCode":7}}"#), false),
            (format!(r#"{time},"awsRegion":"eu\u002dwest-1"}}"#), false),
            (format!(r#"{time},"userIdentity":"{{\"accountId\":\"2\"}}"}}"#), false),
        ] {
            let record = format!("{begun}{rest}");
            let told = glanced(&record);
            assert_eq!(told.is_some(), is_told, "{record}");
            if let Some(told) = told {
                let event = parse(&record).unwrap();
                let here = [event.account.to_string(), event.region.to_string()];
                let closely = [[event.service, event.name], here].concat();
                assert_eq!(told.to_vec(), closely, "{record}");
            }
        }
    }

    #[test]
    fn a_list_of_one_account_names_no_other() {
        let here = "111122223333";
        let rows = [
            (
                r#"[{"ARN":"arn:aws:s3:::b/k"},{"accountId":"111122223333","ARN":"arn:aws:s3:::b"}]"#,
                true,
            ),
            (r#"[{"accountId":"444455556666","ARN":"arn:aws:s3:::b"}]"#, false),
            (r#"[{"ARN":"arn:aws:kms:eu-west-1:111122223333:key/k"}]"#, true),
            (r#"[{"ARN":"arn:aws:kms:eu-west-1:444455556666:key/k"}]"#, false),
            (r#"[{"accountId": "111122223333"}]"#, false),
            (r#"[{"accountId":"1111\u0032"}]"#, false),
            ("null", true),
        ];
        for (resources, expected) in rows {
            assert_eq!(name_only(resources, here), expected, "{resources}");
        }
    }

    #[test]
    fn a_resource_is_of_the_account_that_its_record_names() {
        let arn = r#"{"ARN":"arn:aws:s3:::b","accountId":"111122223333"}"#;
        let rows = [
            (format!("[{arn}]"), "b", Some("111122223333")),
            (format!("[7,{arn}]"), "b", Some("111122223333")),
            (format!("[{arn}]"), "c", None),
            (
                r#"[{"arn":"arn:aws:iam::444455556666:role/r"}]"#.to_owned(),
                "r",
                Some("444455556666"),
            ),
            (r#"[{"ARN":"arn:aws:s3:::b"}]"#.to_owned(), "b", None),
            (r#"{"ARN":"arn:aws:s3:::b"}"#.to_owned(), "b", None),
        ];
        for (resources, name, expected) in rows {
            let found = owner(&resources, name);
            assert_eq!(found.as_ref().map(AccountId::as_str), expected, "{resources}");
        }
    }
}
