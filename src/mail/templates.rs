//! The templates of letters: those that are compiled in, and over them the files of an operator's folder.
//!
//! The folder is laid out as `templates/` beside this file: `layout.html`, `layout.txt`, and a folder for
//! each language. What it lacks is taken from here, but a language that is not here must be there as a
//! whole. Only files are ever templates: nothing that a person typed is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use super::Letter;
use super::language::Language;

/// The template that every language has beside those of the letters.
pub(super) const COMMON: &str = "common";
/// The look of both bodies.
pub(super) const LAYOUTS: [&str; 2] = ["layout.html", "layout.txt"];

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "layout.html",
    "layout.txt",
    "en/common.txt",
    "en/activation.txt",
    "en/already_registered.txt",
    "en/recovery.txt",
    "en/invitation.txt",
    "en/identity_linked.txt",
    "en/identity_unlinked.txt",
    "en/password_changed.txt",
    "en/email_change.txt",
    "en/email_change_asked.txt",
    "en/email_changed.txt",
    "en/new_device.txt",
    "en/secured.txt",
    "en/account_deleted.txt",
    "en/token_reuse.txt",
    "ru/common.txt",
    "ru/activation.txt",
    "ru/already_registered.txt",
    "ru/recovery.txt",
    "ru/invitation.txt",
    "ru/identity_linked.txt",
    "ru/identity_unlinked.txt",
    "ru/password_changed.txt",
    "ru/email_change.txt",
    "ru/email_change_asked.txt",
    "ru/email_changed.txt",
    "ru/new_device.txt",
    "ru/secured.txt",
    "ru/account_deleted.txt",
    "ru/token_reuse.txt",
];

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The file; for what is compiled in, the template's name.
    pub file: String,
    pub line: Option<usize>,
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// The compiled templates.
#[derive(Debug)]
pub(super) struct Templates {
    engine: Environment<'static>,
    /// Where those came from that are not compiled in.
    files: BTreeMap<String, PathBuf>,
    languages: BTreeSet<Language>,
}

impl Templates {
    /// Those that are compiled in.
    pub(super) fn built_in() -> Self {
        let mut templates = Self {
            engine: engine(),
            files: BTreeMap::new(),
            languages: BTreeSet::new(),
        };
        for (name, source) in BUILT_IN {
            #[expect(clippy::expect_used, reason = "compiled in, and a test renders each")]
            templates
                .engine
                .add_template(name, source)
                .expect("a template that is compiled in can be read");
            templates.languages.extend(language_of(name));
        }
        templates
    }

    /// Those, and over them the files in `folder`.
    ///
    /// # Errors
    /// Everything that is wrong with the folder, at once.
    pub(super) fn with_folder(folder: &Path) -> Result<Self, Vec<Fault>> {
        let mut templates = Self::built_in();
        let mut faults = Vec::new();
        match files_in(folder) {
            Ok(files) => {
                for path in files {
                    if let Err(fault) = templates.add(folder, path) {
                        faults.push(fault);
                    }
                }
            }
            Err(error) => faults.push(unreadable(folder, &error)),
        }
        templates.note_missing(folder, &mut faults);
        if faults.is_empty() {
            Ok(templates)
        } else {
            Err(faults)
        }
    }

    /// The languages that every letter is there in.
    pub(super) fn languages(&self) -> &BTreeSet<Language> {
        &self.languages
    }

    /// Fills in the template `name`.
    pub(super) fn fill(&self, name: &str, values: &Value) -> Result<String, Fault> {
        self.engine
            .get_template(name)
            .and_then(|template| template.render(values))
            .map_err(|error| self.fault(name, &error))
    }

    /// A fault at `line` of the template `name`.
    pub(super) fn fault_at(&self, name: &str, line: Option<usize>, problem: String) -> Fault {
        let file = self.files.get(name).map(|path| path.display().to_string());
        Fault {
            file: file.unwrap_or_else(|| name.to_owned()),
            line,
            problem,
        }
    }

    fn fault(&self, name: &str, error: &Error) -> Fault {
        // An included template is named where the fault is in it.
        let name = error.name().unwrap_or(name);
        let mut problem = error.kind().to_string();
        if let Some(detail) = error.detail() {
            problem = format!("{problem}: {detail}");
        }
        self.fault_at(name, error.line(), problem)
    }

    fn add(&mut self, folder: &Path, path: PathBuf) -> Result<(), Fault> {
        let name = name_of(folder, &path).filter(|name| is_template(name));
        let Some(name) = name else {
            return Err(Fault {
                file: path.display().to_string(),
                line: None,
                problem: "is no template: there are layout.html, layout.txt, and for each language a folder \
                    such as en with common.txt and the letters"
                    .to_owned(),
            });
        };
        let source = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        self.files.insert(name.clone(), path);
        self.languages.extend(language_of(&name));
        self.engine
            .add_template_owned(name.clone(), source)
            .map_err(|error| self.fault(&name, &error))
    }

    /// Notes what a language of the folder's own does not have.
    fn note_missing(&self, folder: &Path, faults: &mut Vec<Fault>) {
        let built_in = |name: &str| BUILT_IN.iter().any(|(known, _)| *known == name);
        for language in &self.languages {
            for part in std::iter::once(COMMON).chain(Letter::KINDS) {
                let name = format!("{language}/{part}.txt");
                if !built_in(&name) && !self.files.contains_key(&name) {
                    faults.push(Fault {
                        file: folder.join(&name).display().to_string(),
                        line: None,
                        problem: format!("is missing: the language {language} needs every letter"),
                    });
                }
            }
        }
    }
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|name| match name.strip_suffix(".html") {
        Some(_) => AutoEscape::Html,
        None => AutoEscape::None,
    });
    engine
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault {
        file: path.display().to_string(),
        line: None,
        problem: format!("cannot be read: {error}"),
    }
}

/// The files of a folder and of the folders in it, without hidden ones (editors and mounted volumes leave some).
fn files_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), true)];
    while let Some((folder, deeper)) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // Follows links, which is how volumes are mounted.
            if deeper && entry.path().is_dir() {
                folders.push((entry.path(), false));
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The template that the file at `path` stands for: its way from `folder`, with slashes.
fn name_of(folder: &Path, path: &Path) -> Option<String> {
    let way = path.strip_prefix(folder).ok()?;
    let parts: Option<Vec<&str>> = way.iter().map(std::ffi::OsStr::to_str).collect();
    Some(parts?.join("/"))
}

fn is_template(name: &str) -> bool {
    let Some((language, file)) = name.split_once('/') else {
        return LAYOUTS.contains(&name);
    };
    let known = file
        .strip_suffix(".txt")
        .is_some_and(|part| part == COMMON || Letter::KINDS.contains(&part));
    known && Language::parse(language).is_some_and(|parsed| parsed.as_str() == language)
}

fn language_of(name: &str) -> Option<Language> {
    Language::parse(name.split_once('/')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_that_is_compiled_in_is_whole() {
        let templates = Templates::built_in();
        let languages: Vec<&str> = templates.languages().iter().map(Language::as_str).collect();
        assert_eq!(languages, ["en", "ru"]);
        let mut faults = Vec::new();
        templates.note_missing(Path::new("/"), &mut faults);
        assert_eq!(faults, []);
        let wanted = LAYOUTS.len() + languages.len() * (Letter::KINDS.len() + 1);
        assert_eq!(BUILT_IN.len(), wanted, "and nothing else is");
    }

    #[test]
    fn a_template_has_a_known_place() {
        for name in [
            "layout.html",
            "en/common.txt",
            "de/activation.txt",
            "pt-br/token_reuse.txt",
        ] {
            assert!(is_template(name), "{name}");
        }
        for name in [
            "activation.txt",
            "en/layout.html",
            "en/activation.html",
            "en/activaton.txt",
            "EN/activation.txt",
            "e/activation.txt",
            "en/x/activation.txt",
            "../en/activation.txt",
        ] {
            assert!(!is_template(name), "{name}");
        }
    }
}
