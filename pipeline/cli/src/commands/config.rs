//! `aisaws config`.

use std::io::Write;

use aisaws_app::config::DEFAULT;

use crate::args::{Config as Command, Format};
use crate::context::Context;
use crate::output;
use crate::{Ended, Usage};

pub(crate) fn run(context: &Context, command: Command) -> anyhow::Result<Ended> {
    match command {
        Command::Show => match context.format {
            Format::Json => output::json(&context.config)?,
            Format::Text => {
                let origin = context.config_path.as_ref().map_or_else(
                    || "defaults and environment".to_owned(),
                    |path| format!("{} and environment", path.display()),
                );
                output::line(&format!("# from {}", output::data(&origin)));
                output::line(&format!("# store in use: {}", context.store_path()?.display()));
                output::line(&toml::to_string_pretty(&context.config)?);
            }
        },
        Command::Check => {
            context.weights()?;
            context.policy()?;
            let rules = context.rules()?;
            output::line(&format!(
                "the configuration is usable; {} rules are loaded",
                rules.rules().count()
            ));
        }
        Command::Init { policy: true, .. } => output::line(aisaws_decide::DEFAULT.trim_end()),
        Command::Init { weights: true, .. } => output::line(aisaws_score::DEFAULT.trim_end()),
        Command::Init { mapping: true, .. } => {
            output::line(aisaws_detect::mapping::DEFAULT.trim_end());
        }
        Command::Init { path, .. } => {
            let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
            let written = file.and_then(|mut file| file.write_all(DEFAULT.as_bytes()));
            written.map_err(|e| {
                Usage(format!(
                    "`{}` could not be written: {e}; an existing file is left as it is",
                    path.display()
                ))
            })?;
            output::line(&format!(
                "wrote {}; use it with --config {0} or AISAWS_CONFIG",
                path.display()
            ));
        }
    }
    Ok(Ended::Done)
}
