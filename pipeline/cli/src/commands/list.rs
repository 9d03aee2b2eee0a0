//! `aisaws control list` and `aisaws rule list`.

use serde_json::json;

use crate::Ended;
use crate::args::Format;
use crate::context::Context;
use crate::output;
use crate::render::table::table;

pub(crate) fn controls(context: &Context) -> anyhow::Result<Ended> {
    let metas = aisaws_controls::all().iter().map(|control| control.meta());
    match context.format {
        Format::Json => {
            let list: Vec<_> = metas
                .map(|m| {
                    let compliance: Vec<_> = m
                        .compliance
                        .iter()
                        .map(|(framework, id)| json!({ "framework": framework, "id": id }))
                        .collect();
                    json!({
                        "id": m.id, "title": m.title, "resource_type": m.resource_type,
                        "severity": m.severity, "max_autonomy": m.max_autonomy,
                        "compliance": compliance, "references": m.references,
                    })
                })
                .collect();
            output::json(&list)?;
        }
        Format::Text => {
            let rows = metas.map(|m| {
                [
                    m.id.to_string(),
                    m.resource_type.to_string(),
                    m.max_autonomy.to_string(),
                    m.title.to_string(),
                ]
            });
            output::line(&table(["control", "resource", "at most", "finds"], rows));
        }
    }
    Ok(Ended::Done)
}

pub(crate) fn rules(context: &Context) -> anyhow::Result<Ended> {
    let rules = context.rules()?;
    let infos = crate::rules::infos(&rules);
    match context.format {
        Format::Json => output::json(&infos)?,
        Format::Text => {
            let rows = infos.iter().map(|r| {
                [
                    r.id.to_string(),
                    r.level.clone(),
                    r.stage.to_owned(),
                    r.controls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                    r.title.clone(),
                ]
            });
            output::line(&table(["rule", "level", "stage", "controls", "finds"], rows));
        }
    }
    Ok(Ended::Done)
}
