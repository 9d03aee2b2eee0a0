//! Whoever changes the file behind the program's back is found out by the chain.

use aisaws_core::id::IncidentId;
use aisaws_core::ledger::{Broken, Entry, verify_chain};
use aisaws_core::port::Incidents as _;
use aisaws_core::status::Status;
use aisaws_embedded::store::Store;
use jiff::Timestamp;

use crate::durability::incident;

/// A ledger of four links, changed by that SQL, and what the check then says.
async fn broken_by(sql: &str) -> Result<(), Broken> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = Store::open(&path).unwrap();
    let id = IncidentId::from_cause(&["a"]);
    let at = Timestamp::UNIX_EPOCH;
    store.open(incident("a"), Vec::new(), at).await.unwrap();
    for (key, entry) in [
        ("one", Entry::FoundGone),
        ("two", Entry::Faulted { error: "E".to_owned(), cause: "c".to_owned() }),
        ("three", Entry::Closed { status: Status::Gone }),
    ] {
        store.append(id, key, entry, at).await.unwrap();
    }
    rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let (links, head) = store.raw_ledger(id).await.unwrap();
    verify_chain(id, &links, head.as_ref())
}

#[tokio::test]
async fn every_change_to_a_stored_ledger_is_named() {
    let id = IncidentId::from_cause(&["a"]);
    let altered = |seq| Err(Broken::Altered { incident: id, seq });
    let cases = [
        ("", Ok(())),
        ("update ledger set entry = replace(entry, '\"c\"', '\"d\"') where seq = 3", altered(3)),
        ("update ledger set entry = 'no JSON at all' where seq = 2", altered(2)),
        ("update ledger set at = '2020-01-01T00:00:00Z' where seq = 4", altered(4)),
        ("update ledger set at = 'yesterday' where seq = 4", altered(4)),
        ("update ledger set key = 'other' where seq = 2", altered(2)),
        (
            "delete from ledger where seq = 4",
            Err(Broken::Cut { incident: id, expected: 4, found: 3 }),
        ),
        (
            "delete from ledger where seq = 2",
            Err(Broken::Gap { incident: id, seq: 3, expected: 2 }),
        ),
        (
            "update ledger set prev = hash where seq = 3",
            Err(Broken::Detached { incident: id, seq: 3 }),
        ),
        ("update incident set links = 3", Err(Broken::Cut { incident: id, expected: 3, found: 4 })),
        ("delete from incident", Err(Broken::Cut { incident: id, expected: 0, found: 4 })),
    ];
    for (sql, expected) in cases {
        assert_eq!(broken_by(sql).await, expected, "{sql}");
    }
}
