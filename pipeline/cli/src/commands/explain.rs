//! `aisaws explain ID`.

use aisaws_core::id::ControlId;
use serde_json::json;

use crate::args::Format;
use crate::context::Context;
use crate::output::{self, bold, data};
use crate::{Ended, Usage};

pub(crate) fn run(context: &Context, id: &str) -> anyhow::Result<Ended> {
    if let Some(control) = aisaws_controls::get(&ControlId::new(id)) {
        let meta = control.meta();
        match context.format {
            Format::Json => output::json(&control_json(meta))?,
            Format::Text => print_control(meta),
        }
        return Ok(Ended::Done);
    }
    let rules = context.rules()?;
    let infos = crate::rules::infos(&rules);
    let Some(rule) = infos.iter().find(|rule| rule.id.as_str() == id) else {
        let message = format!(
            "`{id}` is neither a control nor a rule; see `aisaws control list` and `aisaws rule list`"
        );
        return Err(Usage(message).into());
    };
    match context.format {
        Format::Json => output::json(rule)?,
        Format::Text => print_rule(rule),
    }
    Ok(Ended::Done)
}

fn control_json(meta: &aisaws_controls::Meta) -> serde_json::Value {
    let compliance: Vec<_> = meta
        .compliance
        .iter()
        .map(|(framework, id)| json!({ "framework": framework, "id": id }))
        .collect();
    json!({
        "id": meta.id, "title": meta.title, "resource_type": meta.resource_type,
        "severity": meta.severity, "max_autonomy": meta.max_autonomy, "what": meta.what,
        "why": meta.why, "repair": meta.repair, "pitfalls": meta.pitfalls,
        "compliance": compliance, "references": meta.references, "catalogue": meta.catalogue,
    })
}

fn print_control(meta: &aisaws_controls::Meta) {
    output::line(&format!("{} {}", bold("control"), bold(meta.id)));
    output::line(&format!(
        "{} ({}, {} at most)",
        meta.title, meta.resource_type, meta.max_autonomy
    ));
    section("What it finds", &[meta.what]);
    section("Why it matters", &[meta.why]);
    section("How it is repaired", &[meta.repair]);
    section("What can go wrong", meta.pitfalls);
    let compliance: Vec<String> =
        meta.compliance.iter().map(|(framework, id)| format!("{framework} {id}")).collect();
    section("Compliance", &compliance.iter().map(String::as_str).collect::<Vec<_>>());
    section("Sources", meta.references);
}

fn print_rule(rule: &crate::rules::RuleInfo) {
    output::line(&format!("{} {}", bold("rule"), bold(&data(rule.id.as_str()))));
    output::line(&format!("{} (level {})", data(&rule.title), rule.level));
    let texts = |list: &[String]| list.iter().map(|text| data(text)).collect::<Vec<_>>();
    let show = |title: &str, list: Vec<String>| {
        section(title, &list.iter().map(String::as_str).collect::<Vec<_>>());
    };
    show("What it finds, and why it matters", texts(std::slice::from_ref(&rule.description)));
    show("Controls it asks", rule.controls.iter().map(|c| data(c.as_str())).collect());
    show("False positives", texts(&rule.falsepositives));
    show("MITRE ATT&CK", texts(&rule.tags));
    show("Sources", texts(&rule.references));
}

fn section(title: &str, lines: &[&str]) {
    if lines.is_empty() {
        return;
    }
    output::line("");
    output::line(&bold(title));
    for line in lines {
        output::line(&format!("  {line}"));
    }
}
