//! `aisaws deploy`: shows what would change, asks, changes it.

use std::collections::BTreeMap;
use std::path::Path;

use aisaws_aws::deploy::{
    Architecture, Artifacts, Change, Deployment, Pace, Program, Stack, Step, package, package_with,
    program_of, stack,
};
use aisaws_aws::{Aws, identity};
use aisaws_workers::wire::CONFIG_FOLDER;
use anyhow::Context as _;
use serde_json::json;

use super::args::{Deploy, Mode};
use super::confirm::confirmed;
use super::take_in;
use crate::args::Format;
use crate::commands::infra::template_text;
use crate::context::Context;
use crate::output::{self, data};
use crate::render::table::table;
use crate::{Ended, Usage};

/// The parameter that says for which processor functions are.
const ARCHITECTURE: &str = "Architecture";
/// The status of a stack that was proposed and not made.
const IN_REVIEW: &str = "REVIEW_IN_PROGRESS";

/// The zip files, and for which processor they are.
struct Zips {
    read: Vec<u8>,
    write: Vec<u8>,
    architecture: Architecture,
}

pub(crate) async fn run(context: &Context, args: Deploy) -> anyhow::Result<Ended> {
    let template = match &args.template {
        None => template_text(context)?,
        Some(path) => String::from_utf8(read(path)?)
            .map_err(|_| Usage(format!("`{}` is not UTF-8", path.display())))?,
    };
    let zips = zips(&args, &configuration(context)?)?;
    check_architecture(&args, zips.as_ref())?;
    let aws = Aws::from_environment().await;
    let account = identity(&aws).await?.account;
    let region = aws.region().unwrap_or_default().to_owned();
    output::note(&format!("stack `{}` in account {account}, region {region}", data(&args.stack)));
    if zips.is_none() && context.config_path.is_some() {
        let message = "a configuration is deployed with the programs; give --artifacts too";
        return Err(Usage(message.to_owned()).into());
    }
    let present = stack(&aws, &args.stack).await?;
    if zips.is_none() && present.as_ref().is_none_or(is_unfinished) {
        let message = format!(
            "stack `{}` is new and needs programs; make them with `aisaws package --out dist`, then give --artifacts dist",
            args.stack
        );
        return Err(Usage(message).into());
    }
    let known = present.as_ref().map(|stack| &stack.parameters);
    check_approver(&args, known)?;
    let artifacts = Artifacts::ensure(&aws, args.artifact_bucket.as_deref()).await?;
    let deployment = Deployment {
        stack: args.stack.clone(),
        template_url: artifacts.url(&artifacts.put("template", "yaml", template.as_bytes()).await?),
        parameters: parameters(&args, &artifacts, zips.as_ref()).await?,
        pace: Pace::default(),
    };
    if present.is_none_or(|stack| stack.status == IN_REVIEW) {
        let place = (template.as_str(), account.as_str(), region.as_str());
        let ended = take_in::run(&aws, &artifacts, &deployment, place, args.yes).await?;
        if let Some(ended) = ended {
            return Ok(ended);
        }
    }
    let Some(proposal) = deployment.propose(&aws).await? else {
        output::note("nothing changes");
        return told(context, stack(&aws, &args.stack).await?.as_ref());
    };
    show(&proposal.changes);
    let question = if proposal.creates { "create this stack?" } else { "make these changes?" };
    match confirmed(question, args.yes) {
        Ok(true) => {}
        other => {
            deployment.discard(&aws, &proposal).await?;
            other?;
            output::note("nothing was changed");
            return Ok(Ended::Attention);
        }
    }
    let made = deployment.execute(&aws, &proposal, &mut step).await?;
    told(context, Some(&made))
}

/// A stack that only took in what an earlier one left, or that was never made.
fn is_unfinished(stack: &Stack) -> bool {
    [IN_REVIEW, "IMPORT_COMPLETE"].contains(&stack.status.as_str())
}

/// Which processor functions have follows from the programs: said otherwise, none would start.
fn check_architecture(args: &Deploy, zips: Option<&Zips>) -> Result<(), Usage> {
    let said = args.parameters.iter().rfind(|(name, _)| name == ARCHITECTURE);
    match (said, zips.map(|zips| zips.architecture.name())) {
        (None, _) => Ok(()),
        (Some((_, said)), Some(is)) if said == is => Ok(()),
        (Some((_, said)), Some(is)) => Err(Usage(format!(
            "the programs are for {is}, not {said}; make others with `aisaws package --target {}`, or leave out --parameter {ARCHITECTURE}",
            triple(said)
        ))),
        (Some((_, said)), None) => Err(Usage(format!(
            "{ARCHITECTURE} follows from the programs; make them with `aisaws package --target {} --out dist`, then give --artifacts dist",
            triple(said)
        ))),
    }
}

/// In modes that ask, somebody has to be asked. The template says the same.
fn check_approver(args: &Deploy, known: Option<&BTreeMap<String, String>>) -> Result<(), Usage> {
    let value = |name: &str, said: Option<&str>| {
        let given = args.parameters.iter().rfind(|(key, _)| key == name);
        let given = given.map(|(_, value)| value.as_str()).or(said);
        given.or_else(|| known?.get(name).map(String::as_str)).unwrap_or_default().to_owned()
    };
    let mode = value("Mode", args.mode.map(word));
    let approver = value("ApproverEmail", args.approver_email.as_deref());
    if ["ask", "act"].contains(&mode.as_str()) && approver.is_empty() {
        return Err(Usage(format!(
            "mode {mode} asks a human, and none is named; give --approver-email ADDRESS"
        )));
    }
    Ok(())
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Ask => "ask",
        Mode::Act => "act",
    }
}

fn triple(architecture: &str) -> &'static str {
    if architecture == Architecture::Arm64.name() {
        "aarch64-unknown-linux-gnu"
    } else {
        "x86_64-unknown-linux-gnu"
    }
}

async fn parameters(
    args: &Deploy,
    artifacts: &Artifacts,
    zips: Option<&Zips>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        parameters.insert(name.to_owned(), value.to_owned());
    };
    let definition = aisaws_statemachines::RESPOND.as_bytes();
    set("ArtifactBucket", artifacts.bucket());
    set("DefinitionKey", &artifacts.put("respond", "asl.json", definition).await?);
    if let Some(zips) = zips {
        set("ReadArtifactKey", &artifacts.put("read", "zip", &zips.read).await?);
        set("WriteArtifactKey", &artifacts.put("write", "zip", &zips.write).await?);
        set(ARCHITECTURE, zips.architecture.name());
    }
    if let Some(mode) = args.mode {
        set("Mode", word(mode));
    }
    if let Some(address) = &args.alert_email {
        set("AlertEmail", address);
    }
    if let Some(address) = &args.approver_email {
        set("ApproverEmail", address);
    }
    if !args.member_accounts.is_empty() {
        set("MemberAccounts", &args.member_accounts.join(","));
    }
    parameters.extend(args.parameters.iter().cloned());
    Ok(parameters)
}

/// The files that functions read their configuration from; none, where the file is not given.
fn configuration(context: &Context) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    if context.config_path.is_none() {
        return Ok(Vec::new());
    }
    let files = aisaws_app::config::bundle(&context.config)?;
    Ok(files
        .into_iter()
        .map(|file| (format!("{CONFIG_FOLDER}/{}", file.path), file.content))
        .collect())
}

/// The programs that were given; `None`: none were.
fn zips(args: &Deploy, config: &[(String, Vec<u8>)]) -> anyhow::Result<Option<Zips>> {
    let (read, write) = match (&args.artifacts, &args.read_program, &args.write_program) {
        (Some(folder), ..) => (read(&folder.join("read.zip"))?, read(&folder.join("write.zip"))?),
        (None, Some(reads), Some(writes)) => (packaged(reads)?, packaged(writes)?),
        _ => return Ok(None),
    };
    let mut architectures = Vec::new();
    for (name, zip) in [("read", &read), ("write", &write)] {
        let bad = || format!("the program that is to {name} cannot be deployed");
        let bytes = program_of(zip).with_context(bad)?;
        let program = Program::read(&bytes).with_context(bad)?;
        program.check_glibc().with_context(bad)?;
        architectures.push(program.architecture);
    }
    // Only what reads and decides is told anything; what writes follows the plan.
    let read = if config.is_empty() {
        read
    } else {
        package_with(&Program::read(&program_of(&read)?)?, config)?
    };
    match architectures.as_slice() {
        [one, other] if one == other => Ok(Some(Zips { read, write, architecture: *one })),
        [one, other] => {
            let (one, other) = (one.name(), other.name());
            let message = format!(
                "the program that reads is for {one}, the one that writes for {other}; make both with one `aisaws package`"
            );
            Err(Usage(message).into())
        }
        _ => Ok(None),
    }
}

fn packaged(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bad = || format!("`{}` cannot be deployed", path.display());
    Ok(package(&Program::read(&read(path)?).with_context(bad)?)?)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path)
        .map_err(|e| Usage(format!("`{}` could not be read: {e}", path.display())).into())
}

fn show(changes: &[Change]) {
    let rows = changes.iter().map(|change| {
        let replaces = if change.replaces { "made anew" } else { "" };
        [data(&change.action), data(&change.resource), data(&change.kind), replaces.to_owned()]
    });
    output::note(&table(["change", "resource", "type", ""], rows));
}

/// One line for each step of a resource.
pub(super) fn step(step: &Step) {
    let reason = step.reason.as_deref().map(|r| format!(": {}", data(r))).unwrap_or_default();
    output::note(&format!("{:30} {}{reason}", data(&step.status), data(&step.resource)));
}

fn told(context: &Context, stack: Option<&Stack>) -> anyhow::Result<Ended> {
    let outputs = stack.map(|stack| stack.outputs.clone()).unwrap_or_default();
    match context.format {
        Format::Json => output::json(&json!({
            "stack": stack.map(|stack| &stack.id),
            "status": stack.map(|stack| &stack.status),
            "outputs": outputs,
        }))?,
        Format::Text => {
            let rows = outputs.iter().map(|(name, value)| [data(name), data(value)]);
            output::line(&table(["output", "value"], rows));
        }
    }
    Ok(Ended::Done)
}
