//! What a fit takes when nothing else is asked for: the choices that did best on reference posteriors, in one place.

use firebrand_core::{Inference, registry};

/// The algorithm.
pub const INFERENCE: &str = "prox-score";

/// Draws that are reported: as many as four chains of Stan's sampler give.
pub const DRAWS: usize = 4000;

/// The dimension above which a dense covariance is too large to be the default.
pub const DENSE_LIMIT: usize = 1000;

/// The family above [`DENSE_LIMIT`].
pub const WIDE_FAMILY: &str = "mean-field";

/// The family for an algorithm in a dimension: what the algorithm proposes, or above [`DENSE_LIMIT`] the wide family where the
/// algorithm can use it.
pub fn family(inference: &dyn Inference, dimension: usize) -> String {
    let usable = |name| {
        registry::family(name).is_ok_and(|family| {
            inference
                .requires()
                .missing(&family.plugin.capabilities())
                .is_none()
        })
    };
    if dimension > DENSE_LIMIT && usable(WIDE_FAMILY) {
        WIDE_FAMILY.into()
    } else {
        inference.default_family().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_posteriors_get_independent_coordinates_where_the_algorithm_allows_them() {
        let family_of = |name: &str, dimension| {
            let inference = registry::inference(name).expect("a linked plugin");
            family(&*inference.plugin, dimension)
        };
        assert_eq!(family_of(INFERENCE, DENSE_LIMIT), "full-rank");
        assert_eq!(family_of(INFERENCE, DENSE_LIMIT + 1), "mean-field");
        assert_eq!(family_of("bam", DENSE_LIMIT + 1), "full-rank");
    }
}
