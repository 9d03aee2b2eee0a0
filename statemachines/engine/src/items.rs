//! What an `ItemReader` makes of the object it read, and a `WriterConfig` of results.

use serde_json::{Map, Value};

/// The items in what the reader's resource gave: `{"Body": …}` of an object, or
/// `{"Contents": […]}` of a listing.
///
/// # Errors
/// The cause of `States.ItemReaderFailed`.
pub(crate) fn read(
    resource: &str,
    config: &Value,
    output: &Value,
    max: Option<usize>,
) -> Result<Vec<Value>, String> {
    let mut items = if resource.ends_with(":listObjectsV2") {
        match output.get("Contents") {
            Some(Value::Array(items)) => items.clone(),
            _ => Vec::new(),
        }
    } else {
        let body = output.get("Body").and_then(Value::as_str).ok_or("The object has no body")?;
        match config.get("InputType").and_then(Value::as_str).unwrap_or("JSON") {
            "JSON" => json(body)?,
            "JSONL" => json_lines(body)?,
            "CSV" => csv(body, config)?,
            other => return Err(format!("The InputType {other} is not supported here")),
        }
    };
    if let Some(max) = max {
        items.truncate(max);
    }
    Ok(items)
}

fn json(body: &str) -> Result<Vec<Value>, String> {
    match serde_json::from_str(body) {
        Ok(Value::Array(items)) => Ok(items),
        Ok(Value::Object(map)) => Ok(map
            .into_iter()
            .map(|(key, value)| serde_json::json!({"Key": key, "Value": value}))
            .collect()),
        Ok(_) => Err("Attempting to map over non-iterable node.".to_owned()),
        Err(e) => Err(format!("Invalid JSON in the object: {e}")),
    }
}

fn json_lines(body: &str) -> Result<Vec<Value>, String> {
    let lines = body.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).map_err(|e| format!("Invalid JSON line: {e}")))
        .collect()
}

fn csv(body: &str, config: &Value) -> Result<Vec<Value>, String> {
    let delimiter = match config.get("CSVDelimiter").and_then(Value::as_str).unwrap_or("COMMA") {
        "COMMA" => b',',
        "PIPE" => b'|',
        "SEMICOLON" => b';',
        "SPACE" => b' ',
        "TAB" => b'\t',
        other => return Err(format!("The CSVDelimiter {other} is not supported")),
    };
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(body.as_bytes());
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|e| format!("Invalid CSV in the object: {e}"))?;
        rows.push(row.iter().map(str::to_owned).collect::<Vec<_>>());
    }
    let mut rows = rows.into_iter();
    let headers: Vec<String> = match config.get("CSVHeaderLocation").and_then(Value::as_str) {
        Some("GIVEN") => {
            let given = config.get("CSVHeaders").and_then(Value::as_array).into_iter().flatten();
            given.filter_map(|h| h.as_str().map(str::to_owned)).collect()
        }
        _ => rows.next().unwrap_or_default(),
    };
    let mut seen = std::collections::HashSet::new();
    if !headers.iter().all(|header| seen.insert(header)) {
        return Err("CSV headers cannot contain duplicates.".to_owned());
    }
    Ok(rows.map(|row| record(&headers, row)).collect())
}

/// A row by its headers: cells beyond them are dropped, missing ones are empty.
fn record(headers: &[String], row: Vec<String>) -> Value {
    let cells = row.into_iter().chain(std::iter::repeat_with(String::new));
    Value::Object(headers.iter().cloned().zip(cells.map(Value::String)).collect::<Map<_, _>>())
}

/// Results as `WriterConfig.Transformation` wants them.
pub(crate) fn transformed(config: &Value, outputs: Vec<Value>) -> Value {
    let is_flat = config.get("Transformation").and_then(Value::as_str) == Some("FLATTEN");
    if !is_flat {
        return Value::Array(outputs);
    }
    let flat = outputs.into_iter().flat_map(|output| match output {
        Value::Array(items) => items,
        one => vec![one],
    });
    flat.collect()
}
