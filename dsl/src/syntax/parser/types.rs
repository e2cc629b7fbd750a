//! Types: of variables, with their sizes and constraints, and of function arguments, without.

use super::super::ast::{
    BaseType, Constraint, DeclElement, DeclType, Expr, UnsizedElement, UnsizedType,
};
use super::super::lexer::Token;
use super::super::source::Span;
use super::{Parse, Parser, Reported};
use crate::diagnostics::Diagnostic;

pub(super) fn base_type(token: Token) -> Option<BaseType> {
    Some(match token {
        Token::IntType => BaseType::Int,
        Token::RealType => BaseType::Real,
        Token::ComplexType => BaseType::Complex,
        Token::Vector => BaseType::Vector,
        Token::RowVector => BaseType::RowVector,
        Token::Matrix => BaseType::Matrix,
        Token::ComplexVector => BaseType::ComplexVector,
        Token::ComplexRowVector => BaseType::ComplexRowVector,
        Token::ComplexMatrix => BaseType::ComplexMatrix,
        Token::Ordered => BaseType::Ordered,
        Token::PositiveOrdered => BaseType::PositiveOrdered,
        Token::Simplex => BaseType::Simplex,
        Token::UnitVector => BaseType::UnitVector,
        Token::SumToZeroVector => BaseType::SumToZeroVector,
        Token::SumToZeroMatrix => BaseType::SumToZeroMatrix,
        Token::CholeskyFactorCorr => BaseType::CholeskyFactorCorr,
        Token::CholeskyFactorCov => BaseType::CholeskyFactorCov,
        Token::CorrMatrix => BaseType::CorrMatrix,
        Token::CovMatrix => BaseType::CovMatrix,
        Token::ColumnStochasticMatrix => BaseType::ColumnStochasticMatrix,
        Token::RowStochasticMatrix => BaseType::RowStochasticMatrix,
        _ => return None,
    })
}

impl Parser<'_> {
    /// Whether the current token begins a type.
    pub(super) fn at_type(&self) -> bool {
        matches!(self.token(), Token::Array | Token::Tuple) || base_type(self.token()).is_some()
    }

    /// The type of a declared variable. Constraints are refused unless `constraints` are allowed:
    /// local variables have none.
    pub(super) fn declared_type(&mut self, constraints: bool) -> Parse<DeclType> {
        self.nested(|p| {
            let start = p.span();
            let array_sizes = if p.eat(Token::Array) {
                p.array_sizes(start)?
            } else {
                Vec::new()
            };
            let element = p.declared_element(constraints)?;
            Ok(DeclType {
                array_sizes,
                element,
                span: start.to(p.previous()),
            })
        })
    }

    fn array_sizes(&mut self, keyword: Span) -> Parse<Vec<Expr>> {
        let open = self.expect(Token::OpenBracket, "`[` and the sizes of the array")?;
        if matches!(self.token(), Token::Comma | Token::CloseBracket) {
            return Err(self.report(
                Diagnostic::error(
                    keyword.to(self.span()),
                    "the sizes of this array are missing",
                )
                .label("needed in a declaration")
                .note("only the arguments of functions are arrays without sizes"),
            ));
        }
        let sizes = self.sizes(open)?;
        if self.at(Token::Array) {
            return Err(self.report(
                Diagnostic::error(self.span(), "an array of arrays is written as one array")
                    .label("a second `array`")
                    .help("put all sizes into one pair of brackets: `array[N, M]`"),
            ));
        }
        Ok(sizes)
    }

    /// Sizes up to and with the closing bracket.
    fn sizes(&mut self, open: Span) -> Parse<Vec<Expr>> {
        let mut sizes = vec![self.expression()?];
        while self.eat(Token::Comma) {
            sizes.push(self.expression()?);
        }
        self.close(Token::CloseBracket, "`,` or `]`", open)?;
        Ok(sizes)
    }

    fn declared_element(&mut self, constraints: bool) -> Parse<DeclElement> {
        let keyword = self.span();
        if self.at(Token::Tuple) {
            return Ok(DeclElement::Tuple(
                self.tuple(|p| p.declared_type(constraints))?,
            ));
        }
        let Some(base) = base_type(self.token()) else {
            return Err(self.expected("a type"));
        };
        self.bump();
        let constraint = self.constraint(base, constraints)?;
        let sizes = self.element_sizes(base, keyword)?;
        if self.at(Token::Less) {
            return Err(self.report(
                Diagnostic::error(self.span(), "the constraint comes before the sizes")
                    .label("after the sizes here")
                    .help(format!("write `{}<...>[...]`", base.name())),
            ));
        }
        if base.is_constrained() && !constraints {
            self.report(
                Diagnostic::error(
                    keyword,
                    format!("a local variable cannot be a `{}`", base.name()),
                )
                .label("constrained type")
                .note("constraints belong to the variables of a program block")
                .help(format!("declare a `{}`", unconstrained(base))),
            );
        }
        Ok(DeclElement::Base {
            base,
            constraint,
            sizes,
        })
    }

    fn element_sizes(&mut self, base: BaseType, keyword: Span) -> Parse<Vec<Expr>> {
        let open = self.span();
        let sizes = if self.eat(Token::OpenBracket) {
            self.sizes(open)?
        } else {
            Vec::new()
        };
        let (fewest, most) = base.sizes();
        if (fewest..=most).contains(&sizes.len()) {
            return Ok(sizes);
        }
        let name = base.name();
        let usage = match (fewest, most) {
            (0, _) => format!("`{name}` takes no size"),
            (1, 1) => format!("`{name}` takes one size: `{name}[N]`"),
            (1, _) => format!("`{name}` takes one or two sizes: `{name}[M, N]`"),
            _ => format!("`{name}` takes two sizes: `{name}[M, N]`"),
        };
        let found = match sizes.len() {
            0 => "no size".to_string(),
            1 => "one size".to_string(),
            n => format!("{n} sizes"),
        };
        let mut message =
            Diagnostic::error(keyword.to(self.previous()), usage).label(format!("found {found}"));
        if most == 0 {
            message = message.help(format!("write `array[...] {name}` for an array"));
        }
        Err(self.report(message))
    }

    /// `<lower=..., upper=...>` or `<offset=..., multiplier=...>`, if there is one.
    fn constraint(&mut self, base: BaseType, allowed: bool) -> Parse<Constraint> {
        let open = self.span();
        if !self.eat(Token::Less) {
            return Ok(Constraint::None);
        }
        let names = ["lower", "upper", "offset", "multiplier"];
        let mut values: [Option<Box<Expr>>; 4] = [None, None, None, None];
        loop {
            let which = names.iter().position(|name| self.at_word(name));
            let Some(which) = which else {
                return Err(self.unknown_constraint(&names));
            };
            let name = self.bump();
            if values[which].is_some() {
                self.report(
                    Diagnostic::error(name, format!("`{}` is given twice", names[which]))
                        .label("second time"),
                );
            }
            self.expect(Token::Assign, "`=`")?;
            values[which] = Some(Box::new(self.bound()?));
            if !self.eat(Token::Comma) {
                break;
            }
        }
        self.close(Token::Greater, "`,` or `>`", open)?;
        let span = open.to(self.previous());
        self.check_constraint(base, allowed, &values, span);
        let [lower, upper, offset, multiplier] = values;
        Ok(if lower.is_some() || upper.is_some() {
            Constraint::Bounds { lower, upper, span }
        } else {
            Constraint::Affine {
                offset,
                multiplier,
                span,
            }
        })
    }

    fn unknown_constraint(&mut self, names: &[&str]) -> Reported {
        let found = self.found();
        let word = self.sources.slice(self.span()).to_string();
        self.report(
            Diagnostic::error(self.span(), format!("expected a constraint, found {found}"))
                .label("expected `lower`, `upper`, `offset` or `multiplier`")
                .suggest(&word, names.iter().copied()),
        )
    }

    fn check_constraint(
        &mut self,
        base: BaseType,
        allowed: bool,
        [lower, upper, offset, multiplier]: &[Option<Box<Expr>>; 4],
        span: Span,
    ) {
        let bounds = lower.is_some() || upper.is_some();
        let affine = offset.is_some() || multiplier.is_some();
        let name = base.name();
        let complex = matches!(
            base,
            BaseType::Complex
                | BaseType::ComplexVector
                | BaseType::ComplexRowVector
                | BaseType::ComplexMatrix
        );
        let problem = if !allowed {
            "a local variable cannot have a constraint".to_string()
        } else if base.is_constrained() || complex {
            format!("`{name}` takes no further constraint")
        } else if bounds && affine {
            "bounds and an affine transform cannot be combined".to_string()
        } else if base == BaseType::Int && affine {
            "an `int` has no offset or multiplier".to_string()
        } else {
            return;
        };
        let message = Diagnostic::error(span, problem).label("this constraint");
        self.report(if allowed {
            message
        } else {
            message.note("constraints belong to the variables of a program block")
        });
    }

    /// `tuple(type, ...)`, where `parse` reads one type.
    fn tuple<T>(&mut self, mut parse: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let keyword = self.bump();
        let open = self.expect(Token::OpenParen, "`(` and the types of the tuple")?;
        let mut types = vec![parse(self)?];
        while self.eat(Token::Comma) {
            // `tuple(real,)` has one field.
            if types.len() == 1 && self.eat(Token::CloseParen) {
                return Ok(types);
            }
            types.push(parse(self)?);
        }
        self.close(Token::CloseParen, "`,` or `)`", open)?;
        if types.len() == 1 {
            self.report(
                Diagnostic::error(
                    keyword.to(self.previous()),
                    "a tuple of one field has a comma after it",
                )
                .label("expected `,` after the type"),
            );
        }
        Ok(types)
    }

    /// The type of a function's argument or of its result.
    pub(super) fn unsized_type(&mut self) -> Parse<UnsizedType> {
        self.nested(|p| {
            let start = p.span();
            let mut array_rank = 0;
            if p.eat(Token::Array) {
                array_rank = p.unsized_dimensions(start)?;
            }
            let element = if p.at(Token::Tuple) {
                UnsizedElement::Tuple(p.tuple(Self::unsized_type)?)
            } else {
                UnsizedElement::Base(p.unsized_base()?)
            };
            if p.at(Token::OpenBracket) {
                p.brackets_after_type(start)?;
            }
            Ok(UnsizedType {
                array_rank,
                element,
                span: start.to(p.previous()),
            })
        })
    }

    /// `[,]`: the number of dimensions.
    fn unsized_dimensions(&mut self, keyword: Span) -> Parse<usize> {
        let open = self.expect(Token::OpenBracket, "`[` and the dimensions of the array")?;
        let mut rank = 1;
        while self.eat(Token::Comma) {
            rank += 1;
        }
        if !matches!(self.token(), Token::CloseBracket | Token::End) {
            let found = self.found();
            return Err(self.report(
                Diagnostic::error(self.span(), format!("expected `,` or `]`, found {found}"))
                    .label("array arguments have no sizes")
                    .related(keyword, "in this type")
                    .help("write `array[]` for one dimension, `array[,]` for two"),
            ));
        }
        self.close(Token::CloseBracket, "`]`", open)?;
        Ok(rank)
    }

    fn unsized_base(&mut self) -> Parse<BaseType> {
        let Some(base) = base_type(self.token()) else {
            return Err(self.expected("a type"));
        };
        let keyword = self.bump();
        if base.is_constrained() {
            self.report(
                Diagnostic::error(keyword, format!("`{}` cannot be used here", base.name()))
                    .label("constrained type")
                    .note("arguments and results of functions have types without constraints")
                    .help(format!("write `{}`", unconstrained(base))),
            );
        }
        if self.at(Token::Less) {
            return Err(self.report(
                Diagnostic::error(self.span(), "arguments and results have no constraint")
                    .label("constraint begins here"),
            ));
        }
        Ok(base)
    }

    /// `real[,]`, the removed way to write an array, or `vector[N]`, which has no place here.
    fn brackets_after_type(&mut self, start: Span) -> Parse<()> {
        let ty = self.sources.slice(start.to(self.previous())).to_string();
        self.bump();
        let mut commas = String::new();
        while self.eat(Token::Comma) {
            commas.push(',');
        }
        if !self.eat(Token::CloseBracket) {
            return Err(self.report(
                Diagnostic::error(start.to(self.span()), "arguments and results have no sizes")
                    .label("sizes begin here")
                    .help(format!("write `{ty}`")),
            ));
        }
        let span = start.to(self.previous());
        self.report(
            Diagnostic::error(span, "brackets after the type were removed from Stan")
                .label("array in the removed syntax")
                .help(format!("write `array[{commas}] {ty}`")),
        );
        Ok(())
    }
}

/// The type that holds the same values without the constraint.
fn unconstrained(base: BaseType) -> &'static str {
    match base {
        BaseType::CholeskyFactorCorr
        | BaseType::CholeskyFactorCov
        | BaseType::CorrMatrix
        | BaseType::CovMatrix
        | BaseType::SumToZeroMatrix
        | BaseType::ColumnStochasticMatrix
        | BaseType::RowStochasticMatrix => "matrix",
        base if base.is_constrained() => "vector",
        base => base.name(),
    }
}
