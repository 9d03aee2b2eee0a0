//! A function's program as a process of its own, with Lambda's runtime API before it: it is handed one
//! request, and tells how that ended.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use aisaws_emulators::proxy::Proxy;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::killer::Killer;

/// Longer than a lease of a resource lasts.
const WITHIN: Duration = Duration::from_mins(4);

/// Runs a program of ours as the function of that handler, for one request. `None`: it died.
///
/// AWS is where `upstream` is, at the end of the line.
pub(crate) async fn request(
    program: &str,
    handler: &str,
    variables: &BTreeMap<&'static str, String>,
    (upstream, line): (&str, &Killer),
    payload: &Value,
) -> Option<Result<Value, Value>> {
    let api = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let aws = Proxy::before(upstream, line.clone()).unwrap();
    let mut child = Command::new(program)
        .env_clear()
        .envs(variables)
        .env("AWS_ENDPOINT_URL", aws.endpoint())
        .env("AISAWS_TARGET_ENDPOINT_URL", aws.endpoint())
        .env("AWS_LAMBDA_RUNTIME_API", api.local_addr().unwrap().to_string())
        .env("_HANDLER", handler)
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "under-test"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/under-test"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "under-test"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    line.aims_at(child.id().unwrap());
    let told = async {
        loop {
            let (stream, _) = api.accept().await.unwrap();
            if let Some(told) = serve(stream, payload).await {
                return told;
            }
        }
    };
    tokio::select! {
        told = told => Some(told),
        _ = child.wait() => None,
        () = tokio::time::sleep(WITHIN) => panic!("{handler} does not end"),
    }
}

/// Answers one connection, until the request's end is told on it or it closes.
async fn serve(stream: TcpStream, payload: &Value) -> Option<Result<Value, Value>> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            // The process died, or closes what it does not need.
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).await.ok()?;
        if head.starts_with("get ") {
            let text = payload.to_string();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
                 Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:111122223333:function:f\r\n\
                 \r\n{text}",
                text.len()
            );
            stream.write_all(answer.as_bytes()).await.ok()?;
            continue;
        }
        let told: Value = serde_json::from_slice(&body).unwrap();
        let path = head.split(' ').nth(1).unwrap();
        assert!(path.ends_with("/response") || path.ends_with("/error"), "{head}");
        return Some(if path.ends_with("/response") { Ok(told) } else { Err(told) });
    }
}
