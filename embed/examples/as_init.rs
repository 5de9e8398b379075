//! The binary's command line on [`become_init`]: what the binary's tests are run on, to
//! see that both are one.
//!
//! ```text
//! as_init [OPTIONS] [--] PROGRAM [ARGS...]
//! ```

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use tini_embed::{Asked, Config, become_init};

fn main() -> ExitCode {
    let config = match Config::from_args(std::env::args_os()) {
        Ok(Asked::Run(config)) => config.always(true),
        Ok(Asked::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            return ExitCode::FAILURE;
        }
        _ => return ExitCode::FAILURE,
    };
    if let Err(error) = become_init(&config) {
        let _ = writeln!(std::io::stderr(), "{error}");
        return ExitCode::FAILURE;
    }
    let Some((program, arguments)) = config.program().split_first() else { return ExitCode::FAILURE };
    let error = Command::new(program).args(arguments).exec();
    let _ = writeln!(std::io::stderr(), "exec {} failed: {error}", program.display());
    ExitCode::from(if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 })
}
