//! A proxy in front of an emulator: it tells what is called, and can answer in AWS's place, late,
//! wrongly or not at all.
//!
//! What happens to a call is decided by a [`Line`]. [`CutAfter`] is one: it cuts the line at the n-th
//! call. [`Weather`] is another: a share of all calls fails, drawn from a seed.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A head is never longer.
const HEAD_BYTES: usize = 256 * 1024;
const END: &[u8] = b"\r\n\r\n";

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// How many came before it.
    pub number: usize,
    /// Its operation, as AWS's protocols name it (`PutItem`, `SendMessage`); for the REST protocols
    /// the method and the path's query (`PUT ?acl`).
    pub operation: String,
    /// Method, path and query as they came.
    pub start: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Call {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The usual: it is carried out and answered.
    Pass,
    /// The connection ends before it got anywhere.
    Lose,
    /// It is carried out, and the connection ends before the answer.
    LoseAnswer,
    /// It gets nowhere, and for so long there is no answer; then the connection ends.
    Silence(Duration),
    /// It is carried out, and for so long there is no answer; then the connection ends.
    SilentAnswer(Duration),
    /// This is the answer, and it gets nowhere.
    Answer {
        /// HTTP status.
        status: u16,
        /// As `Content-Type` says.
        content_type: &'static str,
        /// The body.
        body: String,
    },
}

/// Decides what happens to calls.
pub trait Line: Send + Sync {
    /// What happens to this call.
    fn act(&self, call: &Call) -> Act;

    /// Told when a call was carried out, before its answer goes anywhere.
    fn carried_out(&self, _: &Call) {}
}

impl<L: Line + ?Sized> Line for Arc<L> {
    fn act(&self, call: &Call) -> Act {
        (**self).act(call)
    }

    fn carried_out(&self, call: &Call) {
        (**self).carried_out(call);
    }
}

/// A running proxy; it ends when dropped.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    line: Box<dyn Line>,
    count: AtomicUsize,
    calls: Mutex<Vec<Call>>,
    is_over: AtomicBool,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts; where nobody accepts any more, it has ended.
        drop(TcpStream::connect(self.address));
    }
}

impl Proxy {
    /// In front of that endpoint (`http://127.0.0.1:4566`).
    ///
    /// # Errors
    /// Where no port can be had.
    pub fn before(upstream: &str, line: impl Line + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: upstream.trim_start_matches("http://").trim_end_matches('/').to_owned(),
            line: Box::new(line),
            count: AtomicUsize::new(0),
            calls: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if serving.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // A client or an emulator that goes away ends its connection, and nothing else.
                thread::spawn(move || drop(shared.serve(client)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Its address, as SDKs take it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets it run to the end of the process; its address.
    pub fn kept(self) -> String {
        let endpoint = self.endpoint();
        std::mem::forget(self);
        endpoint
    }

    /// Every call that came, in their order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls of that operation.
    pub fn count(&self, operation: &str) -> usize {
        self.calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Forgets the calls so far; their numbers go on.
    pub fn forget(&self) {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Shared {
    /// Serves one connection, call after call.
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut server: Option<TcpStream> = None;
        let mut rest = Vec::new();
        while let Some(message) = Message::read(&mut client, &mut rest, false)? {
            let call = message.call(self.count.fetch_add(1, Ordering::SeqCst));
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            calls.push(call.clone());
            drop(calls);
            let act = self.line.act(&call);
            match act {
                Act::Lose => return client.shutdown(Shutdown::Both),
                Act::Silence(time) => {
                    thread::sleep(time);
                    return client.shutdown(Shutdown::Both);
                }
                Act::Answer { status, content_type, body } => {
                    let length = body.len();
                    write!(
                        client,
                        "HTTP/1.1 {status} Told\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
                    )?;
                    continue;
                }
                Act::Pass | Act::LoseAnswer | Act::SilentAnswer(_) => {}
            }
            let answer = self.forward(&mut server, &message)?;
            self.line.carried_out(&call);
            match act {
                Act::LoseAnswer => return client.shutdown(Shutdown::Both),
                Act::SilentAnswer(time) => {
                    thread::sleep(time);
                    return client.shutdown(Shutdown::Both);
                }
                _ => client.write_all(&answer.bytes)?,
            }
            if answer.closes {
                return client.shutdown(Shutdown::Both);
            }
        }
        Ok(())
    }

    /// Hands a call on. A connection that the emulator closed meanwhile is made anew, once.
    fn forward(&self, server: &mut Option<TcpStream>, message: &Message) -> io::Result<Message> {
        let has_no_body = message.head.starts_with("HEAD ");
        if let Some(mut kept) = server.take()
            && let Ok(Some(answer)) = ask(&mut kept, message, has_no_body)
        {
            *server = Some(kept);
            return Ok(answer);
        }
        let mut fresh = TcpStream::connect(&self.upstream)?;
        fresh.set_nodelay(true)?;
        let answer = ask(&mut fresh, message, has_no_body)?;
        let answer = answer.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        if !answer.closes {
            *server = Some(fresh);
        }
        Ok(answer)
    }
}

fn ask(
    server: &mut TcpStream,
    message: &Message,
    has_no_body: bool,
) -> io::Result<Option<Message>> {
    server.write_all(&message.bytes)?;
    Message::read(server, &mut Vec::new(), has_no_body)
}

/// One HTTP message, whole.
struct Message {
    /// Start line and headers.
    head: String,
    bytes: Vec<u8>,
    body: usize,
    /// Whether the connection ends behind it.
    closes: bool,
}

impl Message {
    /// Reads one; `None` at the end. What came of the next stays in `rest`.
    fn read(
        stream: &mut TcpStream,
        rest: &mut Vec<u8>,
        has_no_body: bool,
    ) -> io::Result<Option<Self>> {
        let mut bytes = std::mem::take(rest);
        let end = loop {
            if let Some(at) = find(&bytes, END) {
                break at + END.len();
            }
            if bytes.len() > HEAD_BYTES {
                return Err(io::Error::other("a head that does not end"));
            }
            if more(stream, &mut bytes)? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
        let is = |name: &str, value: &str| {
            header(&head, name).is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        if is("expect", "100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let has_no_body = has_no_body || head.contains(" 204 ") || head.contains(" 304 ");
        let length: Option<usize> = header(&head, "content-length").and_then(|n| n.parse().ok());
        let mut closes = is("connection", "close");
        let whole = if has_no_body {
            end
        } else if is("transfer-encoding", "chunked") {
            loop {
                if let Some(length) = chunks(bytes.get(end..).unwrap_or_default()) {
                    break end + length;
                }
                if more(stream, &mut bytes)? == 0 {
                    return Ok(None);
                }
            }
        } else if length.is_none() && head.starts_with("HTTP/") {
            // Nothing but its end tells where it ends.
            closes = true;
            while more(stream, &mut bytes)? > 0 {}
            bytes.len()
        } else {
            let whole = end + length.unwrap_or(0);
            while bytes.len() < whole {
                if more(stream, &mut bytes)? == 0 {
                    return Ok(None);
                }
            }
            whole
        };
        *rest = bytes.split_off(whole);
        Ok(Some(Self { head, bytes, body: end, closes }))
    }

    fn call(&self, number: usize) -> Call {
        let mut lines = self.head.trim_end().lines();
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let body = self.bytes.get(self.body..).unwrap_or_default().to_vec();
        Call { number, operation: operation(&start, &self.head, &body), start, headers, body }
    }
}

/// The length of a body in chunks, if it is there whole.
fn chunks(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = body.get(at..)?;
        let line = find(rest, b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        // The line, the chunk, and the end of its line.
        at = at.checked_add(line)?.checked_add(2)?.checked_add(size)?.checked_add(2)?;
        if size == 0 {
            return (body.len() >= at).then_some(at);
        }
    }
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; 16 * 1024];
    let read = stream.read(&mut buffer)?;
    bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
    Ok(read)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The operation, as each protocol of AWS names it.
fn operation(start: &str, head: &str, body: &[u8]) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let form = header(head, "content-type").is_some_and(|t| t.contains("x-www-form-urlencoded"));
    if form {
        let body = String::from_utf8_lossy(body);
        let action = body.split('&').find_map(|field| field.strip_prefix("Action="));
        if let Some(action) = action {
            return action.to_owned();
        }
    }
    let mut words = start.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let names: Vec<&str> = query
        .split('&')
        .filter_map(|part| part.split('=').next())
        .filter(|n| *n != "x-id")
        .collect();
    format!("{method} ?{}", names.join("&"))
}

/// Which part of a call is lost where a line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The request does not arrive.
    Request,
    /// It arrives and is obeyed, and the answer is lost.
    Answer,
}

/// A line that lets so many calls through and then none; the first that fails does so as [`Cut`]
/// says.
#[derive(Debug, Clone, Copy)]
pub struct CutAfter {
    /// Calls that go through.
    pub calls: usize,
    /// How the next one fails.
    pub cut: Cut,
}

impl Line for CutAfter {
    fn act(&self, call: &Call) -> Act {
        match call.number.cmp(&self.calls) {
            std::cmp::Ordering::Less => Act::Pass,
            std::cmp::Ordering::Equal if self.cut == Cut::Answer => Act::LoseAnswer,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Act::Lose,
        }
    }
}

/// Weather: a share of calls fails as calls to AWS do, before or after they took effect.
#[derive(Debug)]
pub struct Weather {
    seed: u64,
    per_cent: u64,
    failed: Arc<AtomicUsize>,
}

impl Weather {
    /// So many of a hundred calls fail, drawn from the seed by the calls' numbers.
    pub fn new(seed: u64, per_cent: u64) -> Self {
        Self { seed, per_cent, failed: Arc::default() }
    }

    /// How many calls failed so far.
    pub fn failed(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.failed)
    }

    /// A number for each call, evenly spread: the last steps of SplitMix64.
    fn draw(&self, number: usize) -> u64 {
        let mut z = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = z.wrapping_add(self.seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Long enough that it is no answer, short enough for a test.
const SILENCE: Duration = Duration::from_millis(300);

impl Line for Weather {
    fn act(&self, call: &Call) -> Act {
        let drawn = self.draw(call.number);
        if drawn % 100 >= self.per_cent {
            return Act::Pass;
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        match (drawn >> 32) % 7 {
            0 => Act::Lose,
            1 => Act::LoseAnswer,
            2 => Act::Silence(SILENCE),
            3 => Act::SilentAnswer(SILENCE),
            4 => refused(call, 500, "InternalError"),
            5 => refused(call, 503, "ServiceUnavailable"),
            _ => refused(call, 400, "ThrottlingException"),
        }
    }
}

/// The version of EC2's interface, which every call of it names.
const EC2: &[u8] = b"Version=2016-11-15";

/// An error in the form of the call's protocol; "slow down" by the name that its service has for it.
fn refused(call: &Call, status: u16, code: &str) -> Act {
    let content_type = call.header("content-type").unwrap_or_default();
    if content_type.contains("json") {
        let body = format!(r#"{{"__type":"{code}","message":"told"}}"#);
        return Act::Answer { status, content_type: "application/x-amz-json-1.0", body };
    }
    let is_throttled = status == 400;
    let error = |code| format!("<Error><Code>{code}</Code><Message>told</Message></Error>");
    let (status, body) = if find(&call.body, EC2).is_some() {
        let code = if is_throttled { "RequestLimitExceeded" } else { code };
        let errors = format!("<Errors>{}</Errors>", error(code));
        (status.max(500), format!("<Response>{errors}<RequestID>r</RequestID></Response>"))
    } else if content_type.contains("x-www-form-urlencoded") {
        let error = error(code);
        (status, format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
    } else {
        (status.max(500), error(if is_throttled { "SlowDown" } else { code }))
    };
    Act::Answer { status, content_type: "text/xml", body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_chunks_ends_behind_the_last() {
        let body = b"4\r\nWiki\r\n5;a=b\r\npedia\r\n0\r\n\r\nGET";
        assert_eq!(chunks(body), Some(body.len() - 3));
        assert_eq!(chunks(b"4\r\nWi"), None);
        assert_eq!(chunks(b"0\r\n"), None);
    }

    #[test]
    fn operations_have_the_names_that_aws_gives_them() {
        let json = "POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n\r\n";
        assert_eq!(operation("POST / HTTP/1.1", json, b""), "SendMessage");
        let form = "POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n";
        let body = b"Action=AssumeRole&Version=2011-06-15";
        assert_eq!(operation("POST / HTTP/1.1", form, body), "AssumeRole");
        let rest = "PUT /acme?acl&x-id=PutBucketAcl HTTP/1.1";
        assert_eq!(operation(rest, rest, b""), "PUT ?acl");
    }

    #[test]
    fn so_many_calls_of_a_hundred_fail_in_every_way() {
        let weather = Weather::new(7, 20);
        let call = |number| Call {
            number,
            operation: String::new(),
            start: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        let acts: Vec<Act> = (0..10_000).map(|n| weather.act(&call(n))).collect();
        let failed = acts.iter().filter(|act| **act != Act::Pass).count();
        assert!((1_800..2_200).contains(&failed), "{failed}");
        assert_eq!(weather.failed().load(Ordering::Relaxed), failed);
        let ways: std::collections::BTreeSet<String> =
            acts.iter().map(|act| format!("{act:?}")).collect();
        assert_eq!(ways.len(), 8, "{ways:#?}");
    }
}
