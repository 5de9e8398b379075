//! The manual page as its readers see it.

use crate::process::{command, run};
use crate::{PROJECT, find, help};

fn page() -> String {
    format!("{PROJECT}/man/tini-rs.1")
}

/// What groff says of it with these options.
fn groff(options: &[&str]) -> String {
    let mut groff = command(["groff", "-man", "-ww", "-rLL=100n"]);
    groff.args(options).arg(page());
    run(groff).expect("groff")
}

#[test]
fn mandoc_has_no_complaint() {
    let Some(_) = find("mandoc") else { return };
    let said = crate::process::Running::start(command(["mandoc", "-T", "lint", "-W", "warning", &page()]))
        .and_then(|running| running.finish(crate::process::LIMIT))
        .expect("mandoc");
    // It knows no page of a version instead of a date.
    let complaints = said.output.lines().filter(|line| !line.contains("missing date"));
    assert_eq!(complaints.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn groff_has_no_complaint_and_shows_all_options() {
    let Some(_) = find("groff") else { return };
    assert_eq!(groff(&["-z"]), "");
    let page = groff(&["-Tascii", "-P-cbou"]);
    for option in help::options() {
        let name = format!("--{}", option.long);
        assert!(page.contains(&name), "{name} is not in\n{page}");
    }
    for head in ["NAME", "SYNOPSIS", "OPTIONS", "ENVIRONMENT", "EXIT STATUS", "SIGNALS", "SEE ALSO"] {
        assert!(page.lines().any(|line| line == head), "{head} is not in\n{page}");
    }
}
