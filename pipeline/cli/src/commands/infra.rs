//! `aisaws infra …`.

use aisaws_detect::event_pattern::{Limits, patterns};

use super::detect::load;
use crate::Ended;
use crate::args::Infra;
use crate::context::Context;
use crate::output;

pub(crate) fn run(context: &Context, command: Infra) -> anyhow::Result<Ended> {
    let Infra::EventPattern { rules, max_characters, max_rules } = command;
    let (lines, errors) = load(context, &rules)?;
    let limits = Limits { characters: max_characters, rules: max_rules };
    for pattern in patterns(lines.rules(), limits) {
        output::line(&serde_json::to_string(&pattern)?);
    }
    Ok(if errors == 0 { Ended::Done } else { Ended::Attention })
}
