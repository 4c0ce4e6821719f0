//! What a template says once it is filled in: a head of `Key: value` lines, an empty line, paragraphs.
//!
//! One wording serves both bodies of a mail, so that they cannot disagree. The paragraph that is the link
//! and nothing else becomes the button of the HTML.

use std::collections::BTreeMap;

/// The width of plain text, in characters; a longer word, such as a link, stays whole.
const WIDTH: usize = 76;

/// A letter's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wording {
    pub subject: String,
    /// What stands on the button, where there is a link.
    pub button: Option<String>,
    pub parts: Vec<Part>,
}

/// A paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// It is the link.
    pub is_link: bool,
    pub lines: Vec<String>,
}

/// What all letters of a language share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Common {
    pub greeting: String,
    /// Stands above the address below a button.
    pub copy: String,
    pub footer: String,
}

/// What is wrong with a text, and in which of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub line: usize,
    pub problem: String,
}

fn fault<T>(line: usize, problem: impl Into<String>) -> Result<T, Fault> {
    let problem = problem.into();
    Err(Fault { line, problem })
}

/// Reads a letter that should show `link`, where it has one.
pub(super) fn letter(text: &str, link: Option<&str>) -> Result<Wording, Fault> {
    let keys: &[&str] = if link.is_some() {
        &["Subject", "Button"]
    } else {
        &["Subject"]
    };
    let (mut head, body) = head(text, keys)?;
    let parts = parts(body, link);
    let links = parts.iter().filter(|part| part.is_link).count();
    if parts.len() == links {
        return fault(1, "the letter says nothing: write paragraphs below an empty line");
    }
    if links != usize::from(link.is_some()) {
        return fault(1, "the letter needs `{{ link }}` once, as a paragraph of its own");
    }
    Ok(Wording {
        subject: head.remove("Subject").unwrap_or_default(),
        button: head.remove("Button"),
        parts,
    })
}

/// Reads what the letters of a language share.
pub(super) fn common(text: &str) -> Result<Common, Fault> {
    let (mut head, rest) = head(text, &["Greeting", "Copy", "Footer"])?;
    if !rest.trim().is_empty() {
        let line = text.trim_end().lines().count();
        return fault(
            line,
            "only the lines `Greeting:`, `Copy:` and `Footer:` stand here",
        );
    }
    let mut take = |key| head.remove(key).unwrap_or_default();
    Ok(Common {
        greeting: take("Greeting"),
        copy: take("Copy"),
        footer: take("Footer"),
    })
}

/// The values of `keys`, each of which stands once in the lines before the first empty one; and what follows.
fn head<'a>(
    text: &'a str,
    keys: &[&'static str],
) -> Result<(BTreeMap<&'static str, String>, &'a str), Fault> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    for number in 1.. {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        if line.trim().is_empty() {
            break;
        }
        let known = line
            .split_once(':')
            .and_then(|(key, value)| Some((keys.iter().find(|known| **known == key)?, value.trim())));
        let Some((key, value)) = known else {
            let wanted = keys.join(":` or `");
            return fault(
                number,
                format!("write `{wanted}:` and its text, or an empty line before the paragraphs"),
            );
        };
        if value.is_empty()
            || value.contains(char::is_control)
            || found.insert(*key, value.to_owned()).is_some()
        {
            return fault(number, format!("write `{key}:` once, with a text"));
        }
    }
    match keys.iter().find(|key| !found.contains_key(**key)) {
        Some(missing) => fault(1, format!("`{missing}:` is missing above the first empty line")),
        None => Ok((found, rest)),
    }
}

fn parts(body: &str, link: Option<&str>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for line in body.lines().map(str::trim).chain([""]) {
        if !line.is_empty() {
            lines.push(line.to_owned());
        } else if !lines.is_empty() {
            let is_link = link.is_some_and(|link| lines == [link]);
            parts.push(Part {
                is_link,
                lines: std::mem::take(&mut lines),
            });
        }
    }
    parts
}

/// The paragraphs as plain text, in lines of a width that is read with ease.
pub(super) fn plain(parts: &[Part]) -> String {
    let part = |part: &Part| {
        part.lines
            .iter()
            .map(|line| wrap(line))
            .collect::<Vec<_>>()
            .join("\n")
    };
    parts.iter().map(part).collect::<Vec<_>>().join("\n\n")
}

fn wrap(line: &str) -> String {
    let mut wrapped = String::with_capacity(line.len() + 8);
    let mut width = 0;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if width > 0 {
            let fits = width + 1 + length <= WIDTH;
            wrapped.push(if fits { ' ' } else { '\n' });
            width = if fits { width + 1 } else { 0 };
        }
        wrapped.push_str(word);
        width += length;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "https://auth.example.org/x";

    #[test]
    fn a_letter_is_a_head_and_paragraphs_of_which_one_is_the_link() {
        let text = format!("Subject: Hello: you\nButton: Go\n\none\ntwo\n\n\n  {LINK}\n\nlast {LINK}\n");
        let wording = letter(&text, Some(LINK)).unwrap();
        assert_eq!(
            (wording.subject.as_str(), wording.button.as_deref()),
            ("Hello: you", Some("Go"))
        );
        let kinds: Vec<(bool, usize)> = wording
            .parts
            .iter()
            .map(|part| (part.is_link, part.lines.len()))
            .collect();
        assert_eq!(kinds, [(false, 2), (true, 1), (false, 1)]);
        assert_eq!(
            plain(&wording.parts),
            format!("one\ntwo\n\n{LINK}\n\nlast {LINK}")
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, link, line, about) in [
            ("", None, 1, "Subject"),
            ("\nSubject: x\n\nbody", None, 1, "Subject"),
            ("Subject: x\nno key\n\nbody", None, 2, "Subject"),
            ("Subject: x\nSubject: y\n\nbody", None, 2, "once"),
            ("Subject:\n\nbody", None, 1, "with a text"),
            ("Subject: a\u{7}b\n\nbody", None, 1, "with a text"),
            ("Subject: x\n", None, 1, "says nothing"),
            ("Subject: x\nButton: y\n\nbody", None, 2, "Subject"),
            ("Subject: x\n\nbody", Some(LINK), 1, "Button"),
            ("Subject: x\nButton: y\n\nbody", Some(LINK), 1, "{{ link }}"),
            (
                "Subject: x\nButton: y\n\nbody https://auth.example.org/x",
                Some(LINK),
                1,
                "{{ link }}",
            ),
        ] {
            let fault = letter(text, link).unwrap_err();
            assert_eq!(fault.line, line, "{text:?}: {fault:?}");
            assert!(fault.problem.contains(about), "{text:?}: {fault:?}");
        }
        let whole = "Greeting: a\nCopy: b\nFooter: c\n";
        assert!(common(whole).is_ok());
        assert_eq!(common(&format!("{whole}\nmore")).unwrap_err().line, 5);
        assert!(
            common("Greeting: a\nCopy: b\n")
                .unwrap_err()
                .problem
                .contains("Footer")
        );
    }

    #[test]
    fn lines_are_wrapped_between_words_and_long_words_stay_whole() {
        let long = format!(
            "{} https://{}.example.org/ {}",
            "слово ".repeat(20).trim(),
            "x".repeat(90),
            "end"
        );
        let wrapped = wrap(&long);
        for line in wrapped.lines() {
            assert!(line.chars().count() <= WIDTH || !line.contains(' '), "{line}");
        }
        assert_eq!(wrapped.replace('\n', " "), long);
        assert!(wrapped.lines().next().unwrap().chars().count() > 70);
    }
}
