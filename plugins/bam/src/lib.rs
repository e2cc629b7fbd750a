//! Batch-and-match variational inference for Firebrand.
