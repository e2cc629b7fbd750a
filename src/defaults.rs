//! What a fit takes when nothing else is asked for: the choices that did best on reference posteriors, in one place.

use firebrand_core::{Inference, registry};

/// The algorithm.
pub const INFERENCE: &str = "prox-score";

/// Draws that are reported: as many as four chains of Stan's sampler give.
pub const DRAWS: usize = 4000;

/// Numbers in the table of draws of a wide posterior: a file of a hundred megabytes.
const NUMBERS: usize = 4_000_000;
/// Draws that are reported however wide a posterior is.
const FEWEST_DRAWS: usize = 100;

/// Draws that are reported in a dimension: [`DRAWS`], fewer above [`DENSE_LIMIT`].
pub fn draws(dimension: usize) -> usize {
    (NUMBERS / dimension.max(1)).clamp(FEWEST_DRAWS, DRAWS)
}

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
    fn draws_become_fewer_above_the_dense_limit_alone() {
        assert_eq!(draws(1), DRAWS);
        assert_eq!(draws(DENSE_LIMIT), DRAWS);
        assert_eq!(draws(8_000), 500);
        assert_eq!(draws(1_000_000), 100);
    }

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
