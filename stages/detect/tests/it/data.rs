//! Where the shared data lies, and how it is read.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use aisaws_detect::sigma::{Document, RuleError, RuleSet, parse};
use flate2::read::GzDecoder;
use serde_json::Value;

/// The shared file or folder, if it is there.
#[expect(clippy::print_stderr, reason = "a test that is skipped must be seen to be")]
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    if whole.exists() {
        return Some(whole);
    }
    eprintln!("SKIPPED: {} is absent", whole.display());
    None
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Every rule file under the folder, in order.
pub(crate) fn rule_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "yml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Every rule under the folder, and what could not be used.
pub(crate) fn documents(folder: &Path) -> (Vec<Document>, Vec<RuleError>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for path in rule_files(folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        for document in parse(name, &fs::read_to_string(&path).unwrap()) {
            match document {
                Ok(document) => good.push(document),
                Err(error) => bad.push(error),
            }
        }
    }
    (good, bad)
}

pub(crate) fn rule_set(folder: &Path) -> RuleSet {
    let (documents, errors) = documents(folder);
    assert!(errors.is_empty(), "{errors:#?}");
    let (rules, errors) = RuleSet::new(documents);
    assert!(errors.is_empty(), "{errors:#?}");
    rules
}

/// Every line of the corpus files whose names begin so, with the file's name.
pub(crate) fn corpus(beginning: &str) -> Vec<(String, String)> {
    let Some(folder) = shared("cloudtrail") else {
        return Vec::new();
    };
    let mut events = Vec::new();
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|p| p.extension().is_some_and(|e| e == "gz")) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with(beginning) {
            continue;
        }
        let mut text = String::new();
        GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
        events.extend(text.lines().map(|l| (name.clone(), l.to_owned())));
    }
    events
}
