//! `/healthz`, `/readyz` and `/metrics`. Whoever may connect may read them: they hold counts only.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::warn;

use super::figures::Figures;

/// Connections at a time; further ones wait.
const CONNECTIONS: usize = 16;
/// A request has to be there within this time.
const HEAD: Duration = Duration::from_secs(5);
/// A connection, with its one request, lasts no longer.
const LASTS: Duration = Duration::from_secs(10);
/// A head is never longer.
const HEAD_BYTES: usize = 16 * 1024;
/// Where no connection can be taken: too many files are open, say.
const REST: Duration = Duration::from_millis(200);

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, figures: Arc<Figures>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // It fails only where the semaphore is closed, which nobody does.
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let figures = Arc::clone(&figures);
                tokio::spawn(async move {
                    // A connection that breaks off or takes too long is the caller's affair.
                    drop(tokio::time::timeout(LASTS, connection(stream, &figures)).await);
                    drop(place);
                });
            }
            Err(e) => {
                warn!(error = %e, "a connection could not be taken");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, figures: &Figures) -> Result<(), hyper::Error> {
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok::<_, Infallible>(answer(figures, request.method(), request.uri().path()))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(figures: &Figures, method: &Method, path: &str) -> Response<Full<Bytes>> {
    if method != Method::GET && method != Method::HEAD {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only read this\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match path {
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" => match figures.readiness() {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, why.reason()),
        },
        "/metrics" => {
            let mut answer = text(StatusCode::OK, figures.exposition());
            let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            answer.headers_mut().insert(CONTENT_TYPE, format);
            answer
        }
        _ => text(StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics\n"),
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    async fn asked(figures: &Figures, method: Method, path: &str) -> (u16, String) {
        let answer = answer(figures, &method, path);
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_worker_is_alive_before_it_is_ready() {
        let figures = Figures::new(1);
        assert_eq!(asked(&figures, Method::GET, "/healthz").await.0, 200);
        assert_eq!(asked(&figures, Method::GET, "/readyz").await.0, 503);
        figures.polled(0, 0, 0);
        assert_eq!(asked(&figures, Method::GET, "/readyz").await.0, 200);
        let (status, text) = asked(&figures, Method::GET, "/metrics").await;
        assert!(status == 200 && text.contains("aisaws_polls_total 1\n"), "{text}");
    }

    #[tokio::test]
    async fn nothing_else_is_there_and_nothing_can_be_changed() {
        let figures = Figures::new(1);
        assert_eq!(asked(&figures, Method::GET, "/").await.0, 404);
        assert_eq!(asked(&figures, Method::POST, "/metrics").await.0, 405);
    }
}
