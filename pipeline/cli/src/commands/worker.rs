//! `aisaws worker`: takes events from the queue of a deployment in AWS until it is told to stop.

use std::net::SocketAddr;

use clap::Args;

use crate::Ended;
use crate::context::Context;

/// How the worker works. What is deployed it learns from the variables of the functions:
/// AISAWS_PREFIX, AISAWS_TABLE, AISAWS_BUCKET, AISAWS_ACCOUNT, AISAWS_STATE_MACHINE_ARN, ...
#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// The queue of events
    #[arg(long, env = "AISAWS_QUEUE_URL", value_name = "URL")]
    queue_url: String,
    /// The queue for messages that cannot be read
    #[arg(long, env = "AISAWS_DEAD_LETTER_QUEUE_URL", value_name = "URL")]
    dead_letter_queue_url: String,
    /// Where /healthz, /readyz and /metrics (Prometheus) are served
    #[arg(long, default_value = "127.0.0.1:9464", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Batches of up to ten messages that are worked on at a time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    polls: u16,
    /// Seconds after which another worker takes over from one that died
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=43_200))]
    visibility: u64,
    /// Seconds that batches in hand may take once the worker is told to stop
    #[arg(long, default_value_t = 25, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    grace: u64,
    /// Seconds between two looks for what was left undone; 0: another one does that
    #[arg(long, default_value_t = 300, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(0..=86_400))]
    sweep: u64,
    /// Also write metrics to standard output in CloudWatch's embedded metric format
    #[arg(long)]
    emf: bool,
}

#[cfg(feature = "aws")]
pub(crate) async fn run(context: &Context, args: Worker) -> anyhow::Result<Ended> {
    use std::time::Duration;

    use aisaws_aws::Aws;
    use aisaws_workers::settings::Settings;
    use aisaws_workers::wire::{Entrance, MetricsTo, Wired};
    use aisaws_workers::worker::{self, Options};

    use crate::Usage;

    /// As long as SQS lets a request wait.
    const WAIT: Duration = Duration::from_secs(20);

    worker::logs::begin();
    let settings = Settings::read(|name| std::env::var(name).ok());
    let mut settings = settings.map_err(|e| Usage(e.to_string()))?;
    settings.dead_letters = Some(args.dead_letter_queue_url);
    // It opens incidents and never writes to a protected account: functions do that.
    let aws = Aws::from_environment().await;
    let metrics_to = if args.emf { MetricsTo::Output } else { MetricsTo::Nowhere };
    let config = context.config.clone();
    let wired = Wired::new(settings, config, aws, Entrance::Reader, metrics_to);
    let options = Options {
        queue_url: args.queue_url,
        listen: args.listen,
        polls: usize::from(args.polls),
        visibility: Duration::from_secs(args.visibility),
        wait: WAIT,
        grace: Duration::from_secs(args.grace),
        sweep_every: (args.sweep > 0).then(|| Duration::from_secs(args.sweep)),
    };
    worker::run(&wired, &options, worker::told_by_signal()?).await?;
    Ok(Ended::Done)
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as in a program that has it")]
pub(crate) async fn run(_: &Context, _: Worker) -> anyhow::Result<Ended> {
    Err(crate::not_built())
}
