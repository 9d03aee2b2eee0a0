//! The functions of AWS mode: one table from which workers dispatch, policies and template follow.

/// What a function's code may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Artifact {
    /// Only reads protected accounts, or records.
    Read,
    /// May write to protected accounts.
    Write,
}

/// One Lambda function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its name in the template (`Intake`: resources `IntakeFunction`, `IntakeRole`, `IntakeLog`).
    pub name: &'static str,
    /// `Handler` of the function; a stage's is the stage's own name.
    pub handler: &'static str,
    /// Which zip it is in.
    pub artifact: Artifact,
    /// `MemorySize`, in MB.
    pub memory_mb: u32,
    /// `Timeout`, in seconds.
    pub timeout_seconds: u32,
    /// What it does.
    pub description: &'static str,
}

impl Function {
    /// `aisaws-ask-human` without the prefix.
    pub fn kebab(&self) -> String {
        let mut text = String::new();
        for c in self.name.chars() {
            if c.is_ascii_uppercase() && !text.is_empty() {
                text.push('-');
            }
            text.push(c.to_ascii_lowercase());
        }
        text
    }
}

const fn function(
    name: &'static str,
    handler: &'static str,
    artifact: Artifact,
    memory_mb: u32,
    timeout_seconds: u32,
    description: &'static str,
) -> Function {
    Function { name, handler, artifact, memory_mb, timeout_seconds, description }
}

/// Every function.
pub const FUNCTIONS: &[Function] = &[
    function("Intake", "intake", Artifact::Read, 512, 60, "Takes events in and opens incidents"),
    function("Score", "Score", Artifact::Read, 256, 60, "Weighs the risk of an incident"),
    function("Decide", "Decide", Artifact::Read, 256, 60, "Decides what may be done"),
    function("Prepare", "Prepare", Artifact::Read, 256, 60, "Reads the resource, plans the repair"),
    function("AskHuman", "AskHuman", Artifact::Read, 256, 60, "Puts the question to a human"),
    function("Remediate", "Remediate", Artifact::Write, 256, 300, "Writes the repair"),
    function("Verify", "Verify", Artifact::Read, 256, 300, "Reads back until the repair is proven"),
    function("RollBack", "RollBack", Artifact::Write, 256, 300, "Takes back a repair that failed"),
    function("Alert", "Alert", Artifact::Read, 256, 120, "Tells people how the incident ended"),
    function("Approval", "approval", Artifact::Read, 256, 30, "The page that grants or denies"),
    function("Sweep", "sweep", Artifact::Read, 512, 300, "Carries on what was left undone"),
    function("Scan", "scan", Artifact::Read, 512, 900, "Reads every resource for bad states"),
    function(
        "Replay",
        "replay",
        Artifact::Read,
        1024,
        900,
        "Decides stored events again, to compare",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_handlers_are_distinct() {
        let names: BTreeSet<_> = FUNCTIONS.iter().map(|f| f.name).collect();
        let handlers: BTreeSet<_> = FUNCTIONS.iter().map(|f| f.handler).collect();
        assert_eq!((names.len(), handlers.len()), (FUNCTIONS.len(), FUNCTIONS.len()));
    }

    #[test]
    fn only_repairing_and_taking_back_may_write() {
        let writing = FUNCTIONS.iter().filter(|f| f.artifact == Artifact::Write).map(|f| f.name);
        assert_eq!(writing.collect::<Vec<_>>(), ["Remediate", "RollBack"]);
    }
}
