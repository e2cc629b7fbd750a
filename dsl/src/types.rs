use std::fmt;

/// The type of an expression: sizes are not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Int,
    Real,
    Vector,
    RowVector,
    Matrix,
    /// An array of `dimensions` axes over elements that are not arrays themselves.
    Array {
        element: Box<Type>,
        dimensions: usize,
    },
    Complex,
    ComplexVector,
    ComplexRowVector,
    ComplexMatrix,
    Tuple(Vec<Type>),
    /// What a function returns that returns nothing.
    Void,
    /// The type of an expression that was already reported as wrong: it agrees with everything.
    Unknown,
}

impl Type {
    /// An array of this type with one more axis outside.
    pub fn array(self) -> Type {
        self.array_of(1)
    }

    /// An array of this type with `dimensions` axes (none: the type itself).
    pub fn array_of(self, dimensions: usize) -> Type {
        match self {
            element if dimensions == 0 => element,
            Type::Array {
                element,
                dimensions: inner,
            } => Type::Array {
                element,
                dimensions: inner + dimensions,
            },
            element => Type::Array {
                element: Box::new(element),
                dimensions,
            },
        }
    }

    /// What one index selects: the element of an array or vector, the row of a matrix.
    pub fn indexed(&self) -> Option<Type> {
        match self {
            Type::Array {
                element,
                dimensions,
            } => Some((**element).clone().array_of(dimensions - 1)),
            Type::Vector | Type::RowVector => Some(Type::Real),
            Type::Matrix => Some(Type::RowVector),
            Type::ComplexVector | Type::ComplexRowVector => Some(Type::Complex),
            Type::ComplexMatrix => Some(Type::ComplexRowVector),
            _ => None,
        }
    }

    /// How many axes a value of this type has: arrays' and those of its vectors and matrices.
    pub fn rank(&self) -> usize {
        match self {
            Type::Array {
                element,
                dimensions,
            } => dimensions + element.rank(),
            Type::Vector | Type::RowVector | Type::ComplexVector | Type::ComplexRowVector => 1,
            Type::Matrix | Type::ComplexMatrix => 2,
            _ => 0,
        }
    }

    /// The scalar at the bottom: int, real or complex.
    pub fn scalar(&self) -> Type {
        match self {
            Type::Array { element, .. } => element.scalar(),
            Type::Vector | Type::RowVector | Type::Matrix => Type::Real,
            Type::ComplexVector | Type::ComplexRowVector | Type::ComplexMatrix => Type::Complex,
            other => other.clone(),
        }
    }

    /// The same containers with reals (or complex numbers) where this type has ints.
    pub fn promoted(&self) -> Type {
        match self {
            Type::Int => Type::Real,
            Type::Array {
                element,
                dimensions,
            } => element.promoted().array_of(*dimensions),
            other => other.clone(),
        }
    }

    /// Whether a value of this type can be given where `expected` is asked for: equal, or int where real will do.
    pub fn converts_to(&self, expected: &Type) -> bool {
        match (self, expected) {
            (Type::Unknown, _) | (_, Type::Unknown) => true,
            (Type::Int, Type::Real | Type::Complex) | (Type::Real, Type::Complex) => true,
            (
                Type::Array {
                    element: a,
                    dimensions: m,
                },
                Type::Array {
                    element: b,
                    dimensions: n,
                },
            ) => m == n && a.converts_to(b),
            (Type::Tuple(a), Type::Tuple(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.converts_to(b))
            }
            (a, b) => a == b,
        }
    }

    /// int or real.
    pub fn is_scalar(&self) -> bool {
        matches!(self, Type::Int | Type::Real)
    }

    /// A vector or a row vector.
    pub fn is_vector(&self) -> bool {
        matches!(self, Type::Vector | Type::RowVector)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Type::Int => f.write_str("int"),
            Type::Real => f.write_str("real"),
            Type::Vector => f.write_str("vector"),
            Type::RowVector => f.write_str("row_vector"),
            Type::Matrix => f.write_str("matrix"),
            Type::Array {
                element,
                dimensions,
            } => {
                write!(f, "array[{}] {element}", ",".repeat(dimensions - 1))
            }
            Type::Complex => f.write_str("complex"),
            Type::ComplexVector => f.write_str("complex_vector"),
            Type::ComplexRowVector => f.write_str("complex_row_vector"),
            Type::ComplexMatrix => f.write_str("complex_matrix"),
            Type::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(Type::to_string).collect();
                write!(f, "tuple({})", parts.join(", "))
            }
            Type::Void => f.write_str("void"),
            Type::Unknown => f.write_str("unknown"),
        }
    }
}
