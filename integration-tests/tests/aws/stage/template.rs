//! What emulators force on the template. Everything else is deployed as it is committed.

use aisaws_infra::functions::FUNCTIONS;

const TEMPLATE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml"));

/// What the emulator's CloudFormation does not know.
const UNKNOWN: &[&str] = &["AWS::Events::EventBusPolicy"];

/// A state of rules that the emulator takes for switched off.
const ALSO_READS: &str = "State: ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS";

/// The committed template with these differences:
///
/// - Emulators speak HTTP, so a statement that denies what comes without TLS denies everything. The
///   value it compares with is made one that never occurs.
/// - The emulator does not know the condition key `sns:Endpoint`, so that a statement which denies
///   unknown subscribers denies all of them. It denies an action that nobody calls.
/// - A function is told the addresses of the emulators, which stand for AWS's own.
/// - Rules are `ENABLED`, and none in the newer state that also lets reads in.
/// - A resource of a type that the emulator does not know is left out.
pub(crate) fn adapted(responder: &str, target: &str) -> String {
    adapted_with(responder, target, &[])
}

/// As [`adapted`], with further variables for every function.
pub(crate) fn adapted_with(
    responder: &str,
    target: &str,
    variables: &[(&'static str, String)],
) -> String {
    let (insecure, never) =
        (r#""aws:SecureTransport": "false""#, r#""aws:SecureTransport": "never""#);
    assert_eq!(TEMPLATE.matches("aws:SecureTransport").count(), TEMPLATE.matches(insecure).count());
    let mut functions = 0;
    let mut text = String::new();
    let (subscribe, nothing) = ("Action: sns:Subscribe\n", "Action: sns:ListTagsForResource\n");
    assert_eq!(TEMPLATE.matches(subscribe).count(), 1);
    let template = known(&TEMPLATE.replace(insecure, never))
        .replace(ALSO_READS, "State: ENABLED")
        .replace(subscribe, nothing);
    for line in template.lines() {
        text.push_str(line);
        text.push('\n');
        if let Some(indent) = line.strip_suffix("Variables:") {
            functions += 1;
            let addresses =
                [("AWS_ENDPOINT_URL", responder), ("AISAWS_TARGET_ENDPOINT_URL", target)];
            let more = variables.iter().map(|(name, value)| (*name, value.as_str()));
            for (name, value) in addresses.into_iter().chain(more) {
                let value = serde_json::Value::from(value).to_string();
                text.extend([indent, "  ", name, ": ", value.as_str(), "\n"]);
            }
        }
    }
    assert_eq!(functions, FUNCTIONS.len(), "the form of the template has changed");
    text
}

/// Without resources of types that are not known. A resource begins with its name, indented by two.
fn known(template: &str) -> String {
    let begins = |line: &str| {
        line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic()))
    };
    let (mut text, mut resource) = (String::new(), String::new());
    let is_known =
        |resource: &str| !UNKNOWN.iter().any(|kind| resource.contains(&format!("Type: {kind}\n")));
    for line in template.lines() {
        if begins(line) {
            text.extend(is_known(&resource).then_some(resource.as_str()));
            resource.clear();
        }
        resource.push_str(line);
        resource.push('\n');
    }
    text + &resource
}
