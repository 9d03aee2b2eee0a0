//! What is known of where a call came from, told to people as a reason.

use std::path::Path;

use serde_json::{Value, json};

use crate::program::{aisaws, json as report_of, run, text};

/// A value as the MaxMind DB format 2.0 has it: three bits of type, five of size, content. Sizes
/// from 29 on are 29, and the rest in a byte of its own.
fn field(kind: u8, content: &[u8]) -> Vec<u8> {
    let size = u8::try_from(content.len()).unwrap();
    let head = if size < 29 { vec![kind << 5 | size] } else { vec![kind << 5 | 0x1d, size - 29] };
    [&head[..], content].concat()
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let size = vec![7 << 5 | u8::try_from(entries.len()).unwrap()];
    let entries = entries.iter().map(|(key, value)| [field(2, key.as_bytes()), value.clone()]);
    entries.fold(size, |all, [key, value]| [all, key, value].concat())
}

/// A database of one network of IPv4, as such a file is: a chain of nodes, one for each bit of
/// its prefix, sixteen bytes of nothing, the record, and what the file says of itself.
fn database(net: [u8; 4], prefix: u32, record: &[u8]) -> Vec<u8> {
    let bits = u32::from_be_bytes(net);
    let nodes = (0..prefix).flat_map(|node| {
        let next = if node + 1 < prefix { node + 1 } else { prefix + 16 };
        let pair = if bits >> (31 - node) & 1 == 0 { [next, prefix] } else { [prefix, next] };
        pair.into_iter().flat_map(|place| place.to_be_bytes().into_iter().skip(1))
    });
    let number = |n: u16| field(5, &n.to_be_bytes());
    let of_itself = map(&[
        ("node_count", field(6, &prefix.to_be_bytes())),
        ("record_size", number(24)),
        ("ip_version", number(4)),
        ("database_type", field(2, b"Test")),
        ("languages", vec![0, 4]),
        ("binary_format_major_version", number(2)),
        ("binary_format_minor_version", number(0)),
        ("build_epoch", vec![1, 2, 1]),
        ("description", map(&[])),
    ]);
    nodes
        .chain([0; 16])
        .chain(record.to_vec())
        .chain(*b"\xab\xcd\xefMaxMind.com")
        .chain(of_itself)
        .collect()
}

fn call(id: u32, name: &str, day: &str, user: &str, region: &str, parameters: &Value) -> Value {
    json!({
        "eventVersion": "1.09", "eventID": format!("00000000-0000-4000-8000-{id:012}"),
        "eventTime": format!("2026-{day}T10:00:00Z"), "eventName": name,
        "eventSource": "s3.amazonaws.com", "awsRegion": region,
        "recipientAccountId": "111122223333", "sourceIPAddress": "198.51.100.7",
        "userIdentity": {
            "type": "IAMUser", "userName": user, "accountId": "111122223333",
            "arn": format!("arn:aws:iam::111122223333:user/{user}"),
        },
        "requestParameters": parameters,
    })
}

/// The reasons of the only incident in the report.
fn reasons(store: &Path, settings: &Path, events: &Path) -> (String, Vec<String>) {
    let report = report_of(aisaws(store).arg("--config").arg(settings).arg("respond").arg(events));
    let [incident] = &report["incidents"].as_array().unwrap()[..] else { panic!("{report:#}") };
    let reasons = incident["reasons"].as_array().unwrap().iter();
    let reasons = reasons.map(|reason| reason.as_str().unwrap().to_owned()).collect();
    (incident["id"].as_str().unwrap().to_owned(), reasons)
}

#[test]
fn an_incident_says_whence_the_call_came_and_what_was_new_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let record = map(&[
        ("country_code", field(2, b"DE")),
        ("autonomous_system_number", field(6, &64500_u32.to_be_bytes())),
        ("autonomous_system_organization", field(2, b"Example")),
    ]);
    let database = write("origin.mmdb", &database([198, 51, 100, 0], 24, &record));
    let list = write("bad.txt", b"198.51.100.7\n");
    let settings = format!(
        "[network]\ndatabases = [\"{}\"]\nbad = [\"{}\"]\ncountries = [\"FR\"]\nregions = [\"us-east-1\"]\n",
        database.display(),
        list.display()
    );
    let settings = write("aisaws.toml", settings.as_bytes());
    // The account is known for a month, and bob in it; ann calls for the first time.
    let bucket = json!({ "bucketName": "acme-web" });
    let opened = json!({ "bucketName": "acme-web", "x-amz-acl": "public-read" });
    let before = call(1, "CreateBucket", "02-01", "bob", "us-east-1", &bucket);
    let events = |user: &str, region: &str| {
        let acl = call(2, "PutBucketAcl", "03-01", user, region, &opened);
        write(&format!("{user}.ndjson"), format!("{before}\n{acl}").as_bytes())
    };
    let store = folder.path().join("ann.sqlite");
    let (incident, told) = reasons(&store, &settings, &events("ann", "eu-west-1"));
    let whence = "(`DE`, AS64500 `Example`)";
    let expected = [
        format!("the source address is on the list `bad.txt` {whence}"),
        format!("calls are not expected from there {whence}"),
        "the call was made in a region that is not in use".to_owned(),
        "it is the first call of this principal that is known here".to_owned(),
        "nothing was known to happen in this region of the account before".to_owned(),
    ];
    for reason in &expected {
        assert!(told.iter().any(|told| told.contains(reason)), "{reason}\n{told:#?}");
    }
    let shown = run(aisaws(&store).args(["incident", "show", &incident]));
    let shown = text(&shown.stdout);
    for reason in &expected {
        assert!(shown.contains(reason), "{reason}\n{shown}");
    }
    // Who is known, and calls where everyone does, is told by the address alone.
    let store = folder.path().join("bob.sqlite");
    let (_, told) = reasons(&store, &settings, &events("bob", "us-east-1"));
    for (number, reason) in expected.iter().enumerate() {
        let is_told = told.iter().any(|told| told.contains(reason));
        assert_eq!(is_told, number < 2, "{reason}\n{told:#?}");
    }
}
