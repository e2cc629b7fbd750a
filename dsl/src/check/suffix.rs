//! What the end of a function's name says about it.

/// The ends of names that have a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suffix {
    /// No ending with a meaning.
    None,
    /// A density: `_lpdf`.
    Lpdf,
    /// A probability mass: `_lpmf`.
    Lpmf,
    /// A density without its constants: `_lupdf`.
    Lupdf,
    /// A probability mass without its constants: `_lupmf`.
    Lupmf,
    /// A cumulative distribution or its complement, or a logarithm of them.
    Cumulative,
    /// Draws random numbers: `_rng`.
    Rng,
    /// Adds to the log density: `_lp`.
    Lp,
    /// Adds to the log Jacobian: `_jacobian`.
    Jacobian,
}

impl Suffix {
    pub fn of(name: &str) -> Self {
        const SUFFIXES: [(&str, Suffix); 10] = [
            ("_lpdf", Suffix::Lpdf),
            ("_lpmf", Suffix::Lpmf),
            ("_lupdf", Suffix::Lupdf),
            ("_lupmf", Suffix::Lupmf),
            ("_lcdf", Suffix::Cumulative),
            ("_lccdf", Suffix::Cumulative),
            ("_cdf", Suffix::Cumulative),
            ("_rng", Suffix::Rng),
            ("_lp", Suffix::Lp),
            ("_jacobian", Suffix::Jacobian),
        ];
        SUFFIXES
            .iter()
            .find(|(end, _)| name.len() > end.len() && name.ends_with(end))
            .map_or(Self::None, |(_, suffix)| *suffix)
    }

    /// Whether a bar follows the first argument in a call.
    pub fn is_conditional(self) -> bool {
        matches!(
            self,
            Self::Lpdf | Self::Lpmf | Self::Lupdf | Self::Lupmf | Self::Cumulative
        )
    }

    /// Whether the function is a density or mass that may leave constants out.
    pub fn is_unnormalised(self) -> bool {
        matches!(self, Self::Lupdf | Self::Lupmf)
    }
}

/// The name that a density is defined under: `foo_lpdf` for `foo_lupdf`.
pub(super) fn normalised(name: &str) -> Option<String> {
    let base = name
        .strip_suffix("_lupdf")
        .map(|base| format!("{base}_lpdf"));
    base.or_else(|| {
        name.strip_suffix("_lupmf")
            .map(|base| format!("{base}_lpmf"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_decides() {
        assert_eq!(Suffix::of("normal_lpdf"), Suffix::Lpdf);
        assert_eq!(Suffix::of("normal_lccdf"), Suffix::Cumulative);
        assert_eq!(Suffix::of("log_lp"), Suffix::Lp);
        assert_eq!(Suffix::of("_lp"), Suffix::None);
        assert_eq!(Suffix::of("help"), Suffix::None);
        assert_eq!(normalised("foo_lupmf").as_deref(), Some("foo_lpmf"));
        assert_eq!(normalised("foo_lpmf"), None);
    }
}
