//! A part of a template, cut out as text: CloudFormation's short forms (`!Ref`) stay as they are.

/// A part of a template that stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The template.
    pub text: String,
    /// Names of its parameters.
    pub parameters: Vec<String>,
}

/// Of a template written like ours only these resources, with the parameters they name: what
/// CloudFormation wants to see where a new stack takes in what is there. `None`: it does not have
/// all of them.
pub fn only(template: &str, resources: &[&str]) -> Option<Part> {
    let texts = resources.iter().map(|name| block(template, "Resources", name));
    let texts = texts.collect::<Option<Vec<_>>>()?;
    let is_named = |name: &str| {
        let forms = [format!("!Ref {name}\n"), format!("!Ref {name} "), format!("${{{name}}}")];
        texts.iter().any(|text| forms.iter().any(|form| text.contains(form)))
    };
    let parameters = section(template, "Parameters").filter_map(name_of);
    let parameters: Vec<String> = parameters.filter(|n| is_named(n)).map(str::to_owned).collect();
    let mut text = "AWSTemplateFormatVersion: \"2010-09-09\"\nParameters:\n".to_owned();
    for name in &parameters {
        text.push_str(&block(template, "Parameters", name)?);
    }
    text.push_str("Resources:\n");
    text.extend(texts);
    Some(Part { text, parameters })
}

/// The lines of a section.
fn section<'t>(template: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let mut lines = template.lines();
    let heading = format!("{name}:");
    lines.find(|line| *line == heading);
    lines.take_while(|line| line.is_empty() || line.starts_with(' '))
}

/// The name of what begins with this line of a section, indented by two.
fn name_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("  ")?;
    rest.strip_suffix(':').filter(|name| name.chars().all(char::is_alphanumeric))
}

fn block(template: &str, of: &str, name: &str) -> Option<String> {
    let mut lines = section(template, of).skip_while(|line| name_of(line) != Some(name));
    let mut text = format!("{}\n", lines.next()?);
    for line in lines.take_while(|line| line.starts_with("    ")) {
        text.push_str(line);
        text.push('\n');
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use yaml_serde::Value;

    use super::*;
    use crate::template::{KEPT, template};

    #[test]
    fn what_an_import_sees_is_what_the_template_says_of_what_is_kept() {
        let whole = template(&[]).unwrap();
        let part = only(&whole, KEPT).unwrap();
        assert_eq!(part.parameters, ["Prefix", "RawEventDays"]);
        let [whole, text]: [Value; 2] =
            [&whole, &part.text].map(|text| yaml_serde::from_str(text).unwrap());
        for (section, names) in
            [("Resources", KEPT), ("Parameters", &["Prefix", "RawEventDays"][..])]
        {
            assert_eq!(text[section].as_mapping().unwrap().len(), names.len());
            for name in names {
                assert_eq!(text[section][*name], whole[section][*name], "{name}");
            }
        }
    }

    #[test]
    fn a_template_without_them_has_no_such_part() {
        assert_eq!(only("Resources:\n  Table:\n    Type: x\n", &["Table", "Key"]), None);
        assert_eq!(only("{}", &["Table"]), None);
    }
}
