//! Alerts into a file, one JSON object a line.

use std::io::Write;
use std::path::PathBuf;

use aisaws_core::message::Message;
use aisaws_core::port::{Channel, ChannelError};
use async_trait::async_trait;

/// Appends each message to a file. A repeated delivery repeats the line; its `id` tells.
#[derive(Debug, Clone)]
pub struct FileChannel {
    path: PathBuf,
}

impl FileChannel {
    /// A channel into that file, which is made where it is not there.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

#[async_trait]
impl Channel for FileChannel {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        let fail =
            |reason: String| ChannelError { channel: "file".to_owned(), reason, is_passing: false };
        let mut line = serde_json::to_vec(message).map_err(|e| fail(e.to_string()))?;
        line.push(b'\n');
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
            // One call, so that lines of two processes do not mix.
            file.write_all(&line)?;
            file.sync_data()
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(e)) => Err(fail(format!("`{}`: {e}", self.path.display()))),
            Err(e) => Err(fail(e.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::webhook::tests::message;

    #[tokio::test]
    async fn each_message_is_one_line_of_json_whatever_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.jsonl");
        let channel = FileChannel::new(path.clone());
        channel.send(&message("line\nbreak \"quoted\"")).await.unwrap();
        channel.send(&message("second")).await.unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<Message> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines, [message("line\nbreak \"quoted\""), message("second")]);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let channel = FileChannel::new("/nonexistent/alerts.jsonl".into());
        let e = channel.send(&message("x")).await.unwrap_err();
        assert!(e.to_string().contains("/nonexistent/alerts.jsonl"), "{e}");
    }
}
