//! The committed templates are those that the program writes.

use std::path::{Path, PathBuf};

use aisaws_infra::functions::FUNCTIONS;

use crate::program::{aisaws, run, text};

#[test]
fn the_committed_templates_are_current() {
    let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra");
    for (file, arguments) in [
        ("template.yaml", &["infra", "template"][..]),
        ("member.yaml", &["infra", "template", "--member"][..]),
        ("forward.yaml", &["infra", "template", "--forward"][..]),
    ] {
        let committed = std::fs::read_to_string(infra.join(file)).unwrap();
        let written = text(&run(aisaws(Path::new("unused")).args(arguments)).stdout);
        assert!(
            committed == written,
            "infra/{file} is not current; run `aisaws {} > infra/{file}`",
            arguments.join(" ")
        );
    }
}

#[test]
fn cfn_lint_has_no_remark_on_any_template() {
    let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra");
    let templates = ["template.yaml", "member.yaml", "forward.yaml"].map(|file| infra.join(file));
    let output = aisaws_emulators::cfn_lint(&templates.each_ref().map(PathBuf::as_path)).unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{said:?}");
}

#[test]
fn no_function_spends_all_its_time_on_opening() {
    for (name, opening) in
        [("Intake", aisaws_workers::intake::OPENING), ("Sweep", aisaws_workers::sweep::OPENING)]
    {
        let function = FUNCTIONS.iter().find(|f| f.name == name).unwrap();
        let timeout = u64::from(function.timeout_seconds);
        assert!(opening.as_secs() * 3 <= timeout * 2, "{name}: {opening:?} of {timeout} s");
    }
}
