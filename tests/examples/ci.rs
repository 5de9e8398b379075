//! A step of a CI job.

use std::path::Path;

use crate::process::{Running, command};
use crate::stage::{Stage, example, expect_straggler};

pub fn step(stage: &Stage) -> Result<String, String> {
    let guest = stage.place.programs.guest.display().to_string();
    let script = example("ci/run");
    expect_straggler(Running::start(command([&*script, &guest, "straggler"]))?)?;
    // A daemon of the step's, in a session of its own, which nobody stops. It says its number
    // once it is there.
    let leave = "setsid \"$0\" pause & setsid sh -c 'echo $$; exec \"$0\" pause' \"$0\" & exit 3";
    let ended = Running::start(command([&*script, "sh", "-c", leave, &guest]))?;
    let ended = ended.finish(crate::process::LIMIT)?.expect(3)?;
    let left = ended.output.lines().filter_map(|line| line.trim().parse::<u32>().ok());
    for process in left {
        if Path::new("/proc").join(process.to_string()).exists() {
            return Err(ended.evidence(&format!("process {process} is still there")));
        }
    }
    Ok("ok the code is the step's, nobody is left".to_owned())
}
