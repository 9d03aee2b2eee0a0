//! `aisaws reconcile`: is every event of the trail's log files here that should be?

use clap::Args;
use jiff::{SignedDuration, Timestamp};

/// What is compared.
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// The deployment's CloudFormation stack [default: what the AISAWS_* variables of its
    /// functions say where AISAWS_TABLE is set, else `aisaws`]
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// Events not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    since: Timestamp,
    /// Events before this time [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// The bucket of the trail, or of the organisation's trail
    #[arg(long, value_name = "NAME")]
    trail_bucket: String,
    /// What its keys have before `AWSLogs/`
    #[arg(long, default_value = "", value_name = "PREFIX")]
    prefix: String,
    /// How long an event may be on its way before it counts as missing
    #[arg(long, default_value = "30m", value_name = "DURATION")]
    settle: SignedDuration,
    /// How long after an event its log file may have been delivered
    #[arg(long, default_value = "6h", value_name = "DURATION")]
    late: SignedDuration,
    /// Take in what is missing
    #[arg(long)]
    feed: bool,
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as in a program that has it")]
pub(crate) async fn run(_: &crate::context::Context, _: Reconcile) -> anyhow::Result<crate::Ended> {
    Err(crate::not_built())
}

#[cfg(feature = "aws")]
pub(crate) use with_aws::run;

#[cfg(feature = "aws")]
mod with_aws {
    use aisaws_app::reconcile::{Counts, Feed, Lag, Reconciled, Wanted, reconcile};
    use aisaws_app::respond::Responder;
    use aisaws_aws::trail::TrailBucket;
    use aisaws_core::port::StoreError;
    use aisaws_detect::event_match::lets_through;
    use aisaws_detect::event_pattern::{Limits, patterns};
    use async_trait::async_trait;

    use super::Reconcile;
    use crate::args::{Format, Place};
    use crate::commands::detect::load;
    use crate::context::Context;
    use crate::deployment::Deployment;
    use crate::output::data;
    use crate::render::table::table;
    use crate::{Ended, Usage, output};

    /// Straight into the store, which knows events by their ids: what came meanwhile is a repetition.
    struct Direct<'a>(&'a Responder);

    #[async_trait]
    impl Feed for Direct<'_> {
        async fn feed(&self, records: &[(String, String)]) -> Result<(), StoreError> {
            self.0.take_in_messages(records).await.map(drop)
        }
    }

    pub(crate) async fn run(context: &Context, args: Reconcile) -> anyhow::Result<Ended> {
        let place = Place { aws: true, stack: args.stack.clone() };
        let deployment = Deployment::open(context, &place).await?;
        let wired = deployment.wired();
        let ports = wired.ports();
        let (lines, _) = load(context, &[])?;
        let patterns = patterns(lines.rules(), Limits::default());
        let logs = TrailBucket::new(wired.aws(), &args.trail_bucket, &args.prefix);
        let now = ports.clock.now();
        let wanted = Wanted {
            since: args.since,
            until: args.until.unwrap_or(now),
            now,
            settle: args.settle,
            late: args.late,
            lets_through: &|record| lets_through(&patterns, record),
        };
        let responder = if args.feed { Some(wired.responder()?) } else { None };
        let direct = responder.as_ref().map(Direct);
        let feed = direct.as_ref().map(|direct| -> &dyn Feed { direct });
        let found = reconcile(&logs, ports.events.as_ref(), feed, wanted).await?;
        if found.places.is_empty() {
            return Err(Usage(format!(
                "bucket `{}` has no log files under `{}`; give the trail's prefix with --prefix",
                args.trail_bucket, args.prefix
            ))
            .into());
        }
        if let Some(responder) = responder.filter(|_| found.total.fed > 0) {
            let opened = responder.open().await?.len();
            output::note(&format!("{opened} incidents were opened for what was fed, or met again"));
        }
        match context.format {
            Format::Json => output::json(&found)?,
            Format::Text => tell(&found),
        }
        let is_whole = found.total.missing == found.total.fed && found.unreadable.is_empty();
        Ok(if is_whole { Ended::Done } else { Ended::Attention })
    }

    fn tell(found: &Reconciled) {
        let Reconciled { total, places, gaps, .. } = found;
        let row = |name: &str, c: &Counts| {
            let counts = [c.files, c.records, c.events, c.arrived, c.missing, c.unsettled, c.fed];
            let [files, records, events, arrived, missing, unsettled, fed] =
                counts.map(|count| count.to_string());
            [name.to_owned(), files, records, events, arrived, missing, unsettled, fed]
        };
        let rows = places.iter().map(|(name, counts)| row(name, counts));
        let rows = rows.chain([row("all", total)]);
        output::line(&table(
            [
                "account and region",
                "log files",
                "records",
                "events for us",
                "arrived",
                "missing",
                "perhaps on their way",
                "fed",
            ],
            rows,
        ));
        if !gaps.is_empty() {
            let rows = gaps.iter().map(|gap| {
                let texts = [&gap.id, &gap.name, &gap.source, &gap.account, &gap.region];
                let [id, name, source, account, region] = texts.map(Clone::clone);
                [gap.time.to_string(), id, name, source, account, region]
            });
            let head = ["time", "missing event", "name", "source", "account", "region"];
            output::line(&table(head, rows));
            let named = gaps.len() as u64;
            if named < total.missing {
                output::line(&format!("and {} more", total.missing - named));
            }
        }
        lag("from an event to its arrival", found.arrival_lag);
        lag("from an event to its log file", found.trail_lag);
        for (file, reason) in &found.unreadable {
            output::note(&data(&format!("`{file}` could not be read: {reason}")));
        }
    }

    fn lag(what: &str, lag: Option<Lag>) {
        let Some(lag) = lag else { return };
        let Lag { count, p50_seconds, p90_seconds, p99_seconds, max_seconds } = lag;
        output::line(&format!(
            "{what}: half within {p50_seconds} s, 90 % {p90_seconds} s, 99 % {p99_seconds} s, all {max_seconds} s ({count} events)"
        ));
    }
}
