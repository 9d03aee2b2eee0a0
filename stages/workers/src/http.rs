//! Requests and responses of a Lambda function URL, payload format 2.0.
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// A body is never longer; what is longer is refused unread.
const MAX_BODY: usize = 16 * 1024;

/// What somebody asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Parameters of the address, decoded.
    #[serde(default)]
    pub query_string_parameters: BTreeMap<String, String>,
    /// Where it came from, and how.
    pub request_context: RequestContext,
    /// The body, in Base64 where `is_base64_encoded`.
    #[serde(default)]
    pub body: Option<String>,
    /// Whether the body is in Base64.
    #[serde(default)]
    pub is_base64_encoded: bool,
}

/// Where a request came from, and how.
#[derive(Debug, Clone, Deserialize)]
pub struct RequestContext {
    /// The request line.
    pub http: Http,
}

/// The request line.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// `GET`, `POST`, …
    pub method: String,
    /// Address of the caller.
    #[serde(default)]
    pub source_ip: String,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// HTTP status.
    pub status_code: u16,
    /// Headers.
    pub headers: BTreeMap<&'static str, &'static str>,
    /// The page.
    pub body: String,
}

impl Request {
    /// The fields of a form that was posted (`application/x-www-form-urlencoded`); `None` where
    /// the body is none.
    pub fn form(&self) -> Option<BTreeMap<String, String>> {
        let body = self.body.as_deref().filter(|body| body.len() <= MAX_BODY)?;
        let bytes = if self.is_base64_encoded {
            STANDARD.decode(body).ok()?
        } else {
            body.as_bytes().to_vec()
        };
        Some(form_urlencoded::parse(&bytes).into_owned().collect())
    }
}

impl Response {
    /// A page that runs no script, sends no referrer, is framed and kept by nobody.
    pub fn page(status_code: u16, body: String) -> Self {
        let headers = BTreeMap::from([
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
            ),
            ("content-type", "text/html; charset=utf-8"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex"),
        ]);
        Self { status_code, headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: &str, is_base64_encoded: bool) -> Request {
        Request {
            query_string_parameters: BTreeMap::new(),
            request_context: RequestContext {
                http: Http { method: "POST".to_owned(), source_ip: String::new() },
            },
            body: Some(body.to_owned()),
            is_base64_encoded,
        }
    }

    #[test]
    fn a_form_is_read_plain_and_in_base64() {
        let wanted = BTreeMap::from([
            ("reason".to_owned(), "it's fine & ok".to_owned()),
            ("vote".to_owned(), "grant".to_owned()),
        ]);
        let text = "vote=grant&reason=it%27s+fine+%26+ok";
        assert_eq!(post(text, false).form(), Some(wanted.clone()));
        assert_eq!(post(&STANDARD.encode(text), true).form(), Some(wanted));
    }

    #[test]
    fn a_huge_body_is_not_read() {
        assert_eq!(post(&"a".repeat(MAX_BODY + 1), false).form(), None);
    }

    #[test]
    fn the_documented_request_is_understood() {
        // Shortened from the page named above.
        let text = r#"{"version":"2.0","routeKey":"$default","rawPath":"/my/path","rawQueryString":"t=a","headers":{"header1":"v"},"queryStringParameters":{"t":"a"},"requestContext":{"accountId":"123456789012","domainName":"<url-id>.lambda-url.us-west-2.on.aws","http":{"method":"GET","path":"/my/path","protocol":"HTTP/1.1","sourceIp":"123.123.123.123","userAgent":"agent"},"requestId":"id"},"isBase64Encoded":false}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request.request_context.http.source_ip, "123.123.123.123");
        assert_eq!(request.query_string_parameters["t"], "a");
    }
}
