//! `aisaws rule coverage`: which techniques and which watched events the rules answer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use aisaws_detect::sigma::Rule;
use aisaws_detect::{Detect, LoadedRule, attack, watched};
use serde::Serialize;

use crate::Ended;
use crate::args::Format;
use crate::context::Context;
use crate::output::{self, bold, data};
use crate::render::table::table;
use crate::rules;

/// A technique and the rules that are tagged with it.
#[derive(Serialize)]
struct Technique {
    id: String,
    name: Option<&'static str>,
    rules: Vec<String>,
}

/// A watched event and who answers it.
#[derive(Serialize)]
struct Watched {
    source: &'static str,
    event: &'static str,
    catalogue: &'static [&'static str],
    rules: Vec<String>,
    controls: Vec<String>,
}

#[derive(Serialize)]
struct Coverage {
    rules: usize,
    techniques: Vec<Technique>,
    events: Vec<Watched>,
    without_rule: Vec<String>,
    without_control: Vec<String>,
}

pub(crate) fn run(context: &Context, folders: &[PathBuf]) -> anyhow::Result<Ended> {
    let config = &context.config;
    let networks = config.network.known.clone();
    let detect = rules::load_with(&config.detect, folders, networks)?;
    let mapping = rules::mapping(&config.detect)?;
    let coverage = coverage(&detect, &mapping);
    match context.format {
        Format::Json => output::json(&coverage)?,
        Format::Text => print(&coverage),
    }
    Ok(Ended::Done)
}

fn coverage(detect: &Detect, mapping: &aisaws_detect::Mapping) -> Coverage {
    let mut techniques: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for LoadedRule { rule, .. } in detect.rules() {
        for technique in rule.meta.tags.iter().filter_map(|tag| attack::technique(tag)) {
            techniques.entry(technique).or_default().insert(rule.meta.key().to_owned());
        }
    }
    let events: Vec<Watched> = watched::EVENTS
        .iter()
        .map(|watched| {
            let mut rules = Vec::new();
            let mut controls = BTreeSet::new();
            for loaded in detect.rules().filter(|loaded| watches(loaded.rule, watched)) {
                rules.push(loaded.rule.meta.key().to_owned());
                controls.extend(loaded.response.controls().iter().map(ToString::to_string));
                let by_event = loaded.response.kind().is_none();
                if by_event && mapping.has_control(watched.source, watched.event) {
                    controls.insert("by mapping".to_owned());
                }
            }
            Watched {
                source: watched.source,
                event: watched.event,
                catalogue: watched.catalogue,
                rules,
                controls: controls.into_iter().collect(),
            }
        })
        .collect();
    let names = |is_bare: &dyn Fn(&Watched) -> bool| {
        events.iter().filter(|e| is_bare(e)).map(|e| format!("{} {}", e.source, e.event)).collect()
    };
    Coverage {
        rules: detect.rules().count(),
        without_rule: names(&|event| event.rules.is_empty()),
        without_control: names(&|event| event.controls.is_empty()),
        techniques: techniques
            .into_iter()
            .map(|(technique, rules)| Technique {
                name: attack::name(&technique),
                id: technique,
                rules: rules.into_iter().collect(),
            })
            .collect(),
        events,
    }
}

/// Whether the rule asks for this event by its name. Rules that ask for none, as those about
/// callers do, answer no event in particular.
fn watches(rule: &Rule, watched: &watched::Watched) -> bool {
    let demands = |field: &str, value: &str| rule.demanded(field).map(|all| all.contains(value));
    let name = watched.event.to_lowercase();
    demands("eventName", &name) == Some(true)
        && demands("eventSource", watched.source).unwrap_or(true)
}

fn print(coverage: &Coverage) {
    let rows = coverage
        .techniques
        .iter()
        .map(|t| [t.id.clone(), t.name.unwrap_or_default().to_owned(), t.rules.join("\n")]);
    output::line(&format!("{} rules, {} techniques", coverage.rules, coverage.techniques.len()));
    output::line(&table(["technique", "name", "rules"], rows));
    let bare = |title: &str, events: &[String]| {
        output::line("");
        output::line(&bold(&format!("{title}: {} of {}", events.len(), coverage.events.len())));
        for event in events {
            output::line(&format!("  {}", data(event)));
        }
    };
    bare("Watched events that no rule answers", &coverage.without_rule);
    bare("Watched events that no control answers", &coverage.without_control);
}
