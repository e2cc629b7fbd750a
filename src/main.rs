//! The command line of Firebrand.

fn main() {}
