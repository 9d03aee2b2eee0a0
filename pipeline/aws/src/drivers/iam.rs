//! The driver of access keys.

use aisaws_controls::State as _;
use aisaws_controls::iam::{AccessKey, KeyStatus};
use aisaws_core::ledger::Call;
use aisaws_core::resource::ResourceRef;
use async_trait::async_trait;
use aws_sdk_iam::types::{AccessKeyMetadata, StatusType};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::driver::{Driver, Planned, pages};
use super::error::{DriverError, state, told, typed, unless};
use super::link::Caller;
use super::parameters::Parameters;

const GONE: &[&str] = &["NoSuchEntity", "NoSuchEntityException"];
/// What IAM also says of a key that it does not know.
const DENIED: &[&str] = &["AccessDenied", "AccessDeniedException"];

/// Access keys.
#[derive(Debug)]
pub(super) struct AccessKeys;

#[async_trait]
impl Driver for AccessKeys {
    fn kind(&self) -> &'static str {
        AccessKey::TYPE
    }

    async fn read(&self, aws: &Caller, resource: &ResourceRef) -> Result<Value, DriverError> {
        match find(aws, &resource.id).await? {
            Some(key) => state(&key),
            None => Ok(Value::Null),
        }
    }

    async fn make(
        &self,
        aws: &Caller,
        resource: &ResourceRef,
        planned: Planned<'_>,
    ) -> Result<Call, DriverError> {
        let given = Parameters::of(planned.call);
        if planned.call.action != "iam:UpdateAccessKey" {
            return Err(given.wrong("the driver of access keys does not know it"));
        }
        let (user, id) = (given.text("UserName")?, given.text("AccessKeyId")?);
        if let Some(now) = planned.expected() {
            let now: AccessKey = typed(now)?;
            if of_user(aws, user, &resource.id).await?.as_ref() != Some(&now) {
                return Err(DriverError::Changed("/Status"));
            }
        }
        let status = StatusType::from(given.text("Status")?);
        let made = aws.iam().update_access_key().user_name(user).access_key_id(id).status(status);
        match unless(GONE, aws.send("UpdateAccessKey", made.send()).await)? {
            Some(_) => Ok(planned.call.clone()),
            None => Err(DriverError::Changed("its existence")),
        }
    }

    fn list(&self, aws: Caller) -> BoxStream<'static, Result<String, DriverError>> {
        all(&aws).map_ok(|key| key.id).boxed()
    }
}

/// The key with its user. IAM tells whose a key is; of a key that is not there it may say that
/// it does not exist, or that it may not be told. Only all users' keys tell these apart.
async fn find(aws: &Caller, id: &str) -> Result<Option<AccessKey>, DriverError> {
    let call = aws.iam().get_access_key_last_used().access_key_id(id);
    match unless(GONE, aws.send("GetAccessKeyLastUsed", call.send()).await) {
        Ok(None) => Ok(None),
        Ok(Some(answer)) => {
            let user = told(answer.user_name(), "GetAccessKeyLastUsed", "the user")?;
            of_user(aws, user, id).await
        }
        Err(e) if e.has_code(DENIED) => {
            let mut keys = all(aws);
            while let Some(key) = keys.try_next().await? {
                if key.id == id {
                    return Ok(Some(key));
                }
            }
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

async fn of_user(aws: &Caller, user: &str, id: &str) -> Result<Option<AccessKey>, DriverError> {
    let mut keys = keys(aws, user.to_owned());
    while let Some(key) = keys.try_next().await? {
        if key.id == id {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// The keys of one user; none where the user is gone.
fn keys(aws: &Caller, user: String) -> BoxStream<'static, Result<AccessKey, DriverError>> {
    let aws = aws.clone();
    pages(move |marker| {
        let (aws, user) = (aws.clone(), user.clone());
        async move {
            let call = aws.iam().list_access_keys().user_name(&user).set_marker(marker);
            let answer = aws.send("ListAccessKeys", call.send()).await;
            let Some(page) = unless(GONE, answer)? else { return Ok((Vec::new(), None)) };
            let keys: Result<Vec<_>, _> =
                page.access_key_metadata().iter().map(|one| from(one, &user)).collect();
            Ok((keys?, page.marker.filter(|_| page.is_truncated)))
        }
    })
}

/// The keys of all users.
fn all(aws: &Caller) -> BoxStream<'static, Result<AccessKey, DriverError>> {
    let (users, aws) = (aws.clone(), aws.clone());
    pages(move |marker| {
        let aws = users.clone();
        async move {
            let call = aws.iam().list_users().set_marker(marker);
            let page = aws.send("ListUsers", call.send()).await?;
            let names: Vec<String> =
                page.users().iter().map(|user| user.user_name().to_owned()).collect();
            Ok((names, page.marker.filter(|_| page.is_truncated)))
        }
    })
    .map_ok(move |user| keys(&aws, user))
    .try_flatten()
    .boxed()
}

fn from(key: &AccessKeyMetadata, user: &str) -> Result<AccessKey, DriverError> {
    const OPERATION: &str = "ListAccessKeys";
    let status = match key.status() {
        Some(StatusType::Active) => Some(KeyStatus::Active),
        // An expired key opens nothing either.
        Some(StatusType::Inactive | StatusType::Expired) => Some(KeyStatus::Inactive),
        Some(_) | None => None,
    };
    Ok(AccessKey {
        id: told(key.access_key_id(), OPERATION, "the key's id")?.to_owned(),
        user_name: Some(user.to_owned()),
        status: told(status, OPERATION, "the key's status")?,
    })
}
