//! Functions of rows with code of their own.

use crate::{Array, Expr, Function, Graph, NodeId, Op, Shape, Wanted};

/// Functions of rows.
impl Graph {
    /// What a function makes of the rows `inputs` `[rows, inputs]` with `weights` `[weights]`: `[rows, outputs]`.
    ///
    /// # Panics
    /// When the arguments do not fit the function.
    pub fn apply(&mut self, function: &Function, weights: &Expr, inputs: &Expr) -> Expr {
        let (weights, inputs) = (self.resolved(weights), self.resolved(inputs));
        let (ws, xs) = (self.shape(&weights), self.shape(&inputs));
        assert_eq!(ws.as_slice(), [function.0.weights()], "weights");
        assert!(
            xs.len() == 2 && xs[1] == function.0.inputs(),
            "rows of {} numbers, not {xs:?}",
            function.0.inputs()
        );
        let (rows, outputs) = (xs[0], function.0.outputs());
        if rows * outputs == 0 {
            return Array::full([rows, outputs], 0.0).into();
        }
        if let (Expr::Data(weights), Expr::Data(inputs)) = (&weights, &inputs) {
            let arguments = vec![
                (weights.data().to_vec(), [1, 1, ws[0]]),
                (inputs.data().to_vec(), [1, rows, xs[1]]),
            ];
            let result = function.evaluate_host(None, arguments, 1);
            return Array::new([rows, outputs], result).into();
        }
        let batched = self.is_batched(&weights) || self.is_batched(&inputs);
        let arguments = [self.node_of(&weights), self.node_of(&inputs)];
        let op = Op::Apply {
            function: function.clone(),
            arguments,
        };
        self.push(op, Shape::from_slice(&[rows, outputs]), batched)
            .into()
    }

    /// The cotangents of weights and inputs, as wanted, joined to one vector, for the cotangent `[rows, outputs]` of an
    /// application.
    pub(crate) fn apply_pullback(
        &mut self,
        function: &Function,
        arguments: [NodeId; 2],
        cotangent: &Expr,
        wanted: Wanted,
    ) -> Expr {
        let [weights, inputs] = arguments;
        let cotangent = self.node_of(cotangent);
        let arguments = [weights, inputs, cotangent];
        let batched = arguments.iter().any(|node| self.node(*node).batched);
        let size = function.result_size(Some(wanted), self.node(inputs).shape[0]);
        let op = Op::ApplyPullback {
            function: function.clone(),
            arguments,
            wanted,
        };
        self.push(op, Shape::from_slice(&[size]), batched).into()
    }
}
