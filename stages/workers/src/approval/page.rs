//! The page as HTML. Everything in it is data: the template escapes each value.

use askama::Template;

use crate::http::Response;

/// A question to put.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) resource: String,
    pub(super) incident: String,
    pub(super) digest: String,
    pub(super) expires: String,
    pub(super) approver: String,
    pub(super) findings: Vec<String>,
    pub(super) changes: String,
    pub(super) token: String,
}

/// One page.
#[derive(Debug, Template)]
#[template(path = "approval.html")]
pub(super) struct Page {
    title: String,
    lines: Vec<String>,
    question: Option<Question>,
}

impl Page {
    pub(super) fn plain(title: &str, line: &str) -> Self {
        Self { title: title.to_owned(), lines: vec![line.to_owned()], question: None }
    }

    /// With whose grants it has or needs, where that is worth a line.
    pub(super) fn question(question: Question, people: String) -> Self {
        let title = "A repair waits for your answer".to_owned();
        let unchanged = "Nothing has been changed yet, and opening this page changes nothing.";
        let mut lines = vec![unchanged.to_owned()];
        lines.extend(Some(people).filter(|people| !people.is_empty()));
        Self { title, lines, question: Some(question) }
    }

    pub(super) fn response(&self, status: u16) -> Response {
        match self.render() {
            Ok(body) => Response::page(status, body),
            // Rendering texts into a string does not fail.
            Err(_) => Response::page(500, "The page could not be written.".to_owned()),
        }
    }
}
