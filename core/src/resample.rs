//! Systematic resampling: weighted draws made equally weighted, with no noise beyond rounding.

/// `count` indices into `weights`, in rising order, each as often as its share of the total says, up to one.
///
/// Empty if the weights sum to zero.
pub fn systematic(weights: &[f64], count: usize) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    let mut chosen = Vec::with_capacity(count);
    let mut cumulative = 0.0;
    for (index, weight) in weights.iter().enumerate() {
        cumulative += weight / total;
        while chosen.len() < count && (chosen.len() as f64 + 0.5) / count as f64 <= cumulative {
            chosen.push(index);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::systematic;

    #[test]
    fn indices_come_in_proportion_to_their_weights() {
        assert_eq!(systematic(&[0.25; 4], 2), [0, 2]);
        assert_eq!(
            systematic(&[0.0, 9.0, 1.0], 10),
            [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
        );
        assert_eq!(systematic(&[0.2; 5], 5), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn weights_of_zero_give_nothing() {
        assert!(systematic(&[0.0; 3], 2).is_empty());
    }
}
