//! How much a pickle would make in memory, found out before anything is made.
//!
//! A pickle is a program for a stack of objects with a memo beside it, and can copy what it has made: a few kilobytes that copy
//! a long text a million times are terabytes. So its objects are first only weighed.
//!
//! <https://github.com/python/cpython/blob/main/Lib/pickletools.py>

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

/// What an object takes beside the bytes of its text.
const OBJECT: u64 = 128;
/// What a place in a list adds to the name of a tensor there, at most.
const INDEX: u64 = 20;
/// All objects of a pickle may take this; those of a state dict of ten thousand tensors take a tenth of it.
const MOST: u64 = 1 << 30;

/// An object on the stack or in the memo.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// The bytes that it takes with all that is in it.
    weight: u64,
    /// The length of its text, if it is one.
    text: u64,
    /// The tensors in it.
    tensors: u64,
    /// Where in the memo it is, too.
    memo: Option<u32>,
}

/// The machine, with weights in place of objects.
#[derive(Default)]
struct Scale {
    stack: Vec<Slot>,
    /// Heights of the stack where groups begin.
    marks: Vec<usize>,
    memo: HashMap<u32, Slot>,
    /// The bytes of all that was made or copied.
    made: u64,
}

/// Reads one pickle to its end.
///
/// # Errors
/// If it is none, or takes too much memory.
pub(super) fn check(input: &mut impl BufRead) -> Result<(), String> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "its description of the tensors is cut short".to_string(),
        _ => format!("its description of the tensors is broken: {error}"),
    };
    let mut scale = Scale::default();
    while scale.step(input).map_err(broken)? {
        if scale.made > MOST {
            let most = MOST >> 30;
            return Err(format!(
                "its description of the tensors, without their numbers, takes more than {most} GiB of memory"
            ));
        }
    }
    Ok(())
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Scale {
    /// Runs one instruction; false at the last.
    fn step(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        let code = number(input, 1)?;
        match code as u8 {
            b'.' => return Ok(false),
            // The protocol, and the length of a frame.
            0x80 => skip(input, 1)?,
            0x95 => skip(input, 8)?,
            // Numbers and the like, and what is empty.
            b'N' | 0x88 | 0x89 | b')' | b']' | b'}' | 0x8f => self.text(0),
            b'K' => self.next_text(input, 1)?,
            b'M' => self.next_text(input, 2)?,
            b'J' => self.next_text(input, 4)?,
            b'G' => self.next_text(input, 8)?,
            // Texts and bytes: to the end of the line, or after their length.
            b'I' | b'L' | b'F' | b'V' | b'P' => {
                let text = line(input)?;
                self.text(text.len() as u64);
            }
            b'c' => {
                let text = [line(input)?, line(input)?].concat();
                self.text(text.len() as u64);
            }
            0x8a | 0x8c | b'U' | b'C' => {
                let length = number(input, 1)?;
                self.next_text(input, length)?;
            }
            0x8b | b'X' | b'T' | b'B' => {
                let length = number(input, 4)?;
                self.next_text(input, length)?;
            }
            0x8d | 0x8e | 0x96 => {
                let length = number(input, 8)?;
                self.next_text(input, length)?;
            }
            // What is made of a group, or of the last few objects.
            b'(' => {
                self.made += OBJECT;
                self.marks.push(self.stack.len());
            }
            b't' | b'l' | b'd' | 0x91 => {
                let group = self.group()?;
                self.make(group);
            }
            0x85 => self.join(1)?,
            0x86 | 0x93 | b'R' | 0x81 => self.join(2)?,
            0x87 | 0x92 => self.join(3)?,
            // What says where numbers are, of which a call makes a tensor.
            b'Q' => {
                self.join(1)?;
                self.top()?.tensors += 1;
            }
            // What is put into a list or a dict, or is the state of an object.
            b'a' => {
                let item = self.last(1)?;
                self.put_in(item)?;
            }
            b's' => {
                let item = self.last(2)?;
                self.put_in(item)?;
            }
            b'e' | b'u' | 0x90 => {
                let group = self.group()?;
                self.put_in(group)?;
            }
            b'b' => {
                let state = self.last(1)?;
                self.put_in(state)?;
                // The memo has the object with it, too.
                if let Some(index) = self.top()?.memo.take() {
                    self.keep(index)?;
                }
            }
            b'0' if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
            }
            b'0' => {
                self.last(1)?;
            }
            b'1' => {
                self.group()?;
            }
            b'2' => {
                let top = *self.top()?;
                self.copy(top);
            }
            // From the memo, and into it.
            b'g' => {
                let index = index(input)?;
                self.recall(index)?;
            }
            b'h' => {
                let index = number(input, 1)?;
                self.recall(index as u32)?;
            }
            b'j' => {
                let index = number(input, 4)?;
                self.recall(index as u32)?;
            }
            b'p' => {
                let index = index(input)?;
                self.keep(index)?;
            }
            b'q' => {
                let index = number(input, 1)?;
                self.keep(index as u32)?;
            }
            b'r' => {
                let index = number(input, 4)?;
                self.keep(index as u32)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            other => {
                let what = format!("{other:#04x} is no instruction");
                return Err(broken(&what));
            }
        }
        Ok(true)
    }

    /// A new object with a text of this length.
    fn text(&mut self, text: u64) {
        let weight = OBJECT + text;
        self.copy(Slot {
            weight,
            text,
            ..Slot::default()
        });
    }

    /// A new object with a text of this length, which is next.
    fn next_text(&mut self, input: &mut impl BufRead, text: u64) -> io::Result<()> {
        skip(input, text)?;
        self.text(text);
        Ok(())
    }

    /// A new object that has others in it.
    fn make(&mut self, others: Slot) {
        self.made += OBJECT;
        self.stack.push(Slot {
            weight: OBJECT + others.weight,
            ..others
        });
    }

    /// Makes one object of the last ones.
    fn join(&mut self, count: usize) -> io::Result<()> {
        let others = self.last(count)?;
        self.make(others);
        Ok(())
    }

    /// Puts what was taken away into the object that is then the last.
    fn put_in(&mut self, others: Slot) -> io::Result<()> {
        let top = self.top()?;
        top.weight += others.weight;
        top.tensors += others.tensors;
        Ok(())
    }

    fn copy(&mut self, slot: Slot) {
        self.made += slot.weight;
        self.stack.push(slot);
    }

    fn recall(&mut self, index: u32) -> io::Result<()> {
        let kept = self.memo.get(&index);
        let kept = *kept.ok_or_else(|| broken("it takes what it has not kept"))?;
        self.copy(kept);
        Ok(())
    }

    fn keep(&mut self, index: u32) -> io::Result<()> {
        let top = self.top()?;
        top.memo = Some(index);
        let top = *top;
        self.made += top.weight;
        self.memo.insert(index, top);
        Ok(())
    }

    /// Where the last group begins, or the stack.
    fn bottom(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&mut self) -> io::Result<&mut Slot> {
        let bottom = self.bottom();
        let group = self.stack.get_mut(bottom..);
        let top = group.and_then(<[Slot]>::last_mut);
        top.ok_or_else(|| broken("it takes what it has not made"))
    }

    /// Takes the last objects away.
    fn last(&mut self, count: usize) -> io::Result<Slot> {
        let from = self.stack.len().checked_sub(count);
        match from.filter(|from| *from >= self.bottom()) {
            Some(from) => Ok(self.take(from)),
            None => Err(broken("it takes what it has not made")),
        }
    }

    /// Takes the objects of the last group away.
    fn group(&mut self) -> io::Result<Slot> {
        let mark = self.marks.pop();
        let mark = mark.ok_or_else(|| broken("a group ends that has not begun"))?;
        Ok(self.take(mark))
    }

    /// Takes objects away, and gives what they are together. Any text of them may be a key, which the names of tensors in the
    /// others then begin with.
    fn take(&mut self, from: usize) -> Slot {
        let (mut all, mut longest) = (Slot::default(), 0);
        for slot in self.stack.drain(from..) {
            all.weight += slot.weight;
            all.tensors += slot.tensors;
            longest = longest.max(slot.text);
        }
        let names = all.tensors.saturating_mul(longest + INDEX);
        self.made = self.made.saturating_add(names);
        all.weight = all.weight.saturating_add(names);
        all
    }
}

/// A number of so many bytes, the smallest first.
fn number(input: &mut impl BufRead, size: usize) -> io::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes[..size])?;
    Ok(u64::from_le_bytes(bytes))
}

/// Passes over so many bytes.
fn skip(input: &mut impl BufRead, count: u64) -> io::Result<()> {
    match io::copy(&mut input.by_ref().take(count), &mut io::sink())? {
        passed if passed == count => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The text up to the end of the line.
fn line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(line),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A place in the memo, as text.
fn index(input: &mut impl BufRead) -> io::Result<u32> {
    let line = line(input)?;
    let text = str::from_utf8(&line).map(|text| text.trim_end_matches('\r'));
    let number = text.ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| broken("a place of the memo is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python writes, by two of its protocols, of a dict with a list twice in it, a set, a tuple, and scalars of all kinds.
    const OLD: [&[u8]; 2] = [
        b"(dp0\nVa\np1\n(lp2\nI1\naI300\naI-1\naL1099511627776L\naL1180591620717411303424L\naF0.5\naNaI01\naV\xfc\np3\nac_codecs\n\
          encode\np4\n(V\xff\np5\nVlatin1\np6\ntp7\nRp8\nasVk\np9\nc__builtin__\nset\np10\n((lp11\nVx\np12\natp13\nRp14\nsVc\np15\n\
          (I1\ntp16\nsVagain\np18\ng2\ns.",
        b"}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01M,\x01Jp\x11\x01\x00L1099511627776L\nG?\xe0\x00\x00\x00\x00\x00\x00NI01\n\
          X\x02\x00\x00\x00\xc3\xbcq\x03c_codecs\nencode\nq\x04(X\x02\x00\x00\x00\xc3\xbfq\x05X\x06\x00\x00\x00latin1q\x06tq\x07\
          Rq\x08eX\x01\x00\x00\x00cq\x0f(K\x01tq\x10X\x05\x00\x00\x00againq\x12h\x02u.",
    ];

    #[test]
    fn a_pickle_is_read_to_its_end_and_no_farther() {
        for pickle in OLD {
            let two = [pickle, b"rest"].concat();
            let mut input = &two[..];
            assert_eq!(check(&mut input), Ok(()));
            assert_eq!(input, b"rest");
            for length in 0..pickle.len() {
                let problem = check(&mut &pickle[..length]).unwrap_err();
                assert!(problem.contains("cut short"), "{problem}");
            }
        }
    }

    #[test]
    fn what_takes_from_an_empty_stack_or_memo_is_broken() {
        for pickle in [
            b"0.".as_slice(),
            b"a.",
            b"K\x01(a.",
            b"K\x01(0K\x01s.",
            b"t.",
            b"(q\x00.",
            b"h\x00.",
            b"gx\n.",
            b"K\x01\x86.",
            b"K\x01(\x85.",
            b"K\x01K\x01(\x86t.",
            b"\xff.",
        ] {
            let problem = check(&mut &pickle[..]).unwrap_err();
            assert!(problem.contains("broken"), "{pickle:?}: {problem}");
        }
        assert_eq!(check(&mut &b"K\x01(0."[..]), Ok(()));
    }

    /// What is kept, and then taken from the memo so many times into a list.
    fn copies(kept: &[u8], count: usize) -> Vec<u8> {
        [b"](", kept, b"q\x00", &b"h\x00".repeat(count), b"e."].concat()
    }

    #[test]
    fn all_that_copies_would_take_counts() {
        let text = [b"a".repeat(10_000), b"\n".to_vec()].concat();
        let in_dict = [b"}(X\x10\x27\x00\x00", &text[..10_000], b"K\x01u"].concat();
        let long = [b"c", &text[..], b"b\n"].concat();
        let wide = [b"(".as_slice(), &b"K\x01".repeat(100), b"t"].concat();
        for kept in [&long, &in_dict, &wide] {
            assert_eq!(check(&mut &copies(kept, 1000)[..]), Ok(()));
            let problem = check(&mut &copies(kept, 200_000)[..]).unwrap_err();
            assert!(problem.contains("more than 1 GiB"), "{problem}");
        }
        // In a dict, the names of so many tensors begin with the text; in a list they do not.
        let tensors = |before: &[u8], end: &[u8]| {
            let list = copies(b")Q", 120_000);
            [before, &list[..list.len() - 1], end, b"."].concat()
        };
        let key = [b"}X\x10\x27\x00\x00", &text[..10_000]].concat();
        assert!(check(&mut &tensors(&key, b"s")[..]).is_err());
        let item = [b"]X\x10\x27\x00\x00", &text[..10_000], b"a"].concat();
        assert_eq!(check(&mut &tensors(&item, b"a")[..]), Ok(()));
    }
}
