//! The templates as JSON, with tags in the long form that CloudFormation gives them (`Fn::Sub`).

use serde_json::{Map, Value};
use yaml_serde::Value as Yaml;

const TEMPLATES: [(&str, &str); 3] = [
    ("template", include_str!("../../template.yaml")),
    ("member", include_str!("../../member.yaml")),
    ("forward", include_str!("../../forward.yaml")),
];

/// One resource: template and name (`template ScoreRole`), and what it is.
pub(crate) type Resource = (String, Value);

/// Every resource of every template.
pub(crate) fn resources() -> Vec<Resource> {
    let mut all = Vec::new();
    for (template, text) in TEMPLATES {
        let document = json(yaml_serde::from_str(text).unwrap());
        let resources = document["Resources"].as_object().unwrap().clone();
        all.extend(resources.into_iter().map(|(name, one)| (format!("{template} {name}"), one)));
    }
    assert!(all.len() > 60, "{}", all.len());
    all
}

fn json(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(truth) => truth.into(),
        Yaml::Number(number) => serde_json::to_value(number).unwrap(),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(list) => list.into_iter().map(json).collect(),
        Yaml::Mapping(map) => {
            let text = |key: Yaml| key.as_str().unwrap().to_owned();
            Value::Object(map.into_iter().map(|(key, value)| (text(key), json(value))).collect())
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            let name = match tag.trim_start_matches('!') {
                "Ref" => "Ref".to_owned(),
                "Condition" => "Condition".to_owned(),
                name => format!("Fn::{name}"),
            };
            // `!GetAtt Table.Arn` and `[Table, Arn]` are the same.
            let value = match (name.as_str(), json(tagged.value)) {
                ("Fn::GetAtt", Value::String(text)) => {
                    let (resource, attribute) = text.split_once('.').unwrap();
                    vec![resource, attribute].into()
                }
                (_, value) => value,
            };
            Value::Object(Map::from_iter([(name, value)]))
        }
    }
}
