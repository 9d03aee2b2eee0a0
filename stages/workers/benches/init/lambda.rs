//! The part of Lambda around one process: its Runtime API, with one request to answer.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// The longest that a function may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was seen of one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    /// From its start until it asked for its first request.
    pub(crate) init: Duration,
    /// Time on a processor until then, of all its threads.
    pub(crate) init_cpu: Duration,
    /// From its start until it had answered it.
    pub(crate) answered: Duration,
    /// The most memory that was resident until then, in bytes.
    pub(crate) peak_bytes: u64,
}

enum Seen {
    Ready(Instant),
    Answered(Instant, String),
    Failed(String),
}

/// Starts the process, gives it that request, and ends it when it has answered.
pub(crate) fn start(mut command: Command, request: &str) -> Start {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (sender, seen) = channel();
    let api = listener.local_addr().unwrap().to_string();
    let request = request.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (sender, request) = (sender.clone(), request.clone());
            std::thread::spawn(move || converse(stream.unwrap(), &request, &sender));
        }
    });
    command.env("AWS_LAMBDA_RUNTIME_API", api).stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let outcome = watch(&child, began, &seen);
    child.kill().unwrap();
    child.wait().unwrap();
    outcome
}

fn watch(child: &Child, began: Instant, seen: &Receiver<Seen>) -> Start {
    let mut ready = None;
    loop {
        match seen.recv_timeout(PATIENCE).unwrap() {
            Seen::Ready(at) => {
                ready.get_or_insert((at - began, cpu(child.id())));
            }
            Seen::Answered(at, body) => {
                assert_eq!(body, r#"{"batchItemFailures":[]}"#.to_owned(), "the answer");
                let (init, init_cpu) = ready.unwrap();
                let peak_bytes = peak(child.id());
                return Start { init, init_cpu, answered: at - began, peak_bytes };
            }
            Seen::Failed(reason) => panic!("the function failed: {reason}"),
        }
    }
}

/// One connection: requests until it ends. A second request for work is never answered.
fn converse(stream: TcpStream, work: &str, sender: &Sender<Seen>) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    let mut given = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let at = Instant::now();
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body: String = String::from_utf8(body).unwrap().split_whitespace().collect();
        if line.contains("/invocation/next") {
            if !given {
                // Whoever listens no more has seen what it wanted.
                drop(sender.send(Seen::Ready(at)));
                write!(
                    writer,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                     Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                     Lambda-Runtime-Deadline-Ms: {}\r\n\
                     Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111122223333:function:f\r\n\
                     Content-Length: {}\r\n\r\n{work}",
                    u64::MAX / 1_000_000,
                    work.len()
                )
                .unwrap();
                given = true;
                continue;
            }
            std::thread::sleep(PATIENCE);
            return;
        }
        let seen = if line.contains("/response") {
            Seen::Answered(at, body)
        } else {
            Seen::Failed(format!("{line}{body}"))
        };
        drop(sender.send(seen));
        let accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
        writer.write_all(accepted.as_bytes()).unwrap();
    }
}

/// `VmHWM` of `/proc/PID/status`, see proc(5).
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// Nanoseconds on a processor, over all threads: the first field of `schedstat`.
fn cpu(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanos = |thread: std::io::Result<std::fs::DirEntry>| -> u64 {
        // A thread may have ended meanwhile.
        let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat"));
        text.unwrap_or_default().split(' ').next().unwrap().parse().unwrap_or(0)
    };
    Duration::from_nanos(threads.map(nanos).sum())
}
