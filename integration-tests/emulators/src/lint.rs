//! Checks of templates against what CloudFormation documents of each resource.

use std::path::Path;
use std::process::{Command, Output};

use crate::{EmulatorError, install};

const CFN_LINT: &str = include_str!("../cfn_lint.txt");

/// What cfn-lint says about templates: nothing, and success, where it has no remark of any kind.
///
/// # Errors
/// [`EmulatorError`], where it could not be installed or started.
pub fn cfn_lint(templates: &[&Path]) -> Result<Output, EmulatorError> {
    let program = install::python("cfn-lint", CFN_LINT)?.join("cfn-lint");
    Command::new(&program).args(templates).output().map_err(EmulatorError::file(program))
}
