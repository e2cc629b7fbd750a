use crate::types::Type;

/// The argument types that a function takes, and the type that it returns for them.
#[derive(Clone, Copy, Debug)]
pub enum Signature {
    /// Written out, as in Stan's reference: `real(vector, row_vector)`. Ints convert to reals.
    Listed(&'static [&'static str]),
    /// Any container of reals (or ints), element by element: the same container of reals.
    Elementwise,
    /// Two of them: equal containers, or one a scalar.
    ElementwisePair,
    /// A density or mass function. Each argument is a scalar or a container of one axis.
    Density(&'static [Scalar]),
    /// Random numbers: ints or reals; a container if any argument is one.
    Random(Scalar, &'static [Scalar]),
    /// Decided by a function, with its usage for messages.
    Rule(fn(&[Type]) -> Option<Type>, &'static [&'static str]),
}

/// What an argument of a density holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    Int,
    Real,
}

impl Signature {
    /// The type returned for these arguments, or `None` when they do not fit.
    pub fn returns(&self, arguments: &[Type]) -> Option<Type> {
        match self {
            Signature::Listed(overloads) => {
                // Exact matches first, so that an int overload is found before the real one that it converts to.
                let fits = |convert: bool| {
                    overloads.iter().find_map(|overload| {
                        let (returns, expected) = parse_overload(overload)?;
                        let fit = expected.len() == arguments.len()
                            && arguments.iter().zip(&expected).all(|(given, expected)| {
                                if convert {
                                    given.converts_to(expected)
                                } else {
                                    given == expected
                                }
                            });
                        fit.then_some(returns)
                    })
                };
                fits(false).or_else(|| fits(true))
            }
            Signature::Elementwise => match arguments {
                [x] if is_real_container(x) => Some(x.promoted()),
                _ => None,
            },
            Signature::ElementwisePair => match arguments {
                [x, y] if is_real_container(x) && is_real_container(y) => {
                    match (x.is_scalar(), y.is_scalar()) {
                        (_, true) => Some(x.promoted()),
                        (true, _) => Some(y.promoted()),
                        _ => (x.promoted() == y.promoted()).then(|| x.promoted()),
                    }
                }
                _ => None,
            },
            Signature::Density(scalars) => vectorised(arguments, scalars).then_some(Type::Real),
            Signature::Random(scalar, scalars) => {
                let returns = match scalar {
                    Scalar::Int => Type::Int,
                    Scalar::Real => Type::Real,
                };
                let any_container = arguments.iter().any(|x| !x.is_scalar());
                vectorised(arguments, scalars).then(|| {
                    if any_container {
                        returns.array()
                    } else {
                        returns
                    }
                })
            }
            Signature::Rule(rule, _) => rule(arguments),
        }
    }

    /// The accepted forms, for messages: `(real, real) => real`.
    pub fn usage(&self, name: &str) -> Vec<String> {
        let kind = |scalar: &Scalar| match scalar {
            Scalar::Int => "ints",
            Scalar::Real => "reals",
        };
        match self {
            Signature::Listed(overloads) | Signature::Rule(_, overloads) => overloads
                .iter()
                .map(|overload| match overload.split_once('(') {
                    Some((returns, rest)) => format!("{returns} {name}({rest}"),
                    None => (*overload).to_string(),
                })
                .collect(),
            Signature::Elementwise => vec![format!("T {name}(T)  with T any container of reals")],
            Signature::ElementwisePair => {
                vec![format!(
                    "T {name}(T, T), T {name}(T, real), T {name}(real, T)  with T any container of reals"
                )]
            }
            Signature::Density(scalars) => {
                let mut kinds = scalars.iter().map(kind);
                let first = kinds.next().unwrap_or_default();
                let rest: Vec<_> = kinds.collect();
                let separator = if rest.is_empty() { "" } else { " | " };
                vec![format!(
                    "real {name}({first}{separator}{})",
                    rest.join(", ")
                )]
            }
            Signature::Random(returns, scalars) => {
                let kinds: Vec<_> = scalars.iter().map(kind).collect();
                vec![format!("{} {name}({})", kind(returns), kinds.join(", "))]
            }
        }
    }
}

fn is_real_container(x: &Type) -> bool {
    matches!(x.scalar(), Type::Int | Type::Real)
}

/// Whether each argument is a scalar or a container of one axis, with the scalars asked for.
fn vectorised(arguments: &[Type], scalars: &[Scalar]) -> bool {
    arguments.len() == scalars.len()
        && arguments.iter().zip(scalars).all(|(x, scalar)| {
            x.rank() <= 1
                && match scalar {
                    Scalar::Int => x.scalar() == Type::Int,
                    Scalar::Real => is_real_container(x),
                }
        })
}

/// `real(vector, array[] int)` as the type returned and those taken.
pub(crate) fn parse_overload(text: &str) -> Option<(Type, Vec<Type>)> {
    let (returns, rest) = text.split_once('(')?;
    let inside = rest.strip_suffix(')')?;
    let mut arguments = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (i, c) in inside.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(parse_type(&inside[start..i])?);
                start = i + 1;
            }
            _ => {}
        }
    }
    if !inside.trim().is_empty() {
        arguments.push(parse_type(&inside[start..])?);
    }
    Some((parse_type(returns)?, arguments))
}

pub(crate) fn parse_type(text: &str) -> Option<Type> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("array[") {
        let (commas, element) = rest.split_once(']')?;
        return Some(parse_type(element)?.array_of(commas.matches(',').count() + 1));
    }
    Some(match text {
        "int" => Type::Int,
        "real" => Type::Real,
        "vector" => Type::Vector,
        "row_vector" => Type::RowVector,
        "matrix" => Type::Matrix,
        "void" => Type::Void,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_overload_wins_over_one_that_converts() {
        let abs = Signature::Listed(&["real(real)", "int(int)"]);
        assert_eq!(abs.returns(&[Type::Int]), Some(Type::Int));
        assert_eq!(abs.returns(&[Type::Real]), Some(Type::Real));
        assert_eq!(abs.returns(&[Type::Vector]), None);
    }

    #[test]
    fn array_types_are_read() {
        let (returns, arguments) = parse_overload("array[,] real(array[] int, vector)").unwrap();
        assert_eq!(returns, Type::Real.array_of(2));
        assert_eq!(arguments, [Type::Int.array(), Type::Vector]);
    }

    #[test]
    fn densities_take_any_mix_of_scalars_and_containers_of_one_axis() {
        let normal = Signature::Density(&[Scalar::Real; 3]);
        assert_eq!(
            normal.returns(&[Type::Vector, Type::Real, Type::Int.array()]),
            Some(Type::Real)
        );
        assert_eq!(
            normal.returns(&[Type::Matrix, Type::Real, Type::Real]),
            None
        );
        let poisson = Signature::Density(&[Scalar::Int, Scalar::Real]);
        assert_eq!(poisson.returns(&[Type::Real, Type::Real]), None);
    }
}
