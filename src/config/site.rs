//! `[site]`: what the hub's own pages and mails look like: a name, a logo, a colour.

use url::Url;

use super::colour::{Colour, READABLE};
use super::reader::Reader;
use super::section::section;

/// The longest name.
const LONGEST: usize = 60;
/// What the pages of the light theme stand on. `pages.css` has the same.
const GROUND: Colour = Colour::of(0xf6_f4fc);
/// What the cards of the dark theme stand on: the lightest ground there.
const DARK_CARD: Colour = Colour::of(0x1f_1c28);
/// Text on a button of the dark theme.
const DARK_INK: Colour = Colour::of(0x13_1118);

section! {
    /// What the hub's own pages and mails look like.
    "site" struct Site {
        /// What people know the site by; pages say `Portcullis` unless set, mails the host of `public_url`.
        name: Option<String> = None,
        /// A picture beside the name: an https address, or a path of the hub's own origin.
        logo: Option<String> = None,
        /// The colour of buttons and links, as in `#0b5cad`; the dark theme has a lighter one made of it.
        accent: Option<Colour> = None,
    }
}

impl Site {
    pub(super) fn check(&self, reader: &mut Reader) {
        let name = self.name.as_deref().is_none_or(is_name);
        reader.require(
            "site.name",
            name,
            "write one line of at most 60 characters, without < and >",
        );
        let logo = self.logo.as_deref().is_none_or(is_logo);
        reader.require(
            "site.logo",
            logo,
            "write https://… as browsers show it, or a path that begins with one slash; no query, and ; and , as %3B and %2C",
        );
        if let Some(accent) = self.accent
            && accent.contrast(GROUND) < READABLE
        {
            let problem = format!(
                "white on it, and links in it, could not be read: its contrast to the pages is {:.1}, and has to be {READABLE}; {} would do",
                accent.contrast(GROUND),
                readable(accent, Colour::BLACK, GROUND),
            );
            reader.complain("site.accent", problem);
        }
    }

    /// What the Content-Security-Policy has to allow for the logo: nothing, where it is of the own origin.
    #[must_use]
    pub fn logo_elsewhere(&self) -> Option<&str> {
        self.logo.as_deref().filter(|logo| !logo.starts_with('/'))
    }

    /// The colours of the light and of the dark theme.
    #[must_use]
    pub fn palettes(&self) -> [Palette; 2] {
        self.accent.map_or(Palette::BUILT_IN, Palette::of)
    }
}

/// The colours of one theme.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Buttons and links.
    pub accent: Colour,
    /// The same where somebody points at them.
    pub strong: Colour,
    /// Text on a button.
    pub ink: Colour,
    /// Behind notices.
    pub tint: Colour,
}

impl Palette {
    /// Those of `pages.css`.
    pub const BUILT_IN: [Self; 2] = [
        Self {
            accent: Colour::of(0x5b_34b5),
            strong: Colour::of(0x46_258f),
            ink: Colour::WHITE,
            tint: Colour::of(0xec_e6fb),
        },
        Self {
            accent: Colour::of(0xb7_9bff),
            strong: Colour::of(0xcd_b9ff),
            ink: Colour::of(0x1a_1330),
            tint: Colour::of(0x2c_2640),
        },
    ];

    fn of(accent: Colour) -> [Self; 2] {
        let dark = readable(accent, Colour::WHITE, DARK_CARD);
        [
            Self {
                accent,
                strong: accent.mixed(Colour::BLACK, 0.25),
                ink: Colour::WHITE,
                tint: Colour::WHITE.mixed(accent, 0.08),
            },
            Self {
                accent: dark,
                strong: dark.mixed(Colour::WHITE, 0.35),
                ink: DARK_INK,
                tint: DARK_CARD.mixed(dark, 0.08),
            },
        ]
    }
}

/// The colour nearest to `colour`, on its way to `end`, that can be read on `ground`.
fn readable(colour: Colour, end: Colour, ground: Colour) -> Colour {
    let mut steps = (0..=50).map(|step| colour.mixed(end, f64::from(step) / 50.0));
    steps
        .find(|mixed| mixed.contrast(ground) >= READABLE)
        .unwrap_or(end)
}

fn is_name(text: &str) -> bool {
    text.chars().count() <= LONGEST && !text.contains(|c: char| c.is_control() || matches!(c, '<' | '>'))
}

/// Nothing in it may end a source of the Content-Security-Policy, which knows no query.
fn is_logo(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
    if let Some(path) = text.strip_prefix('/') {
        return !path.starts_with('/') && path.chars().all(plain);
    }
    Url::parse(text).is_ok_and(|url| {
        let nobody = url.username().is_empty() && url.password().is_none();
        url.scheme() == "https"
            && nobody
            && url.as_str() == text
            && url.path().chars().all(plain)
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_of_this_origin_or_fetched_by_tls_and_fits_into_the_policy() {
        for text in [
            "/logo.svg",
            "/static/a%20b/logo-2.png",
            "https://cdn.example.org/logo.svg",
            "https://cdn.example.org:8443/a/logo.svg",
        ] {
            assert!(is_logo(text), "{text}");
        }
        for text in [
            "",
            "logo.svg",
            "//evil.example/logo.svg",
            "/\\evil.example/logo.svg",
            "http://cdn.example.org/logo.svg",
            "https://cdn.example.org",
            "https://CDN.example.org/logo.svg",
            "https://ada@cdn.example.org/logo.svg",
            "https://cdn.example.org/logo.svg?v=2",
            "https://cdn.example.org/logo.svg#x",
            "https://cdn.example.org/a;script-src%20*",
            "https://cdn.example.org/a,b",
            "https://cdn.example.org/a b",
            "/logo.svg; script-src *",
            "/logo.svg?x",
            "data:image/svg+xml,x",
            "javascript:alert(1)",
        ] {
            assert!(!is_logo(text), "{text}");
        }
    }

    #[test]
    fn a_name_is_one_short_line() {
        for text in ["Sundial", "Солнечные часы & Co.", &"x".repeat(60)] {
            assert!(is_name(text), "{text}");
        }
        for text in ["a\nb", "a\r\nBcc: b", "<b>", "\u{7f}", &"x".repeat(61)] {
            assert!(!is_name(text), "{text:?}");
        }
    }

    /// Every colour of a grid: it is refused, with one that would do, or it can be read wherever the pages use it.
    #[test]
    fn whatever_colour_is_taken_can_be_read_in_both_themes() {
        let (quiet, dark_quiet) = (Colour::of(0x5c_566b), Colour::of(0xaa_a3bb));
        let (mut taken, mut refused) = (0, 0);
        let parts = || (0..=255_u32).step_by(17);
        for rgb in
            parts().flat_map(|r| parts().flat_map(move |g| parts().map(move |b| (r << 16) | (g << 8) | b)))
        {
            let mut accent = Colour::of(rgb);
            if accent.contrast(GROUND) < READABLE {
                refused += 1;
                accent = readable(accent, Colour::BLACK, GROUND);
            }
            taken += 1;
            let [light, dark] = Palette::of(accent);
            for (text, ground) in [
                (light.accent, GROUND),
                (light.accent, Colour::WHITE),
                (light.strong, light.tint),
                (light.ink, light.accent),
                (light.ink, light.strong),
                (quiet, light.tint),
                (dark.accent, DARK_CARD),
                (dark.accent, Colour::of(0x15_131b)),
                (dark.strong, dark.tint),
                (dark.ink, dark.accent),
                (dark.ink, dark.strong),
                (dark_quiet, dark.tint),
            ] {
                assert!(text.contrast(ground) >= READABLE, "{accent}: {text} on {ground}");
            }
        }
        assert!(
            taken == 4096 && (1000..4096).contains(&refused),
            "{taken} {refused}"
        );
    }

    #[test]
    fn a_colour_that_cannot_be_read_is_refused_with_one_that_can() {
        let mut reader = Reader::default();
        let site = Site {
            accent: Some(Colour::of(0xff_cc00)),
            ..Site::default()
        };
        site.check(&mut reader);
        let faults = reader.into_faults();
        let [fault] = faults.as_slice() else {
            panic!("{faults:?}")
        };
        assert_eq!(fault.key, "site.accent");
        let advice = fault.problem.split("; ").last().unwrap();
        let advised = Colour::parse(advice.split(' ').next().unwrap()).unwrap();
        assert!(advised.contrast(GROUND) >= READABLE, "{}", fault.problem);
    }
}
