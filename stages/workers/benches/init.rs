//! Start and memory of the functions, against a Python function that does the job of intake, in the
//! same run and on the same emulator; and the size of what is deployed.
//!
//! The programs are those of profile `dist`, or of the folder that `AISAWS_PROGRAMS` names:
//!
//! ```text
//! cargo build --profile dist -p aisaws-workers --features ec2
//! cargo bench -p aisaws-workers --bench init --profile dev
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench that meets what it did not expect ends, and says what it measures"
)]

#[path = "init/lambda.rs"]
mod lambda;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use lambda::Start;

const RUNS: usize = 15;
/// Functions that the emulator starts from nothing.
const COLD: &str = "7";
const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/init");

/// One of the things compared.
struct Contender {
    name: &'static str,
    command: Box<dyn Fn() -> Command>,
}

fn main() {
    let programs = programs();
    let emulator = aisaws_emulators::ministack().unwrap();
    let endpoint = emulator.endpoint();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let paths = [root.join("infra/template.yaml"), root.join("statemachines/respond.asl.json")];
    let [template, definition] = paths.each_ref().map(|path| path.to_str().unwrap());
    let stack = stack(&["up", &endpoint, template, definition, programs.to_str().unwrap()]);
    for (name, bytes) in stack["sizes"].as_object().unwrap() {
        println!("{name}: {:.2} MB zipped", bytes.as_f64().unwrap() / 1e6);
    }
    let environment = environment(&stack["environments"]["intake"], &endpoint);
    let contenders = [rust(&programs, &environment), python(&environment)];
    let mut seen: Vec<Vec<Start>> = vec![Vec::new(); contenders.len()];
    for run in 0..RUNS {
        for (number, contender) in contenders.iter().enumerate() {
            let request = request(&format!("{run}-{number}"));
            seen[number].push(lambda::start((contender.command)(), &request));
        }
    }
    println!("| | init ms | of it on a processor | to the first answer ms | peak MiB |");
    println!("|---|---|---|---|---|");
    let mut inits = Vec::new();
    for (contender, starts) in contenders.iter().zip(&seen) {
        let time = |of: fn(&Start) -> Duration| median(starts.iter().map(|s| millis(of(s))));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        let peak = median(starts.iter().map(|s| s.peak_bytes as f64 / 1_048_576.0));
        let (init, on_cpu, answered) =
            (time(|s| s.init), time(|s| s.init_cpu), time(|s| s.answered));
        println!("| {} | {init:.1} | {on_cpu:.1} | {answered:.1} | {peak:.1} |", contender.name);
        inits.push(init);
    }
    println!("init: {:.1} % of Python's", 100.0 * inits[0] / inits[1]);
    let cold = |handler: &str| {
        let took = self::stack(&["cold", &endpoint, handler, COLD]);
        median(took.as_array().unwrap().iter().map(|ms| ms.as_f64().unwrap()))
    };
    let (ours, theirs) = (cold("intake"), cold("python"));
    println!("first call of a new function under the emulator's Lambda, its own cost included:");
    println!("ours {ours:.0} ms, Python {theirs:.0} ms");
}

fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("AISAWS_PROGRAMS") {
        return folder.into();
    }
    // <target>/<profile>/deps/init-…
    let bench = std::env::current_exe().unwrap();
    bench.ancestors().nth(3).unwrap().join("dist")
}

/// Runs `stack.py` where boto3 is; its answer.
fn stack(arguments: &[&str]) -> Value {
    let mut command = Command::new(aisaws_emulators::python_with_boto3().unwrap());
    let output = command.arg(format!("{HERE}/stack.py")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What Lambda sets for every function, what the template sets for this one, and the emulator.
fn environment(of_template: &Value, endpoint: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, value) in of_template.as_object().unwrap() {
        variables.insert(name.clone(), value.as_str().unwrap().to_owned());
    }
    for (name, value) in [
        ("AISAWS_TARGET_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_FUNCTION_NAME", "intake"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("_HANDLER", "intake"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    variables
}

fn rust(programs: &Path, environment: &BTreeMap<String, String>) -> Contender {
    let (program, environment) = (programs.join("aisaws-read"), environment.clone());
    let command = move || {
        let mut command = Command::new(&program);
        command.env_clear().envs(&environment);
        command
    };
    Contender { name: "aisaws-read, intake", command: Box::new(command) }
}

fn python(environment: &BTreeMap<String, String>) -> Contender {
    let python = aisaws_emulators::python_with_boto3().unwrap();
    let environment = environment.clone();
    let command = move || {
        let mut command = Command::new(&python);
        command.arg("-B").arg(format!("{HERE}/runtime.py")).env_clear().envs(&environment);
        command
    };
    Contender { name: "Python and boto3", command: Box::new(command) }
}

/// A message of the queue with a call that opens a group to the world. Of a name that is new.
fn request(name: &str) -> String {
    let id = format!("{}-{name}", std::process::id());
    let account = "111122223333";
    let user = json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLE", "accountId": account, "userName": "bob",
        "arn": format!("arn:aws:iam::{account}:user/bob"),
    });
    let ranges = json!({ "items": [{ "cidrIp": "0.0.0.0/0" }] });
    let permission =
        json!({ "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": ranges });
    let detail = json!({
        "eventVersion": "1.11", "userIdentity": user, "eventTime": "2026-03-01T10:00:00Z",
        "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
        "awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli/2.31",
        "requestParameters": {
            "groupId": format!("sg-{id}"), "ipPermissions": { "items": [permission] },
        },
        "responseElements": { "_return": true }, "requestID": id, "eventID": id,
        "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true,
        "recipientAccountId": account, "eventCategory": "Management",
    });
    let envelope = json!({
        "version": "0", "id": id, "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2", "account": account, "time": "2026-03-01T10:00:00Z",
        "region": "us-east-1", "resources": [], "detail": detail,
    });
    json!({ "Records": [{ "messageId": id, "body": envelope.to_string() }] }).to_string()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
