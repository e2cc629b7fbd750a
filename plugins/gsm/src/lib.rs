//! Gaussian score matching for Firebrand.
