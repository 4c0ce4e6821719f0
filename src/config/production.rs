//! What is refused for the sake of safety: some things everywhere, more of them in production. Each refusal
//! names its key.

use ipnet::IpNet;
use secrecy::ExposeSecret as _;

use super::master::{GENERATED, generated};
use super::reader::Reader;
use super::{Config, Transport, public_url};

/// What no environment allows.
pub(super) fn check_everywhere(config: &Config, reader: &mut Reader) {
    let caught = config.mail.transport == Transport::Mailbox;
    reader.require(
        "mail.transport",
        !caught || config.http.listen.ip().to_canonical().is_loopback(),
        "the mailbox shows every mail to whoever can call it: set http.listen to a loopback address, or send by smtp",
    );
}

/// What only development allows.
pub(super) fn check(config: &Config, reader: &mut Reader) {
    reader.require(
        "mail.transport",
        config.mail.transport != Transport::Mailbox,
        "production needs smtp: the mailbox sends nothing",
    );
    reader.require(
        "mail.smtp_url",
        !config.mail.is_in_clear(),
        "production refuses mail in clear: use smtps://, or smtp://…?tls=required",
    );
    check_public_url(config, reader);
    check_master(config, reader);
    reader.require(
        "limits.enabled",
        config.limits.enabled,
        "production needs limits: set it to true",
    );
    check_passwords(config, reader);
    for network in &config.management.allow {
        let shortest = match network {
            IpNet::V4(_) => 8,
            IpNet::V6(_) => 16,
        };
        if network.prefix_len() < shortest {
            let problem = format!(
                "production refuses {network}: it lets half the world manage; use /{shortest} or longer"
            );
            reader.complain("management.allow", problem);
        }
    }
}

fn check_public_url(config: &Config, reader: &mut Reader) {
    let safe = match &config.public_url {
        Some(url) => url.scheme() == "https" || public_url::is_loopback(url),
        None => config.http.listen.ip().to_canonical().is_loopback(),
    };
    reader.require(
        "public_url",
        safe,
        "production needs https beyond loopback: set it to the address that people use, as in https://auth.example.org",
    );
}

fn check_master(config: &Config, reader: &mut Reader) {
    let Some(secret) = &config.secrets.master else {
        return reader.complain(
            "secrets.master",
            "production needs one: set it to at least 32 random characters, as from `openssl rand -base64 48`",
        );
    };
    let secret = secret.expose_secret().trim();
    let made_here = generated(&config.data_dir).is_some_and(|made| made == secret);
    reader.require(
        "secrets.master",
        !made_here && !secret.starts_with(GENERATED),
        "production refuses a secret that was generated for development: make another, as by `openssl rand -base64 48`",
    );
}

fn check_passwords(config: &Config, reader: &mut Reader) {
    let given = ["passwords.memory_kib", "passwords.iterations"]
        .into_iter()
        .find(|key| reader.is_given(key));
    reader.require(
        given.unwrap_or("passwords.memory_kib"),
        !config.passwords.is_weak(),
        "production refuses argon2id below OWASP's list: 19456 KiB with 2 iterations, or 12288 with 3, 9216 with 4, 7168 with 5, 47104 with 1",
    );
}
