use std::sync::Arc;

use smallvec::SmallVec;

/// The sizes of a tensor's axes, outermost first. A scalar has none.
pub type Shape = SmallVec<[usize; 4]>;

/// A dense array of `f64` on the host, row-major. Cloning shares the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    shape: Shape,
    data: Arc<Vec<f64>>,
}

impl Array {
    /// An array of the given shape.
    ///
    /// # Panics
    /// When `data` does not have as many elements as `shape` asks for.
    pub fn new(shape: impl AsRef<[usize]>, data: Vec<f64>) -> Self {
        let shape = Shape::from_slice(shape.as_ref());
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "array of shape {shape:?}"
        );
        Array {
            shape,
            data: Arc::new(data),
        }
    }

    /// An array of no axes.
    pub fn scalar(value: f64) -> Self {
        Array {
            shape: Shape::new(),
            data: Arc::new(vec![value]),
        }
    }

    /// An array of one axis.
    pub fn vector(data: Vec<f64>) -> Self {
        Array {
            shape: Shape::from_slice(&[data.len()]),
            data: Arc::new(data),
        }
    }

    /// An array whose elements are all `value`.
    pub fn full(shape: impl AsRef<[usize]>, value: f64) -> Self {
        let count = shape.as_ref().iter().product();
        Array::new(shape, vec![value; count])
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row-major.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The elements for writing; copies them first if they are shared.
    pub fn data_mut(&mut self) -> &mut [f64] {
        Arc::make_mut(&mut self.data).as_mut_slice()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// True for an array with no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The value of an array that holds one element.
    pub fn as_scalar(&self) -> Option<f64> {
        match self.data.as_slice() {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// The common value of all elements, if there is one.
    pub fn uniform_value(&self) -> Option<f64> {
        let (first, rest) = self.data.split_first()?;
        rest.iter()
            .all(|x| x.to_bits() == first.to_bits())
            .then_some(*first)
    }

    /// The same elements under another shape of the same size.
    ///
    /// # Panics
    /// When the sizes differ.
    pub fn reshaped(&self, shape: impl AsRef<[usize]>) -> Self {
        let shape = Shape::from_slice(shape.as_ref());
        assert_eq!(
            shape.iter().product::<usize>(),
            self.len(),
            "reshape {:?} to {shape:?}",
            self.shape
        );
        Array {
            shape,
            data: Arc::clone(&self.data),
        }
    }

    /// The array repeated along axes of size one (and new leading axes) to the given shape.
    ///
    /// # Panics
    /// When the shapes do not broadcast.
    pub fn broadcast_to(&self, shape: &[usize]) -> Self {
        if self.shape() == shape {
            return self.clone();
        }
        let mut data = Vec::with_capacity(shape.iter().product());
        for_each_broadcast_offset(self.shape(), shape, |offset| data.push(self.data[offset]));
        Array::new(shape, data)
    }
}

/// The shape that two shapes broadcast to (aligned at the last axis), or `None` when they do not.
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Shape> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .map_or(1, |axis| shape[axis])
    };
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// Calls `visit` with the offset into an array of shape `from` of every element of the broadcast shape `to`, in order.
pub(crate) fn for_each_broadcast_offset(
    from: &[usize],
    to: &[usize],
    mut visit: impl FnMut(usize),
) {
    let lead = to.len() - from.len();
    let mut strides = vec![0; to.len()];
    let mut stride = 1;
    for axis in (0..from.len()).rev() {
        assert!(
            from[axis] == to[lead + axis] || from[axis] == 1,
            "broadcast {from:?} to {to:?}"
        );
        strides[lead + axis] = if from[axis] == 1 { 0 } else { stride };
        stride *= from[axis];
    }
    let mut position = vec![0; to.len()];
    let mut offset = 0;
    for _ in 0..to.iter().product::<usize>() {
        visit(offset);
        for axis in (0..to.len()).rev() {
            position[axis] += 1;
            offset += strides[axis];
            if position[axis] < to[axis] {
                break;
            }
            offset -= strides[axis] * position[axis];
            position[axis] = 0;
        }
    }
}
