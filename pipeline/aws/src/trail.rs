//! The log files of a trail in its bucket.
//!
//! Keys are `[prefix/]AWSLogs/[o-ORGANISATION/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/` and a name
//! `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_UNIQUE.json.gz`, the time being that of delivery.
//! Digest and insight files lie beside, under `CloudTrail-Digest` and `CloudTrail-Insight`.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>

use aisaws_core::fault::{Classify as _, Fault};
use aisaws_core::id::{AccountId, Region};
use aisaws_core::port::{LogFile, LogPlace, StoreError, TrailLogs};
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::connect::Aws;
use crate::fault::{CallError, failed};

/// A log file has some megabytes; this is far more than CloudTrail writes into one.
const LARGEST_BYTES: i64 = 512 * 1024 * 1024;

/// The bucket of one trail, with its prefix.
#[derive(Debug, Clone)]
pub struct TrailBucket {
    client: aws_sdk_s3::Client,
    bucket: String,
    /// Up to and with `AWSLogs/`.
    root: String,
}

/// A file that is larger than any log file.
#[derive(Debug, thiserror::Error)]
#[error("it has {size_bytes} bytes, which no log file has")]
struct TooLarge {
    size_bytes: i64,
}

/// The answer broke off.
#[derive(Debug, thiserror::Error)]
#[error("object `{key}` could not be read whole")]
struct Cut {
    key: String,
    #[source]
    source: aws_sdk_s3::primitives::ByteStreamError,
}

impl TrailBucket {
    /// The trail's bucket and its prefix, as `S3KeyPrefix` of the trail has it; it may be empty.
    pub fn new(aws: &Aws, bucket: &str, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        let root =
            if prefix.is_empty() { "AWSLogs/".to_owned() } else { format!("{prefix}/AWSLogs/") };
        Self { client: aws.s3(), bucket: bucket.to_owned(), root }
    }

    /// What stands one level below, with a slash at its end.
    async fn below(&self, prefix: &str) -> Result<Vec<String>, CallError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).delimiter("/");
        let mut pages = list.into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("s3:ListBucket"))?;
            let prefixes = page.common_prefixes.unwrap_or_default();
            found.extend(prefixes.into_iter().filter_map(|prefix| prefix.prefix));
        }
        Ok(found)
    }

    async fn all_places(&self) -> Result<Vec<LogPlace>, CallError> {
        let mut accounts = Vec::new();
        for folder in self.below(&self.root).await? {
            match last(&folder) {
                name if is_account(name) => accounts.push(folder),
                // An organisation's trail has its accounts one level deeper.
                name if name.starts_with("o-") => {
                    let inside = self.below(&folder).await?;
                    accounts.extend(inside.into_iter().filter(|folder| is_account(last(folder))));
                }
                _ => {}
            }
        }
        let mut places = Vec::new();
        for folder in accounts {
            for prefix in self.below(&format!("{folder}CloudTrail/")).await? {
                let (account, region) = (last(&folder).to_owned(), last(&prefix).to_owned());
                let (account, region) = (AccountId::new(account), Region::new(region));
                places.push(LogPlace { account, region, prefix });
            }
        }
        Ok(places)
    }

    async fn files_of(&self, place: &LogPlace, day: Date) -> Result<Vec<LogFile>, CallError> {
        let prefix = format!("{}{}/", place.prefix, day.strftime("%Y/%m/%d"));
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = list.into_paginator().send();
        let mut files = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("s3:ListBucket"))?;
            let keys = page.contents.unwrap_or_default().into_iter().filter_map(|o| o.key);
            files.extend(keys.filter_map(|key| {
                let delivered = delivered(&key)?;
                Some(LogFile { key, delivered })
            }));
        }
        Ok(files)
    }
}

#[async_trait]
impl TrailLogs for TrailBucket {
    async fn places(&self) -> Result<Vec<LogPlace>, StoreError> {
        self.all_places().await.map_err(doing("list the accounts of the trail"))
    }

    async fn files(&self, place: &LogPlace, day: Date) -> Result<Vec<LogFile>, StoreError> {
        self.files_of(place, day).await.map_err(doing("list log files"))
    }

    async fn read(&self, file: &LogFile) -> Result<Vec<u8>, StoreError> {
        let action = "read a log file";
        let get = self.client.get_object().bucket(&self.bucket).key(&file.key).send().await;
        let answer = get.map_err(failed("s3:GetObject")).map_err(doing(action))?;
        let size_bytes = answer.content_length.unwrap_or_default();
        if size_bytes > LARGEST_BYTES {
            let source = Box::new(TooLarge { size_bytes });
            return Err(StoreError::Refused { action, fault: Fault::BadInput, source });
        }
        let body = answer.body.collect().await.map_err(|source| {
            let source = Box::new(Cut { key: file.key.clone(), source });
            StoreError::Unavailable { action, source }
        })?;
        Ok(body.to_vec())
    }
}

fn doing(action: &'static str) -> impl FnOnce(CallError) -> StoreError {
    move |error| {
        let fault = error.fault();
        let source = Box::new(error);
        match fault {
            Fault::Transient | Fault::Throttled => StoreError::Unavailable { action, source },
            Fault::PlanChanged
            | Fault::NotVerified
            | Fault::AccessDenied
            | Fault::Refused
            | Fault::BadInput
            | Fault::Permanent => StoreError::Refused { action, fault, source },
        }
    }
}

/// The name of a folder.
fn last(folder: &str) -> &str {
    folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

fn is_account(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit())
}

/// When a log file was delivered; `None`: it is none.
fn delivered(key: &str) -> Option<Timestamp> {
    let name = key.rsplit('/').next()?.strip_suffix(".json.gz")?;
    let mut parts = name.split('_');
    let (_account, kind, _region) = (parts.next()?, parts.next()?, parts.next()?);
    if kind != "CloudTrail" {
        return None;
    }
    let time = DateTime::strptime("%Y%m%dT%H%MZ", parts.next()?).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_file_tells_when_it_was_delivered() {
        // The example of the page named above.
        let name = "111122223333_CloudTrail_us-east-2_20150801T0210Z_Mu0KsOhtH1ar15ZZ.json.gz";
        let at = "2015-08-01T02:10:00Z".parse().ok();
        assert_eq!(delivered(&format!("AWSLogs/x/{name}")), at);
        let digest =
            "111122223333_CloudTrail-Digest_us-east-2_trail_us-east-2_20150801T021000Z.json.gz";
        for other in [digest, "notes.txt", "a_CloudTrail_b_c_d.json.gz", ""] {
            assert_eq!(delivered(other), None, "{other}");
        }
    }
}
