//! `aisaws worker` as a process, and how a test tells it something.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything may take on a busy machine.
pub(crate) const WITHIN: Duration = Duration::from_mins(2);

/// A worker that runs until it is told to end, or is dropped.
pub(crate) struct Worker {
    child: Child,
    log: Arc<Mutex<Vec<Value>>>,
}

impl Worker {
    pub(crate) fn start(variables: &BTreeMap<&'static str, String>, flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_aisaws-under-test"))
            .arg("worker")
            .args(["--listen", "127.0.0.1:0"])
            .args(flags)
            .env_clear()
            .envs(variables)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let errors = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let entry = serde_json::from_str(&line).unwrap_or(Value::String(line));
                kept.lock().unwrap().push(entry);
            }
        });
        Self { child, log }
    }

    /// What it wrote to its log so far, a value a line; a line that is no JSON is a text.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.log.lock().unwrap().clone()
    }

    /// The system's number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Where it serves its endpoint, once it does.
    pub(crate) fn address(&mut self) -> SocketAddr {
        self.until("serves its endpoint", |worker| {
            worker.log().iter().find_map(|entry| entry["listen"].as_str()?.parse().ok())
        })
    }

    /// Status and body of one page of its endpoint.
    pub(crate) fn asked(&mut self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: worker\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// The value of one of its figures.
    pub(crate) fn figure(&mut self, name: &str) -> u64 {
        let (status, text) = self.asked("/metrics");
        assert_eq!(status, 200);
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap().parse().unwrap()
    }

    /// Waits until something can be said of it.
    pub(crate) fn until<T>(&mut self, what: &str, said: impl Fn(&mut Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = said(self) {
                return found;
            }
            let ended = self.child.try_wait().unwrap();
            let is_late = begun.elapsed() > WITHIN;
            assert!(ended.is_none() && !is_late, "{what}: {ended:?} {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal (`TERM`), and waits for its end.
    pub(crate) fn told(mut self, signal: &str) -> (ExitStatus, Vec<Value>) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        assert!(sent.success());
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.log());
            }
            assert!(begun.elapsed() < WITHIN, "it does not end: {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
