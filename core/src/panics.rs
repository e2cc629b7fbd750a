//! Panics of plugins, which are errors of a run: its record outlives them.

use std::any::Any;
use std::cell::Cell;
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A panic that was caught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Panic {
    /// Of a function that cannot return the error it has: a sentence.
    Told(String),
    /// Of code that went wrong: what it said.
    Fault(String),
}

impl Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Panic::Told(sentence) => f.write_str(sentence),
            Panic::Fault(message) => write!(f, "a plugin panicked: {message}"),
        }
    }
}

/// What [`tell`] panics with.
struct Sentence(String);

thread_local! {
    /// How many [`caught`] are under way.
    static CATCHERS: Cell<usize> = const { Cell::new(0) };
}

/// Panics with an error that a function cannot return. Under [`caught`] without a word on the terminal: what becomes of the error is said
/// once, by whoever caught it.
pub(crate) fn tell(sentence: String) -> ! {
    match CATCHERS.get() {
        0 => panic!("{sentence}"),
        _ => resume_unwind(Box::new(Sentence(sentence))),
    }
}

/// Runs what calls a plugin; its panic becomes an `error`.
pub fn caught<T, E>(
    work: impl FnOnce() -> Result<T, E>,
    error: impl FnOnce(Panic) -> E,
) -> Result<T, E> {
    CATCHERS.set(CATCHERS.get() + 1);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CATCHERS.set(CATCHERS.get() - 1);
    outcome.unwrap_or_else(|panic| Err(error(read(panic))))
}

fn read(panic: Box<dyn Any + Send>) -> Panic {
    let message = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => match panic.downcast::<&str>() {
            Ok(message) => message.to_string(),
            Err(_) => "no message".into(),
        },
    };
    match panic.downcast::<Sentence>() {
        Ok(sentence) => Panic::Told(sentence.0),
        Err(panic) => Panic::Fault(message(panic)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(work: impl FnOnce()) -> Panic {
        let work = || {
            work();
            Ok(())
        };
        caught(work, |panic| panic).unwrap_err()
    }

    #[test]
    fn a_panic_keeps_its_words_whatever_it_was_made_with() {
        assert_eq!(
            of(|| tell("`late` broke".into())).to_string(),
            "`late` broke"
        );
        for (panic, words) in [
            (of(|| panic!("still")), "a plugin panicked: still"),
            (of(|| panic!("{}", 1 + 1)), "a plugin panicked: 2"),
            (
                of(|| resume_unwind(Box::new(7))),
                "a plugin panicked: no message",
            ),
        ] {
            assert_eq!(panic.to_string(), words);
        }
    }
}
