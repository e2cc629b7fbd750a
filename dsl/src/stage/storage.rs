//! What a variable holds while a program is staged: one value as a whole, or cell by cell.

mod known;

use std::sync::Arc;

use firebrand_graph::{Array, Expr, Graph, Index, NodeId, Shape};
use rustc_hash::FxHashMap;

use super::lanes::Lanes;
use crate::value::{Ints, Value};

/// A variable's contents, for every lane that its owner tells apart.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The value's own axes.
    pub dims: Shape,
    /// Whether it holds ints.
    pub is_int: bool,
    /// The lanes that it was declared in: each has its own copy.
    pub owner: Arc<Lanes>,
    /// How many conditions on parameters it was declared under: those do not bear on its assignments.
    pub masks: usize,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// Shape: lanes, then `dims`. Lanes may be 1 when all the owner's lanes agree.
    Whole(Value),
    /// One entry for each element of each of the owner's lanes.
    Cells(Vec<Cell>),
}

/// One element.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Known(f64),
    Element { node: NodeId, offset: u32 },
}

/// What indexing needs to know of a variable.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The value's own axes.
    pub dims: Shape,
    /// The lanes that it was declared in.
    pub owner: Arc<Lanes>,
}

/// Stan's ints before anything is assigned.
const UNDEFINED_INT: i64 = i32::MIN as i64;

impl Variable {
    /// A variable with nothing assigned yet: NaN, as in Stan.
    pub fn undefined(dims: Shape, is_int: bool, owner: &Arc<Lanes>) -> Self {
        let mut shape = Shape::from_slice(&[1]);
        shape.extend_from_slice(&dims);
        let size = dims.iter().product();
        let value = if is_int {
            Value::Int(Ints::new(shape, vec![UNDEFINED_INT; size]))
        } else {
            Value::Real(Array::full(shape, f64::NAN).into())
        };
        Variable {
            dims,
            is_int,
            owner: Arc::clone(owner),
            masks: 0,
            content: Content::Whole(value),
        }
    }

    /// A variable that holds `value`.
    pub fn holding(value: Value, graph: &Graph, owner: &Arc<Lanes>) -> Self {
        let is_int = matches!(value, Value::Int(_));
        Variable {
            dims: value.dims(graph),
            is_int,
            owner: Arc::clone(owner),
            masks: 0,
            content: Content::Whole(value),
        }
    }

    /// What indexing needs to know.
    pub fn facts(&self) -> Facts {
        Facts {
            dims: self.dims.clone(),
            owner: Arc::clone(&self.owner),
        }
    }

    /// Elements in one lane.
    pub fn size(&self) -> usize {
        self.dims.iter().product()
    }

    /// Replaces everything. `value` has one lane, or as many as the owner.
    pub fn replace(&mut self, value: Value) {
        self.content = Content::Whole(value);
    }

    /// The whole, for all lanes of the owner (or one, when they agree).
    pub fn whole(&mut self, graph: &mut Graph) -> Value {
        match &mut self.content {
            Content::Whole(value) => value.clone(),
            Content::Cells(cells) => {
                let mut shape = Shape::from_slice(&[self.owner.count]);
                shape.extend_from_slice(&self.dims);
                let offsets = 0..cells.len() as u32;
                let value = Value::Real(gathered(graph, cells, offsets, &shape));
                // A whole that is known entirely is cheaper to read from than its cells.
                if value.is_known() {
                    self.content = Content::Whole(value.clone());
                }
                value
            }
        }
    }

    /// The elements at `offsets`, each within its lane's copy (`lane * size + element`), under `shape`.
    ///
    /// Cells that are scattered over several nodes are found in one from then on: what a recursion reads at each step would else
    /// be put together from all the steps before, every time.
    pub fn read(&mut self, graph: &mut Graph, offsets: &[u32], shape: &[usize]) -> Value {
        let size = self.size() as u32;
        match &mut self.content {
            Content::Whole(Value::Int(ints)) => {
                let data = if ints.lanes() == 1 {
                    offsets
                        .iter()
                        .map(|o| ints.data[(o % size) as usize])
                        .collect()
                } else {
                    offsets.iter().map(|o| ints.data[*o as usize]).collect()
                };
                Value::Int(Ints::new(shape, data))
            }
            Content::Whole(Value::Real(Expr::Data(array))) => {
                let data = if array.shape()[0] == 1 {
                    offsets
                        .iter()
                        .map(|o| array.data()[(o % size) as usize])
                        .collect()
                } else {
                    offsets.iter().map(|o| array.data()[*o as usize]).collect()
                };
                Value::Real(Array::new(shape, data).into())
            }
            Content::Whole(Value::Real(whole)) => {
                Value::Real(gather_elements(graph, whole, size, offsets, shape))
            }
            Content::Cells(cells) => {
                Value::Real(gathered(graph, cells, offsets.iter().copied(), shape))
            }
        }
    }

    /// Writes `value`, whose elements (in one lane, or for all of `offsets`) go to the cells at `offsets`.
    pub fn write(&mut self, graph: &mut Graph, offsets: &[u32], value: &Value) {
        let lanes = self.owner.count;
        let full = lanes * self.size();
        match (&mut self.content, value) {
            (Content::Whole(Value::Int(ints)), Value::Int(from)) => {
                if ints.lanes() < lanes {
                    *ints = spread_ints(ints, lanes);
                }
                let (data, from) = (Arc::make_mut(&mut ints.data), &from.data);
                for (i, o) in offsets.iter().enumerate() {
                    data[*o as usize] = from[i % from.len()];
                }
            }
            (Content::Whole(Value::Real(Expr::Data(array))), from) if from.is_known() => {
                if array.shape()[0] < lanes {
                    let mut shape = Shape::from_slice(array.shape());
                    shape[0] = lanes;
                    *array = array.broadcast_to(&shape);
                }
                let Expr::Data(from) = from.to_reals() else {
                    return;
                };
                let (data, from) = (array.data_mut(), from.data());
                for (i, o) in offsets.iter().enumerate() {
                    data[*o as usize] = from[i % from.len()];
                }
            }
            (_, from) => {
                let from = from.to_reals();
                let count: usize = graph.shape(&from).iter().product();
                let cell_of = |i: usize| match &from {
                    Expr::Data(array) => Cell::Known(array.data()[i % count]),
                    Expr::Node(node) => Cell::Element {
                        node: *node,
                        offset: (i % count) as u32,
                    },
                };
                self.open_cells(graph, full);
                if let Content::Cells(cells) = &mut self.content {
                    for (i, o) in offsets.iter().enumerate() {
                        cells[*o as usize] = cell_of(i);
                    }
                }
            }
        }
    }

    fn open_cells(&mut self, graph: &Graph, full: usize) {
        let Content::Whole(value) = &self.content else {
            return;
        };
        let reals = value.to_reals();
        let count: usize = graph.shape(&reals).iter().product();
        let cells = match &reals {
            Expr::Data(array) => (0..full)
                .map(|i| Cell::Known(array.data()[i % count]))
                .collect(),
            Expr::Node(node) => (0..full)
                .map(|i| Cell::Element {
                    node: *node,
                    offset: (i % count) as u32,
                })
                .collect(),
        };
        self.content = Content::Cells(cells);
    }

    /// The same contents, owned by lanes further in.
    pub fn copied_into(&self, graph: &mut Graph, lanes: &Arc<Lanes>) -> Self {
        let size = self.size() as u32;
        let content = match &self.content {
            content if self.owner.count == 1 && !matches!(content, Content::Cells(_)) => {
                content.clone()
            }
            Content::Cells(cells) => {
                let origin = lanes.origin_at(self.owner.depth);
                Content::Cells(
                    origin
                        .iter()
                        .flat_map(|lane| {
                            cells[(lane * size) as usize..((lane + 1) * size) as usize]
                                .iter()
                                .copied()
                        })
                        .collect(),
                )
            }
            Content::Whole(value) if value.shape(graph)[0] == 1 => Content::Whole(value.clone()),
            Content::Whole(_) => {
                let origin = lanes.origin_at(self.owner.depth);
                let offsets: Vec<u32> = origin
                    .iter()
                    .flat_map(|lane| (0..size).map(move |i| lane * size + i))
                    .collect();
                let mut shape = Shape::from_slice(&[lanes.count]);
                shape.extend_from_slice(&self.dims);
                Content::Whole(self.clone().read(graph, &offsets, &shape))
            }
        };
        Variable {
            dims: self.dims.clone(),
            is_int: self.is_int,
            owner: Arc::clone(lanes),
            masks: self.masks,
            content,
        }
    }
}

/// The value of some cells, which are found in its node from then on where they were scattered.
fn gathered(
    graph: &mut Graph,
    cells: &mut [Cell],
    offsets: impl Iterator<Item = u32> + Clone,
    shape: &[usize],
) -> Expr {
    let read = offsets.clone().map(|offset| cells[offset as usize]);
    let scattered = is_scattered(read.clone());
    let value = assemble(graph, read, &Shape::from_slice(shape));
    if let (true, Some(node)) = (scattered, value.as_node()) {
        for (position, cell) in offsets.enumerate() {
            if let cell @ Cell::Element { .. } = &mut cells[cell as usize] {
                let offset = position as u32;
                *cell = Cell::Element { node, offset };
            }
        }
    }
    value
}

/// Whether cells lie in more than two nodes.
fn is_scattered(cells: impl Iterator<Item = Cell>) -> bool {
    let mut seen = [None; 2];
    for cell in cells {
        if let Cell::Element { node, .. } = cell
            && !seen.contains(&Some(node))
        {
            match seen.iter_mut().find(|place| place.is_none()) {
                Some(place) => *place = Some(node),
                None => return true,
            }
        }
    }
    false
}

fn spread_ints(ints: &Ints, lanes: usize) -> Ints {
    let mut shape = ints.shape.clone();
    shape[0] = lanes;
    Ints::new(
        shape,
        ints.data
            .iter()
            .copied()
            .cycle()
            .take(ints.data.len() * lanes)
            .collect(),
    )
}

/// Elements of a node at offsets; of whole rows at once where that is what the offsets say.
fn gather_elements(
    graph: &mut Graph,
    whole: &Expr,
    size: u32,
    offsets: &[u32],
    shape: &[usize],
) -> Expr {
    let held = graph.shape(whole);
    let uniform = held[0] == 1;
    let total: usize = held.iter().product();
    let index: Index = if uniform {
        offsets.iter().map(|o| o % size).collect()
    } else {
        offsets.iter().copied().collect()
    };
    let row = row_length(&index, &held, shape);
    if row > 1 {
        let rows = graph.reshape(whole, &[total / row, row]);
        let index: Index = index
            .chunks(row)
            .map(|chunk| chunk[0] / row as u32)
            .collect();
        let gathered = graph.gather(&rows, &index);
        return graph.reshape(&gathered, shape);
    }
    let flat = graph.reshape(whole, &[total]);
    let gathered = graph.gather(&flat, &index);
    graph.reshape(&gathered, shape)
}

/// The longest product of trailing axes that the source and the result share and that the index reads in order.
fn row_length(index: &[u32], held: &[usize], shape: &[usize]) -> usize {
    let mut row = 1;
    for (a, b) in held.iter().rev().zip(shape.iter().rev()) {
        if a != b {
            break;
        }
        let longer = row * a;
        let in_order = longer > 0
            && index.len().is_multiple_of(longer)
            && index.chunks(longer).all(|chunk| {
                chunk[0].is_multiple_of(longer as u32)
                    && chunk.windows(2).all(|pair| pair[1] == pair[0] + 1)
            });
        if !in_order {
            break;
        }
        row = longer;
    }
    row
}

/// One value out of cells: known data, a gather from one node, or from several joined.
fn assemble(graph: &mut Graph, cells: impl Iterator<Item = Cell> + Clone, shape: &Shape) -> Expr {
    let mut parts: Vec<NodeId> = Vec::new();
    let mut start: FxHashMap<NodeId, u32> = FxHashMap::default();
    let mut known: Vec<f64> = Vec::new();
    let mut length = 0;
    for cell in cells.clone() {
        match cell {
            Cell::Known(value) => known.push(value),
            Cell::Element { node, .. } => {
                start.entry(node).or_insert_with(|| {
                    parts.push(node);
                    let start = length;
                    length += graph.node(node).shape.iter().product::<usize>() as u32;
                    start
                });
            }
        }
    }
    if parts.is_empty() {
        return Array::new(shape, known).into();
    }
    let mut next_known = length;
    let index: Index = cells
        .map(|cell| match cell {
            Cell::Known(_) => {
                next_known += 1;
                next_known - 1
            }
            Cell::Element { node, offset } => start[&node] + offset,
        })
        .collect();
    if let ([node], true) = (parts.as_slice(), known.is_empty()) {
        let mut held = Shape::from_slice(&[1]);
        held.extend_from_slice(&graph.node(*node).shape);
        let whole = graph.reshape(&Expr::Node(*node), &held);
        return gather_elements(graph, &whole, length, &index, shape);
    }
    let mut flats: Vec<Expr> = Vec::with_capacity(parts.len() + 1);
    for node in parts {
        let count = graph.node(node).shape.iter().product();
        flats.push(graph.reshape(&Expr::Node(node), &[count]));
    }
    flats.push(Array::vector(known).into());
    let joined = graph.concat(&flats, 0);
    let gathered = graph.gather(&joined, &index);
    graph.reshape(&gathered, shape)
}
