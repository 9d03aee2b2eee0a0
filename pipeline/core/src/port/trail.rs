//! The log files of a trail.

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;

use super::StoreError;
use crate::id::{AccountId, Region};

/// Where the log files of one account in one region lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// What keys of its files begin with, up to the year.
    pub prefix: String,
}

/// A log file: gzip of `{"Records": [...]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Its key.
    pub key: String,
    /// When CloudTrail delivered it, to the minute, as its name says.
    pub delivered: Timestamp,
}

/// Lists and reads the log files of a trail. Digest and insight files are none.
#[async_trait]
pub trait TrailLogs: Send + Sync {
    /// Every account and region that the trail has files of.
    async fn places(&self) -> Result<Vec<LogPlace>, StoreError>;
    /// The files that were delivered on that day (UTC), in order of their keys.
    async fn files(&self, place: &LogPlace, day: Date) -> Result<Vec<LogFile>, StoreError>;
    /// A file as it lies there, packed.
    async fn read(&self, file: &LogFile) -> Result<Vec<u8>, StoreError>;
}
