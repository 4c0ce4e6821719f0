//! `?return_to=`: where somebody goes who has signed in (T22). An address of another origin is taken only when
//! `links.return_to` lists it, to the letter; else it is a path of this origin, in a form that leaves nothing to read
//! into it. Whatever else is asked for is not heard, and the account page comes next.

use url::form_urlencoded::{Serializer, parse};

const NAME: &str = "return_to";
/// More is no path of anybody's.
const LONGEST: usize = 1024;

/// What the query of a page asks for, when it may be had.
pub fn asked(query: Option<&str>, listed: &[String]) -> Option<String> {
    let mut found = parse(query?.as_bytes()).filter(|(name, _)| name == NAME);
    let (_, wanted) = found.next()?;
    // Two would be read differently by whoever looks at one of them.
    let only = found.next().is_none();
    let known = listed.iter().any(|listed| *listed == wanted) || is_own(&wanted);
    (only && known).then(|| wanted.into_owned())
}

/// The query that asks for `address`, for links between the pages; empty without one.
pub fn query(address: Option<&str>) -> String {
    address.map_or_else(String::new, |address| {
        let pair = Serializer::new(String::new()).append_pair(NAME, address).finish();
        format!("?{pair}")
    })
}

/// Whether it is a path of this very origin, whoever reads it: browsers take `\` for `/` and drop tabs and line
/// ends, and proxies may decode, join slashes and follow dots.
fn is_own(address: &str) -> bool {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let (path, rest) = address.split_at(end);
    let Some(inner) = path.strip_prefix('/') else {
        return false;
    };
    let parts: Vec<&str> = inner.split('/').collect();
    let last = parts.len() - 1;
    let part = |(at, part): (usize, &&str)| {
        let name = !part.is_empty() || at == last;
        name && !matches!(*part, "." | "..") && part.chars().all(is_plain)
    };
    address.len() <= LONGEST
        && parts.iter().enumerate().all(part)
        && rest.chars().all(|c| is_plain(c) || "%?#/=&+:,;@!".contains(c))
}

/// What is the same however often it is decoded.
const fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "https://app.example.org/welcome?from=hub";

    fn hears(address: &str) -> bool {
        let query = query(Some(address));
        let query = query.strip_prefix('?');
        let heard = asked(query, &[LISTED.to_owned()]);
        assert!(
            heard.as_deref().is_none_or(|heard| heard == address),
            "{address:?}"
        );
        heard.is_some()
    }

    #[test]
    fn t22_paths_of_this_origin_and_what_is_listed_are_heard() {
        for address in [
            LISTED,
            "/",
            "/account",
            "/account/",
            "/shop/cart?item=7&size=a%20b#top",
            "/a.b/~c_d-e",
            "/?next=https://app.example.org/",
            "/#/route",
        ] {
            assert!(hears(address), "{address}");
            let url = url::Url::parse("https://auth.example.org/sign-in").unwrap();
            let led = url.join(address).unwrap();
            assert!(address == LISTED || led.origin() == url.origin(), "{address}");
        }
    }

    #[test]
    fn t22_nothing_else_is() {
        let fixed = [
            "",
            "account",
            "https://evil.example",
            "https://evil.example/",
            "https:evil.example",
            "https:/evil.example",
            "http:evil.example",
            "//evil.example",
            "///evil.example",
            "////evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/a//evil.example",
            "/./account",
            "/a/../b",
            "/%2fevil.example",
            "/%2Fevil.example",
            "/%5cevil.example",
            "/%2e%2e/",
            "/%252fevil.example",
            "/%09/evil.example",
            "/@evil.example",
            "/;@evil.example",
            "/evil.example:80",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "blob:https://evil.example/1",
            "file:///etc/passwd",
            "@evil.example",
            "//auth.example.org@evil.example",
            "//auth.example.org:x@evil.example",
            "/\u{ff0f}evil.example",
            "\u{ff0f}\u{ff0f}evil.example",
            "/\u{2044}evil.example",
            "//evil\u{3002}example",
            "//evil\u{ff0e}example",
            "/\u{202e}elpmaxe.live//",
            "/a?b\\c",
            "/a?b c",
            "/a#<b>",
            "/a?\"b",
            "/a?'b",
            // not what is listed, but near
            "https://app.example.org/welcome",
            "https://app.example.org/welcome?from=hub#",
            "https://app.example.org/welcome?from=hub&more",
            "https://APP.example.org/welcome?from=hub",
            "http://app.example.org/welcome?from=hub",
            "https://app.example.org:443/welcome?from=hub",
            "https://app.example.org.evil.example/welcome?from=hub",
            "https://evil.example/https://app.example.org/welcome?from=hub",
            " https://app.example.org/welcome?from=hub",
        ];
        for address in fixed {
            assert!(!hears(address), "{address:?}");
        }
        // Whatever browsers drop or take for something else, at each place where it could matter.
        let odd = (0_u8..0x21)
            .chain([0x22, 0x3c, 0x3e, 0x5c, 0x60, 0x7f])
            .map(char::from);
        for odd in odd.chain(['\u{85}', '\u{a0}', '\u{2028}', '\u{200b}', '\u{feff}']) {
            for address in [
                format!("{odd}//evil.example"),
                format!("/{odd}/evil.example"),
                format!("//{odd}evil.example"),
                format!("/{odd}evil.example"),
                format!("/account{odd}"),
            ] {
                assert!(!hears(&address), "{address:?}");
            }
        }
        assert!(!hears(&format!("/{}", "x".repeat(LONGEST))));
    }

    #[test]
    fn t22_of_two_wishes_none_is_heard() {
        let listed = [LISTED.to_owned()];
        assert_eq!(asked(Some("return_to=/a&return_to=/b"), &listed), None);
        assert_eq!(asked(Some("x=1&return_to=/a"), &listed).as_deref(), Some("/a"));
        for query in [None, Some(""), Some("return_to"), Some("Return_To=/a")] {
            assert_eq!(asked(query, &listed), None, "{query:?}");
        }
    }
}
