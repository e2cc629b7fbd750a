//! The command line, driven as a user drives it: real models and files in, exit status and text out.

mod bench;
mod check;
mod database;
mod experiment;
mod fit;
mod fit_failures;
mod fit_output;
mod general;
mod libraries;
mod minibatch;
mod networks;
mod plugin_kit;
mod posteriordb;
mod predict;
mod resume;
mod run_file;
mod score;
mod sweep;
mod workspace;
