//! The blocks of a program on some rows.

use std::sync::Arc;

use firebrand_graph::{Expr, Graph, NodeId};
use rustc_hash::FxHashMap;

use super::variables::Variables;
use crate::diagnostics::Diagnostic;
use crate::hir;
use crate::library::Requirement;
use crate::stage::Term;
use crate::stager::{diagnostic, from_error, run_parameters};
use crate::syntax::Span;

/// What the blocks of a program added to a graph.
pub(super) struct Ran {
    pub graph: Graph,
    pub terms: Vec<Term>,
    pub requirements: Vec<Requirement>,
}

/// What every batch begins from: the graph, with the part of the log density that belongs to no row.
///
/// Programs need not run on no rows at all, so this part is found from three runs, on a row, on another, and on both: for a sum over rows,
/// `T(0) = T(a) + T(b) - T(a and b)`. Graphs merge what is equal, so that what has nothing to do with rows, such as a prior, is the same node in
/// all three.
pub(super) struct Base {
    graph: Graph,
    /// The unconstrained vector.
    pub theta: Expr,
    pub dimension: usize,
    /// Scalars, each with how often it counts.
    pub terms: Vec<(Term, f64)>,
}

impl Base {
    /// Runs a program on two of its rows.
    ///
    /// # Errors
    /// What is wrong with it there.
    pub fn run(
        program: &Arc<hir::Program>,
        variables: &Variables,
    ) -> Result<Self, Vec<Diagnostic>> {
        let few_rows = |diagnostics: Vec<Diagnostic>| -> Vec<Diagnostic> {
            let note = "with minibatches the model is run on few of its rows: it has to loop over all that there are, and picks none by its number";
            diagnostics.into_iter().map(|d| d.note(note)).collect()
        };
        let mut interpreter = variables.on(program, &[0]);
        let unfolded = run_parameters(&mut interpreter, None).map_err(few_rows)?;
        let mut base = Base {
            graph: interpreter.graph,
            theta: unfolded.theta,
            dimension: unfolded.dimension,
            terms: Vec::new(),
        };
        let last = variables.rows().saturating_sub(1);
        let mut terms = Vec::new();
        for (rows, times) in [(&[0][..], 1.0), (&[last], 1.0), (&[0, last], -1.0)] {
            let ran = base.run_rows(program, variables, rows).map_err(few_rows)?;
            base.graph = ran.graph;
            terms.extend(ran.terms.into_iter().map(|term| (term, times)));
        }
        base.terms = merged(terms);
        Ok(base)
    }

    /// The program on some rows, in the graph that all batches begin from: what they have in common are the same nodes.
    pub fn run_rows(
        &self,
        program: &Arc<hir::Program>,
        variables: &Variables,
        rows: &[usize],
    ) -> Result<Ran, Vec<Diagnostic>> {
        self.run_in(self.graph.clone(), program, variables, rows)
    }

    /// [`run_rows`](Self::run_rows), in a graph that has grown from it.
    pub fn run_in(
        &self,
        graph: Graph,
        program: &Arc<hir::Program>,
        variables: &Variables,
        rows: &[usize],
    ) -> Result<Ran, Vec<Diagnostic>> {
        let mut interpreter = variables.on(program, rows);
        interpreter.graph = graph;
        run_parameters(&mut interpreter, Some(&self.theta))?;
        interpreter.run(&program.model).map_err(from_error)?;
        Ok(Ran {
            terms: interpreter.take_terms(),
            requirements: interpreter.take_requirements(),
            graph: interpreter.graph,
        })
    }

    /// The graph that all batches begin from.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Leaves out terms of statements that belong to rows entirely: those that `is_zero` says of that they are without rows.
    pub fn leave_out(&mut self, is_zero: impl Fn(Span) -> bool) {
        self.terms.retain(|(term, _)| !is_zero(term.span));
    }

    /// `T(0) + weight (T(rows) - T(0))` for the sum T of all terms on these rows and on none; a scalar.
    pub fn weighted(&self, graph: &mut Graph, terms: Vec<Term>, weight: f64) -> Expr {
        let none = self.terms.iter();
        let none = none.map(|(term, times)| (term.clone(), (1.0 - weight) * times));
        let rows = terms.into_iter().map(|term| (term, weight));
        let mut known = 0.0;
        let mut total = Expr::scalar(0.0);
        for (Term { value, .. }, times) in merged(none.chain(rows)) {
            match &value {
                Expr::Data(number) => known += times * number.data()[0],
                Expr::Node(_) => {
                    let term = graph.scale(&value, times);
                    total = graph.add(&total, &term);
                }
            }
        }
        graph.add(&total, &Expr::scalar(known))
    }
}

/// Terms with how often they count, each node of a statement once; those that cancel are left out.
fn merged(terms: impl IntoIterator<Item = (Term, f64)>) -> Vec<(Term, f64)> {
    let mut places: FxHashMap<(NodeId, Span), usize> = FxHashMap::default();
    let mut all: Vec<(Term, f64)> = Vec::new();
    for (term, times) in terms {
        let place = match term.value.as_node() {
            Some(node) => *places.entry((node, term.span)).or_insert(all.len()),
            None => all.len(),
        };
        match all.get_mut(place) {
            Some((_, sum)) => *sum += times,
            None => all.push((term, times)),
        }
    }
    for (_, times) in &mut all {
        // (1 - w) + w is one but for rounding, and so it is for all that belongs to no row.
        if (*times - times.round()).abs() < 1e-9 {
            *times = times.round();
        }
    }
    all.retain(|(_, times)| *times != 0.0);
    all
}

/// Refuses parameters whose sizes depend on the plate.
pub(super) fn parameters_do_not_depend(
    program: &Arc<hir::Program>,
    variables: &Variables,
) -> Result<(), Vec<Diagnostic>> {
    let mut whole = variables.in_memory(program);
    let mut one = variables.on(program, &[0]);
    let mut none = variables.on(program, &[]);
    let root = whole.root();
    let mut refused = Vec::new();
    for parameter in &program.parameters {
        let expected = whole
            .dims_of(&parameter.type_, &root)
            .map_err(|stop| vec![diagnostic(stop)])?;
        let same = [&mut one, &mut none].into_iter().all(|part| {
            part.dims_of(&parameter.type_, &root)
                .is_ok_and(|dims| dims == expected)
        });
        if !same {
            refused.push(
                Diagnostic::error(
                    parameter.span,
                    format!(
                        "the size of the parameter {} depends on the number of rows, so the model cannot be fitted with minibatches of \
                         them",
                        parameter.name
                    ),
                )
                .label("every batch would have parameters of its own")
                .help("integrate it out, or fit on all data at once"),
            );
        }
    }
    if refused.is_empty() {
        Ok(())
    } else {
        Err(refused)
    }
}
