//! Dependencies point inwards: the allowed edges between our crates, as a table.

use std::collections::{BTreeMap, BTreeSet};

/// Crate and the crates of ours that it may depend on (dev-dependencies aside). A new edge is
/// a design change: add it here with the commit that needs it.
const ALLOWED: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("controls", &["core"]),
    ("sqlite", &[]),
    ("engine", &["sqlite"]),
    ("statemachines", &[]),
    ("detect", &["core"]),
    ("score", &["core"]),
    ("decide", &["core", "controls"]),
    ("remediate", &["core", "controls"]),
    ("verify", &["core", "controls"]),
    ("alert", &["core"]),
    ("app", &["core", "controls", "detect"]),
    (
        "embedded",
        &[
            "core",
            "controls",
            "sqlite",
            "engine",
            "statemachines",
            "app",
            "score",
            "decide",
            "remediate",
            "verify",
            "alert",
        ],
    ),
    (
        "cli",
        &[
            "core",
            "controls",
            "app",
            "embedded",
            "engine",
            "detect",
            "score",
            "decide",
            "infra",
            "aws",
            "workers",
            "statemachines",
        ],
    ),
    ("infra", &["controls"]),
    (
        "workers",
        &[
            "core",
            "controls",
            "app",
            "aws",
            "detect",
            // Replays run on a scratch store.
            "embedded",
            "score",
            "decide",
            "remediate",
            "verify",
            "alert",
        ],
    ),
    ("aws", &["core", "controls"]),
    ("emulators", &[]),
    ("integration-tests", &["cli", "sqlite", "workers"]),
];

/// Crates that must stay free of clocks, files, sockets and SDKs, and what would bring them.
const PURE: &[&str] = &[
    "core",
    "controls",
    "detect",
    "score",
    "decide",
    "remediate",
    "verify",
    "alert",
    "statemachines",
];
const IMPURE: &[&str] = &["tokio", "rusqlite", "reqwest", "rand", "aws-config", "hyper", "mio"];

fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .unwrap();
    metadata
        .packages
        .iter()
        .map(|package| {
            let dependencies = package
                .dependencies
                .iter()
                .filter(|d| d.kind == cargo_metadata::DependencyKind::Normal)
                .map(|d| d.name.clone())
                .collect();
            (package.name.to_string(), dependencies)
        })
        .collect()
}

#[test]
fn crates_depend_only_along_the_allowed_edges() {
    let table: BTreeMap<String, BTreeSet<String>> = ALLOWED
        .iter()
        .map(|(from, to)| {
            (format!("aisaws-{from}"), to.iter().map(|name| format!("aisaws-{name}")).collect())
        })
        .collect();
    let mut problems = Vec::new();
    for (name, dependencies) in edges() {
        let Some(allowed) = table.get(&name) else {
            problems.push(format!("{name} is not in the table"));
            continue;
        };
        for to in dependencies.iter().filter(|d| d.starts_with("aisaws-") && !allowed.contains(*d))
        {
            problems.push(format!("{name} -> {to}"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn pure_crates_bring_no_runtime_file_socket_or_sdk() {
    let edges = edges();
    for name in PURE {
        let dependencies = &edges[&format!("aisaws-{name}")];
        let found: Vec<_> = dependencies
            .iter()
            .filter(|d| IMPURE.contains(&d.as_str()) || d.starts_with("aws-"))
            .collect();
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}
