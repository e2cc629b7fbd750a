//! `network f = mlp(784, {1200, 1200}, 10);`, where Stan has no statement that begins with two names.

use super::super::ast::{NetworkArg, NetworkDecl, StmtKind};
use super::super::lexer::Token;
use super::{Parse, Parser};

impl Parser<'_> {
    /// Whether a network is declared here. `network` alone is a name like any other.
    pub(super) fn at_network(&self) -> bool {
        self.at_word("network") && self.peek(1).token == Token::Name
    }

    pub(super) fn network(&mut self) -> Parse<StmtKind> {
        self.bump();
        let name = self.name("the name of a network")?;
        self.expect(
            Token::Assign,
            "`=` and an architecture, such as `mlp(2, {50}, 1)`",
        )?;
        let architecture = self.name("the name of an architecture")?;
        let open = self.expect(Token::OpenParen, "`(` and the sizes of the network")?;
        let mut args = Vec::new();
        while !self.at(Token::CloseParen) {
            args.push(self.network_arg()?);
            if !self.eat(Token::Comma) {
                break;
            }
        }
        self.close(Token::CloseParen, "`,` or `)`", open)?;
        self.semicolon()?;
        Ok(StmtKind::Network(NetworkDecl {
            name,
            architecture,
            args,
        }))
    }

    fn network_arg(&mut self) -> Parse<NetworkArg> {
        let named = self.at(Token::Name) && self.peek(1).token == Token::Assign;
        let name = if named {
            let name = self.name("the name of an option")?;
            self.bump();
            Some(name)
        } else {
            None
        };
        let value = self.expression()?;
        Ok(NetworkArg { name, value })
    }
}
