//! Bodies in S3: every raw event, and whatever is too large for an item of the table.
//!
//! An object's key ends in the SHA-256 digest of its content, so the same content is kept once
//! and no object ever changes. Objects are gzip of UTF-8 text. What is read is checked against the
//! digest: a changed object is an error, never another body.
//!
//! | prefix | object |
//! |---|---|
//! | `raw-events/<account>/<yyyy>/<mm>/<dd>/<event id>-<digest>.json.gz` | an event as it came |
//! | `bodies/<kind>/<digest>.json.gz` | a state, a ledger entry, a dead letter |
//! | `evidence/<incident>/<name>-<digest>.gz` | what was collected for an incident |

use std::io::{Read as _, Write as _};

use aisaws_core::canonical::Digest;
use aisaws_core::event::Event;
use aisaws_core::fault::{Classify, Fault};
use aisaws_core::id::IncidentId;
use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use crate::connect::Aws;
use crate::fault::{CallError, Meaning, failed};

/// Where raw events lie, which the template lets expire.
const RAW_EVENTS: &str = "raw-events/";
/// Letters of an outside text that go into a key.
const SHOWN: usize = 128;
/// No body may unpack to more: events have 256 KB, states and entries a few megabytes at most.
const LARGEST_BYTES: u64 = 64 * 1024 * 1024;

/// Why a body could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// There is no such object.
    #[error("object `{0}` is not in the archive")]
    Missing(String),
    /// The object is not what was kept under that key.
    #[error("object `{0}` is not what was kept under its digest")]
    Altered(String),
    /// The answer broke off.
    #[error("object `{key}` could not be read whole")]
    Cut {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The content could not be packed.
    #[error("object `{key}` could not be packed")]
    Packing {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Classify for ArchiveError {
    fn fault(&self) -> Fault {
        match self {
            Self::Call(e) => e.fault(),
            Self::Missing(_) => Fault::BadInput,
            Self::Altered(_) | Self::Packing { .. } => Fault::Permanent,
            Self::Cut { .. } => Fault::Transient,
        }
    }
}

/// Where a body lies, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The object's key.
    pub key: String,
    /// Of the content, unpacked.
    pub digest: Digest,
}

/// Whether what lies under that key may be gone because its days are over.
pub(crate) fn expires(key: &str) -> bool {
    key.starts_with(RAW_EVENTS)
}

/// One bucket. Its policy, encryption and object lock are its owner's business.
#[derive(Debug, Clone)]
pub struct Archive {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Archive {
    /// The archive in that bucket.
    pub fn new(aws: &Aws, bucket: &str) -> Self {
        Self { client: aws.s3(), bucket: bucket.to_owned() }
    }

    /// Makes the bucket where it is not there; for tests and first steps.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub async fn ensure_bucket(&self) -> Result<(), CallError> {
        let create = self.client.create_bucket().bucket(&self.bucket);
        match create.send().await.map_err(failed("s3:CreateBucket")) {
            Ok(_) => Ok(()),
            Err(e) if e.code.as_deref() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Keeps an event as it came, until it expires by the bucket's rules.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn keep_event(&self, event: &Event) -> Result<Reference, ArchiveError> {
        let digest = Digest::of_bytes(event.raw.as_bytes());
        let day = event.time.strftime("%Y/%m/%d");
        let (account, id) = (shown(event.account.as_str()), shown(event.id.as_str()));
        let key = format!("{RAW_EVENTS}{account}/{day}/{id}-{digest}.json.gz");
        self.keep(Reference { key, digest }, event.raw.as_bytes()).await
    }

    /// Keeps a text of some kind (`state`).
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn keep_body(&self, kind: &str, text: &str) -> Result<Reference, ArchiveError> {
        let digest = Digest::of_bytes(text.as_bytes());
        let key = format!("bodies/{}/{digest}.json.gz", shown(kind));
        self.keep(Reference { key, digest }, text.as_bytes()).await
    }

    /// Keeps what was collected for an incident.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub async fn keep_evidence(
        &self,
        incident: IncidentId,
        name: &str,
        content: &[u8],
    ) -> Result<Reference, ArchiveError> {
        let digest = Digest::of_bytes(content);
        let key = format!("evidence/{incident}/{}-{digest}.gz", shown(name));
        self.keep(Reference { key, digest }, content).await
    }

    /// Puts the object unless it is there. Who comes second finds the same content, since the
    /// digest is part of the key.
    async fn keep(&self, reference: Reference, content: &[u8]) -> Result<Reference, ArchiveError> {
        let packed = pack(content)
            .map_err(|source| ArchiveError::Packing { key: reference.key.clone(), source })?;
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(&reference.key)
            .if_none_match("*")
            .content_type("application/gzip")
            .metadata("sha256", reference.digest.as_str())
            .body(ByteStream::from(packed));
        match put.send().await.map_err(failed("s3:PutObject")) {
            Ok(_) => Ok(reference),
            Err(e) if e.code.as_deref() == Some("PreconditionFailed") => Ok(reference),
            Err(e) => Err(e.into()),
        }
    }

    /// The body, as it was kept.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`], [`ArchiveError::Altered`] where it is not the same, others where
    /// the call fails.
    pub async fn load(&self, reference: &Reference) -> Result<Vec<u8>, ArchiveError> {
        let key = &reference.key;
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        let answer = get.send().await.map_err(failed("s3:GetObject")).map_err(|e| {
            match (e.meaning, e.code.as_deref()) {
                (Meaning::NotFound, Some("NoSuchKey")) => ArchiveError::Missing(key.clone()),
                _ => e.into(),
            }
        })?;
        let packed = answer
            .body
            .collect()
            .await
            .map_err(|e| ArchiveError::Cut { key: key.clone(), source: Box::new(e) })?
            .into_bytes();
        let mut content = Vec::new();
        let unpacked =
            GzDecoder::new(packed.as_ref()).take(LARGEST_BYTES).read_to_end(&mut content);
        // What does not unpack, or only to more than we keep, is not what was kept.
        if unpacked.is_ok() && Digest::of_bytes(&content) == reference.digest {
            Ok(content)
        } else {
            Err(ArchiveError::Altered(key.clone()))
        }
    }
}

fn pack(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    encoder.finish()
}

/// A text from outside as part of a key: letters that mean nothing to S3, file systems and shells
/// as they are, the bytes of others in hexadecimal, and not too many of them. Only the digest tells
/// keys apart.
fn shown(text: &str) -> String {
    let mut key = String::new();
    for byte in text.bytes() {
        if key.len() >= SHOWN {
            break;
        }
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            key.push(char::from(byte));
        } else {
            key.push('=');
            key.extend(hex_digits(byte));
        }
    }
    key
}

fn hex_digits(byte: u8) -> [char; 2] {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0').to_ascii_uppercase();
    [digit(byte >> 4), digit(byte & 0x0f)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_makes_no_path_of_its_own() {
        assert_eq!(shown("7c3e-a_1"), "7c3e-a_1");
        assert_eq!(shown("../a b"), "=2E=2E=2Fa=20b");
        assert!(shown(&"ä".repeat(5000)).len() <= SHOWN + 3);
    }

    #[test]
    fn packing_the_same_gives_the_same() {
        assert_eq!(pack(b"abc").unwrap(), pack(b"abc").unwrap());
    }
}
