//! Cookie mode: the refresh token in a cookie that no script can read, for browsers. Beside it live the
//! token of a trusted browser, which signs nobody in, and a note that there is a refresh token, for the hub's own pages.
//!
//! Scripts of a page never see either. A request of cookie mode names an allowed origin and sends JSON
//! (`extract/mode`), so that no form or beacon of another site can use what the browser adds by itself (T24).

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{AppendHeaders, IntoResponse, Response};
use cookie::{Cookie, SameSite};

use super::edge::{Edge, root};
use super::extract::Json;
use super::render::TokenPairJson;
use crate::config::PublicUrl;
use crate::oauth::{Binding, LIFETIME};
use crate::secret::PlainToken;
use crate::sessions::{Kept, SignedIn, TRUST_LIFETIME, TokenPair};

/// What follows the public address: whatever is outside gets no cookie.
const PATH: &str = "/api/auth";

/// How many cookies of one name are looked at. An honest browser has one.
const MOST: usize = 4;
/// How many sign-ins with a provider are looked at that a browser is in at once.
const MOST_FLOWS: usize = 64;

/// How the cookies of this site are called and sent.
#[derive(Clone, Debug)]
pub struct Cookies {
    refresh: &'static str,
    browser: &'static str,
    /// Says that the refresh cookie is there, which pages are not sent. It proves nothing: whoever sets it makes a page
    /// ask once more than it had to.
    hint: &'static str,
    path: String,
    /// The path of the pages.
    root: String,
    /// Off only where people reach the hub by http on loopback: browsers would keep no such cookie there.
    secure: bool,
}

impl Cookies {
    /// Those of `site`.
    #[must_use]
    pub fn new(site: &PublicUrl) -> Self {
        let secure = !site.is_http_on_loopback();
        let [refresh, browser, hint] = if secure {
            [
                "__Secure-portcullis_refresh",
                "__Secure-portcullis_browser",
                "__Secure-portcullis_signed_in",
            ]
        } else {
            ["portcullis_refresh", "portcullis_browser", "portcullis_signed_in"]
        };
        let root = root(site.url().path());
        Self {
            refresh,
            browser,
            hint,
            path: format!("{root}{PATH}"),
            root: format!("{root}/"),
            secure,
        }
    }

    #[cfg(test)]
    pub fn of(public_url: &str) -> Self {
        let mut config = crate::config::Config::for_development();
        config.public_url = Some(public_url.parse().unwrap());
        Self::new(&PublicUrl::new(&config, config.http.listen))
    }

    /// A `Set-Cookie`; without a life the browser forgets the cookie.
    fn set(&self, name: &str, value: &str, life: Duration) -> HeaderValue {
        let path = if name == self.hint { &self.root } else { &self.path };
        self.set_below(path, name, value, life)
    }

    fn set_below(&self, path: &str, name: &str, value: &str, life: Duration) -> HeaderValue {
        let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let cookie = Cookie::build((name, value))
            .path(path)
            .max_age(time::Duration::seconds(seconds))
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .build();
        // Tokens are base64url, so this is a header's value; without one the browser is given nothing.
        HeaderValue::try_from(cookie.to_string()).unwrap_or(HeaderValue::from_static(""))
    }

    /// What binds a sign-in with a provider to this browser, until it comes back from there. Lax, for the browser comes
    /// from another site; `__Host-`, for no site beside this one may have written it.
    pub fn bind(&self, binding: &Binding) -> HeaderValue {
        let name = self.flow_name(&binding.key);
        self.set_below("/", &name, binding.value.expose(), LIFETIME)
    }

    /// The browser forgets the cookie of that sign-in.
    pub fn unbind(&self, key: &str) -> HeaderValue {
        self.set_below("/", &self.flow_name(key), "", Duration::ZERO)
    }

    /// What the browser says that it was given for sign-ins with a provider.
    pub fn bindings(&self, headers: &HeaderMap) -> Vec<Binding> {
        let prefix = self.flow_name("");
        let bindings = all(headers).filter_map(|cookie| {
            let key = cookie.name().strip_prefix(&prefix)?.to_owned();
            let value = PlainToken::presented(cookie.value());
            Some(Binding { key, value })
        });
        bindings.take(MOST_FLOWS).collect()
    }

    fn flow_name(&self, key: &str) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        format!("{prefix}portcullis_oauth_{key}")
    }

    /// Whether the browser that asks for a page may be signed in. Its script need not ask where it is not.
    pub fn may_be_signed_in(&self, headers: &HeaderMap) -> bool {
        !Self::sent(headers, self.hint).is_empty()
    }

    /// The refresh token, and the note that it is there: both, or with no life neither.
    fn refresh(&self, token: &str, life: Duration) -> AppendHeaders<[(HeaderName, HeaderValue); 2]> {
        let note = if life.is_zero() { "" } else { "1" };
        AppendHeaders([
            (SET_COOKIE, self.set(self.refresh, token, life)),
            (SET_COOKIE, self.set(self.hint, note, life)),
        ])
    }

    /// Every value of the cookie `name`: a site beside this one may have set another of the same name.
    fn sent(headers: &HeaderMap, name: &str) -> Vec<PlainToken> {
        all(headers)
            .filter(|cookie| cookie.name() == name && !cookie.value().is_empty())
            .map(|cookie| PlainToken::presented(cookie.value()))
            .take(MOST)
            .collect()
    }
}

/// Every cookie of a request.
fn all(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    let lines = headers.get_all(COOKIE).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    texts.flat_map(Cookie::split_parse).flatten()
}

/// The cookies of one request of cookie mode.
#[derive(Debug)]
pub struct Jar {
    edge: Arc<Edge>,
    refresh: Vec<PlainToken>,
    browser: Vec<PlainToken>,
}

impl Jar {
    /// What came with a request.
    pub(super) fn of(edge: Arc<Edge>, headers: &HeaderMap) -> Self {
        let refresh = Cookies::sent(headers, edge.cookies.refresh);
        let browser = Cookies::sent(headers, edge.cookies.browser);
        Self {
            edge,
            refresh,
            browser,
        }
    }

    /// The refresh tokens that were sent: none, one, or, when somebody tampered, several.
    pub fn refresh_tokens(&self) -> &[PlainToken] {
        &self.refresh
    }

    /// `answer`, and the browser forgets the refresh token. It stays a trusted one.
    pub fn emptied(&self, answer: impl IntoResponse) -> Response {
        (self.edge.cookies.refresh("", Duration::ZERO), answer).into_response()
    }

    fn filled(&self, pair: TokenPair) -> Response {
        let token = pair.refresh_token.expose();
        let refresh = self.edge.cookies.refresh(token, pair.refresh_expires_in);
        (refresh, Json(TokenPairJson::without_refresh_token(pair))).into_response()
    }
}

/// How the refresh token travels: in bodies, or in a cookie and in no body.
#[derive(Debug)]
pub enum Mode {
    Body,
    Cookie(Jar),
}

impl Mode {
    /// What the browser keeps of earlier sign-ins, for a new one.
    pub fn kept(&self) -> Kept {
        match self {
            Self::Body => Kept::default(),
            Self::Cookie(jar) => Kept {
                browsers: jar.browser.clone(),
                replaced: jar.refresh.clone(),
            },
        }
    }

    /// 200 with a token pair, its refresh token where it belongs.
    pub fn pair(&self, pair: TokenPair) -> Response {
        match self {
            Self::Body => Json(TokenPairJson::from(pair)).into_response(),
            Self::Cookie(jar) => jar.filled(pair),
        }
    }

    /// As [`pair`](Self::pair), and in cookie mode the browser is trusted from now on.
    pub fn signed_in(&self, SignedIn { pair, browser }: SignedIn) -> Response {
        let mut answer = self.pair(pair);
        if let Self::Cookie(jar) = self {
            let cookies = &jar.edge.cookies;
            let trusted = cookies.set(cookies.browser, browser.expose(), TRUST_LIFETIME);
            answer.headers_mut().append(SET_COOKIE, trusted);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(public_url: &str) -> String {
        let cookies = Cookies::of(public_url);
        let life = Duration::from_hours(1);
        let value = cookies.set(cookies.refresh, "pcr_a-b_c", life);
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn t24_the_cookie_is_for_no_script_no_other_site_and_no_other_path() {
        assert_eq!(
            set("https://auth.example.org"),
            "__Secure-portcullis_refresh=pcr_a-b_c; HttpOnly; SameSite=Lax; Secure; Path=/api/auth; Max-Age=3600"
        );
        let below = set("https://example.org/auth/");
        assert!(below.contains("; Path=/auth/api/auth;"), "{below}");
    }

    #[test]
    fn the_note_for_the_pages_is_for_their_path_and_says_nothing_but_that() {
        for (public_url, path) in [
            ("https://auth.example.org", "/"),
            ("https://example.org/auth/", "/auth/"),
        ] {
            let cookies = Cookies::of(public_url);
            let note = cookies.set(cookies.hint, "1", Duration::from_hours(1));
            assert_eq!(
                note.to_str().unwrap(),
                format!(
                    "__Secure-portcullis_signed_in=1; HttpOnly; SameSite=Lax; Secure; Path={path}; Max-Age=3600"
                )
            );
        }
    }

    #[test]
    fn only_http_on_loopback_goes_without_secure() {
        for plain in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080"] {
            let cookie = set(plain);
            assert!(cookie.starts_with("portcullis_refresh="), "{plain}: {cookie}");
            assert!(!cookie.contains("Secure"), "{plain}: {cookie}");
            assert!(cookie.contains("HttpOnly"), "{plain}: {cookie}");
        }
        for other in ["http://auth.example.org", "https://127.0.0.1", "http://192.0.2.1"] {
            let cookie = set(other);
            assert!(
                cookie.starts_with("__Secure-portcullis_refresh="),
                "{other}: {cookie}"
            );
            assert!(cookie.contains("; Secure;"), "{other}: {cookie}");
        }
    }

    #[test]
    fn cookies_are_found_among_others_and_each_of_one_name() {
        let sent = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
            }
            let found = Cookies::sent(&headers, "a");
            let texts = found.iter().map(|token| token.expose().to_owned());
            texts.collect::<Vec<_>>()
        };
        assert_eq!(sent(&["x=1; a=2; aa=3; A=4"]), ["2"]);
        assert_eq!(sent(&["a=1; a=2", "a=3"]), ["1", "2", "3"]);
        assert_eq!(sent(&["a=; a", "b=a=1", ";;=", ""]), [""; 0]);
    }
}
