//! `[http]`: where the hub listens, and whom it believes.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ipnet::IpNet;
use url::Url;

use super::reader::Reader;
use super::section::section;

section! {
    /// Where the hub listens, and whom it believes.
    "http" struct Http {
        /// Address and port; port 0 picks one and prints it.
        listen: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)),
        /// Exact origins (`https://app.example.org`); the origin of `public_url` unless set.
        allowed_origins: Option<Vec<String>> = None,
        /// Networks whose `X-Forwarded-For` is believed.
        trusted_proxies: Vec<IpNet> = Vec::new(),
    }
}

impl Http {
    pub(super) fn check(&self, reader: &mut Reader) {
        for origin in self.allowed_origins.iter().flatten() {
            if let Err(problem) = check_origin(origin) {
                reader.complain("http.allowed_origins", format!("`{origin}`: {problem}"));
            }
        }
    }
}

fn check_origin(text: &str) -> Result<(), String> {
    if text.contains('*') {
        return Err("a wildcard would let every site in; list each origin".to_owned());
    }
    let wanted = "write scheme, host and port alone, as in https://app.example.org or http://localhost:3000";
    let url = Url::parse(text).map_err(|_| wanted.to_owned())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wanted.to_owned());
    }
    match url.origin().ascii_serialization() {
        exact if exact == text => Ok(()),
        exact => Err(format!("write it as browsers send it: {exact}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t03_only_an_exact_origin_is_an_origin() {
        for text in [
            "https://app.example.org",
            "http://localhost:3000",
            "http://[::1]:8080",
        ] {
            assert_eq!(check_origin(text), Ok(()), "{text}");
        }
        for text in [
            "*",
            "https://*.example.org",
            "null",
            "app.example.org",
            "https://app.example.org/",
            "https://app.example.org/path",
            "https://app.example.org:443",
            "https://App.example.org",
            "https://ada@app.example.org",
            "https://app.example.org?x",
            "https://bücher.example",
            "ftp://example.org",
            "file:///",
            " https://app.example.org",
            "",
        ] {
            assert!(check_origin(text).is_err(), "{text}");
        }
    }
}
