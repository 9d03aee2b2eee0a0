//! What an earlier stack left, taken into the new one.

use std::collections::BTreeMap;

use aisaws_aws::Aws;
use aisaws_aws::deploy::{Artifacts, Deployment, Names, left_behind};
use aisaws_infra::part::only;

use super::confirm::confirmed;
use super::put_up::step;
use crate::output::{self, data};
use crate::{Ended, Usage};

/// The parameter that names begin with, and its default.
const PREFIX: (&str, &str) = ("Prefix", "aisaws");

/// Takes table, bucket and key into the new stack where they are there, after a question; `None`:
/// go on.
pub(super) async fn run(
    aws: &Aws,
    artifacts: &Artifacts,
    deployment: &Deployment,
    (template, account, region): (&str, &str, &str),
    yes: bool,
) -> anyhow::Result<Option<Ended>> {
    let given = deployment.parameters.get(PREFIX.0);
    let prefix = given.map_or(PREFIX.1, String::as_str);
    let bucket = format!("{prefix}-archive-{account}-{region}");
    let names = Names { table: ("Table", prefix), bucket: ("Bucket", &bucket), key: "Key" };
    let left = left_behind(aws, names).await?;
    if left.is_empty() {
        return Ok(None);
    }
    output::note("an earlier stack left these, with what was recorded:");
    for one in &left {
        output::note(&format!("  {} {}", data(&one.kind), data(&one.id)));
    }
    let resources: Vec<&str> = left.iter().map(|one| one.resource.as_str()).collect();
    let part = only(template, &resources).ok_or_else(|| {
        Usage(
            "the template does not say them as that of AISAWS does; choose other names with --parameter Prefix=NAME"
                .to_owned(),
        )
    })?;
    let key = artifacts.put("kept", "yaml", part.text.as_bytes()).await?;
    let is_of_part = |name: &&String| part.parameters.contains(name);
    let parameters: BTreeMap<String, String> = deployment
        .parameters
        .iter()
        .filter(|(name, _)| is_of_part(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let import = Deployment { template_url: artifacts.url(&key), parameters, ..deployment.clone() };
    let proposal = import.propose_import(aws, &left).await?;
    let question = "take them into the new stack? Without them: --parameter Prefix=NAME";
    match confirmed(question, yes) {
        Ok(true) => {}
        other => {
            import.discard(aws, &proposal).await?;
            other?;
            output::note("nothing was changed");
            return Ok(Some(Ended::Attention));
        }
    }
    import.execute(aws, &proposal, &mut step).await?;
    Ok(None)
}
