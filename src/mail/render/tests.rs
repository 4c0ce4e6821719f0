//! What letters show and what they do not, in every language.

use std::path::Path;

use super::*;
use crate::mail::outbox::tests::{config, site};
use crate::secret::Rng;

fn renderer() -> Renderer {
    Renderer::new(&config().mail, &Site::default()).unwrap()
}

fn language(tag: &str) -> Language {
    Language::parse(tag).unwrap()
}

/// One of each kind, to somebody called `name`.
fn letters(name: &str) -> Vec<Letter> {
    let token = PlainToken::generate("", &Rng::seeded(1));
    let wanted = Email::parse("new@example.org").unwrap();
    Letter::samples(Some(name), &token, &wanted)
}

fn rendered(name: &str, tag: &str) -> Vec<(Letter, Rendered)> {
    let (renderer, language) = (renderer(), language(tag));
    let mail = |letter: &Letter| renderer.render(letter, &language, &site(), &Links::default());
    letters(name)
        .into_iter()
        .map(|letter| (letter.clone(), mail(&letter)))
        .collect()
}

#[test]
fn every_letter_has_a_subject_both_bodies_and_the_same_links_in_both() {
    for (tag, greeting) in [
        ("en", "Hello Ada Lovelace,"),
        ("ru", "Здравствуйте, Ada Lovelace!"),
    ] {
        let mails = rendered("Ada Lovelace", tag);
        let kinds: Vec<&str> = mails.iter().map(|(letter, _)| letter.kind()).collect();
        assert_eq!(kinds, Letter::KINDS);
        for (letter, mail) in mails {
            assert!(
                !mail.subject.is_empty() && mail.text.starts_with(greeting),
                "{}",
                mail.text
            );
            assert!(mail.html.contains(greeting) && mail.html.trim_end().ends_with("</html>"));
            assert!(mail.html.contains(&format!("<html lang=\"{tag}\">")));
            assert_eq!(mail.links.len(), usize::from(letter.token().is_some()));
            // the button, and the address below it in text
            assert_eq!(
                mail.html.matches("href=").count(),
                2 * mail.links.len(),
                "{}",
                letter.kind()
            );
            for link in &mail.links {
                assert!(mail.text.lines().any(|line| line == link), "{}", mail.text);
                assert!(mail.html.contains(&format!(">{link}</a>")));
                assert!(
                    link.starts_with("https://auth.example.org/")
                        && link.ends_with(letter.token().unwrap().expose())
                );
            }
            let (device, ip) = letter.device_and_ip();
            for shown in [device, ip, letter.wanted().map(Email::as_str)]
                .into_iter()
                .flatten()
            {
                assert!(mail.text.contains(shown) && mail.html.contains(shown), "{shown}");
            }
        }
    }
}

#[test]
fn letters_load_nothing_and_run_nothing() {
    for tag in ["en", "ru"] {
        for (letter, mail) in rendered("Ada", tag) {
            for part in [
                "src=",
                "url(",
                "@import",
                "<link",
                "<script",
                "<img",
                "<form",
                "srcset",
                "background=",
            ] {
                assert!(!mail.html.contains(part), "{}: {part}", letter.kind());
            }
        }
    }
}

#[test]
fn configured_links_take_the_place_of_the_hubs_own() {
    let template = |page: &str| Some(format!("https://app.example.org/{page}#t={{token}}"));
    let links = Links {
        activation: template("activation"),
        recovery: template("recovery"),
        email: template("email"),
        email_undo: template("email_undo"),
        device: template("device"),
        ..Links::default()
    };
    let mut pages = Vec::new();
    for letter in letters("Ada") {
        let mail = renderer().render(&letter, &language("en"), &site(), &links);
        if let (Some(token), [link]) = (letter.token(), mail.links.as_slice()) {
            let page = link.strip_prefix("https://app.example.org/").unwrap();
            let page = page.strip_suffix(&format!("#t={}", token.expose())).unwrap();
            pages.push((letter.kind(), page.to_owned()));
            assert!(mail.html.contains(&format!("href=\"{link}\"")), "{}", mail.html);
        }
    }
    let pages: Vec<(&str, &str)> = pages.iter().map(|(kind, page)| (*kind, page.as_str())).collect();
    assert_eq!(
        pages,
        [
            ("activation", "activation"),
            ("recovery", "recovery"),
            ("invitation", "recovery"),
            ("email_change", "email"),
            ("email_change_asked", "email_undo"),
            ("email_changed", "email_undo"),
            ("new_device", "device"),
            ("secured", "recovery"),
        ]
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
        for (_, mail) in rendered(name, "en") {
            assert!(
                !mail.html.contains("<b>Ada")
                    && !mail.html.contains("<img")
                    && !mail.html.contains("<script")
            );
            assert!(!mail.html.contains("a & b") && !mail.text.contains("49") && !mail.html.contains(">49"));
            assert!(mail.text.contains(name), "plain text is not escaped");
        }
    }
}

#[test]
fn t20_nothing_typed_reaches_the_subject_and_no_name_passes_for_a_link() {
    let plain: Vec<String> = subjects("Ada");
    for name in [
        "Ada\r\nBcc: eve@example.org",
        "Ada\n\nButton: x\n\nhttps://evil",
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
    let mails = ["en", "ru"].into_iter().flat_map(|tag| rendered(name, tag));
    let subjects: Vec<String> = mails.map(|(_, mail)| mail.subject).collect();
    assert!(
        subjects
            .iter()
            .all(|subject| !subject.chars().any(char::is_control))
    );
    subjects
}

/// A folder of an operator, removed in the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let id = crate::ids::MailId::generate(&crate::clock::Clock::System, &Rng::System);
        let folder = Self(std::env::temp_dir().join(format!("portcullis-templates-{id}")));
        std::fs::create_dir(&folder.0).unwrap();
        for (name, source) in files {
            let path = folder.0.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, source).unwrap();
        }
        folder
    }

    fn renderer(&self) -> Result<Renderer, Vec<SettingError>> {
        let mail = config::Mail {
            templates: Some(self.0.clone()),
            ..config().mail
        };
        Renderer::new(&mail, &Site::default())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

const RECOVERY: &str = "Subject: {{ site }}: a new password\nButton: Go\n\nFor {{ name }}.\n\n{{ link }}\n";

#[test]
fn an_operators_files_take_the_place_of_the_built_in_ones() {
    let folder = Folder::new(&[
        ("en/recovery.txt", RECOVERY),
        ("layout.txt", "{{ text }}\n~ {{ letter }}, {{ language }}\n"),
        (".hidden", "{% if"),
        ("en/.recovery.txt.swp", "{% if"),
    ]);
    let renderer = folder.renderer().unwrap();
    let mail = renderer.render(&letters("Ada")[2], &language("en"), &site(), &Links::default());
    assert_eq!(mail.subject, "auth.example.org: a new password");
    assert_eq!(
        mail.text,
        format!("For Ada.\n\n{}\n~ recovery, en", mail.links[0])
    );
    assert!(mail.html.contains("For Ada.") && mail.html.contains(">Go</a>"));
    let russian = renderer.render(&letters("Ada")[2], &language("ru"), &site(), &Links::default());
    assert!(russian.text.contains("запросил новый пароль") && russian.text.ends_with("~ recovery, ru"));
}

#[test]
fn a_broken_template_is_named_with_its_file_and_line() {
    for (name, source, line, about) in [
        (
            "en/recovery.txt",
            "Subject: x\nButton: y\n\n{% if %}\n\n{{ link }}",
            "line 4",
            "syntax error",
        ),
        (
            "en/recovery.txt",
            "Subject: x\nButton: y\n\n{{ nmae }}\n\n{{ link }}",
            "line 4",
            "undefined",
        ),
        (
            "en/recovery.txt",
            "Subject: x\nButton: y\n\nno link\n",
            "line 1",
            "{{ link }}",
        ),
        (
            "ru/recovery.txt",
            "Button: y\n\nbody\n\n{{ link }}\n",
            "line 1",
            "Subject",
        ),
        (
            "en/recovery.txt",
            "Subject: x\nButton: y\n\n{% include 'en/nothing.txt' %}\n\n{{ link }}\n",
            "line 4",
            "nothing.txt",
        ),
        (
            "en/common.txt",
            "Greeting: x\nCopy: y\nFoter: z\n",
            "line 3",
            "Footer",
        ),
        // only where there is no device
        (
            "en/new_device.txt",
            "Subject: x\nButton: y\n\n{{ device|upper + 1 if not device else 'x' }}\n\n{{ link }}\n",
            "line 4",
            "",
        ),
        (
            "layout.html",
            "<p>{{ subject }}</p>\n{{ bdy }}\n",
            "line 2",
            "undefined",
        ),
        ("layout.html", "<p>{{ subject }}</p>\n", "layout.html", "link"),
        ("layout.txt", "", "layout.txt", "link"),
        ("en/recover.txt", "", "recover.txt", "is no template"),
        ("recovery.txt", "", "recovery.txt", "is no template"),
        ("de/recovery.txt", RECOVERY, "de/activation.txt", "missing"),
    ] {
        let folder = Folder::new(&[(name, source)]);
        let faults = folder.renderer().unwrap_err();
        let told = faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n");
        let path = folder.0.join(name);
        if !told.contains("missing") {
            assert!(told.contains(path.to_str().unwrap()), "{name} {source:?}: {told}");
        }
        assert!(
            told.contains(line) && told.contains(about),
            "{name} {source:?}: {told}"
        );
        assert!(faults.iter().all(|fault| fault.key == "mail.templates"), "{told}");
    }
    let nowhere = config::Mail {
        templates: Some(Path::new("/nonexistent").to_owned()),
        ..config::Mail::default()
    };
    let told = Renderer::new(&nowhere, &Site::default()).unwrap_err()[0].to_string();
    assert!(
        told.starts_with("mail.templates: /nonexistent: cannot be read"),
        "{told}"
    );
}

#[test]
fn a_language_that_is_there_as_a_whole_is_written_in_and_may_be_the_default() {
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/templates/en");
    let names = Letter::KINDS.into_iter().chain([COMMON]);
    let sources = names.map(|name| {
        let source = std::fs::read_to_string(built_in.join(format!("{name}.txt"))).unwrap();
        (format!("de/{name}.txt"), source.replace("Hello", "Hallo"))
    });
    let sources: Vec<(String, String)> = sources.collect();
    let files: Vec<(&str, &str)> = sources
        .iter()
        .map(|(name, source)| (name.as_str(), source.as_str()))
        .collect();
    let folder = Folder::new(&files);
    let mail = config::Mail {
        templates: Some(folder.0.clone()),
        language: "de".to_owned(),
        ..config().mail
    };
    let renderer = Renderer::new(&mail, &Site::default()).unwrap();
    assert_eq!(renderer.languages().choose(None, None), language("de"));
    let mail = renderer.render(&letters("Ada")[0], &language("de"), &site(), &Links::default());
    assert!(mail.text.starts_with("Hallo Ada,"), "{}", mail.text);
    // The default must be one that there is.
    for tag in ["fr", "", "en.txt"] {
        let mail = config::Mail {
            language: tag.to_owned(),
            ..config().mail
        };
        let faults = Renderer::new(&mail, &Site::default()).unwrap_err();
        assert_eq!(faults[0].key, "mail.language");
        assert!(faults[0].problem.contains("en, ru"), "{}", faults[0]);
    }
}

#[test]
fn a_template_that_fails_with_values_it_was_not_tried_with_gives_way_to_the_built_in_one() {
    let source = "Subject: x\nButton: y\n\n{{ nothing if name == 'Eve' else 'mine' }}\n\n{{ link }}\n";
    let folder = Folder::new(&[("en/recovery.txt", source)]);
    let renderer = folder.renderer().unwrap();
    let render = |name| renderer.render(&letters(name)[2], &language("en"), &site(), &Links::default());
    assert!(render("Ada").text.contains("mine"));
    assert_eq!(render("Eve"), built_in(&letters("Eve")[2]));
}

fn built_in(letter: &Letter) -> Rendered {
    renderer().render(letter, &language("en"), &site(), &Links::default())
}
