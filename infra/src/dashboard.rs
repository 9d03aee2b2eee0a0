//! The CloudWatch dashboard: what the system achieves, how that goes, how it runs now, what it costs.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
//!
//! Targets that lines and titles show are the aims of the product; `METRICS.md` of the workers says
//! how each figure is made.

use serde_json::{Map, Value, json};

use crate::alarms::alarms;
use crate::functions::FUNCTIONS;
use crate::metric::Metric;

/// Columns of a dashboard.
const COLUMNS: u32 = 24;
const HOUR: u32 = 3600;
const MINUTE: u32 = 60;
/// Charges come every six hours.
const QUARTER: u32 = 21_600;
/// Outcomes that trends show, in the order of the stack.
const OUTCOMES: &[&str] = &[
    "remediated",
    "already_clean",
    "gone",
    "logged",
    "denied",
    "expired",
    "rolled_back",
    "failed",
];

/// One line of a graph, or a value.
#[derive(Debug, Clone)]
enum Series {
    /// A metric, by a statistic.
    Plain { metric: Metric, stat: &'static str, label: String },
    /// A metric that only expressions use.
    Hidden { metric: Metric, stat: &'static str, id: &'static str },
    /// A calculation over hidden ones.
    Expression { expression: &'static str, label: &'static str },
}

impl Series {
    fn plain(metric: Metric, stat: &'static str, label: impl Into<String>) -> Self {
        Self::Plain { metric, stat, label: label.into() }
    }

    fn json(&self) -> Value {
        match self {
            Self::Plain { metric, stat, label } => {
                let mut list = metric.of_widget();
                list.push(json!({ "stat": stat, "label": label }));
                Value::from(list)
            }
            Self::Hidden { metric, stat, id } => {
                let mut list = metric.of_widget();
                list.push(json!({ "stat": stat, "id": id, "visible": false }));
                Value::from(list)
            }
            Self::Expression { expression, label } => {
                json!([{ "expression": expression, "label": label }])
            }
        }
    }

    fn metric(&self) -> Option<&Metric> {
        match self {
            Self::Plain { metric, .. } | Self::Hidden { metric, .. } => Some(metric),
            Self::Expression { .. } => None,
        }
    }
}

/// How a widget shows its series.
#[derive(Debug, Clone, Copy)]
enum View {
    /// One number over the whole time shown.
    Number,
    /// A share in percent over the whole time shown.
    Share,
    /// Lines.
    Lines,
    /// Areas on top of each other.
    Stack,
}

#[derive(Debug, Clone)]
struct Widget {
    title: &'static str,
    width: u32,
    height: u32,
    view: View,
    period: u32,
    series: Vec<Series>,
    /// Values that a line marks, with a word.
    targets: Vec<(f64, &'static str)>,
    /// Where its metrics are; charges are in one region only.
    region: &'static str,
}

impl Widget {
    fn new(title: &'static str, width: u32, view: View, period: u32, series: Vec<Series>) -> Self {
        let region = "${AWS::Region}";
        Self { title, width, height: 6, view, period, series, targets: Vec::new(), region }
    }

    fn with_targets(mut self, targets: &[(f64, &'static str)]) -> Self {
        self.targets = targets.to_vec();
        self
    }

    /// Half as high: numbers need no more.
    fn low(mut self) -> Self {
        self.height = 3;
        self
    }

    fn json(&self, x: u32, y: u32) -> Value {
        let mut properties = Map::new();
        let mut set = |name: &str, value: Value| _ = properties.insert(name.to_owned(), value);
        set("title", Value::from(self.title));
        set("region", Value::from(self.region));
        set("metrics", self.series.iter().map(Series::json).collect());
        set("period", Value::from(self.period));
        match self.view {
            View::Number => {
                set("view", Value::from("singleValue"));
                set("setPeriodToTimeRange", Value::from(true));
            }
            View::Share => {
                set("view", Value::from("gauge"));
                set("setPeriodToTimeRange", Value::from(true));
                set("yAxis", json!({ "left": { "min": 0, "max": 100 } }));
            }
            View::Lines | View::Stack => {
                set("view", Value::from("timeSeries"));
                set("stacked", Value::from(matches!(self.view, View::Stack)));
                set("yAxis", json!({ "left": { "min": 0 } }));
            }
        }
        if !self.targets.is_empty() {
            let line = |(value, label): &(f64, &str)| json!({ "value": value, "label": label });
            let lines: Vec<Value> = self.targets.iter().map(line).collect();
            set("annotations", json!({ "horizontal": lines }));
        }
        json!({
            "type": "metric", "x": x, "y": y, "width": self.width, "height": self.height,
            "properties": properties,
        })
    }
}

/// A heading and what stands below it.
struct Section {
    text: &'static str,
    widgets: Vec<Widget>,
}

/// A share in percent, and what it is made of.
fn share(
    title: &'static str,
    parts: Vec<(Metric, &'static str)>,
    expression: &'static str,
    target: (f64, &'static str),
) -> Widget {
    let hidden = |(metric, id)| Series::Hidden { metric, stat: "Sum", id };
    let mut series: Vec<Series> = parts.into_iter().map(hidden).collect();
    series.push(Series::Expression { expression, label: "%" });
    Widget::new(title, 8, View::Share, HOUR, series).with_targets(&[target])
}

fn sums(names: &[(&'static str, &str)]) -> Vec<Series> {
    names.iter().map(|(name, label)| Series::plain(Metric::ours(name), "Sum", *label)).collect()
}

fn percentiles(names: &[(&'static str, &str)]) -> Vec<Series> {
    let both = |(name, label): &(&'static str, &str)| {
        ["p50", "p95"]
            .map(|stat| Series::plain(Metric::ours(name), stat, format!("{label} {stat}")))
    };
    names.iter().flat_map(both).collect()
}

fn executive() -> Section {
    let ours = Metric::ours;
    let closed = Metric::closed;
    let numbers = |title, series| Widget::new(title, 8, View::Number, HOUR, series).low();
    Section {
        text: "# AISAWS\nAims: a repair without a human within 2 minutes, every repair within 5; \
               detection within 30 seconds of a call.",
        widgets: vec![
            numbers(
                "Time to repair without a human, seconds",
                percentiles(&[("SecondsToRepairAlone", "repair")]),
            ),
            numbers("Time to detect, seconds", percentiles(&[("SecondsToDetect", "detect")])),
            numbers(
                "Incidents",
                sums(&[
                    ("IncidentsOpened", "opened"),
                    ("IncidentsClosed", "ended"),
                    ("IncidentsActionable", "with something to repair"),
                ]),
            ),
            share(
                "Repaired without a human, % (aim: 95)",
                vec![
                    (ours("IncidentsAutomated"), "automated"),
                    (ours("IncidentsActionable"), "all"),
                ],
                "IF(FILL(all,0) > 0, 100 * FILL(automated,0) / all)",
                (95.0, "aim"),
            ),
            share(
                "Repairs that succeeded, % (aim: above 90)",
                vec![
                    (closed("remediated"), "good"),
                    (closed("rolled_back"), "back"),
                    (closed("failed"), "bad"),
                ],
                "100 * FILL(good,0) / (FILL(good,0) + FILL(back,0) + FILL(bad,0))",
                (90.0, "aim"),
            ),
            share(
                "Noise reduction, % of hits that reached nobody (aim: 80)",
                vec![(ours("AlertsSent"), "sent"), (ours("Hits"), "hits")],
                "IF(FILL(hits,0) > 0, 100 * (1 - FILL(sent,0) / hits))",
                (80.0, "aim"),
            ),
        ],
    }
}

fn trends() -> Section {
    let outcomes = OUTCOMES
        .iter()
        .map(|outcome| Series::plain(Metric::closed(outcome), "Sum", outcome.replace('_', " ")));
    Section {
        text: "## Trends",
        widgets: vec![
            Widget::new(
                "Time to repair, seconds",
                8,
                View::Lines,
                HOUR,
                percentiles(&[("SecondsToRepairAlone", "alone"), ("SecondsToRepair", "all")]),
            )
            .with_targets(&[(120.0, "2 minutes"), (300.0, "5 minutes")]),
            Widget::new(
                "Time to detect and to decide, seconds",
                8,
                View::Lines,
                HOUR,
                percentiles(&[("SecondsToDetect", "detect"), ("SecondsToDecide", "decide")]),
            )
            .with_targets(&[(30.0, "30 seconds")]),
            Widget::new("Incidents by outcome", 8, View::Stack, HOUR, outcomes.collect()),
            Widget::new(
                "Hits and messages",
                8,
                View::Lines,
                HOUR,
                sums(&[
                    ("Hits", "hits"),
                    ("AlertsSent", "messages sent"),
                    ("AlertsSuppressed", "suppressed"),
                    ("AlertsFailed", "failed"),
                ]),
            ),
            Widget::new(
                "Humans asked",
                8,
                View::Lines,
                HOUR,
                sums(&[
                    ("ApprovalsAsked", "asked"),
                    ("ApprovalsGranted", "granted"),
                    ("ApprovalsDenied", "denied"),
                    ("ApprovalsExpired", "expired"),
                ]),
            ),
            Widget::new(
                "What went wrong",
                8,
                View::Lines,
                HOUR,
                sums(&[
                    ("IncidentsFailed", "not repaired"),
                    ("VerificationsFailed", "not verified"),
                    ("RolledBack", "taken back"),
                    ("WriteBudgetTripped", "write budget spent"),
                ]),
            ),
            Widget::new(
                "Replays",
                8,
                View::Lines,
                HOUR,
                sums(&[
                    ("EventsReplayed", "events"),
                    ("IncidentsReplayed", "incidents"),
                    ("IncidentsDiffering", "that would differ"),
                ]),
            ),
        ],
    }
}

fn real_time() -> Section {
    let queue =
        |name, queue, label: &str| Series::plain(Metric::queue(name, queue), "Maximum", label);
    let each = |metric: &'static str, stat: &'static str| -> Vec<Series> {
        let series = |f: &crate::functions::Function| {
            Series::plain(Metric::function(metric, f.name), stat, f.name)
        };
        FUNCTIONS.iter().map(series).collect()
    };
    let machine = |name, label: &str| Series::plain(Metric::machine(name), "Sum", label);
    let table = |name, label: &str| Series::plain(Metric::table(name), "Sum", label);
    Section {
        text: "## Now",
        widgets: vec![
            Widget::new(
                "Events taken in",
                8,
                View::Lines,
                MINUTE,
                sums(&[
                    ("EventsTakenIn", "events"),
                    ("Duplicates", "repetitions"),
                    ("OwnEvents", "our own"),
                    ("DeadLetters", "unreadable"),
                ]),
            ),
            Widget::new(
                "Queue: messages",
                8,
                View::Lines,
                MINUTE,
                vec![
                    queue("ApproximateNumberOfMessagesVisible", "Queue", "waiting"),
                    queue("ApproximateNumberOfMessagesNotVisible", "Queue", "in work"),
                    queue("ApproximateNumberOfMessagesVisible", "DeadLetterQueue", "dead letters"),
                ],
            ),
            Widget::new(
                "Queue: age of the oldest message, seconds",
                8,
                View::Lines,
                MINUTE,
                vec![queue("ApproximateAgeOfOldestMessage", "Queue", "age")],
            )
            .with_targets(&[(300.0, "5 minutes")]),
            Widget::new("Functions: errors", 8, View::Lines, MINUTE, each("Errors", "Sum")),
            Widget::new("Functions: throttled", 8, View::Lines, MINUTE, each("Throttles", "Sum")),
            Widget::new(
                "Functions: duration p95, milliseconds",
                8,
                View::Lines,
                MINUTE,
                each("Duration", "p95"),
            ),
            Widget::new(
                "Executions of the state machine",
                8,
                View::Lines,
                MINUTE,
                vec![
                    machine("ExecutionsStarted", "started"),
                    machine("ExecutionsSucceeded", "succeeded"),
                    machine("ExecutionsFailed", "failed"),
                    machine("ExecutionsTimedOut", "timed out"),
                    machine("ExecutionsAborted", "stopped"),
                ],
            ),
            Widget::new(
                "Questions to humans",
                8,
                View::Lines,
                MINUTE,
                vec![
                    Series::plain(Metric::ours("ApprovalsOpen"), "Maximum", "open"),
                    Series::plain(
                        Metric::ours("ApprovalsStuck"),
                        "Maximum",
                        "past half of their time",
                    ),
                ],
            ),
            Widget::new(
                "Table and topic",
                8,
                View::Lines,
                MINUTE,
                vec![
                    table("ReadThrottleEvents", "reads throttled"),
                    table("WriteThrottleEvents", "writes throttled"),
                    Series::plain(
                        Metric::topic("NumberOfNotificationsDelivered"),
                        "Sum",
                        "messages delivered",
                    ),
                    Series::plain(
                        Metric::topic("NumberOfNotificationsFailed"),
                        "Sum",
                        "messages not delivered",
                    ),
                ],
            ),
        ],
    }
}

fn cost() -> Section {
    let table = |name, label: &str| Series::plain(Metric::table(name), "Sum", label);
    let services = ["AWSLambda", "AmazonDynamoDB", "AmazonS3", "AmazonCloudWatch"];
    let charges = std::iter::once((None, "all of the account"))
        .chain(services.iter().map(|service| (Some(*service), *service)))
        .map(|(service, label)| Series::plain(Metric::charges(service), "Maximum", label));
    let mut charged = Widget::new(
        "Charges of the account this month, USD",
        12,
        View::Lines,
        QUARTER,
        charges.collect(),
    );
    // Charges are told there alone, and only where billing alerts are switched on.
    charged.region = "us-east-1";
    let calls = |f: &crate::functions::Function| {
        Series::plain(Metric::function("Invocations", f.name), "Sum", f.name)
    };
    Section {
        text: "## Cost\n`aisaws infra cost` estimates a month from list prices. Charges show where \
               billing alerts are switched on.",
        widgets: vec![
            charged,
            Widget::new(
                "What is paid for: calls of functions",
                6,
                View::Stack,
                HOUR,
                FUNCTIONS.iter().map(calls).collect(),
            ),
            Widget::new(
                "What is paid for: capacity of the table",
                6,
                View::Lines,
                HOUR,
                vec![
                    table("ConsumedReadCapacityUnits", "read units"),
                    table("ConsumedWriteCapacityUnits", "write units"),
                ],
            ),
        ],
    }
}

fn sections() -> [Section; 4] {
    [executive(), trends(), real_time(), cost()]
}

/// The body of the dashboard, with expressions of a template in it.
pub fn body() -> Value {
    let mut widgets = Vec::new();
    let mut y = 0;
    for Section { text, widgets: below } in sections() {
        let height = 2;
        widgets.push(json!({
            "type": "text", "x": 0, "y": y, "width": COLUMNS, "height": height,
            "properties": { "markdown": text },
        }));
        y += height;
        let (mut x, mut row) = (0, 0);
        for widget in &below {
            if x + widget.width > COLUMNS {
                (x, y, row) = (0, y + row, 0);
            }
            widgets.push(widget.json(x, y));
            x += widget.width;
            row = row.max(widget.height);
        }
        y += row;
    }
    let arn = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:${Prefix}-";
    let names: Vec<String> = alarms().iter().map(|alarm| format!("{arn}{}", alarm.name)).collect();
    widgets.push(json!({
        "type": "alarm", "x": 0, "y": y, "width": COLUMNS, "height": 6,
        "properties": { "title": "Alarms", "alarms": names },
    }));
    json!({ "start": "-P7D", "widgets": widgets })
}

/// The dashboard as a resource of the template.
pub(crate) fn resource() -> Value {
    json!({
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": { "Ref": "Prefix" },
            "DashboardBody": { "Fn::Sub": body().to_string() },
        },
    })
}

/// Every metric that a widget shows.
pub fn metrics() -> Vec<Metric> {
    let widgets = sections().into_iter().flat_map(|section| section.widgets);
    widgets.flat_map(|w| w.series).filter_map(|series| series.metric().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn widgets() -> Vec<Value> {
        body()["widgets"].as_array().unwrap().clone()
    }

    fn number(widget: &Value, name: &str) -> u64 {
        widget[name].as_u64().unwrap()
    }

    #[test]
    fn widgets_lie_side_by_side_within_the_columns() {
        let mut taken = BTreeSet::new();
        for widget in widgets() {
            let (x, y) = (number(&widget, "x"), number(&widget, "y"));
            let (width, height) = (number(&widget, "width"), number(&widget, "height"));
            assert!(x + width <= u64::from(COLUMNS), "{widget}");
            for column in x..x + width {
                for row in y..y + height {
                    assert!(taken.insert((column, row)), "{widget} lies on another");
                }
            }
        }
    }

    #[test]
    fn the_body_keeps_the_limits_of_its_page() {
        // 500 widgets; 500 metrics in one; an alarm widget shows 100.
        let widgets = widgets();
        assert!(widgets.len() <= 500);
        for widget in widgets {
            let properties = &widget["properties"];
            match widget["type"].as_str().unwrap() {
                "text" => assert!(properties["markdown"].is_string()),
                "alarm" => assert!(properties["alarms"].as_array().unwrap().len() <= 100),
                "metric" => {
                    let views = ["timeSeries", "singleValue", "gauge"];
                    assert!(views.contains(&properties["view"].as_str().unwrap()));
                    assert!(properties["region"].is_string() && properties["title"].is_string());
                    assert!((1..=500).contains(&properties["metrics"].as_array().unwrap().len()));
                    if properties["view"] == "gauge" {
                        assert!(properties["yAxis"]["left"]["max"].is_number());
                    }
                }
                other => panic!("{other}"),
            }
        }
    }

    /// Words of an expression that are neither functions nor numbers.
    fn ids(expression: &str) -> BTreeSet<String> {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let is_id = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
        words.filter(is_id).map(str::to_owned).collect()
    }

    #[test]
    fn expressions_use_what_their_widget_has_and_all_of_it() {
        for widget in widgets() {
            let mut defined = BTreeSet::new();
            let mut used = BTreeSet::new();
            for series in widget["properties"]["metrics"].as_array().unwrap_or(&Vec::new()) {
                let list = series.as_array().unwrap();
                let options = list.last().unwrap();
                if let Some(id) = options["id"].as_str() {
                    defined.insert(id.to_owned());
                }
                match options["expression"].as_str() {
                    Some(expression) => used.extend(ids(expression)),
                    // Namespace and name, then dimensions by twos, then options.
                    None => assert!(list.len() % 2 == 1 && list.len() >= 5, "{series}"),
                }
            }
            assert_eq!(defined, used, "{widget}");
        }
    }

    #[test]
    fn the_aims_of_the_product_are_on_it() {
        let text = body().to_string();
        for aim in ["2 minutes", "5 minutes", "30 seconds", "aim: 95", "above 90", "aim: 80"] {
            assert!(text.contains(aim), "{aim}");
        }
    }
}
