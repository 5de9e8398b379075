//! A step of a CI job.

use std::fs;
use std::path::Path;

use crate::process::{Running, command};
use crate::stage::{Stage, example, expect_straggler};

pub fn step(stage: &Stage) -> Result<String, String> {
    let guest = stage.place.programs.guest.display().to_string();
    let script = example("ci/run");
    expect_straggler(Running::start(command([&*script, &guest, "straggler"]))?)?;
    // A daemon of the step's, in a session of its own, which nobody stops. The step is over when
    // it is there, as which process it has written down.
    let number = stage.place.word("daemon");
    let leave = "setsid sh -c 'echo $$ >\"$1\"; exec \"$0\" pause' \"$0\" \"$1\" & \
                 until [ -s \"$1\" ]; do sleep 0.01; done; exit 3";
    let ended = Running::start(command([&*script, "sh", "-c", leave, &guest, &number]))?;
    let ended = ended.finish(crate::process::LIMIT)?.expect(3)?;
    let said = fs::read_to_string(&number).unwrap_or_default();
    let Ok(process) = said.trim().parse::<u32>() else {
        return Err(ended.evidence(&format!("the daemon's number is {said:?}")));
    };
    if Path::new("/proc").join(process.to_string()).exists() {
        return Err(ended.evidence(&format!("process {process} is still there")));
    }
    Ok("ok the code is the step's, nobody is left".to_owned())
}
