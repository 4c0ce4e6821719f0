//! `[telemetry]`: where traces go, if anywhere.

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::reader::Reader;
use super::section::section;

section! {
    /// Where traces go, if anywhere.
    "telemetry" struct Telemetry {
        /// Base address of an OTLP collector (http/protobuf); none: no traces.
        otlp_endpoint: Option<Url> = None,
        /// Headers for the collector, `name=value` with commas between. A secret: collectors take tokens there.
        otlp_headers: Option<SecretString> = None,
        /// `service.name` of every span.
        service_name: String = "portcullis".to_owned(),
        /// The share of traces that is kept, 0 to 1.
        sample: f64 = 1.0,
        /// Whether a `traceparent` from `http.trusted_proxies` is continued.
        trust_parent: bool = false,
    }
}

impl Telemetry {
    pub(super) fn check(&self, reader: &mut Reader) {
        if let Some(url) = &self.otlp_endpoint {
            let web = matches!(url.scheme(), "http" | "https") && url.has_host();
            let bare = url.query().is_none() && url.fragment().is_none();
            let nobody = url.username().is_empty() && url.password().is_none();
            reader.require(
                "telemetry.otlp_endpoint",
                web && bare && nobody,
                "write http:// or https://, host and port alone, as in http://127.0.0.1:4318; what proves who sends goes into telemetry.otlp_headers",
            );
        }
        reader.require(
            "telemetry.otlp_headers",
            self.headers().is_some(),
            "write name=value, with commas between, as in authorization=Bearer TOKEN",
        );
        reader.require(
            "telemetry.service_name",
            (1..=100).contains(&self.service_name.len()) && !self.service_name.contains(char::is_control),
            "write a name of 1 to 100 bytes",
        );
        reader.require(
            "telemetry.sample",
            (0.0..=1.0).contains(&self.sample),
            "write a share between 0 (none) and 1 (all)",
        );
    }

    /// The headers for the collector, one by one; `None` when they cannot be read.
    #[must_use]
    pub fn headers(&self) -> Option<Vec<(String, SecretString)>> {
        let Some(text) = &self.otlp_headers else {
            return Some(Vec::new());
        };
        let pairs = text.expose_secret().split(',').map(str::trim);
        let pairs = pairs.filter(|pair| !pair.is_empty());
        pairs.map(header).collect()
    }

    /// Whether those headers would cross the network in clear.
    pub(super) fn is_in_clear(&self) -> bool {
        let plain = |url: &Url| url.scheme() == "http" && !super::public_url::is_loopback(url);
        self.otlp_headers.is_some() && self.otlp_endpoint.as_ref().is_some_and(plain)
    }
}

fn header(pair: &str) -> Option<(String, SecretString)> {
    let (name, value) = pair.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let fit = !name.is_empty() && name.bytes().all(token);
    let readable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    (fit && readable).then(|| (name.to_ascii_lowercase(), SecretString::from(value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(String, String)>> {
        let section = Telemetry {
            otlp_headers: Some(text.to_owned().into()),
            ..Telemetry::default()
        };
        let exposed = |(name, value): (String, SecretString)| (name, value.expose_secret().to_owned());
        Some(section.headers()?.into_iter().map(exposed).collect())
    }

    #[test]
    fn headers_are_pairs_with_commas_between() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read("Authorization=Basic YTpi=, x-scope=1,"),
            Some(vec![pair("authorization", "Basic YTpi="), pair("x-scope", "1")])
        );
        for wrong in ["authorization", "=x", "a b=c", "a=\u{e9}", "a=b\nc"] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
