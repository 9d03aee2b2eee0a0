//! The approval page, as somebody with a browser meets it.

use super::call::{Answer, plain};

/// A link that was sent to a human.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    /// The page on the emulator: it serves `<id>.lambda-url.<region>.on.aws` under a path.
    page: String,
    pub(crate) token: String,
}

impl Link {
    /// Finds the link in the words of an alert.
    pub(crate) fn in_text(endpoint: &str, text: &str) -> Self {
        let (_, link) = text.split_once("https://").unwrap();
        let (host, token) = link.split_once("?t=").unwrap();
        let (id, rest) = host.split_once(".lambda-url.").unwrap();
        assert!(rest.ends_with(".on.aws/"), "{link}");
        let ends = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
        let token = token.split(ends).next().unwrap().to_owned();
        Self { page: format!("{endpoint}/_aws/lambda-url/{id}/"), token }
    }

    /// The same page with another token.
    pub(crate) fn with(&self, token: &str) -> Self {
        Self { page: self.page.clone(), token: token.to_owned() }
    }

    /// Opens it.
    pub(crate) async fn open(&self, method: &str) -> Answer {
        plain(method, &format!("{}?t={}", self.page, self.token), None).await
    }

    /// Presses one of its buttons.
    pub(crate) async fn answer(&self, vote: &str, reason: &str) -> Answer {
        let form = [("t", self.token.as_str()), ("vote", vote), ("reason", reason)];
        plain("POST", &self.page, Some(&form)).await
    }
}
