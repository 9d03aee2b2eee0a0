//! A proxy before an emulator, whose line is cut after so many requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Where the line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The request does not arrive.
    Request,
    /// It arrives and is obeyed, and the answer is lost.
    Answer,
}

/// The address of a proxy that lets `requests` through and then none; the first that fails does so
/// as `cut` says.
pub(crate) async fn proxy(behind: &str, requests: i64, cut: Cut) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let behind = behind.strip_prefix("http://").unwrap().to_owned();
    let left = Arc::new(AtomicI64::new(requests));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, behind.clone(), Arc::clone(&left), cut));
        }
    });
    address
}

/// Serves one connection; ends it where the line is cut.
async fn serve(mut client: TcpStream, behind: String, left: Arc<AtomicI64>, cut: Cut) {
    let mut server = TcpStream::connect(behind).await.unwrap();
    while let Some(request) = message(&mut client).await {
        let left = left.fetch_sub(1, Ordering::SeqCst);
        if left < 0 || (left == 0 && cut == Cut::Request) {
            return;
        }
        server.write_all(&request).await.unwrap();
        let Some(answer) = message(&mut server).await else { return };
        if left == 0 || client.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// One HTTP message whose length its head tells; `None` at the end.
async fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(end) = message.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&message[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length = length.map_or(0, |length| length.trim().parse::<usize>().unwrap());
            assert!(!head.contains("transfer-encoding"), "{head}");
            if message.len() >= end + 4 + length {
                return Some(message);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => message.extend_from_slice(&buffer[..n]),
        }
    }
}
