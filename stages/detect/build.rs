//! Reads our own rules, so that programs need not read YAML when they start: for each file, its
//! documents as a list in JSON. What JSON cannot say is left to be read as YAML, by an empty list.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a build script reads files and tells cargo"
)]

use std::error::Error;
use std::path::{Path, PathBuf};

use serde::de::Deserialize as _;
use yaml_serde::{Deserializer, Value};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    write_folder(Path::new("rules"), &out)
}

fn write_folder(folder: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(out)?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            write_folder(&path, &out.join(name))?;
        } else if path.extension().is_some_and(|end| end == "yml") {
            let documents = documents(&std::fs::read_to_string(&path)?).unwrap_or_default();
            let text = serde_json::to_string(&documents)?;
            std::fs::write(out.join(name).with_extension("json"), text)?;
        }
    }
    Ok(())
}

/// `None`: JSON cannot say it, or it is no YAML.
fn documents(text: &str) -> Option<Vec<Value>> {
    let read = Deserializer::from_str(text).map(Value::deserialize);
    let documents = read.collect::<Result<Vec<_>, _>>().ok()?;
    documents.iter().all(is_json).then_some(documents)
}

/// Names are texts, numbers have an end, and nothing has a tag.
fn is_json(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.as_f64().is_some_and(f64::is_finite),
        Value::Sequence(items) => items.iter().all(is_json),
        Value::Mapping(map) => map.iter().all(|(key, value)| key.is_string() && is_json(value)),
        Value::Tagged(_) => false,
    }
}
