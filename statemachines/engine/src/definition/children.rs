//! States with machines inside: Parallel and Map.

use serde_json::Value;

use super::fields::Fields;
use super::parse::{Builder, language as inner_language};
use super::{Batcher, Items, Kind, Language, MapSpec, Reader, Writer};

pub(super) fn parallel(builder: &mut Builder<'_>, fields: &Fields<'_>) -> Option<Kind> {
    if !fields.has("Branches") {
        fields.report("", "`Branches` is missing");
    }
    let items = fields.array("Branches")?;
    if items.is_empty() {
        fields.report("Branches", "`Branches` is empty; add a branch");
    }
    let mut branches = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("{}/{i}", fields.at("Branches"));
        match item {
            Value::Object(map) => {
                let branch = Fields { map, pointer: &pointer, problems: fields.problems };
                branch.only(&["Comment", "QueryLanguage", "StartAt", "States"], "a branch");
                let inner = inner_language(&branch, builder.language, true);
                branches.push(builder.graph(map, &pointer, inner));
            }
            _ => fields.problems.add(pointer, "a branch is an object"),
        }
    }
    Some(Kind::Parallel { branches })
}

pub(super) fn map_state(
    builder: &mut Builder<'_>,
    fields: &Fields<'_>,
    language: Language,
) -> Option<MapSpec> {
    let processor = match (fields.has("ItemProcessor"), fields.has("Iterator")) {
        (true, true) => {
            fields.report(
                "Iterator",
                "`ItemProcessor` and `Iterator` are both given; keep `ItemProcessor`",
            );
            "ItemProcessor"
        }
        (false, true) => "Iterator",
        (true, false) => "ItemProcessor",
        (false, false) => {
            fields.report("", "`ItemProcessor` is missing");
            return None;
        }
    };
    let map = fields.object(processor)?;
    let pointer = fields.at(processor);
    let inner = Fields { map, pointer: &pointer, problems: fields.problems };
    inner.only(
        &["Comment", "ProcessorConfig", "QueryLanguage", "StartAt", "States"],
        "an `ItemProcessor`",
    );
    let is_distributed = processor_mode(&inner, fields);
    let inside = inner_language(&inner, builder.language, true);
    if fields.has("ItemSelector") && fields.has("Parameters") {
        fields.report(
            "Parameters",
            "`ItemSelector` and `Parameters` are both given; keep `ItemSelector`",
        );
    }
    let selector = if fields.has("ItemSelector") { "ItemSelector" } else { "Parameters" };
    let items = match language {
        Language::JsonPath if fields.has("ItemsPath") => fields.expr("ItemsPath").map(Items::Path),
        Language::JsonPath => None,
        Language::Jsonata => fields.template("Items", language).map(Items::Jsonata),
    };
    Some(MapSpec {
        graph: builder.graph(map, &pointer, inside),
        is_distributed,
        items,
        selector: fields.template(selector, language),
        max_concurrency: fields.amount("MaxConcurrency", language, 0, i64::from(i32::MAX)),
        tolerated_count: fields.amount("ToleratedFailureCount", language, 0, i64::MAX),
        tolerated_percentage: fields.percentage("ToleratedFailurePercentage", language),
        reader: reader(fields, language),
        batcher: batcher(fields, language),
        writer: writer(fields, language),
        label: fields.text("Label").map(str::to_owned),
    })
}

fn processor_mode(inner: &Fields<'_>, state: &Fields<'_>) -> bool {
    let Some(map) = inner.object("ProcessorConfig") else { return false };
    let pointer = inner.at("ProcessorConfig");
    let config = Fields { map, pointer: &pointer, problems: state.problems };
    config.only(&["Comment", "ExecutionType", "Mode"], "a `ProcessorConfig`");
    let mode = config.text("Mode").unwrap_or("INLINE");
    if !matches!(mode, "INLINE" | "DISTRIBUTED") {
        config.report("Mode", "`Mode` is `INLINE` or `DISTRIBUTED`");
    }
    if let Some(kind) = config.text("ExecutionType") {
        if !matches!(kind, "STANDARD" | "EXPRESS") {
            config.report("ExecutionType", "`ExecutionType` is `STANDARD` or `EXPRESS`");
        }
    } else if mode == "DISTRIBUTED" {
        config.report(
            "",
            "`ExecutionType` is missing; a distributed Map needs `STANDARD` or `EXPRESS`",
        );
    }
    mode == "DISTRIBUTED"
}

fn reader(state: &Fields<'_>, language: Language) -> Option<Reader> {
    let map = state.object("ItemReader")?;
    let pointer = state.at("ItemReader");
    let fields = Fields { map, pointer: &pointer, problems: state.problems };
    let parameters = if language == Language::Jsonata { "Arguments" } else { "Parameters" };
    fields.only(&["Comment", "ReaderConfig", "Resource", parameters], "an `ItemReader`");
    let resource = fields.required_text("Resource")?;
    let mut max_items = None;
    if let Some(config) = fields.object("ReaderConfig") {
        let pointer = fields.at("ReaderConfig");
        let config = Fields { map: config, pointer: &pointer, problems: state.problems };
        max_items = config.amount("MaxItems", language, i64::MIN, i64::MAX);
    }
    Some(Reader {
        resource: resource.to_owned(),
        config: fields.get("ReaderConfig").cloned().unwrap_or(Value::Null),
        parameters: fields.template(parameters, language),
        max_items,
    })
}

fn batcher(state: &Fields<'_>, language: Language) -> Option<Batcher> {
    let map = state.object("ItemBatcher")?;
    let pointer = state.at("ItemBatcher");
    let fields = Fields { map, pointer: &pointer, problems: state.problems };
    let names = [
        "BatchInput",
        "Comment",
        "MaxInputBytesPerBatch",
        "MaxInputBytesPerBatchPath",
        "MaxItemsPerBatch",
        "MaxItemsPerBatchPath",
    ];
    fields.only(&names, "an `ItemBatcher`");
    let max_items = fields.amount("MaxItemsPerBatch", language, 1, i64::MAX);
    let max_bytes = fields.amount("MaxInputBytesPerBatch", language, 1, 262_144);
    if max_items.is_none() && max_bytes.is_none() {
        fields.report("", "an `ItemBatcher` needs `MaxItemsPerBatch` or `MaxInputBytesPerBatch`");
    }
    Some(Batcher { max_items, max_bytes, batch_input: fields.template("BatchInput", language) })
}

fn writer(state: &Fields<'_>, language: Language) -> Option<Writer> {
    let map = state.object("ResultWriter")?;
    let pointer = state.at("ResultWriter");
    let fields = Fields { map, pointer: &pointer, problems: state.problems };
    let parameters = if language == Language::Jsonata { "Arguments" } else { "Parameters" };
    fields.only(&["Comment", "Resource", "WriterConfig", parameters], "a `ResultWriter`");
    let config = fields.object("WriterConfig").cloned().map_or(Value::Null, Value::Object);
    Some(Writer {
        resource: fields.text("Resource").map(str::to_owned),
        parameters: fields.template(parameters, language),
        config,
    })
}
