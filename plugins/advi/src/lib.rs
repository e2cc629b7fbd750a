//! Automatic differentiation variational inference for Firebrand.
