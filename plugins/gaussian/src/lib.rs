//! Mean-field and full-rank Gaussian families for Firebrand.
