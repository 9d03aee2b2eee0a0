//! `aisaws package`: builds the two programs from a checkout and packages them.

use std::path::{Path, PathBuf};
use std::process::Command;

use aisaws_aws::deploy::{Architecture, Program, package};
use anyhow::Context as _;
use serde_json::{Value, json};

use super::args::Package;
use crate::args::Format;
use crate::context::Context;
use crate::render::table::table;
use crate::{Ended, Usage, output};

/// What tells a checkout of the product.
const WORKERS: &str = "stages/workers/Cargo.toml";
/// The program and its package.
const PROGRAMS: [(&str, &str); 2] = [("aisaws-read", "read.zip"), ("aisaws-write", "write.zip")];

/// What is built where nothing is said.
const TARGET: &str = "x86_64-unknown-linux-gnu";

pub(crate) fn run(context: &Context, args: &Package) -> anyhow::Result<Ended> {
    let wanted = args.target.as_deref().map(architecture).transpose()?;
    let folder = match &args.programs {
        Some(folder) => folder.clone(),
        None => built(args.target.as_deref().unwrap_or(TARGET))?,
    };
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("folder `{}` could not be made", args.out.display()))?;
    let mut rows = Vec::new();
    for (program, name) in PROGRAMS {
        let path = folder.join(program);
        let bytes = std::fs::read(&path)
            .map_err(|e| Usage(format!("`{}` could not be read: {e}", path.display())))?;
        let bad = || format!("`{}` cannot be packaged", path.display());
        let program = Program::read(&bytes).with_context(bad)?;
        program.check_glibc().with_context(bad)?;
        if let Some(wanted) = wanted.filter(|wanted| *wanted != program.architecture) {
            let (is, wanted) = (program.architecture.name(), wanted.name());
            let message = format!("`{}` is for {is}, not {wanted}", path.display());
            return Err(Usage(format!("{message}; leave out --target, or build it anew")).into());
        }
        let zip = package(&program)?;
        let file = args.out.join(name);
        std::fs::write(&file, &zip)
            .with_context(|| format!("`{}` could not be written", file.display()))?;
        rows.push((file, program.architecture.name(), bytes.len(), zip.len()));
    }
    match context.format {
        Format::Json => {
            let list: Vec<Value> = rows
                .iter()
                .map(|(file, architecture, program, zip)| {
                    json!({ "file": file, "architecture": architecture,
                            "program_bytes": program, "zip_bytes": zip })
                })
                .collect();
            output::json(&list)?;
        }
        Format::Text => {
            let rows = rows.into_iter().map(|(file, architecture, program, zip)| {
                let (program, zip) = (megabytes(program), megabytes(zip));
                [file.display().to_string(), architecture.to_owned(), program, zip]
            });
            output::line(&table(["package", "processor", "program", "zip"], rows));
        }
    }
    Ok(Ended::Done)
}

/// The processor of a target.
fn architecture(target: &str) -> Result<Architecture, Usage> {
    let known = [("x86_64-", Architecture::X86_64), ("aarch64-", Architecture::Arm64)];
    let found = known
        .into_iter()
        .find(|(begin, _)| target.starts_with(begin) && target.contains("-linux-"));
    found.map(|(_, architecture)| architecture).ok_or_else(|| {
        Usage(format!(
            "functions cannot run programs for `{target}`; give {TARGET} or aarch64-unknown-linux-gnu"
        ))
    })
}

fn megabytes(bytes: usize) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

/// Builds the programs and gives the folder they are in.
fn built(target: &str) -> anyhow::Result<PathBuf> {
    let checkout = checkout()?;
    let mut build = Command::new("cargo");
    build.current_dir(&checkout);
    // `cargo zigbuild --version` is an error of it.
    if answers(Command::new("cargo-zigbuild").arg("--version")) {
        // With the C library of Amazon Linux 2023, whatever this machine has.
        let suffix = if target.ends_with("-gnu") { ".2.34" } else { "" };
        build.args(["zigbuild", "--target", &format!("{target}{suffix}")]);
    } else if host().as_deref() == Some(target) {
        build.args(["build", "--target", target]);
    } else {
        return Err(Usage(format!(
            "programs for `{target}` are built here by cargo-zigbuild: run `pip install cargo-zigbuild` and `rustup target add {target}`, then this again, or run it on such a machine"
        ))
        .into());
    }
    build.args(["--locked", "--profile", "dist", "-p", "aisaws-workers", "--features", "ec2"]);
    let status = build.status().context("`cargo` could not be started; install Rust")?;
    if !status.success() {
        return Err(Usage("the programs could not be built; cargo said why".to_owned()).into());
    }
    Ok(target_folder(&checkout)?.join(target).join("dist"))
}

/// The checkout that this is run in.
fn checkout() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().find(|folder| folder.join(WORKERS).is_file());
    found.map(Path::to_path_buf).ok_or_else(|| {
        Usage(
            "this is no checkout of AISAWS, from which programs are built; run it in one, or give --programs DIR"
                .to_owned(),
        )
        .into()
    })
}

fn answers(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// What `rustc` builds for where it is not told.
fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

fn target_folder(checkout: &Path) -> anyhow::Result<PathBuf> {
    let mut metadata = Command::new("cargo");
    metadata.current_dir(checkout).args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = metadata.output().context("`cargo metadata` could not be run")?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("`cargo metadata` gave no JSON")?;
    let folder = metadata.get("target_directory").and_then(Value::as_str);
    Ok(PathBuf::from(folder.context("`cargo metadata` names no target folder")?))
}
