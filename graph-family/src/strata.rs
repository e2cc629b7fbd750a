//! How draws are shared out between the members of a mixture.

/// How many of `draws` draws come from each stratum: in proportion to the weights up to rounding, but at least one.
///
/// The counts say nothing about which values the draws have, so a weight over its count makes an unbiased average
/// whatever they are. `None` if there are fewer draws than strata.
pub fn allocate(weights: &[f64], draws: usize) -> Option<Vec<usize>> {
    let spare = draws.checked_sub(weights.len())?;
    // One each, and the rest to whom it brings nearest to their share, the largest remainder first.
    let wanted: Vec<f64> = weights
        .iter()
        .map(|weight| (weight * draws as f64 - 1.0).max(0.0))
        .collect();
    let total: f64 = wanted.iter().sum();
    let share = |k: usize| {
        if total > 0.0 {
            wanted[k] / total * spare as f64
        } else {
            spare as f64 / weights.len() as f64
        }
    };
    let mut counts: Vec<usize> = (0..weights.len()).map(|k| 1 + share(k) as usize).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| {
        share(b)
            .fract()
            .total_cmp(&share(a).fract())
            .then(a.cmp(&b))
    });
    let left = draws - counts.iter().sum::<usize>().min(draws);
    for &k in order.iter().cycle().take(left) {
        counts[k] += 1;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_shared_out_in_proportion() {
        assert_eq!(allocate(&[0.75, 0.25], 8), Some(vec![6, 2]));
        assert_eq!(allocate(&[0.5, 0.3, 0.2], 10), Some(vec![5, 3, 2]));
    }

    #[test]
    fn every_stratum_has_a_draw_and_none_is_lost() {
        for draws in 3..40 {
            let counts = allocate(&[1.0 - 2e-9, 1e-9, 1e-9], draws).unwrap();
            assert_eq!(counts.iter().sum::<usize>(), draws);
            assert_eq!(counts[1..], [1, 1]);
        }
    }

    #[test]
    fn fewer_draws_than_strata_cannot_be_shared_out() {
        assert_eq!(allocate(&[0.5, 0.5], 1), None);
    }
}
