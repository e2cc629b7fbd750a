//! Reading and writing the same elements in all lanes of a variable that is known: what generated quantities do most.

use std::sync::Arc;

use firebrand_graph::{Array, Expr, Shape};

use super::{Content, Variable, spread_ints};
use crate::value::{Ints, Value};

impl Variable {
    /// The elements that `lanes` of the owner all select, under `dims`, where they are known.
    pub fn read_known(&self, lanes: &[u32], elements: &[u32], dims: &[usize]) -> Option<Value> {
        let size = self.size();
        let shape = |own: usize| {
            let mut shape = Shape::from_slice(&[if own == 1 { 1 } else { lanes.len() }]);
            shape.extend_from_slice(dims);
            shape
        };
        match &self.content {
            Content::Whole(Value::Int(ints)) => {
                let own = ints.lanes();
                let data = picked(&ints.data, own, size, lanes, elements);
                Some(Value::Int(Ints::new(shape(own), data)))
            }
            Content::Whole(Value::Real(Expr::Data(array))) => {
                let own = array.shape()[0];
                let data = picked(array.data(), own, size, lanes, elements);
                Some(Value::Real(Array::new(shape(own), data).into()))
            }
            _ => None,
        }
    }

    /// Writes known elements over known ones in `lanes` of the owner, the same in all. False, and nothing is written, where they
    /// are not known.
    pub fn write_known(&mut self, lanes: &[u32], elements: &[u32], value: &Value) -> bool {
        let (size, own) = (self.size(), self.owner.count);
        match (&mut self.content, value) {
            (Content::Whole(Value::Int(ints)), Value::Int(from)) => {
                if ints.lanes() < own {
                    *ints = spread_ints(ints, own);
                }
                let data = Arc::make_mut(&mut ints.data);
                scatter(data, size, lanes, elements, &from.data);
                true
            }
            (Content::Whole(Value::Real(Expr::Data(array))), from) => {
                let Expr::Data(from) = from.to_reals() else {
                    return false;
                };
                if array.shape()[0] < own {
                    let mut shape = Shape::from_slice(array.shape());
                    shape[0] = own;
                    *array = array.broadcast_to(&shape);
                }
                scatter(array.data_mut(), size, lanes, elements, from.data());
                true
            }
            _ => false,
        }
    }
}

/// Elements of each lane's `size`, which are the same for all lanes where there is but one's own.
fn picked<T: Copy>(data: &[T], own: usize, size: usize, lanes: &[u32], elements: &[u32]) -> Vec<T> {
    match (own, elements) {
        (1, _) => elements.iter().map(|e| data[*e as usize]).collect(),
        (_, [one]) => {
            let rest = &data[*one as usize..];
            lanes.iter().map(|l| rest[*l as usize * size]).collect()
        }
        _ => {
            let row = |lane: &u32| &data[*lane as usize * size..][..size];
            let rows = lanes.iter().map(row);
            rows.flat_map(|row| elements.iter().map(|e| row[*e as usize]))
                .collect()
        }
    }
}

/// Writes each lane's elements, or those of one for all, to `elements` of its `size`.
fn scatter<T: Copy>(data: &mut [T], size: usize, lanes: &[u32], elements: &[u32], from: &[T]) {
    let each = elements.len();
    let shared = from.len() == each;
    for (position, lane) in lanes.iter().enumerate() {
        let own = if shared {
            from
        } else {
            &from[position * each..(position + 1) * each]
        };
        let row = &mut data[*lane as usize * size..][..size];
        for (element, value) in elements.iter().zip(own) {
            row[*element as usize] = *value;
        }
    }
}
