//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::commands::deploy::args::{Deploy, Destroy, Package};
use crate::commands::{Reconcile, Worker};

/// Self-healing security for AWS accounts: detect, score, decide, repair, verify, alert.
#[derive(Debug, Parser)]
#[command(name = "aisaws", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done; 1 something waits for a human or failed; 2 bad usage or input; 3 could not run."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file (see `aisaws config init`)
    #[arg(long, global = true, env = "AISAWS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The store, a SQLite file [default: in the user's data directory]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) store: Option<PathBuf>,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) output: Format,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one JSON value
    Json,
}

/// On which store a command works.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// On a deployment in AWS instead of the local store
    #[arg(long, global = true)]
    pub(crate) aws: bool,
    /// With --aws: the deployment's CloudFormation stack [default: what the variables of its
    /// functions say where AISAWS_TABLE is set, else `aisaws`]
    #[arg(long, global = true, value_name = "NAME", requires = "aws")]
    pub(crate) stack: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Respond to a scenario that ships with the program, on a simulated account
    Demo,
    /// Respond to events in files, folders or standard input (`-`), on a simulated account
    #[command(
        after_help = "Sources, told by the shape of a record: CloudTrail (log files, records, Lake and Athena rows), GuardDuty, Security Hub (ASFF, OCSF), AWS Config compliance changes, IAM Access Analyzer, own scans; bare or in EventBridge envelopes."
    )]
    Respond {
        /// Files or folders of records, EventBridge envelopes or lists of them (NDJSON, JSON),
        /// plain or gzip
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Which rules the events of files, folders or standard input (`-`) hit: one JSON line a hit
    #[command(
        after_help = "Correlations count what the events hit, whatever their order, and fire when all are read: those lines come last, by time, with the event at which each fires. A rule of others that is only there to be correlated (no `generate: true`) has no lines of its own.\n\nA record that no rule can match is not parsed: of it only the outer braces are looked at, and what is broken inside goes unreported. `respond` parses every record.\n\nExit codes: 0 everything was read, with or without hits; 1 a rule could not be used or a record could not be read (named on standard error with file and line); 2 bad usage; 3 could not run."
    )]
    Detect {
        /// Sigma rules (`.yml`, `.yaml`), a folder or a file; further folders of nothing but rules
        /// may follow [default: our own]
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// Log files (`Records[]`), EventBridge envelopes, findings of other services, rows of
        /// CloudTrail Lake or Athena, as NDJSON or JSON arrays, plain or gzip
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Incidents and their stories
    Incident {
        #[command(flatten)]
        place: Place,
        #[command(subcommand)]
        command: Incident,
    },
    /// Repairs that wait for a human
    Approval {
        #[command(flatten)]
        place: Place,
        #[command(subcommand)]
        command: Approval,
    },
    /// Re-run stored events through the present rules and policy, on a simulated account
    #[command(
        after_help = "The events that are re-run are all that are stored: earlier ones make the state that later ones meet. With --aws those before --until are, in the order in which they happened, each responded to before the next, as then; our own calls among them are left out, for the simulated account has what would be written now. The options select the incidents that are compared.\n\nNothing outside a temporary folder is written, except with --live."
    )]
    Replay(Replay),
    /// Controls: what is checked and repaired
    #[command(subcommand)]
    Control(Listing),
    /// Detection rules (Sigma)
    #[command(subcommand)]
    Rule(Rule),
    /// What a control or rule finds, why it matters, how it is repaired, what can go wrong
    Explain {
        /// Id of a control or rule
        id: String,
    },
    /// The store
    Store {
        #[command(flatten)]
        place: Place,
        #[command(subcommand)]
        command: Store,
    },
    /// State machine definitions (Amazon States Language), without AWS
    #[command(subcommand)]
    Machine(Machine),
    /// Take events from the queue of a deployment in AWS, until SIGTERM or Ctrl-C
    #[command(
        after_help = "Logs are JSON lines on standard error; AISAWS_LOG says which (`debug`, `warn,aisaws_workers=info`). AISAWS_CONFIG and --config name a file here. Region, credentials and endpoints are read as every AWS tool reads them."
    )]
    Worker(Worker),
    /// Compare what arrived with the log files of the trail, on a deployment in AWS
    #[command(
        after_help = "Events for us are those that our EventBridge rules let through. Repetitions in log files are normal, and so are late files: what is newer than --settle and not here counts as on its way.\n\nExit codes: 0 nothing is missing, or all of it was fed; 1 something is, or a file could not be read; 2 bad usage; 3 could not run."
    )]
    Reconcile(Reconcile),
    /// Put the system up on AWS, or change it: shows what would change, and asks
    Deploy(Deploy),
    /// Take the system on AWS down; what was recorded stays unless --delete-data is given
    Destroy(Destroy),
    /// Build and package the programs that are deployed
    Package(Package),
    /// What is set up around the product on AWS
    #[command(subcommand)]
    Infra(Infra),
    /// The configuration
    #[command(subcommand)]
    Config(Config),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Infra {
    /// EventBridge rules that let through what the detection rules could match: one JSON object a
    /// line, `{"pattern":…,"state":…}`. A rule for which every event of `CloudTrail` is let through
    /// is named on standard error
    EventPattern {
        /// Sigma rules (`.yml`, `.yaml`), a folder or a file; again for more [default: our own]
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// Characters a pattern may have: the quota of the account
        #[arg(long, value_name = "N", default_value_t = 2048)]
        max_characters: usize,
        /// Rules that may be made on the bus
        #[arg(long, value_name = "N", default_value_t = 300)]
        max_rules: usize,
    },
    /// The CloudFormation template of the whole, as it stands in infra/template.yaml
    Template {
        /// The template of a protected account instead (infra/member.yaml)
        #[arg(long)]
        member: bool,
        /// The template of a further Region, or of a protected account's Region, whose events are
        /// handed on to the responder's, instead (infra/forward.yaml)
        #[arg(long, conflicts_with = "member")]
        forward: bool,
    },
    /// The functions, their handlers, memory and time
    Functions,
    /// The IAM policy of each role: exactly what the functions and drivers need
    Policies,
    /// What a month costs by list prices, without any free tier
    Cost {
        /// Events a month that the EventBridge rules let through
        #[arg(long, value_name = "N", default_value_t = 100_000)]
        events: u64,
        /// Incidents a month
        #[arg(long, value_name = "N", default_value_t = 500)]
        incidents: u64,
        /// Months for which raw events are kept
        #[arg(long, value_name = "N", default_value_t = 13)]
        months_kept: u32,
        /// A table of prices instead of the built-in one
        #[arg(long, value_name = "FILE")]
        prices: Option<PathBuf>,
        /// Print the built-in table of prices instead
        #[arg(long)]
        print_prices: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Machine {
    /// Run a definition in virtual time, its tasks answered from a file
    Run {
        /// The definition; `-` for standard input
        definition: PathBuf,
        /// The input, a JSON file [default: {}]
        #[arg(long, value_name = "FILE")]
        input: Option<PathBuf>,
        /// Answers of tasks by state: `{"State": [{"Return": …}, {"Throw": {"Error": …}}]}`
        #[arg(long, value_name = "FILE")]
        mock: Option<PathBuf>,
    },
    /// Every problem of a definition at once
    Validate {
        /// The definition; `-` for standard input
        definition: PathBuf,
    },
    /// Draw a definition
    Graph {
        /// The definition; `-` for standard input
        definition: PathBuf,
        /// In which form
        #[arg(long, value_enum, default_value_t = Graph::Mermaid)]
        format: Graph,
    },
    /// Run a file of cases with mocked tasks against a definition
    Test {
        /// The definition
        definition: PathBuf,
        /// The cases, or a MockConfigFile of Step Functions Local
        cases: PathBuf,
        /// Which machine of a MockConfigFile is meant [default: the one named as the definition's
        /// file, or the only one]
        #[arg(long, value_name = "NAME")]
        machine: Option<String>,
    },
    /// Run recorded cases in virtual time, one answer a line
    Conform {
        /// One case a line, JSON
        cases: PathBuf,
    },
    /// The history of an execution in the store, as `GetExecutionHistory` gives it
    History {
        /// Its name: the incident's id
        execution: String,
    },
}

/// Forms of drawings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Graph {
    /// Mermaid text
    Mermaid,
    /// SVG
    Svg,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Incident {
    /// All incidents
    List,
    /// The story of one, from its ledger
    Show {
        /// Its id, or the first characters of it
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Approval {
    /// What waits for an answer
    List,
    /// Let the plan be applied
    Grant(Vote),
    /// Leave the resource as it is
    Deny(Vote),
}

#[derive(Debug, Args)]
pub(crate) struct Vote {
    /// The incident's id, or the first characters of it
    pub(crate) id: String,
    /// Why, for the ledger
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) reason: String,
    /// Only if the plan still has this digest (or begins with it)
    #[arg(long, value_name = "DIGEST")]
    pub(crate) digest: Option<String>,
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Incidents not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// Incidents before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    /// Incidents of this rule, then or now
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Incidents with an event of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) event_name: Option<String>,
    /// Incidents about this resource: its id, its ARN, or as tables show it
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
    /// Incidents with an event of this caller: an ARN of a user, role or session, an access key, or a name
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,
    /// The event or incident of this id
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// With --aws: re-run no events before this time, and take resources as AWS creates them then
    /// [default: all events]
    #[arg(long, value_name = "TIME", requires = "aws")]
    pub(crate) history_since: Option<Timestamp>,
    /// Respond to this incident once more, for real, after showing what would be written now
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "rule", "event_name", "resource", "actor", "id", "history_since"])]
    pub(crate) live: Option<String>,
    /// With --live: do not ask for confirmation
    #[arg(long, short, requires = "live")]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Listing {
    /// All of them
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rule {
    /// All rules in force
    List,
    /// Everything one rule says of itself, and its text
    Show {
        /// Its id
        id: String,
    },
    /// Every problem of rule files, with file, line and what to do
    Lint {
        /// Rule files or folders [default: the rules in force]
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Run the cases beside rules (`NAME.cases.yml` beside `NAME.yml`)
    Test {
        /// Rule files or folders [default: the built-in rules]
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Which ATT&CK techniques and which watched events the rules answer
    Coverage {
        /// Folders of further rules to count, beside those in force
        #[arg(long = "rules", value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Every ledger entry, one JSON object a line
    Export,
    /// Check the hash chain of every incident, its record, the states it names, and the journal
    Verify,
    /// Records that could not be read, with file, line and reason
    DeadLetters,
    /// Put the messages of the dead letter queue back into the queue of events; with --aws
    Redrive,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// What is in force, after file and environment
    Show,
    /// Check the file and everything it names
    Check,
    /// Write a commented file with every default
    Init {
        /// Where
        #[arg(default_value = "aisaws.toml")]
        path: PathBuf,
        /// Print the built-in policy file instead
        #[arg(long, conflicts_with_all = ["weights", "mapping"])]
        policy: bool,
        /// Print the built-in weights file instead
        #[arg(long, conflicts_with = "mapping")]
        weights: bool,
        /// Print the built-in mapping for foreign rules instead
        #[arg(long)]
        mapping: bool,
    },
}
