//! The command line of Firebrand.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
