//! `aisaws destroy`: takes the stack down, and the data only where that is asked for.

use aisaws_aws::deploy::{
    DeployError, Kept, Pace, delete_bucket, delete_table, destroy, kept, stack,
};
use aisaws_aws::{Aws, identity};
use aisaws_infra::template::KEPT;

use super::args::Destroy;
use super::confirm::confirmed;
use super::put_up::step;
use crate::Ended;
use crate::context::Context;
use crate::output::{self, data};

pub(crate) async fn run(_: &Context, args: Destroy) -> anyhow::Result<Ended> {
    let aws = Aws::from_environment().await;
    let account = identity(&aws).await?.account;
    let region = aws.region().unwrap_or_default().to_owned();
    if stack(&aws, &args.stack).await?.is_none() {
        return Err(DeployError::Missing(args.stack).into());
    }
    let kept = kept(&aws, &args.stack, KEPT).await?;
    let name = data(&args.stack);
    output::note(&format!("stack `{name}` in account {account}, region {region} is taken down"));
    for one in &kept {
        output::note(&format!("  {}", fate(one, args.delete_data)));
    }
    let question = if args.delete_data {
        "take it down and delete what was recorded? Nothing brings it back"
    } else {
        "take it down?"
    };
    if !confirmed(question, args.yes)? {
        output::note("nothing was changed");
        return Ok(Ended::Attention);
    }
    destroy(&aws, &args.stack, Pace::default(), &mut step).await?;
    for one in kept.iter().filter(|_| args.delete_data) {
        match one.kind.as_str() {
            "AWS::S3::Bucket" => delete_bucket(&aws, &one.id).await?,
            "AWS::DynamoDB::Table" => delete_table(&aws, &one.id).await?,
            _ => {}
        }
    }
    output::note(&format!("stack `{name}` is gone"));
    Ok(Ended::Done)
}

/// What becomes of a resource that the stack leaves behind.
fn fate(one: &Kept, delete_data: bool) -> String {
    let (kind, id) = (data(&one.kind), data(&one.id));
    match (one.kind.as_str(), delete_data) {
        ("AWS::KMS::Key", _) => format!(
            "{kind} {id} stays, what was recorded is encrypted with it; once that is gone: aws kms schedule-key-deletion --key-id {id}"
        ),
        (_, false) => format!("{kind} {id} stays with what was recorded"),
        (_, true) => format!("{kind} {id} IS DELETED with what was recorded"),
    }
}
