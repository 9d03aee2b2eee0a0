//! An HTTP proxy in front of one emulator. One request a connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What came by.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) operation: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What happens to a request instead of the usual.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing: this one goes through.
    Pass,
    /// There never is an answer.
    Silence,
    /// The connection ends before the request got anywhere.
    Lost,
    /// The request is carried out, and the connection ends before the answer.
    AnswerLost,
    /// This is the answer, and the request gets nowhere.
    Answer { status: u16, body: String },
    /// This happens right before the request is carried out.
    Meanwhile(Arc<dyn Meanwhile>),
}

/// Something that somebody else does.
pub(crate) trait Meanwhile: std::fmt::Debug + Send + Sync {
    fn happen(&self) -> futures::future::BoxFuture<'_, ()>;
}

#[derive(Debug, Default)]
struct Inner {
    seen: Vec<Seen>,
    faults: Vec<(String, VecDeque<Fault>)>,
}

/// Ends with its owner.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// In front of that endpoint (`http://host:port`).
    pub(crate) async fn before(upstream: &str) -> Self {
        let upstream = upstream.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner::default()));
        let shared = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (shared, upstream) = (Arc::clone(&shared), upstream.clone());
                // A client that goes away ends its connection, and nothing else.
                tokio::spawn(async move { drop(serve(client, &upstream, &shared).await) });
            }
        });
        Self { endpoint, inner, task }
    }

    /// The next requests of that operation meet these faults, one each.
    pub(crate) fn will(&self, operation: &str, faults: impl IntoIterator<Item = Fault>) {
        let faults = faults.into_iter().collect();
        self.inner.lock().unwrap().faults.push((operation.to_owned(), faults));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }

    /// How often the operation was asked for.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.seen().iter().filter(|seen| seen.operation == operation).count()
    }

    pub(crate) fn forget(&self) {
        self.inner.lock().unwrap().seen.clear();
    }
}

async fn serve(
    mut client: TcpStream,
    upstream: &str,
    inner: &Mutex<Inner>,
) -> Result<(), std::io::Error> {
    let Some((head, body)) = request(&mut client).await? else { return Ok(()) };
    let seen = seen(&head, &body);
    let fault = {
        let mut inner = inner.lock().unwrap();
        inner.seen.push(seen.clone());
        let mut planned = inner.faults.iter_mut();
        let of_this = planned.find(|(name, left)| *name == seen.operation && !left.is_empty());
        of_this.and_then(|(_, left)| left.pop_front())
    };
    match fault {
        Some(Fault::Lost) => return Ok(()),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Answer { status, body }) => {
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} Told\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            return client.write_all(answer.as_bytes()).await;
        }
        Some(Fault::AnswerLost) => {
            forward(upstream, &head, &body).await?;
            return Ok(());
        }
        Some(Fault::Meanwhile(event)) => event.happen().await,
        Some(Fault::Pass) | None => {}
    }
    let answer = forward(upstream, &head, &body).await?;
    client.write_all(&answer).await
}

/// Head and body, once both are there.
async fn request(client: &mut TcpStream) -> Result<Option<(String, Vec<u8>)>, std::io::Error> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8(bytes).unwrap();
    let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
    while body.len() < length {
        if client.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some((head, body)))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// The whole answer, which says that the connection ends with it.
async fn forward(upstream: &str, head: &str, body: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut server = TcpStream::connect(upstream).await?;
    let kept = head.trim_end().lines().filter(|line| !is_about_connection(line));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    server.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    server.write_all(body).await?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let rest = answer.split_off(end);
    let head = String::from_utf8(answer).unwrap();
    let kept = head.lines().filter(|line| !is_about_connection(line));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    let mut answer = format!("{head}\r\nconnection: close").into_bytes();
    answer.extend(rest);
    Ok(answer)
}

fn is_about_connection(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    ["connection", "keep-alive"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn seen(head: &str, body: &[u8]) -> Seen {
    let mut lines = head.trim_end().lines();
    let start = lines.next().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = String::from_utf8_lossy(body).into_owned();
    Seen { operation: operation(start, head, &body), headers, body }
}

/// The operation, as each protocol of AWS names it.
fn operation(start: &str, head: &str, body: &str) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap().to_owned();
    }
    let mut fields = body.split('&');
    if let Some(action) = fields.find_map(|field| field.strip_prefix("Action=")) {
        return action.to_owned();
    }
    let mut words = start.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let verb = match method {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        other => panic!("no operation in use has method {other}: {start}"),
    };
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    if verb == "Get" && place == "/" {
        return "ListBuckets".to_owned();
    }
    let parts: Vec<&str> = query.split('&').map(|part| part.split('=').next().unwrap()).collect();
    let name = [
        ("acl", "BucketAcl"),
        ("ownershipControls", "BucketOwnershipControls"),
        ("publicAccessBlock", "PublicAccessBlock"),
        ("policy", "BucketPolicy"),
        ("encryption", "BucketEncryption"),
        ("versioning", "BucketVersioning"),
        ("logging", "BucketLogging"),
        ("tagging", "BucketTagging"),
    ]
    .into_iter()
    .find(|(part, _)| parts.contains(part));
    let name = name.unwrap_or_else(|| panic!("no operation in use is {start}")).1;
    format!("{verb}{name}")
}
