//! How services are reached: made once where the program is put together, then handed in.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

/// Attempts of one call, the first included; AWS's SDKs wait longer before each.
const ATTEMPTS: u32 = 5;
/// First pause before another attempt at an emulator, which has nobody else to serve.
const EMULATOR_PAUSE: Duration = Duration::from_millis(20);
/// How long one attempt may take: long polling waits for twenty seconds.
const ATTEMPT: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);

/// One way to reach AWS, from which clients of its services are made.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    is_emulator: bool,
}

impl Aws {
    /// As the environment says: region, credentials, endpoints (`AWS_ENDPOINT_URL_DYNAMODB`, ...),
    /// in the way every AWS tool reads it.
    pub async fn from_environment() -> Self {
        Self { config: loader().load().await, is_emulator: false }
    }

    /// One emulator at that address for every service, in `us-east-1`.
    pub async fn emulator(endpoint: &str) -> Self {
        let anybody = Credentials::new("test", "test", None, None, "emulator");
        Self::emulator_as(endpoint, anybody).await
    }

    /// The same, called with these credentials.
    pub async fn emulator_as(endpoint: &str, credentials: Credentials) -> Self {
        let retries = retries().with_initial_backoff(EMULATOR_PAUSE);
        let config = loader()
            .retry_config(retries)
            .endpoint_url(endpoint)
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .load()
            .await;
        Self { config, is_emulator: true }
    }

    /// Whether this is one emulator for everything. Buckets are then named in the path, not the host.
    pub fn is_emulator(&self) -> bool {
        self.is_emulator
    }

    /// The region, where one is known.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// The address that was set for every service, as it is for emulators.
    #[cfg(feature = "cloudformation")]
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.config.endpoint_url()
    }

    /// A client of CloudFormation.
    #[cfg(feature = "cloudformation")]
    pub(crate) fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.config)
    }

    /// What clients of any service are made from.
    #[cfg(feature = "drivers")]
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// A client of DynamoDB.
    #[cfg(feature = "dynamodb")]
    pub(crate) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// A client of S3. Emulators have no host name for each bucket.
    #[cfg(feature = "s3")]
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config);
        aws_sdk_s3::Client::from_conf(config.force_path_style(self.is_emulator).build())
    }

    /// A client of SQS.
    #[cfg(feature = "sqs")]
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// A client of Step Functions.
    #[cfg(feature = "sfn")]
    pub(crate) fn sfn(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.config)
    }

    /// A client of SNS.
    #[cfg(feature = "sns")]
    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    /// A client of STS.
    #[cfg(feature = "sts")]
    pub(crate) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

fn loader() -> aws_config::ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest()).retry_config(retries()).timeout_config(
        TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .build(),
    )
}
