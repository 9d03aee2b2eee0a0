//! Emulators start, answer, and end with whoever started them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect ends"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use aisaws_emulators::{Emulator, EmulatorError, dynamodb_local, ministack, moto};

/// Set for the copy of this program that is killed.
const VICTIM: &str = "AISAWS_EMULATORS_VICTIM";

fn address(endpoint: &str) -> String {
    endpoint.strip_prefix("http://").unwrap().to_owned()
}

fn answers(endpoint: &str) -> bool {
    TcpStream::connect(address(endpoint)).is_ok()
}

fn is_gone_soon(endpoint: &str) -> bool {
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        !answers(endpoint)
    })
}

#[test]
fn an_emulator_ends_when_it_is_dropped() {
    let emulator = ministack().unwrap();
    let endpoint = emulator.endpoint();
    assert!(answers(&endpoint));
    drop(emulator);
    assert!(is_gone_soon(&endpoint));
}

#[test]
fn two_emulators_run_side_by_side() {
    let (one, other) = (ministack().unwrap(), ministack().unwrap());
    assert_ne!(one.endpoint(), other.endpoint());
    for emulator in [&one, &other] {
        let (status, _) = emulator.post("/_ministack/reset", "").unwrap();
        assert_eq!(status, 200);
    }
}

#[test]
fn an_emulator_ends_when_the_process_that_started_it_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        let emulator = ministack().unwrap();
        std::io::stdout().write_all(format!("<{}>", emulator.endpoint()).as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
        std::thread::sleep(Duration::from_mins(5));
        return;
    }
    let name = "an_emulator_ends_when_the_process_that_started_it_is_killed";
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut byte = [0];
    let mut out = victim.stdout.take().unwrap();
    while !said.ends_with(b">") && out.read(&mut byte).unwrap() == 1 {
        said.push(byte[0]);
    }
    let said = String::from_utf8(said).unwrap();
    let endpoint = said.split_once('<').unwrap().1.trim_end_matches('>').to_owned();
    assert!(answers(&endpoint));
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(is_gone_soon(&endpoint));
}

#[test]
fn moto_starts_empty() {
    let (one, other) = (moto().unwrap(), moto().unwrap());
    for emulator in [&one, &other] {
        let (status, _) = emulator.post("/moto-api/reset", "").unwrap();
        assert_eq!(status, 200);
    }
}

#[test]
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn dynamodb_local_answers_where_java_is() {
    let emulator: Result<Emulator, EmulatorError> = dynamodb_local();
    match emulator {
        Ok(emulator) => assert!(answers(&emulator.endpoint())),
        Err(e) if e.is_missing_program() => eprintln!("skipped: {e}"),
        Err(e) => panic!("{e}"),
    }
}
