//! Clients of one account and region in one session, and the one way by which calls are made.

use std::error::Error;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use aisaws_controls::api::Api;
use aisaws_core::id::{AccountId, Region};
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::access::{Service, Settings};
use super::error::DriverError;
use super::pace::Pace;
use super::session::refused_session;
use crate::fault::failed;

/// An account and region as one session sees it. Clients are made when they are first needed.
#[derive(Debug)]
pub(super) struct Link {
    account: AccountId,
    region: Region,
    config: SdkConfig,
    is_emulator: bool,
    settings: Arc<Settings>,
    pace: Arc<Pace>,
    #[cfg(feature = "driver-s3")]
    s3: OnceLock<aws_sdk_s3::Client>,
    #[cfg(feature = "driver-ec2")]
    ec2: OnceLock<aws_sdk_ec2::Client>,
    #[cfg(feature = "driver-iam")]
    iam: OnceLock<aws_sdk_iam::Client>,
    #[cfg(feature = "driver-cloudtrail")]
    cloudtrail: OnceLock<aws_sdk_cloudtrail::Client>,
}

/// A client of a service: the session's configuration, the service's endpoint where one is
/// set, and a retry budget that throttling of another account or region does not use up.
macro_rules! client {
    ($(#[$cfg:meta])* $name:ident, $sdk:ident, $service:expr $(, $and:expr)?) => {
        $(#[$cfg])*
        pub(super) fn $name(&self) -> &$sdk::Client {
            self.$name.get_or_init(|| {
                use $sdk::config::retry::RetryPartition;
                let endpoint = self.settings.endpoints.get(&$service).cloned();
                let config = $sdk::config::Builder::from(&self.config)
                    .retry_partition(RetryPartition::new(self.partition($service)));
                $(let config = $and(config, self.is_emulator || endpoint.is_some());)?
                let config = match endpoint {
                    Some(url) => config.endpoint_url(url),
                    None => config,
                };
                $sdk::Client::from_conf(config.build())
            })
        }
    };
}

impl Link {
    pub(super) fn new(
        (account, region): (AccountId, Region),
        session: &SdkConfig,
        is_emulator: bool,
        settings: Arc<Settings>,
        pace: Arc<Pace>,
    ) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(settings.attempt_timeout)
            .operation_timeout(settings.call_timeout)
            .build();
        let config = session
            .to_builder()
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .retry_config(RetryConfig::adaptive().with_max_attempts(settings.attempts.max(1)))
            .timeout_config(timeouts)
            .build();
        Self {
            account,
            region,
            config,
            is_emulator,
            settings,
            pace,
            #[cfg(feature = "driver-s3")]
            s3: OnceLock::new(),
            #[cfg(feature = "driver-ec2")]
            ec2: OnceLock::new(),
            #[cfg(feature = "driver-iam")]
            iam: OnceLock::new(),
            #[cfg(feature = "driver-cloudtrail")]
            cloudtrail: OnceLock::new(),
        }
    }

    fn partition(&self, service: Service) -> String {
        format!("{}-{}-{}", service.as_str(), self.account, self.region)
    }

    client!(
        #[cfg(feature = "driver-s3")]
        s3,
        aws_sdk_s3,
        Service::S3,
        // Endpoints that are not AWS's know no host names of buckets.
        |config: aws_sdk_s3::config::Builder, is_own| config.force_path_style(is_own)
    );
    client!(
        #[cfg(feature = "driver-ec2")]
        ec2,
        aws_sdk_ec2,
        Service::Ec2
    );
    client!(
        #[cfg(feature = "driver-iam")]
        iam,
        aws_sdk_iam,
        Service::Iam
    );
    client!(
        #[cfg(feature = "driver-cloudtrail")]
        cloudtrail,
        aws_sdk_cloudtrail,
        Service::CloudTrail
    );
}

/// A link in the hands of one driver.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    link: Arc<Link>,
    apis: &'static [Api],
}

impl Caller {
    pub(super) fn new(link: Arc<Link>, apis: &'static [Api]) -> Self {
        Self { link, apis }
    }

    pub(super) fn account(&self) -> &AccountId {
        &self.link.account
    }

    pub(super) fn region(&self) -> &Region {
        &self.link.region
    }

    #[cfg(feature = "driver-s3")]
    pub(super) fn s3(&self) -> &aws_sdk_s3::Client {
        self.link.s3()
    }

    #[cfg(feature = "driver-ec2")]
    pub(super) fn ec2(&self) -> &aws_sdk_ec2::Client {
        self.link.ec2()
    }

    #[cfg(feature = "driver-iam")]
    pub(super) fn iam(&self) -> &aws_sdk_iam::Client {
        self.link.iam()
    }

    #[cfg(feature = "driver-cloudtrail")]
    pub(super) fn cloudtrail(&self) -> &aws_sdk_cloudtrail::Client {
        self.link.cloudtrail()
    }

    /// Makes a call of that operation as soon as the pace allows it.
    ///
    /// INVARIANT: every call of a driver goes through here, so no role that was made from the
    /// declarations lacks an action.
    pub(super) async fn send<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, DriverError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let Some(api) = self.apis.iter().find(|api| api.operation == operation) else {
            return Err(DriverError::Unmakeable {
                action: operation.to_owned(),
                why: "the declaration of its resource type does not name it",
            });
        };
        self.link.pace.wait(self.account(), self.region(), operation).await;
        call.await.map_err(|error| match refused_session(&error) {
            Some(source) => DriverError::Session { account: self.account().to_string(), source },
            None => DriverError::Call(failed(api.action)(error)),
        })
    }
}
