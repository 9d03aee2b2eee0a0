//! What can be said to `deploy`, `destroy` and `package`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The most that is done at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Records and alerts
    Observe,
    /// Repairs what a human granted
    Ask,
    /// Also repairs by itself what the policy allows
    Act,
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME", default_value = "aisaws")]
    pub(crate) stack: String,
    /// The most that is done at all [default: as it is; of a new stack, observe]
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// Who gets alerts
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) alert_email: Option<String>,
    /// Who gets the links that grant repairs
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) approver_email: Option<String>,
    /// Further accounts to protect, separated by commas; each needs the stack of
    /// `aisaws infra template --member`
    #[arg(long, value_name = "ACCOUNTS", value_delimiter = ',')]
    pub(crate) member_accounts: Vec<String>,
    /// Any parameter of the template; again for more
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Folder with the `read.zip` and `write.zip` of `aisaws package` [default: the programs that
    /// the stack has]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["read_program", "write_program"])]
    pub(crate) artifacts: Option<PathBuf>,
    /// The program `aisaws-read`, instead of --artifacts
    #[arg(long, value_name = "FILE", requires = "write_program")]
    pub(crate) read_program: Option<PathBuf>,
    /// The program `aisaws-write`, instead of --artifacts
    #[arg(long, value_name = "FILE", requires = "read_program")]
    pub(crate) write_program: Option<PathBuf>,
    /// The bucket for programs and template, made where it is missing
    /// [default: aisaws-artifacts-ACCOUNT-REGION]
    #[arg(long, value_name = "NAME")]
    pub(crate) artifact_bucket: Option<String>,
    /// Another template [default: that of `aisaws infra template`]
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// Make the change without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Destroy {
    /// The CloudFormation stack
    #[arg(long, value_name = "NAME", default_value = "aisaws")]
    pub(crate) stack: String,
    /// Delete what was recorded too: the table and the archive. Nothing brings them back
    #[arg(long)]
    pub(crate) delete_data: bool,
    /// Delete without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Package {
    /// For which machines the programs are built: `x86_64-unknown-linux-gnu`, or
    /// `aarch64-unknown-linux-gnu` for functions on Graviton [default: the first; with --programs,
    /// that of the programs]
    #[arg(long, value_name = "TRIPLE")]
    pub(crate) target: Option<String>,
    /// Where `read.zip` and `write.zip` are written
    #[arg(long, value_name = "DIR", default_value = "dist")]
    pub(crate) out: PathBuf,
    /// Packages programs that are built already: a folder with `aisaws-read` and `aisaws-write`
    #[arg(long, value_name = "DIR")]
    pub(crate) programs: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
