//! Reads the forms in which foreign hashes are written down. Bounds are no matter of this file.

use std::num::NonZeroU32;

use data_encoding::{BASE64, BASE64_NOPAD, Encoding};

use super::{Foreign, Refused};
use crate::password::phc;

/// The longest text that is looked at; the longest true one is about half of it.
const MAX_TEXT: usize = 512;
/// The shortest digest in bytes: a shorter one would match too many passwords.
const MIN_DIGEST: usize = 16;
/// The longest digest of scrypt.
const MAX_DIGEST: usize = 64;

pub(super) fn parse(text: &str) -> Result<Foreign, Refused> {
    if text.starts_with('!') {
        return Err(Refused::Unusable);
    }
    if text.len() > MAX_TEXT || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refused::UnknownForm);
    }
    if let Some(rest) = text.strip_prefix("pbkdf2_sha256$") {
        pbkdf2(rest)
    } else if let Some(rest) = text.strip_prefix("bcrypt_sha256$") {
        bcrypt(rest, true)
    } else if let Some(rest) = text.strip_prefix("bcrypt$") {
        bcrypt(rest, false)
    } else if text.starts_with("$2") {
        bcrypt(text, false)
    } else if let Some(rest) = text.strip_prefix("scrypt$") {
        django_scrypt(rest)
    } else if let Some(rest) = text.strip_prefix("$scrypt$") {
        phc_scrypt(rest)
    } else if text.starts_with("$argon2") {
        argon2(text)
    } else if let Some(rest) = text
        .strip_prefix("argon2")
        .filter(|rest| rest.starts_with("$argon2"))
    {
        argon2(rest)
    } else {
        Err(Refused::UnknownForm)
    }
}

/// `ITERATIONS$SALT$DIGEST`; the salt is text.
fn pbkdf2(rest: &str) -> Result<Foreign, Refused> {
    let wrong = |problem| malformed("pbkdf2_sha256", problem);
    let [iterations, salt, digest] = parts(rest).ok_or(wrong("it has iterations, salt and digest"))?;
    let iterations = number(iterations).and_then(NonZeroU32::new);
    let digest = decode(&BASE64, digest).filter(|digest| digest.len() == 32);
    Ok(Foreign::Pbkdf2 {
        iterations: iterations.ok_or(wrong("the iterations are no number"))?,
        salt: salt.into(),
        digest: digest.ok_or(wrong("the digest is not 32 bytes in Base64"))?,
    })
}

/// `$2b$ROUNDS$` and 53 characters of salt and digest.
fn bcrypt(text: &str, of_digest: bool) -> Result<Foreign, Refused> {
    let wrong = |problem| malformed("bcrypt", problem);
    if !["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
    {
        return Err(wrong("it begins with $2a$, $2b$ or $2y$"));
    }
    let parts: bcrypt::HashParts = text
        .parse()
        .map_err(|_| wrong("it has 60 characters: rounds, salt and digest"))?;
    let rounds = parts.get_cost();
    if rounds < 4 {
        return Err(wrong("it has at least 4 rounds"));
    }
    Ok(Foreign::Bcrypt {
        rounds,
        text: text.to_owned(),
        of_digest,
    })
}

/// `N$SALT$R$P$DIGEST`, as Django orders them; the salt is text.
fn django_scrypt(rest: &str) -> Result<Foreign, Refused> {
    let wrong = |problem| malformed("scrypt", problem);
    let [n, salt, r, p, digest] = parts(rest).ok_or(wrong("it has N, salt, r, p and digest"))?;
    let n = number(n).filter(|n| n.is_power_of_two() && *n > 1);
    let log_n = n.ok_or(wrong("N is no power of 2"))?.ilog2();
    scrypt(log_n, r, p, salt.into(), decode(&BASE64, digest))
}

/// `ln=LOG_N,r=R,p=P$SALT$DIGEST`, as PHC strings and passlib have it; salt and digest in Base64.
fn phc_scrypt(rest: &str) -> Result<Foreign, Refused> {
    let wrong = |problem| malformed("scrypt", problem);
    let [costs, salt, digest] = parts(rest).ok_or(wrong("it has costs, salt and digest"))?;
    let costs: Option<[&str; 3]> = costs.split(',').collect::<Vec<_>>().try_into().ok();
    let read = |[ln, r, p]: [&'_ str; 3]| {
        let log_n = number(ln.strip_prefix("ln=")?)?;
        Some((
            log_n,
            r.strip_prefix("r=")?.to_owned(),
            p.strip_prefix("p=")?.to_owned(),
        ))
    };
    let (log_n, r, p) = costs.and_then(read).ok_or(wrong("its costs are ln, r and p"))?;
    let salt = decode(&BASE64_NOPAD, salt).ok_or(wrong("the salt is not Base64"))?;
    scrypt(log_n, &r, &p, salt, decode(&BASE64_NOPAD, digest))
}

fn scrypt(log_n: u32, r: &str, p: &str, salt: Vec<u8>, digest: Option<Vec<u8>>) -> Result<Foreign, Refused> {
    let wrong = |problem| malformed("scrypt", problem);
    let digest = digest.filter(|digest| (MIN_DIGEST..=MAX_DIGEST).contains(&digest.len()));
    let costs = number(r).zip(number(p)).filter(|(r, p)| *r > 0 && *p > 0);
    let (r, p) = costs.ok_or(wrong("r and p are no numbers above 0"))?;
    let log_n = u8::try_from(log_n).ok().filter(|log_n| (1..64).contains(log_n));
    Ok(Foreign::Scrypt {
        log_n: log_n.ok_or(wrong("N is out of range"))?,
        r,
        p,
        salt,
        digest: digest.ok_or(wrong("the digest is not 16 to 64 bytes in Base64"))?,
    })
}

/// A PHC string of argon2id, argon2i or argon2d.
fn argon2(text: &str) -> Result<Foreign, Refused> {
    let wrong = |problem| malformed("argon2", problem);
    let hash = phc::Stored::read(text).ok_or(wrong("it has version, costs, salt and digest"))?;
    if hash.needs_secret() {
        return Err(wrong(
            "it was made with a secret (keyid, data) that the hub does not have",
        ));
    }
    if hash.digest_length() < MIN_DIGEST {
        return Err(wrong("the digest is shorter than 16 bytes"));
    }
    Ok(Foreign::Argon2(Box::new(hash)))
}

const fn malformed(form: &'static str, problem: &'static str) -> Refused {
    Refused::Malformed { form, problem }
}

/// Exactly `N` parts between dollars.
fn parts<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.split('$').collect::<Vec<_>>().try_into().ok()
}

/// A whole number of digits alone.
fn number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn decode(encoding: &Encoding, text: &str) -> Option<Vec<u8>> {
    encoding.decode(text.as_bytes()).ok()
}
