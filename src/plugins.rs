//! The plugins that are linked into every program that uses this crate.
//!
//! Plugins register themselves before `main` begins. The linker drops a crate that nothing refers to, and its
//! registrations with it; so each one is named here, and nowhere else.

use firebrand_advi as _;
use firebrand_bam as _;
use firebrand_flow as _;
use firebrand_gaussian as _;
use firebrand_gsm as _;
use firebrand_low_rank as _;
use firebrand_map as _;
use firebrand_mixture as _;
use firebrand_networks as _;
use firebrand_pathfinder as _;
use firebrand_posteriordb as _;
use firebrand_prox_score as _;
