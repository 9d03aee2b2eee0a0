//! S3 buckets: their state, events, calls and controls.

mod access_logging_removed;
mod acl;
mod acl_public;
mod apis;
mod block_public_access_off;
mod bucket;
mod calls;
mod default_encryption_removed;
mod events;
mod policy_public;
mod public_policy;
mod versioning_suspended;

pub use access_logging_removed::AccessLoggingRemoved;
pub use acl::{Grant, Grantee, Permission};
pub use acl_public::AclPublic;
pub use apis::APIS;
pub use block_public_access_off::BlockPublicAccessOff;
pub use bucket::{
    Algorithm, Bucket, BucketPolicy, Encryption, Logging, ObjectOwnership, PublicAccessBlock,
    Versioning, VersioningStatus,
};
pub use default_encryption_removed::DefaultEncryptionRemoved;
pub use events::Buckets;
pub use policy_public::PolicyPublic;
pub use public_policy::is_public;
pub use versioning_suspended::VersioningSuspended;
