//! `aisaws machine`: state machine definitions without AWS.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use aisaws_engine::{
    DefinitionErrors, Machine, Problem, Script, Status, graph, rehearse, run_test_file,
};
use serde_json::{Value, json};

use crate::args::{Format, Graph, Machine as Command};
use crate::context::Context;
use crate::output::{self, data};
use crate::{Ended, Usage};

pub(crate) async fn run(context: &Context, command: Command) -> anyhow::Result<Ended> {
    match command {
        Command::Run { definition, input, mock } => {
            rehearsal(context, &definition, input.as_deref(), mock.as_deref())
        }
        Command::Validate { definition } => validate(context, &definition),
        Command::Graph { definition, format } => {
            let machine = parse(&definition)?;
            output::line(
                match format {
                    Graph::Mermaid => graph::mermaid(&machine),
                    Graph::Svg => graph::svg(&machine),
                }
                .trim_end(),
            );
            Ok(Ended::Done)
        }
        Command::Test { definition, cases, machine } => {
            test(context, &definition, &cases, machine.as_deref())
        }
        Command::Conform { cases } => conform(&cases),
        Command::History { execution } => history(context, &execution).await,
    }
}

/// Reads a file, `-` for standard input.
fn read(path: &Path) -> anyhow::Result<String> {
    let usage = |e: std::io::Error| Usage(format!("`{}` could not be read: {e}", path.display()));
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(usage)?;
    } else {
        text = std::fs::read_to_string(path).map_err(usage)?;
    }
    Ok(text)
}

fn parse(path: &Path) -> anyhow::Result<Machine> {
    let text = read(path)?;
    Machine::parse(&text).map_err(|errors| Usage(errors_as_text(path, &errors)).into())
}

fn errors_as_text(path: &Path, errors: &DefinitionErrors) -> String {
    let problems: Vec<String> =
        errors.problems.iter().map(|p| format!("{}: {}", p.pointer, p.message)).collect();
    format!("`{}` is no valid definition: {}", path.display(), problems.join("; "))
}

fn validate(context: &Context, path: &Path) -> anyhow::Result<Ended> {
    let text = read(path)?;
    let (problems, warnings) = match Machine::parse(&text) {
        Ok(machine) => (Vec::new(), machine.warnings()),
        Err(errors) => (errors.problems, Vec::new()),
    };
    match context.format {
        Format::Json => {
            let list = |problems: &[Problem]| -> Vec<Value> {
                let one = |p: &Problem| json!({ "pointer": p.pointer, "message": p.message });
                problems.iter().map(one).collect()
            };
            output::json(&json!({
                "valid": problems.is_empty(), "problems": list(&problems), "warnings": list(&warnings),
            }))?;
        }
        Format::Text if problems.is_empty() => {
            for warning in &warnings {
                let (pointer, message) = (data(&warning.pointer), data(&warning.message));
                output::line(&format!("warning: {pointer}: {message}"));
            }
            output::line("the definition is valid");
        }
        Format::Text => {
            for problem in &problems {
                output::line(&format!("{}: {}", data(&problem.pointer), data(&problem.message)));
            }
        }
    }
    if problems.is_empty() {
        return Ok(Ended::Done);
    }
    Err(Usage(format!("{} problems in `{}`", problems.len(), path.display())).into())
}

fn rehearsal(
    context: &Context,
    definition: &Path,
    input: Option<&Path>,
    mock: Option<&Path>,
) -> anyhow::Result<Ended> {
    let machine = parse(definition)?;
    let input: Value = match input {
        Some(path) => serde_json::from_str(&read(path)?)
            .map_err(|e| Usage(format!("the input is no JSON: {e}")))?,
        None => json!({}),
    };
    let script = match mock {
        Some(path) => Script::parse(&read(path)?).map_err(|e| Usage(e.to_string()))?,
        None => Script::default(),
    };
    let run = rehearse(&machine, input, script);
    let (output_value, error, cause) = parts(&run.status);
    match context.format {
        Format::Json => output::json(&json!({
            "status": run.status.name(), "output": output_value, "error": error, "cause": cause,
            "path": run.path, "unanswered": run.unanswered, "history": run.history,
        }))?,
        Format::Text => {
            output::line(&format!("status  {}", run.status.name()));
            if let Some(value) = &output_value {
                output::line(&format!("output  {}", data(&value.to_string())));
            }
            for (name, text) in [("error", &error), ("cause", &cause)] {
                if let Some(text) = text {
                    output::line(&format!("{name}   {}", data(text)));
                }
            }
            for state in &run.unanswered {
                output::note(&format!(
                    "the task of state `{}` has no answer; give one with --mock",
                    data(state)
                ));
            }
        }
    }
    Ok(match run.status {
        Status::Succeeded { .. } => Ended::Done,
        Status::Running | Status::Failed { .. } | Status::TimedOut | Status::Aborted { .. } => {
            Ended::Attention
        }
    })
}

fn parts(status: &Status) -> (Option<Value>, Option<String>, Option<String>) {
    match status {
        Status::Succeeded { output } => (Some(Value::clone(output)), None, None),
        Status::Failed { error, cause } | Status::Aborted { error, cause } => {
            (None, error.clone(), cause.clone())
        }
        Status::Running | Status::TimedOut => (None, None, None),
    }
}

fn test(
    context: &Context,
    definition: &Path,
    cases: &Path,
    name: Option<&str>,
) -> anyhow::Result<Ended> {
    let machine = parse(definition)?;
    // `orders.asl.json` defines `orders`.
    let file = definition.file_name().and_then(|f| f.to_str()).unwrap_or_default();
    let name = name.or_else(|| file.split('.').next());
    let reports = run_test_file(&machine, name, &read(cases)?).map_err(|e| Usage(e.to_string()))?;
    let failed = reports.iter().filter(|report| !report.is_passed()).count();
    match context.format {
        Format::Json => {
            let list: Vec<Value> = reports
                .iter()
                .map(|r| json!({ "name": r.name, "passed": r.is_passed(), "differences": r.differences }))
                .collect();
            output::json(&json!({ "cases": list, "failed": failed }))?;
        }
        Format::Text => {
            for report in &reports {
                let word = if report.is_passed() { "ok    " } else { "FAILED" };
                output::line(&format!("{word}  {}", data(&report.name)));
                for difference in &report.differences {
                    output::line(&format!("        {}", data(difference)));
                }
            }
            output::line(&format!("{} passed, {failed} failed", reports.len() - failed));
        }
    }
    Ok(if failed == 0 { Ended::Done } else { Ended::Attention })
}

/// Recorded cases, one JSON object a line, each answered by a line.
fn conform(cases: &PathBuf) -> anyhow::Result<Ended> {
    let usage = |e: std::io::Error| Usage(format!("`{}` could not be read: {e}", cases.display()));
    for line in BufReader::new(std::fs::File::open(cases).map_err(usage)?).lines() {
        let line = line.map_err(usage)?;
        if !line.trim().is_empty() {
            let answer = aisaws_engine::conform::run(&line)
                .map_err(|e| Usage(format!("a line of `{}` is no case: {e}", cases.display())))?;
            output::line(&answer);
        }
    }
    Ok(Ended::Done)
}

async fn history(context: &Context, execution: &str) -> anyhow::Result<Ended> {
    let embedded = context.open_existing()?;
    let events = embedded.history(execution).await?;
    if events.is_empty() {
        let message = format!(
            "there is no execution `{execution}`; executions are named after incidents, see `aisaws incident list`"
        );
        return Err(Usage(message).into());
    }
    match context.format {
        Format::Json => output::json(&json!({ "events": events }))?,
        Format::Text => {
            for event in &events {
                let text = |key: &str| {
                    event.get(key).map_or_else(String::new, |v| {
                        v.as_str().map_or_else(|| v.to_string(), str::to_owned)
                    })
                };
                let name = ["stateEnteredEventDetails", "stateExitedEventDetails"]
                    .iter()
                    .find_map(|key| event.get(key)?.get("name")?.as_str())
                    .unwrap_or_default();
                output::line(&format!(
                    "{:>4} {} {} {}",
                    text("id"),
                    text("timestamp"),
                    text("type"),
                    data(name)
                ));
            }
        }
    }
    Ok(Ended::Done)
}
