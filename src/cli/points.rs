//! Points on the unconstrained scale, one a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::Failure;

/// Points at most that are evaluated together.
const BLOCK: usize = 256;

/// A file, or standard input, with one point a line: numbers separated by blanks or commas. Blank lines are
/// skipped.
pub struct Points {
    reader: BufReader<Box<dyn Read>>,
    name: String,
    dimension: usize,
    line: usize,
}

/// Some points: their numbers, one point after another, and the line of each.
#[derive(Debug, Default, PartialEq)]
pub struct Block {
    pub numbers: Vec<f64>,
    pub lines: Vec<usize>,
}

impl Points {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path, dimension: usize) -> Result<Self, Failure> {
        let name = path.display().to_string();
        if name == "-" {
            return Ok(Self::new(
                Box::new(io::stdin()),
                "standard input",
                dimension,
            ));
        }
        match File::open(path) {
            Ok(file) => Ok(Self::new(Box::new(file), &name, dimension)),
            Err(error) => Err(Failure::Model(format!("cannot read {name}: {error}"))),
        }
    }

    fn new(reader: Box<dyn Read>, name: &str, dimension: usize) -> Self {
        Points {
            reader: BufReader::new(reader),
            name: name.into(),
            dimension,
            line: 0,
        }
    }

    /// The next points, empty at the end. It waits for one line, and then takes those that are already there: whoever writes
    /// a line and waits for its answer gets it.
    pub fn next_block(&mut self) -> Result<Block, Failure> {
        let mut block = Block::default();
        loop {
            let mut text = Vec::new();
            let read = self.reader.read_until(b'\n', &mut text);
            if read.map_err(|error| self.wrong(&error.to_string()))? == 0 {
                return Ok(block);
            }
            self.line += 1;
            let text = String::from_utf8_lossy(&text);
            // A point in no dimensions is a blank line.
            if !text.trim().is_empty() || self.dimension == 0 {
                self.take(&text, &mut block)?;
            }
            let more = self.reader.buffer().contains(&b'\n');
            if !block.lines.is_empty() && (!more || block.lines.len() == BLOCK) {
                return Ok(block);
            }
        }
    }

    fn take(&self, text: &str, block: &mut Block) -> Result<(), Failure> {
        let words = text
            .split(|c: char| c.is_whitespace() || c == ',')
            .filter(|word| !word.is_empty());
        let before = block.numbers.len();
        for word in words {
            let number = word
                .parse()
                .map_err(|_| self.wrong(&format!("`{word}` is not a number")))?;
            block.numbers.push(number);
        }
        let found = block.numbers.len() - before;
        if found != self.dimension {
            let expected = self.dimension;
            return Err(self.wrong(&format!(
                "a point has {expected} numbers, but here are {found}"
            )));
        }
        block.lines.push(self.line);
        Ok(())
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::Model(format!("{}, line {}: {what}", self.name, self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &'static str) -> Points {
        Points::new(Box::new(text.as_bytes()), "points", 2)
    }

    #[test]
    fn numbers_are_separated_by_blanks_or_commas() {
        let block = points("1 2\n\n 3,-4e-1\r\n5,\t6").next_block().unwrap();
        assert_eq!(block.numbers, [1., 2., 3., -0.4, 5., 6.][..4]);
        assert_eq!(block.lines, [1, 3]);
    }

    #[test]
    fn a_last_line_without_its_end_is_a_point_too() {
        let mut points = points("1 2\n3 4");
        assert_eq!(points.next_block().unwrap().lines, [1]);
        assert_eq!(points.next_block().unwrap().numbers, [3., 4.]);
        assert_eq!(points.next_block().unwrap(), Block::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let message = |text| match points(text).next_block() {
            Err(Failure::Model(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(message("1 2\n1 x\n"), "points, line 2: `x` is not a number");
        assert_eq!(
            message("1 2 3"),
            "points, line 1: a point has 2 numbers, but here are 3"
        );
    }
}
