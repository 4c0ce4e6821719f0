//! Rendering letters: subject, text and HTML.
//!
//! A letter's template gives its words, once; two layouts make a text and an HTML of them, which is escaped
//! by the engine. Built-in subjects hold nothing that a person typed. A name is shown only where it cannot
//! pass for a link: strangers choose the name in a letter that goes to an address which is not theirs.

use std::net::SocketAddr;

use minijinja::{Value, context};

use super::language::{Language, Languages};
use super::templates::{COMMON, Fault, Templates};
use super::wording::{self, Part};
use super::{Letter, SettingError};
use crate::config::{self, Config, Links, Palette, PublicUrl, Site};
use crate::email::Email;
use crate::line;
use crate::secret::PlainToken;

/// Names of this length or less appear in a greeting.
const GREETED_LENGTH: usize = 60;

/// A letter, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
    pub links: Vec<String>,
}

/// Puts letters into words.
#[derive(Debug)]
pub(super) struct Renderer {
    /// With what an operator changed.
    own: Templates,
    /// For what cannot happen: the operator's templates were all rendered at the start.
    built_in: Templates,
    languages: Languages,
    brand: Site,
}

impl Renderer {
    /// Reads the templates, and renders every letter in every language once.
    ///
    /// # Errors
    /// Everything that is wrong, each with the key that it is about.
    pub(super) fn new(config: &config::Mail, brand: &Site) -> Result<Self, Vec<SettingError>> {
        let about_templates = |faults: Vec<Fault>| -> Vec<SettingError> {
            let told = faults.iter().map(ToString::to_string);
            let error = |problem| SettingError {
                key: "mail.templates",
                problem,
            };
            told.map(error).collect()
        };
        let own = match &config.templates {
            Some(folder) => Templates::with_folder(folder).map_err(about_templates)?,
            None => Templates::built_in(),
        };
        check(&own, brand).map_err(about_templates)?;
        let default = Language::parse(config.language.trim());
        let Some(default) = default.filter(|language| own.languages().contains(language)) else {
            let known: Vec<String> = own.languages().iter().map(ToString::to_string).collect();
            let problem = format!("there are no letters in it; write one of {}", known.join(", "));
            return Err(vec![SettingError {
                key: "mail.language",
                problem,
            }]);
        };
        let languages = Languages {
            known: own.languages().clone(),
            default,
        };
        Ok(Self {
            own,
            built_in: Templates::built_in(),
            languages,
            brand: brand.clone(),
        })
    }

    pub(super) fn languages(&self) -> &Languages {
        &self.languages
    }

    /// Never fails: where an operator's template does, with values that it was not tried with, the
    /// built-in one takes its place.
    pub(super) fn render(
        &self,
        letter: &Letter,
        language: &Language,
        site: &PublicUrl,
        links: &Links,
    ) -> Rendered {
        let filling = Filling::of(letter, site, links, &self.brand);
        write(&self.own, language, &filling).unwrap_or_else(|fault| {
            tracing::error!(%fault, "a mail template failed; the built-in one is used");
            let english = Language::parse("en");
            let known = self.built_in.languages().contains(language);
            let language = if known {
                language
            } else {
                english.as_ref().unwrap_or(language)
            };
            #[expect(clippy::expect_used, reason = "compiled in, and a test renders each")]
            write(&self.built_in, language, &filling).expect("a template that is compiled in can be rendered")
        })
    }
}

/// What a letter's template is filled in with.
struct Filling {
    kind: &'static str,
    link: Option<String>,
    values: Value,
}

impl Filling {
    fn of(letter: &Letter, site: &PublicUrl, links: &Links, brand: &Site) -> Self {
        let link = letter.link(site, links);
        let (device, ip) = letter.device_and_ip();
        let [light, dark] = brand.palettes();
        let values = context! {
            name => letter.name().filter(|name| is_presentable(name)),
            device => device.filter(|device| is_presentable(device)),
            ip,
            wanted => letter.wanted().map(Email::as_str),
            provider => letter.provider(),
            one_stays => letter.one_stays(),
            unlinked => letter.unlinked(),
            by_provider => letter.by_provider(),
            link => link.as_deref(),
            site => brand.name.as_deref().or(site.url().host_str()).unwrap_or_default(),
            light => colours(light),
            dark => colours(dark),
        };
        let kind = letter.kind();
        Self { kind, link, values }
    }
}

fn write(templates: &Templates, language: &Language, with: &Filling) -> Result<Rendered, Fault> {
    let name = format!("{language}/{}.txt", with.kind);
    let common_name = format!("{language}/{COMMON}.txt");
    let told = |name: &str, fault: wording::Fault| templates.fault_at(name, Some(fault.line), fault.problem);
    let words = templates.fill(&name, &with.values)?;
    let letter = wording::letter(&words, with.link.as_deref()).map_err(|fault| told(&name, fault))?;
    let words = templates.fill(&common_name, &with.values)?;
    let common = wording::common(&words).map_err(|fault| told(&common_name, fault))?;
    let values = context! {
        language => language.as_str(),
        letter => with.kind,
        subject => letter.subject.as_str(),
        greeting => common.greeting,
        parts => letter.parts.iter().map(shown).collect::<Vec<Value>>(),
        text => wording::plain(&letter.parts),
        button => letter.button,
        copy => common.copy,
        footer => common.footer,
        ..with.values.clone()
    };
    Ok(Rendered {
        text: templates.fill("layout.txt", &values)?,
        // The engine also escapes slashes, which HTML does not ask for: links stay readable without.
        html: templates.fill("layout.html", &values)?.replace("&#x2f;", "/"),
        subject: letter.subject,
        links: with.link.iter().cloned().collect(),
    })
}

/// Of a theme what a layout needs.
fn colours(palette: Palette) -> Value {
    context! { accent => palette.accent.to_string(), ink => palette.ink.to_string() }
}

fn shown(part: &Part) -> Value {
    context! { is_link => part.is_link, lines => part.lines.clone() }
}

/// Renders every letter in every language, with all that can be left out and without.
fn check(templates: &Templates, brand: &Site) -> Result<(), Vec<Fault>> {
    let site = PublicUrl::new(
        &Config::for_development(),
        SocketAddr::from(([127, 0, 0, 1], 8080)),
    );
    let (token, links) = (PlainToken::presented("token"), Links::default());
    #[expect(clippy::expect_used, reason = "it is an address")]
    let email = Email::parse("ada@example.org").expect("an address");
    let mut faults = Vec::new();
    for language in templates.languages() {
        for name in [Some("Ada"), None] {
            for letter in Letter::samples(name, &token, &email) {
                let filling = Filling::of(&letter, &site, &links, brand);
                let result = write(templates, language, &filling)
                    .and_then(|mail| is_whole(templates, &filling, &mail));
                faults.extend(result.err().filter(|fault| !faults.contains(fault)));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// A layout that leaves out the link makes letters of no use.
fn is_whole(templates: &Templates, with: &Filling, mail: &Rendered) -> Result<(), Fault> {
    let link = with.link.as_deref().unwrap_or_default();
    for (layout, body) in [("layout.html", &mail.html), ("layout.txt", &mail.text)] {
        if body.trim().is_empty() || !body.contains(link) {
            let problem = "does not show the letter's paragraphs and its link".to_owned();
            return Err(templates.fault_at(layout, None, problem));
        }
    }
    Ok(())
}

/// Whether `text` may stand in a letter: short, one line, and nothing in it that a mail program would
/// turn into a link or an address.
fn is_presentable(text: &str) -> bool {
    // full stops of other scripts, which IDNA reads as dots, are dots
    let is_dot = |c: char| matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    let chars: Vec<char> = text.chars().collect();
    let host_like = chars
        .windows(3)
        .any(|w| is_dot(w[0]) && w[1].is_alphanumeric() && w[2].is_alphanumeric());
    !text.trim().is_empty()
        && chars.len() <= GREETED_LENGTH
        && !host_like
        && !text.contains("://")
        && !text.contains('@')
        && !text.contains(line::is_unsafe)
}

#[cfg(test)]
mod tests;
