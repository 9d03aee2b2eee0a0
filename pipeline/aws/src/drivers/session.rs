//! Sessions: credentials for an account, one for looking and one for each incident, and the
//! links that were opened with them.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, PoisonError};

use aisaws_core::id::{AccountId, Region};
use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

use super::access::{Access, Purpose, Service, Settings};
use super::error::DriverError;
use super::link::Link;
use super::pace::Pace;
use crate::Aws;
use crate::fault::{CallError, failed};

/// Sessions and links that are kept at most; beyond it all are opened anew when needed.
const KEPT: usize = 512;

#[derive(Debug)]
pub(super) struct Links {
    /// How this process itself calls AWS.
    aws: Aws,
    settings: Arc<Settings>,
    pace: Arc<Pace>,
    open: std::sync::Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    sessions: HashMap<(AccountId, Purpose), SdkConfig>,
    links: HashMap<(AccountId, Region, Purpose), Arc<Link>>,
}

impl Links {
    pub(super) fn new(aws: Aws, settings: Settings) -> Self {
        let pace = Arc::new(Pace::new(settings.rate));
        Self { aws, settings: Arc::new(settings), pace, open: std::sync::Mutex::default() }
    }

    pub(super) async fn get(
        &self,
        account: &AccountId,
        region: &Region,
        purpose: Purpose,
    ) -> Result<Arc<Link>, DriverError> {
        let key = (account.clone(), region.clone(), purpose);
        if let Some(link) = self.open().links.get(&key) {
            return Ok(Arc::clone(link));
        }
        let session = self.session(account, region, purpose).await?;
        let mut open = self.open();
        if open.links.len() >= KEPT {
            open.links.clear();
        }
        // Whoever came first made the link that stays.
        let link = open.links.entry(key).or_insert_with(|| {
            let (settings, pace) = (Arc::clone(&self.settings), Arc::clone(&self.pace));
            let is_emulator = self.aws.is_emulator();
            let place = (account.clone(), region.clone());
            Arc::new(Link::new(place, &session, is_emulator, settings, pace))
        });
        Ok(Arc::clone(link))
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn session(
        &self,
        account: &AccountId,
        region: &Region,
        purpose: Purpose,
    ) -> Result<SdkConfig, DriverError> {
        let access = self.settings.accounts.get(account);
        let access = access.ok_or_else(|| DriverError::Unreachable(account.to_string()))?;
        let (arn, external_id) = match access {
            Access::Ambient => return Ok(self.aws.config().clone()),
            Access::Role { arn, external_id } => (arn, external_id.as_ref()),
        };
        let key = (account.clone(), purpose);
        if let Some(session) = self.open().sessions.get(&key) {
            return Ok(session.clone());
        }
        // The role is assumed when the first call needs it, and again before it expires.
        let mut role = AssumeRoleProvider::builder(arn)
            .session_name(purpose.session_name())
            .configure(&self.sts(region));
        if let Some(id) = external_id {
            role = role.external_id(id);
        }
        let credentials = SharedCredentialsProvider::new(role.build().await);
        let session = self
            .aws
            .config()
            .to_builder()
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::lazy().build())
            .build();
        let mut open = self.open();
        if open.sessions.len() >= KEPT {
            open.sessions.clear();
        }
        Ok(open.sessions.entry(key).or_insert(session).clone())
    }

    /// STS of our own region; where we are in none, of the resource's.
    fn sts(&self, region: &Region) -> SdkConfig {
        let mut config = self.aws.config().to_builder();
        if self.aws.config().region().is_none() {
            config = config.region(aws_config::Region::new(region.as_str().to_owned()));
        }
        if let Some(url) = self.settings.endpoints.get(&Service::Sts) {
            config = config.endpoint_url(url);
        }
        config.build()
    }
}

/// The answer of STS, where a call failed because the role could not be assumed.
pub(super) fn refused_session(error: &(dyn Error + 'static)) -> Option<CallError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>() {
            let code = refused.as_service_error().map(|e| e.meta().clone())?;
            let raw = refused.raw_response().map(HttpResponse::status)?;
            return Some(failed("sts:AssumeRole")(SdkError::<AssumeRoleError, _>::service_error(
                AssumeRoleError::generic(code),
                HttpResponse::new(raw, aws_smithy_types::body::SdkBody::empty()),
            )));
        }
        cause = error.source();
    }
    None
}
