//! From a kernel's members to its instructions: one each, with registers reused after their last reader.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::kernel::{Instruction, Kernel, Load, Operand, RowSum, Target};
use super::layout::Layout;
use super::plan::{Matrix, Member, Plan, Read, ValueId};
use super::rows::{Few, RowMap};
use crate::{Binary, Graph, NodeId, Op};

struct Compiler<'p> {
    graph: &'p Graph,
    plan: &'p Plan,
    layout: &'p Layout,
    /// Where what this kernel has computed is.
    here: FxHashMap<ValueId, Operand>,
    /// Readers to come of what this kernel computes, and of its loads.
    uses: FxHashMap<ValueId, usize>,
    load_uses: Vec<usize>,
    reads: Vec<Read>,
    free: Vec<usize>,
    kernel: Kernel,
}

pub(super) fn compile(
    graph: &Graph,
    plan: &Plan,
    layout: &Layout,
    (rows, batched): (usize, bool),
    members: &[Member],
) -> Kernel {
    let mut compiler = Compiler {
        graph,
        plan,
        layout,
        here: FxHashMap::default(),
        uses: FxHashMap::default(),
        load_uses: Vec::new(),
        reads: Vec::new(),
        free: Vec::new(),
        kernel: Kernel {
            rows,
            batched,
            ..Kernel::default()
        },
    };
    compiler.count_readers(members);
    for member in members {
        match member {
            Member::Elementwise { node, arguments } => compiler.elementwise(*node, arguments),
            Member::Sum { value, x, rows } => compiler.sum(*value, x, rows),
            Member::Product {
                value,
                matrix,
                y,
                y_start,
            } => compiler.product(*value, matrix, *y, *y_start),
            Member::SumProduct { value, matrix, x } => compiler.sum_product(*value, matrix, x),
        }
    }
    compiler.kernel
}

impl Compiler<'_> {
    fn count_readers(&mut self, members: &[Member]) {
        for member in members {
            if !member.is_sum() {
                self.uses.insert(member.value(), 0);
            }
        }
        for member in members {
            for read in member.row_reads() {
                if self.number(read).is_some() {
                    continue;
                }
                match self.uses.get_mut(&read.value) {
                    Some(uses) if read.rows == RowMap::IDENTITY => *uses += 1,
                    _ => {
                        let load = self.load_of(read);
                        self.load_uses[load] += 1;
                    }
                }
            }
        }
    }

    /// The number that all rows of a read are, if that is known.
    fn number(&self, read: &Read) -> Option<f64> {
        let constant = self.plan.values[read.value].constant.as_ref()?;
        match read.rows {
            RowMap::Same(row) => Some(constant.data()[row]),
            RowMap::From(start) if self.kernel.rows == 1 => Some(constant.data()[start]),
            _ => constant.uniform_value(),
        }
    }

    fn load_of(&mut self, read: &Read) -> usize {
        if let Some(known) = self.reads.iter().position(|known| known == read) {
            return known;
        }
        self.reads.push(read.clone());
        self.load_uses.push(0);
        let from = self.layout.place(read.value);
        self.kernel.loads.push(Load {
            from,
            rows: read.rows.clone(),
            register: None,
        });
        self.reads.len() - 1
    }

    fn register(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| self.new_register())
    }

    fn new_register(&mut self) -> usize {
        self.kernel.registers += 1;
        self.kernel.registers - 1
    }

    fn operand(&mut self, read: &Read) -> Operand {
        if let Some(number) = self.number(read) {
            return Operand::Number(number);
        }
        if read.rows == RowMap::IDENTITY
            && let Some(operand) = self.here.get(&read.value)
        {
            return *operand;
        }
        let load = self.load_of(read);
        if self.kernel.loads[load].register.is_none() {
            // What is the same in every row is loaded once, before the first tile, and needs a register of its own.
            let register = match self.kernel.loads[load].rows {
                RowMap::Same(_) => self.new_register(),
                _ => self.register(),
            };
            self.kernel.loads[load].register = Some(register);
            self.kernel.instructions.push(Instruction::Load(load));
        }
        Operand::Loaded(load)
    }

    /// Counts one reader less; frees the register after the last.
    fn release(&mut self, read: &Read) {
        if self.number(read).is_some() {
            return;
        }
        if read.rows == RowMap::IDENTITY
            && let Some(operand) = self.here.get(&read.value).copied()
        {
            let uses = self.uses.entry(read.value).or_default();
            *uses -= 1;
            if *uses == 0
                && let Operand::Register(register) = operand
            {
                self.free.push(register);
            }
            return;
        }
        let load = self.load_of(read);
        self.load_uses[load] -= 1;
        let stays = matches!(self.kernel.loads[load].rows, RowMap::Same(_));
        if self.load_uses[load] == 0
            && !stays
            && let Some(register) = self.kernel.loads[load].register
        {
            self.free.push(register);
        }
    }

    fn target(&mut self, value: ValueId) -> Target {
        if self.plan.values[value].stored {
            self.kernel.outputs.push(self.layout.place(value));
            Target::Output(self.kernel.outputs.len() - 1)
        } else {
            Target::Register(self.register())
        }
    }

    fn elementwise(&mut self, node: NodeId, arguments: &[Read]) {
        let value = node.index();
        let operands = match self.in_place(node, arguments) {
            Some(operands) => operands,
            None => arguments.iter().map(|read| self.operand(read)).collect(),
        };
        let operand = match (self.known(node, &operands), self.plan.values[value].stored) {
            (Some(number), false) => Operand::Number(number),
            (Some(number), true) => {
                let to = self.target(value);
                self.kernel.instructions.push(Instruction::Copy {
                    to,
                    x: Operand::Number(number),
                });
                to.into()
            }
            (None, _) => {
                let to = self.target(value);
                let instruction = self.instruction(node, to, &operands);
                self.kernel.instructions.push(instruction);
                to.into()
            }
        };
        self.here.insert(value, operand);
        for read in arguments {
            self.release(read);
        }
    }

    /// The operands of an operation that repeats one number for each row over the draws itself, where it is one.
    fn in_place(&mut self, node: NodeId, arguments: &[Read]) -> Option<Few<Operand>> {
        let Op::Binary(Binary::Add | Binary::Sub | Binary::Mul, ..) = self.graph.node(node).op
        else {
            return None;
        };
        let [x, y] = arguments else { return None };
        let rows = |compiler: &Self, read: &Read| {
            let value = &compiler.plan.values[read.value];
            let narrow =
                compiler.kernel.batched && !value.batched && matches!(read.rows, RowMap::From(_));
            narrow && compiler.number(read).is_none() && !compiler.uses.contains_key(&read.value)
        };
        match (rows(self, x), rows(self, y)) {
            (true, false) if self.number(y).is_none() => {
                let y = self.operand(y);
                Some([Operand::Rows(self.load_of(x)), y].into_iter().collect())
            }
            (false, true) if self.number(x).is_none() => {
                let x = self.operand(x);
                Some([x, Operand::Rows(self.load_of(y))].into_iter().collect())
            }
            _ => None,
        }
    }

    /// The value of a node all of whose arguments are numbers.
    fn known(&self, node: NodeId, operands: &[Operand]) -> Option<f64> {
        let number = |i: usize| match operands[i] {
            Operand::Number(number) => Some(number),
            _ => None,
        };
        match &self.graph.node(node).op {
            Op::Unary(kind, _) => Some(kind.apply(number(0)?)),
            Op::Binary(kind, ..) => Some(kind.apply(number(0)?, number(1)?)),
            Op::Select { .. } => Some(if number(0)? != 0.0 {
                number(1)?
            } else {
                number(2)?
            }),
            _ => None,
        }
    }

    fn instruction(&self, node: NodeId, to: Target, operands: &[Operand]) -> Instruction {
        match (&self.graph.node(node).op, operands) {
            (Op::Unary(kind, _), [x]) => Instruction::Unary {
                kind: *kind,
                to,
                x: *x,
            },
            (Op::Binary(kind, ..), [x, y]) => Instruction::Binary {
                kind: *kind,
                to,
                x: *x,
                y: *y,
            },
            (Op::Select { .. }, [Operand::Number(known), if_true, if_false]) => Instruction::Copy {
                to,
                x: if *known != 0.0 { *if_true } else { *if_false },
            },
            (Op::Select { .. }, [condition, if_true, if_false]) => Instruction::Select {
                to,
                condition: *condition,
                if_true: *if_true,
                if_false: *if_false,
            },
            (op, _) => unreachable!("a kernel computes elementwise operations, not {op:?}"),
        }
    }

    fn product(&mut self, value: ValueId, matrix: &Arc<Matrix>, y: ValueId, y_start: usize) {
        let to = self.target(value);
        let y = self.layout.place(y).after(y_start);
        self.kernel.instructions.push(Instruction::Product {
            to,
            matrix: self.kernel.matrices.len(),
            y,
        });
        self.kernel.matrices.push(Arc::clone(matrix));
        self.here.insert(value, to.into());
    }

    fn sum_product(&mut self, value: ValueId, matrix: &Arc<Matrix>, x: &Read) {
        let operand = match self.operand(x) {
            // The loop over rows of the matrix wants one number for each row.
            number @ Operand::Number(_) => {
                let register = self.new_register();
                let to = Target::Register(register);
                self.kernel
                    .instructions
                    .push(Instruction::Copy { to, x: number });
                to.into()
            }
            operand => operand,
        };
        let to = self.layout.place(value);
        self.kernel.sums.push(RowSum {
            to,
            rows: RowMap::IDENTITY,
            count: matrix.columns,
        });
        self.kernel.instructions.push(Instruction::SumProduct {
            to: self.kernel.sums.len() - 1,
            matrix: self.kernel.matrices.len(),
            x: operand,
        });
        self.kernel.matrices.push(Arc::clone(matrix));
        self.release(x);
    }

    fn sum(&mut self, value: ValueId, x: &Read, rows: &RowMap) {
        let operand = self.operand(x);
        let count = self.plan.values[value].rows;
        self.kernel.sums.push(RowSum {
            to: self.layout.place(value),
            rows: rows.clone(),
            count,
        });
        self.kernel.instructions.push(Instruction::Sum {
            to: self.kernel.sums.len() - 1,
            x: operand,
        });
        self.release(x);
    }
}
