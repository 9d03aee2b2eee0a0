//! A proxy in front of one emulator, whose faults are planned by operation.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aisaws_emulators::proxy::{self, Act, Call, Line};
use tokio::runtime::Handle;

/// Longer than any test waits.
const SILENCE: Duration = Duration::from_secs(30);

/// What came by.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) operation: String,
    pub(crate) body: String,
    call: Call,
}

impl Seen {
    fn new(call: Call) -> Self {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        Self { operation: operation(&call), body, call }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.call.header(name)
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

/// Faults by the operation they wait for.
type Waiting = Mutex<Vec<(String, VecDeque<Fault>)>>;
/// What every request of one operation meets.
type Lasting = Mutex<Option<(String, Fault)>>;

struct Planned {
    faults: Arc<Waiting>,
    lasting: Arc<Lasting>,
    /// Where what happens meanwhile runs.
    runtime: Handle,
}

impl Line for Planned {
    fn act(&self, call: &Call) -> Act {
        let operation = operation(call);
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            let mut planned = faults.iter_mut();
            let of_this = planned.find(|(name, left)| *name == operation && !left.is_empty());
            of_this.and_then(|(_, left)| left.pop_front())
        };
        let lasting = self.lasting.lock().unwrap().clone();
        let fault =
            fault.or(lasting.filter(|(name, _)| *name == operation).map(|(_, fault)| fault));
        match fault {
            Some(Fault::Lost) => Act::Lose,
            Some(Fault::AnswerLost) => Act::LoseAnswer,
            Some(Fault::Silence) => Act::Silence(SILENCE),
            Some(Fault::Answer { status, body }) => {
                Act::Answer { status, content_type: "text/xml", body }
            }
            Some(Fault::Meanwhile(event)) => {
                self.runtime.block_on(event.happen());
                Act::Pass
            }
            Some(Fault::Pass) | None => Act::Pass,
        }
    }
}

/// Ends with its owner.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) endpoint: String,
    faults: Arc<Waiting>,
    lasting: Arc<Lasting>,
    inner: proxy::Proxy,
}

impl Proxy {
    /// In front of that endpoint (`http://host:port`).
    pub(crate) fn before(upstream: &str) -> Self {
        let faults: Arc<Waiting> = Arc::default();
        let lasting: Arc<Lasting> = Arc::default();
        let line = Planned {
            faults: Arc::clone(&faults),
            lasting: Arc::clone(&lasting),
            runtime: Handle::current(),
        };
        let proxy = proxy::Proxy::before(upstream, line).unwrap();
        Self { endpoint: proxy.endpoint(), faults, lasting, inner: proxy }
    }

    /// The next requests of that operation meet these faults, one each.
    pub(crate) fn will(&self, operation: &str, faults: impl IntoIterator<Item = Fault>) {
        let faults = faults.into_iter().collect();
        self.faults.lock().unwrap().push((operation.to_owned(), faults));
    }

    /// From now on every request of that operation meets this fault, and those of the operation
    /// named before meet none. Unlike planned faults it is not used up by a request that an earlier,
    /// failed read left on its way.
    pub(crate) fn always(&self, operation: &str, fault: Fault) {
        *self.lasting.lock().unwrap() = Some((operation.to_owned(), fault));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.calls().into_iter().map(Seen::new).collect()
    }

    /// How often the operation was asked for.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.seen().iter().filter(|seen| seen.operation == operation).count()
    }

    pub(crate) fn forget(&self) {
        self.inner.forget();
    }
}

/// The operation; that of a call of S3 by its method and query.
fn operation(call: &Call) -> String {
    if !call.operation.contains(' ') {
        return call.operation.clone();
    }
    let start = call.start.as_str();
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
