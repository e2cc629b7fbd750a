//! The program, block by block.

use super::{Block, Checker, Context};
use crate::hir;
use crate::syntax::ast;

impl Checker {
    pub(super) fn program(&mut self, program: &ast::Program) -> hir::Program {
        let functions = match &program.functions {
            Some(block) => self.user_functions(block),
            None => Vec::new(),
        };
        let declarations = |checker: &mut Self, kind, block: &Option<ast::Block>| match block {
            Some(block) => checker.only_declarations(kind, &block.statements),
            None => Vec::new(),
        };
        let data = declarations(self, Block::Data, &program.data);
        let transformed_data = self.block(Block::TransformedData, &program.transformed_data);
        let parameters = declarations(self, Block::Parameters, &program.parameters);
        let transformed_parameters = self.block(
            Block::TransformedParameters,
            &program.transformed_parameters,
        );
        let model = self.block(Block::Model, &program.model);
        let generated_quantities =
            self.block(Block::GeneratedQuantities, &program.generated_quantities);
        hir::Program {
            variables: std::mem::take(&mut self.scope.variables),
            functions,
            data,
            transformed_data,
            parameters,
            networks: std::mem::take(&mut self.networks),
            transformed_parameters,
            model,
            generated_quantities,
            solver_tolerance: None,
        }
    }

    fn block(&mut self, kind: Block, block: &Option<ast::Block>) -> Vec<hir::Statement> {
        self.context = Context::in_block(kind);
        let Some(block) = block else {
            return Vec::new();
        };
        let mark = self.scope.open();
        let checked = self.statements(&block.statements);
        // The variables of the model block are its own; those of the others are seen below.
        if kind == Block::Model {
            self.scope.close(mark);
        }
        checked
    }
}
