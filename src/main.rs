//! The command line of Firebrand.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    firebrand::keep_freed_memory();
    cli::main()
}
