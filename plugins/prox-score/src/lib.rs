//! Proximal score-matching variational inference for Firebrand.
