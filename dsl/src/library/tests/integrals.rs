//! Densities integrate to one, masses sum to one.
