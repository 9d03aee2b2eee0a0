//! What functions log: one JSON object a line on standard output, with the span of the request in it:
//! incident, function, request and trace. Texts from outside are values in it, never lines.
//!
//! Lambda sends the lines to the function's log group. It would filter them by `level`, and takes
//! metrics, which have none, for `INFO`: so this filters, and Lambda lets all through. The same trace id
//! is in X-Ray, which follows a request through the state machine: tracing is active on functions and
//! machine, and the SDK hands the trace on with the calls it makes.
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>

use aisaws_core::id::IncidentId;
use lambda_runtime::Context;
use lambda_runtime::tracing::subscriber::filter::{LevelFilter, Targets};
use lambda_runtime::tracing::subscriber::fmt::{self, MakeWriter};
use lambda_runtime::tracing::subscriber::layer::SubscriberExt as _;
use lambda_runtime::tracing::subscriber::util::SubscriberInitExt as _;
use lambda_runtime::tracing::subscriber::{Layer as _, Registry};
use tracing::{Span, Subscriber, field};

/// The variable with the least level of a line.
const LEVEL: &str = "AISAWS_LOG_LEVEL";
/// What our crates' names begin with.
const OURS: &str = "aisaws";

/// Begins to log; a second call changes nothing.
pub fn init() {
    let level = std::env::var(LEVEL).unwrap_or_default();
    let subscriber = subscriber(std::io::stdout, level_of(&level));
    // Somebody else logs for this process then, a test for example.
    drop(subscriber.try_init());
}

/// `INFO` where nothing, or nothing known, is asked for.
fn level_of(text: &str) -> LevelFilter {
    match text {
        // Which parses, and means something else.
        "" => LevelFilter::INFO,
        "FATAL" => LevelFilter::ERROR,
        other => other.parse().unwrap_or(LevelFilter::INFO),
    }
}

/// Others than we say at most that something is wrong: at lower levels SDKs tell bodies of requests.
fn subscriber<W>(writer: W, level: LevelFilter) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt::layer().json().with_target(false).with_span_list(false).with_writer(writer);
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(OURS, level);
    Registry::default().with(lines.with_filter(filter))
}

/// The span of one request to the function of that name, about that incident if it is about one.
/// It is there at every level, so that no line is without it.
pub fn span(function: &str, context: &Context, incident: Option<IncidentId>) -> Span {
    let span = tracing::error_span!(
        "aisaws.stage",
        incident.id = field::Empty,
        stage.name = function,
        request.id = context.request_id,
        trace.id = field::Empty,
    );
    if let Some(incident) = incident {
        span.record("incident.id", field::display(incident));
    }
    if let Some(id) = context.xray_trace_id.as_deref().and_then(trace_id) {
        span.record("trace.id", id);
    }
    span
}

/// The trace of a tracing header (`Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1`).
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>
fn trace_id(header: &str) -> Option<&str> {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root="))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Whether a line is of interest is remembered for all threads: one test logs at a time.
    static ONE: Mutex<()> = Mutex::new(());

    /// What is logged meanwhile at that level, line by line, without its time.
    pub(crate) fn logged(level: &str, body: impl FnOnce()) -> Vec<Value> {
        let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let out = Out::default();
        let writer = out.clone();
        let subscriber = subscriber(move || writer.clone(), level_of(level));
        let guard = subscriber.set_default();
        body();
        drop(guard);
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|mut line| {
                let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
                time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
                line
            })
            .collect()
    }

    /// The context of the request in the documentation of the runtime API.
    pub(crate) fn context() -> Context {
        let mut context = Context::default();
        context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
        let trace = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";
        context.xray_trace_id = Some(trace.to_owned());
        context
    }

    #[test]
    fn a_line_has_incident_function_request_and_trace() {
        let incident = IncidentId::from_cause(&["telemetry"]);
        let lines = logged("", || {
            let _guard = span("Score", &context(), Some(incident)).entered();
            tracing::info!(risk = 0.5, "scored");
        });
        let wanted = json!({
            "level": "INFO",
            "fields": { "message": "scored", "risk": 0.5 },
            "span": {
                "name": "aisaws.stage",
                "incident.id": incident.to_string(),
                "stage.name": "Score",
                "request.id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                "trace.id": "1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            },
        });
        assert_eq!(lines, [wanted]);
    }

    #[test]
    fn the_level_is_that_of_the_function_and_the_span_stays() {
        for (level, wanted) in [("DEBUG", 3), ("INFO", 2), ("WARN", 1), ("FATAL", 0), ("?", 2)] {
            let lines = logged(level, || {
                let _guard = span("Score", &context(), None).entered();
                tracing::debug!("detail");
                tracing::info!("step");
                tracing::warn!("trouble");
            });
            assert_eq!(lines.len(), wanted, "{level}");
            assert!(lines.iter().all(|line| line["span"]["stage.name"] == "Score"), "{level}");
        }
    }

    #[test]
    fn texts_from_outside_stay_on_their_line() {
        let hostile = "a\"}\n{\"level\":\"ERROR\",\"_aws\":{}}\u{1b}[31m";
        let lines = logged("", || tracing::info!(reason = hostile, "{hostile}"));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["fields"], json!({ "message": hostile, "reason": hostile }));
    }

    #[test]
    fn others_do_not_tell_what_they_send() {
        let lines = logged("TRACE", || {
            tracing::trace!(target: "aws_smithy_runtime", "request body");
            tracing::warn!(target: "aws_smithy_runtime", "retrying");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
}
