//! Calls that tests make and the product does not: plain HTTP to loopback, signed where an
//! emulator checks signatures.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::Value;

use super::REGION;

/// The account's root, as the emulator knows it.
pub(crate) fn root() -> Credentials {
    Credentials::new("test", "test", None, None, "emulator")
}

/// As long as a function may take, and a busy machine.
const LONGEST: Duration = Duration::from_mins(6);

/// One for all tests, which takes long to make. It keeps no connection: each test has a runtime of
/// its own, with which its connections end.
fn client() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    let made = CLIENT.get_or_init(|| {
        reqwest::Client::builder()
            .timeout(LONGEST)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    });
    made.clone()
}

/// A status and a body.
pub(crate) type Answer = (u16, String);

/// Without a signature, as a browser asks.
pub(crate) async fn plain(method: &str, url: &str, form: Option<&[(&str, &str)]>) -> Answer {
    let mut request = client().request(method.parse().unwrap(), url);
    if let Some(form) = form {
        let body: String =
            form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    }
    answer(request).await
}

/// A call of a service, signed by `credentials`.
pub(crate) async fn signed(
    credentials: &Credentials,
    service: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Answer {
    signed_by("POST", credentials, service, url, headers, body).await
}

/// As [`signed`], by that method.
pub(crate) async fn signed_by(
    method: &str,
    credentials: &Credentials,
    service: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Answer {
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let signable = SignableRequest::new(
        method,
        url,
        headers.iter().copied(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let (instructions, _) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
    let mut request = client().request(method.parse().unwrap(), url);
    for (name, value) in headers.iter().copied().chain(instructions.headers()) {
        request = request.header(name, value);
    }
    answer(request.body(body)).await
}

/// A call of a service that takes JSON and is told the operation by a header (`AWSEvents.PutEvents`).
pub(crate) async fn json(
    credentials: &Credentials,
    service: &str,
    endpoint: &str,
    operation: &str,
    body: &Value,
) -> Answer {
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", operation)];
    signed(credentials, service, &format!("{endpoint}/"), &headers, body.to_string()).await
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}
