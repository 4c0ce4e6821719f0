//! Rendering letters: subject, text and HTML.
//!
//! Each letter has a text template, whose first line is the subject, and an HTML template in one look.
//! The engine escapes HTML; subjects hold nothing that a person typed. A name is shown only where it cannot
//! pass for a link: strangers choose the name in a letter that goes to an address which is not theirs.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::Letter;
use crate::config::{Links, Site};

/// Names of this length or less appear in a greeting.
const GREETED_LENGTH: usize = 60;

/// A letter, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
    pub links: Vec<String>,
}

/// The templates, read once.
pub(super) struct Templates(Environment<'static>);

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "button.html",
    "layout.html",
    "layout.txt",
    "en/account_deleted.html",
    "en/account_deleted.txt",
    "en/activation.html",
    "en/activation.txt",
    "en/already_registered.html",
    "en/already_registered.txt",
    "en/email_change.html",
    "en/email_change.txt",
    "en/email_change_asked.html",
    "en/email_change_asked.txt",
    "en/email_changed.html",
    "en/email_changed.txt",
    "en/invitation.html",
    "en/invitation.txt",
    "en/new_device.html",
    "en/new_device.txt",
    "en/password_changed.html",
    "en/password_changed.txt",
    "en/recovery.html",
    "en/recovery.txt",
    "en/secured.html",
    "en/secured.txt",
    "en/token_reuse.html",
    "en/token_reuse.txt",
];

impl Templates {
    pub(super) fn new() -> Self {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_auto_escape_callback(|name| match name.strip_suffix(".html") {
            Some(_) => AutoEscape::Html,
            None => AutoEscape::None,
        });
        for (name, source) in TEMPLATES {
            #[expect(
                clippy::expect_used,
                reason = "the templates are compiled in, and a test renders each"
            )]
            engine
                .add_template(name, source)
                .expect("a template that is compiled in can be read");
        }
        Self(engine)
    }

    pub(super) fn render(&self, letter: &Letter, site: &Site, links: &Links) -> Rendered {
        let link = letter.link(site, links);
        let (device, ip) = match letter {
            Letter::TokenReuse { device, ip, .. } | Letter::NewDevice { device, ip, .. } => {
                (device.as_deref(), ip.as_deref())
            }
            _ => (None, None),
        };
        let wanted = match letter {
            Letter::EmailChangeAsked { wanted, .. } | Letter::EmailChanged { wanted, .. } => {
                Some(wanted.as_str())
            }
            _ => None,
        };
        let one_stays = matches!(letter, Letter::PasswordChanged { one_stays: true, .. });
        let values = context! {
            name => letter.name().filter(|name| is_presentable(name)),
            device => device.filter(|device| is_presentable(device)),
            ip,
            wanted,
            one_stays,
            link => link.as_deref(),
            site => site.url().host_str().unwrap_or_default(),
        };
        let page = |ending: &str| {
            #[expect(
                clippy::expect_used,
                reason = "the templates are compiled in, and a test renders each"
            )]
            self.0
                .get_template(&format!("en/{}.{ending}", letter.kind()))
                .and_then(|template| template.render(&values))
                .expect("a template that is compiled in can be rendered")
        };
        // The engine also escapes slashes, which HTML does not ask for: links stay readable without.
        let (text, html) = (page("txt"), page("html").replace("&#x2f;", "/"));
        // The first line ends before anything that a person typed begins.
        let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
        Rendered {
            subject: subject.trim().to_owned(),
            text: text.trim_start().to_owned(),
            html,
            links: link.into_iter().collect(),
        }
    }
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
        && !chars.iter().any(|c| c.is_control() || is_invisible(*c))
}

/// Line separators and the marks that turn the direction of writing.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::Email;
    use crate::mail::outbox::tests::site;
    use crate::secret::{PlainToken, Rng};

    fn none() -> Links {
        Links {
            activation: None,
            recovery: None,
            email: None,
        }
    }

    fn letters(name: &str) -> Vec<Letter> {
        let name = Some(name.to_owned());
        let token = PlainToken::generate("", &Rng::seeded(1));
        vec![
            Letter::Activation {
                name: name.clone(),
                token: token.clone(),
            },
            Letter::AlreadyRegistered { name: name.clone() },
            Letter::Recovery {
                name: name.clone(),
                token: token.clone(),
            },
            Letter::Invitation {
                name: name.clone(),
                token: token.clone(),
            },
            Letter::PasswordChanged {
                name: name.clone(),
                one_stays: true,
            },
            Letter::EmailChange {
                name: name.clone(),
                token: Some(token.clone()),
            },
            Letter::EmailChange {
                name: name.clone(),
                token: None,
            },
            Letter::EmailChangeAsked {
                name: name.clone(),
                wanted: Email::parse("new@example.org").unwrap(),
                token: token.clone(),
            },
            Letter::EmailChanged {
                name: name.clone(),
                wanted: Email::parse("new@example.org").unwrap(),
                token: token.clone(),
            },
            Letter::NewDevice {
                name: name.clone(),
                device: name.clone(),
                ip: Some("192.0.2.1".into()),
                token: token.clone(),
            },
            Letter::Secured {
                name: name.clone(),
                token: token.clone(),
            },
            Letter::AccountDeleted { name: name.clone() },
            Letter::TokenReuse {
                name: name.clone(),
                device: name,
                ip: Some("192.0.2.1".into()),
            },
        ]
    }

    #[test]
    fn every_letter_has_a_subject_both_bodies_and_the_same_links_in_both() {
        let templates = Templates::new();
        for letter in letters("Ada Lovelace") {
            let mail = templates.render(&letter, &site(), &none());
            assert!(
                !mail.subject.is_empty() && mail.text.contains("Hello Ada Lovelace"),
                "{}",
                mail.text
            );
            assert!(mail.html.contains("Hello Ada Lovelace") && mail.html.contains("</html>"));
            assert_eq!(mail.links.len(), usize::from(letter.token().is_some()));
            for link in &mail.links {
                assert!(mail.text.contains(link) && mail.html.contains(link));
                assert!(
                    link.starts_with("https://auth.example.org/")
                        && link.contains(letter.token().unwrap().expose())
                );
            }
        }
    }

    #[test]
    fn configured_links_take_the_place_of_the_hubs_own() {
        let links = Links {
            recovery: Some("https://app.example.org/r#t={token}".into()),
            ..none()
        };
        let letter = &letters("Ada")[2];
        let mail = Templates::new().render(letter, &site(), &links);
        assert_eq!(
            mail.links,
            [format!(
                "https://app.example.org/r#t={}",
                letter.token().unwrap().expose()
            )]
        );
        assert!(
            mail.html.contains(&format!("href=\"{}\"", mail.links[0])),
            "{}",
            mail.html
        );
    }

    #[test]
    fn t20_what_a_person_typed_is_escaped_in_html_and_evaluated_nowhere() {
        for name in [
            "<b>Ada</b>",
            "\"><img src=x>",
            "{{ 7*7 }}",
            "{% raw %}",
            "a & b",
            "</td><script>",
        ] {
            for letter in letters(name) {
                let mail = Templates::new().render(&letter, &site(), &none());
                assert!(
                    !mail.html.contains("<b>Ada")
                        && !mail.html.contains("<img")
                        && !mail.html.contains("<script")
                );
                assert!(
                    !mail.html.contains("a & b") && !mail.text.contains("49") && !mail.html.contains("49<")
                );
                assert!(mail.text.contains(name), "plain text is not escaped");
            }
        }
    }

    #[test]
    fn t20_nothing_typed_reaches_the_subject_and_no_name_passes_for_a_link() {
        let plain: Vec<String> = subjects("Ada");
        for name in [
            "Ada\r\nBcc: eve@example.org",
            "Subject: free money",
            "win at evil.example",
            "https://evil",
            "evil\u{3002}example",
            "eve@example",
            "\u{202e}adA",
            "one\u{2028}two",
            &"long ".repeat(20),
        ] {
            assert_eq!(subjects(name), plain);
        }
        for name in [
            "evil.example",
            "see http://x",
            "a\nb",
            "\u{202e}x",
            "a@b",
            "",
            "  ",
        ] {
            assert!(!is_presentable(name), "{name:?}");
        }
        for name in [
            "J. R. R. Tolkien",
            "J.R.R. Tolkien",
            "O'Brien-Smith",
            "Zoë",
            "अद्वैत",
            "Dr. Ada",
        ] {
            assert!(is_presentable(name), "{name:?}");
        }
    }

    fn subjects(name: &str) -> Vec<String> {
        let rendered = letters(name)
            .into_iter()
            .map(|letter| Templates::new().render(&letter, &site(), &none()));
        let subjects: Vec<String> = rendered.map(|mail| mail.subject).collect();
        assert!(
            subjects
                .iter()
                .all(|subject| !subject.chars().any(char::is_control))
        );
        subjects
    }
}
