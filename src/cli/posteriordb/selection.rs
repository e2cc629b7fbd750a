//! Which posteriors are meant.

use firebrand::core::{SourceError, nearest};
use firebrand_posteriordb::{Database, Entry};

use crate::cli::Failure;

/// A posterior that was chosen, with its record.
pub struct Chosen {
    /// The name of its file.
    pub name: String,
    /// Its record, or what is wrong with it.
    pub entry: Result<Entry, SourceError>,
}

/// The posteriors whose names match the pattern, in order; or only those with reference draws. One whose record is broken may have
/// some, so it is among them.
///
/// # Errors
/// A pattern that nothing matches.
pub fn select(
    database: &Database,
    pattern: Option<&str>,
    reference_only: bool,
) -> Result<Vec<Chosen>, Failure> {
    let mut names = database.names()?;
    if let Some(pattern) = pattern {
        let nearest = nearest(pattern, names.iter().map(String::as_str)).map(str::to_string);
        names.retain(|name| matches(pattern, name));
        if names.is_empty() {
            let hint = match nearest {
                Some(name) => format!("; did you mean `{name}`?"),
                None => "; `*` stands for any text, as in 'kidiq*'".into(),
            };
            return Err(Failure::Usage(format!(
                "PosteriorDB has no posterior that matches `{pattern}`{hint}"
            )));
        }
    }
    let chosen = names.into_iter().map(|name| Chosen {
        entry: database.entry(&name),
        name,
    });
    let wanted = |chosen: &Chosen| match &chosen.entry {
        Ok(entry) => !reference_only || database.reference_file(entry).is_some(),
        Err(_) => true,
    };
    Ok(chosen.filter(wanted).collect())
}

/// Whether a pattern stands for the whole text: `*` for any part of it, `?` for any character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut characters = pattern.chars();
    match characters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = characters.as_str();
            let mut tails = text.char_indices().map(|(at, _)| &text[at..]);
            tails.any(|tail| matches(rest, tail)) || matches(rest, "")
        }
        Some(wanted) => {
            let mut found = text.chars();
            found
                .next()
                .is_some_and(|first| wanted == '?' || wanted == first)
                && matches(characters.as_str(), found.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_stand_for_whole_names() {
        for (pattern, name) in [
            ("arK-arK", "arK-arK"),
            ("*", ""),
            ("*", "arK"),
            ("kidiq*", "kidiq-kidscore_momiq"),
            ("*mom?q", "kidiq-kidscore_momiq"),
            ("*-*_*", "kidiq-kidscore_momiq"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("", "arK"),
            ("arK", "arK-arK"),
            ("?", ""),
            ("*mom", "kidscore_momiq"),
            ("ark*", "arK-arK"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
