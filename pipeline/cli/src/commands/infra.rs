//! `aisaws infra …`: what is deployed on AWS, from the tables it follows.

use std::path::Path;

use aisaws_detect::event_pattern::{Limits, Pattern, patterns, unnarrowed};
use aisaws_infra::cost::{Load, PRICES, Prices, estimate, total};
use aisaws_infra::functions::FUNCTIONS;
use aisaws_infra::policies::{self, AccountRole};
use aisaws_infra::template::{EventRule, forward, member, template};
use serde_json::{Map, Value, json};

use super::detect::load;
use crate::args::{Format, Infra};
use crate::context::Context;
use crate::output::data;
use crate::render::table::table;
use crate::{Ended, Usage, output};

pub(crate) fn run(context: &Context, command: Infra) -> anyhow::Result<Ended> {
    match command {
        Infra::EventPattern { rules, max_characters, max_rules } => {
            let (lines, errors) = load(context, &rules)?;
            let limits = Limits { characters: max_characters, rules: max_rules };
            for rule in unnarrowed(lines.rules()) {
                output::note(&data(&format!("note: {rule}")));
            }
            for pattern in patterns(lines.rules(), limits) {
                output::line(&serde_json::to_string(&pattern)?);
            }
            return Ok(if errors == 0 { Ended::Done } else { Ended::Attention });
        }
        Infra::Template { member: true, .. } => output::line(member()?.trim_end()),
        Infra::Template { forward: true, .. } => {
            output::line(forward(&event_rules(context)?)?.trim_end());
        }
        Infra::Template { .. } => output::line(template(&event_rules(context)?)?.trim_end()),
        Infra::Functions => functions(context.format)?,
        Infra::Policies => output::json(&all_policies())?,
        Infra::Cost { print_prices: true, .. } => output::line(PRICES.trim_end()),
        Infra::Cost { events, incidents, months_kept, prices, .. } => {
            #[expect(clippy::cast_precision_loss, reason = "an estimate of money")]
            let load = Load {
                events: events as f64,
                incidents: incidents as f64,
                months_kept: f64::from(months_kept),
            };
            cost(context.format, load, prices.as_deref())?;
        }
    }
    Ok(Ended::Done)
}

/// The template that is deployed, with the rules in force.
#[cfg(feature = "aws")]
pub(super) fn template_text(context: &Context) -> anyhow::Result<String> {
    Ok(template(&event_rules(context)?)?)
}

/// What lets in the events that the rules in force may match.
fn event_rules(context: &Context) -> anyhow::Result<Vec<EventRule>> {
    let (lines, _) = load(context, &[])?;
    let rule = |rule: Pattern| {
        let state = serde_json::to_value(rule.state)?;
        let state = state.as_str().unwrap_or_default().to_owned();
        Ok(EventRule { pattern: rule.pattern, state })
    };
    patterns(lines.rules(), Limits::default()).into_iter().map(rule).collect()
}

fn functions(format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        let list: Vec<Value> = FUNCTIONS
            .iter()
            .map(|f| {
                json!({
                    "name": f.name, "handler": f.handler,
                    "artifact": format!("{:?}", f.artifact).to_lowercase(),
                    "memory_mb": f.memory_mb, "timeout_seconds": f.timeout_seconds,
                    "description": f.description,
                })
            })
            .collect();
        return output::json(&list);
    }
    let rows = FUNCTIONS.iter().map(|f| {
        [
            f.name.to_owned(),
            format!("{:?}", f.artifact).to_lowercase(),
            format!("{} MB", f.memory_mb),
            format!("{} s", f.timeout_seconds),
            f.description.to_owned(),
        ]
    });
    output::line(&table(["function", "artifact", "memory", "time", "what it does"], rows));
    Ok(())
}

/// Policies by the name of their role.
fn all_policies() -> Value {
    let functions = FUNCTIONS.iter().map(|f| (f.kebab(), policies::of(f)));
    let roles = [AccountRole::Reader, AccountRole::Responder];
    let roles = roles.into_iter().map(|role| (role.suffix().to_owned(), role.policy()));
    let worker = ("worker".to_owned(), policies::worker());
    Value::Object(functions.chain(roles).chain([worker]).collect::<Map<_, _>>())
}

fn cost(format: Format, load: Load, prices: Option<&Path>) -> anyhow::Result<()> {
    let text = match prices {
        None => PRICES.to_owned(),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|e| Usage(format!("`{}` could not be read: {e}", path.display())))?,
    };
    let prices = Prices::parse(&text)?;
    let lines = estimate(&prices, load)?;
    let sum = total(&lines);
    if format == Format::Json {
        return output::json(&json!({
            "prices": prices.date, "region": prices.region, "usd": sum, "lines": lines,
        }));
    }
    let rows = lines.iter().map(|line| {
        let quantity = format!("{:.0}", line.quantity);
        [line.service.to_owned(), line.item.to_owned(), quantity, format!("{:.2}", line.usd)]
    });
    output::line(&table(["service", "item", "quantity a month", "USD"], rows));
    output::line(&format!(
        "{sum:.2} USD a month, list prices of {} in {}, no free tier",
        prices.date, prices.region
    ));
    Ok(())
}
