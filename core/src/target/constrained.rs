//! Draws on the model's own scale: what a reader of the posterior sees.

use serde::{Deserialize, Serialize};

use super::TargetError;

/// The part of a model that declares a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// A parameter of the posterior.
    Parameters,
    /// A function of parameters.
    TransformedParameters,
    /// Computed from a finished draw; may be random.
    GeneratedQuantities,
}

/// A quantity that a model declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name in the model.
    pub name: String,
    /// Its constrained shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Where it is declared.
    pub block: Block,
    /// How many entries of the unconstrained vector it takes; zero outside [`Block::Parameters`].
    pub unconstrained: usize,
    /// Whether these are the weights of a network. They are many, and no reader looks at one of them; so they have no columns
    /// among the draws.
    #[serde(default)]
    pub weights: bool,
}

impl Parameter {
    /// A scalar parameter that is its own unconstrained value.
    pub fn scalar(name: impl Into<String>) -> Self {
        Parameter {
            name: name.into(),
            shape: vec![],
            block: Block::Parameters,
            unconstrained: 1,
            weights: false,
        }
    }

    /// An unconstrained vector of `size` parameters.
    pub fn vector(name: impl Into<String>, size: usize) -> Self {
        Parameter {
            name: name.into(),
            shape: vec![size],
            block: Block::Parameters,
            unconstrained: size,
            weights: false,
        }
    }

    /// A network's weights, `size` of them.
    pub fn weights(name: impl Into<String>, size: usize) -> Self {
        Parameter {
            weights: true,
            ..Parameter::vector(name, size)
        }
    }

    /// The names of its entries, `name[1,2]`, indices from one, the last index slowest as in Stan's output. Weights have none.
    pub fn columns(&self) -> Vec<String> {
        if self.weights {
            return Vec::new();
        }
        if self.shape.is_empty() {
            return vec![self.name.clone()];
        }
        let count: usize = self.shape.iter().product();
        (0..count)
            .map(|mut flat| {
                let mut index = Vec::with_capacity(self.shape.len());
                for &size in &self.shape {
                    index.push((flat % size + 1).to_string());
                    flat /= size;
                }
                format!("{}[{}]", self.name, index.join(","))
            })
            .collect()
    }
}

/// One column of [`Constrained`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// `name`, or `name[1,2]` for an entry of a container, indices from one.
    pub name: String,
    /// Where it is declared.
    pub block: Block,
}

/// S draws on the model's scale, on the host in 64 bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constrained {
    /// What each column is.
    pub columns: Vec<Column>,
    /// `[S, columns]`, row by row. An entry that could not be computed is NaN.
    pub values: Vec<f64>,
}

impl Constrained {
    /// S, the number of draws; zero where there are no columns.
    pub fn draws(&self) -> usize {
        if self.columns.is_empty() {
            0
        } else {
            self.values.len() / self.columns.len()
        }
    }

    /// One draw: the values of all columns.
    pub fn row(&self, draw: usize) -> &[f64] {
        let width = self.columns.len();
        &self.values[draw * width..(draw + 1) * width]
    }

    /// One quantity over all draws.
    pub fn column(&self, column: usize) -> Vec<f64> {
        self.values
            .iter()
            .skip(column)
            .step_by(self.columns.len().max(1))
            .copied()
            .collect()
    }

    /// The same draws without the columns of one block.
    pub fn without(self, block: Block) -> Constrained {
        if self.columns.iter().all(|column| column.block != block) {
            return self;
        }
        let kept: Vec<bool> = self
            .columns
            .iter()
            .map(|column| column.block != block)
            .collect();
        let keep = kept.iter().cycle();
        let values = self
            .values
            .iter()
            .zip(keep)
            .filter(|(_, keep)| **keep)
            .map(|(v, _)| *v);
        Constrained {
            values: values.collect(),
            columns: self
                .columns
                .into_iter()
                .filter(|column| column.block != block)
                .collect(),
        }
    }

    /// The position of a column by its name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

/// Draws that are made some after the others, as one table.
#[derive(Debug, Default)]
pub struct Joined {
    table: Constrained,
    /// Why draws were rejected, if any were.
    because: Option<String>,
    any_spared: bool,
}

impl Joined {
    /// Adds some draws; with NaN in the place of what was generated where all of them were rejected.
    ///
    /// # Errors
    /// Those of the draws but [`TargetError::Rejected`].
    pub fn push(&mut self, draws: Result<Constrained, TargetError>) -> Result<(), TargetError> {
        let more = match draws {
            Ok(draws) => {
                self.any_spared = true;
                draws
            }
            Err(TargetError::Rejected { because, draws }) => {
                self.because.get_or_insert(because);
                *draws
            }
            Err(error) => return Err(error),
        };
        if self.table.columns.is_empty() {
            self.table = more;
        } else {
            self.table.values.extend(more.values);
        }
        Ok(())
    }

    /// All of them.
    ///
    /// # Errors
    /// [`TargetError::Rejected`] if every one was.
    pub fn finish(self) -> Result<Constrained, TargetError> {
        match self.because {
            Some(because) if !self.any_spared => Err(TargetError::Rejected {
                because,
                draws: Box::new(self.table),
            }),
            _ => Ok(self.table),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_named_from_one_with_the_first_index_fastest() {
        let matrix = Parameter {
            shape: vec![2, 2],
            ..Parameter::scalar("L")
        };
        assert_eq!(matrix.columns(), ["L[1,1]", "L[2,1]", "L[1,2]", "L[2,2]"]);
        assert_eq!(Parameter::scalar("mu").columns(), ["mu"]);
    }

    #[test]
    fn a_block_is_left_out_with_its_values() {
        let column = |name: &str, block| Column {
            name: name.into(),
            block,
        };
        let table = Constrained {
            columns: vec![
                column("a", Block::Parameters),
                column("y", Block::GeneratedQuantities),
            ],
            values: vec![1., 2., 3., 4.],
        };
        let rest = table.without(Block::GeneratedQuantities);
        assert_eq!(rest.values, [1., 3.]);
        assert_eq!(rest.columns.len(), 1);
    }

    #[test]
    fn columns_and_rows_cut_the_same_table() {
        let columns = ["a", "b"].map(|name| Column {
            name: name.into(),
            block: Block::Parameters,
        });
        let table = Constrained {
            columns: columns.into(),
            values: vec![1., 2., 3., 4., 5., 6.],
        };
        assert_eq!(table.draws(), 3);
        assert_eq!(table.row(1), [3., 4.]);
        assert_eq!(table.column(1), [2., 4., 6.]);
        assert_eq!(table.position("b"), Some(1));
    }

    #[test]
    fn draws_that_were_all_rejected_are_there_beside_others_and_an_error_alone() {
        let one = |value: f64| Constrained {
            columns: vec![Column {
                name: "y".into(),
                block: Block::GeneratedQuantities,
            }],
            values: vec![value],
        };
        let rejected = || {
            Err(TargetError::Rejected {
                because: "no".into(),
                draws: Box::new(one(f64::NAN)),
            })
        };
        for order in [[true, false], [false, true]] {
            let mut joined = Joined::default();
            for is_rejected in order {
                let draws = if is_rejected {
                    rejected()
                } else {
                    Ok(one(1.0))
                };
                joined.push(draws).unwrap();
            }
            assert_eq!(joined.finish().unwrap().draws(), 2);
        }
        let mut joined = Joined::default();
        joined.push(rejected()).unwrap();
        joined.push(rejected()).unwrap();
        let error = joined.finish().unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
