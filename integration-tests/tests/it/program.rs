//! Running the program, and reading what it left.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The command line under test, with no configuration of the machine's user.
pub(crate) fn aisaws(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AISAWS_") {
            command.env_remove(name);
        }
    }
    // The scenario calls from this network, and from one that is not known.
    command.env("AISAWS_NETWORK_KNOWN", "192.0.2.0/24");
    command.env("USER", "tester").arg("--store").arg(store);
    command
}

/// Runs it and gives what it wrote to standard output as JSON.
pub(crate) fn json(command: &mut Command) -> Value {
    let output = run(command.args(["--output", "json"]));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("no JSON ({e}): {}{}", text(&output.stdout), text(&output.stderr))
    })
}

/// Runs it to its end; what it could not run at all is a panic.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert_ne!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(output.status.code().is_some(), "it was killed: {}", text(&output.stderr));
    output
}

/// Bytes as text for messages.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Real events that lie beside the checkout; `None` and a word about it where they do not.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("SKIPPED: {} is not there", path.display());
    }
    None
}

/// The scenario of the demo, written to a file of its own.
pub(crate) fn demo_events(folder: &Path) -> PathBuf {
    let path = folder.join("events.json");
    let scenario = include_str!("../../../pipeline/cli/demo/scenario.json");
    std::fs::write(&path, scenario).unwrap();
    path
}

/// What of a store's ledgers must not depend on when and how often the program ran: every
/// entry in its place, without times and what is hashed from them.
pub(crate) fn ledger(store: &Path) -> Vec<Value> {
    let output = run(aisaws(store).args(["store", "export"]));
    let mut links: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| {
            let mut link: Value = serde_json::from_str(line).unwrap();
            let fields = link.as_object_mut().unwrap();
            for timed in ["at", "prev", "hash"] {
                fields.remove(timed);
            }
            if let Some(entry) = fields.get_mut("entry").and_then(Value::as_object_mut) {
                entry.remove("expires");
            }
            link
        })
        .collect();
    links.sort_by_key(|link| (link["incident"].to_string(), link["seq"].as_u64()));
    links
}

/// Keys under which the twin account was written, in order.
pub(crate) fn writes(store: &Path) -> Vec<String> {
    let db = rusqlite::Connection::open(store).unwrap();
    let mut statement = db.prepare("select key from twin_write order by key").unwrap();
    let keys = statement.query_map([], |row| row.get(0)).unwrap();
    keys.collect::<Result<_, _>>().unwrap()
}
