//! Access tokens (RFC 9068): minted for a session, verified, and checked against SQL on every request.
//!
//! The `jti` is `{TokenId}.{generation}`: an id of its own, and the generation of the refresh token that
//! it was issued with. So the first arrival of an access token proves that the answer to a refresh was
//! not lost, without anything being stored for each token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::jwt::{self, Audience, Unverified, Validity};
use super::{AccessToken, Current, Error, Sessions};
use crate::clock::Timestamp;
use crate::ids::{SessionId, TokenId, UserId};
use crate::secret::PlainToken;
use crate::store;
use crate::store::sessions::Checked;
use crate::store::users::{AuthState, Status};

const TYPE: &str = "at+jwt";
const CLIENT_ID: &str = "portcullis";

/// What an access token is minted from.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    /// Of the refresh token that is handed out with it.
    pub(super) generation: i64,
    pub(super) version: i64,
    pub(super) role: &'a str,
    pub(super) authenticated_at: Timestamp,
    pub(super) amr: &'a [String],
    /// When the session ends by itself: no token outlives it.
    pub(super) ends_at: Timestamp,
    pub(super) source: Option<Source>,
}

/// Where a token was minted, when not over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Source {
    Socket,
}

#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    client_id: &'a str,
    sid: SessionId,
    jti: String,
    iat: i64,
    exp: i64,
    ver: i64,
    role: &'a str,
    auth_time: i64,
    amr: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<Source>,
}

/// The claims as they are read: each required, each of exactly this type. Others are ignored.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: UserId,
    client_id: String,
    sid: SessionId,
    jti: String,
    iat: i64,
    exp: i64,
    #[serde(default, deserialize_with = "jwt::present")]
    nbf: Option<i64>,
    #[serde(rename = "ver")]
    _version: i64,
    #[serde(rename = "role")]
    _role: String,
    #[serde(rename = "auth_time")]
    _auth_time: i64,
    #[serde(rename = "amr")]
    _amr: Vec<String>,
    #[serde(default, deserialize_with = "jwt::present")]
    src: Option<Source>,
}

/// An access token that we signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) generation: i64,
    pub(super) from_socket: bool,
    pub(super) validity: Validity,
}

impl Claims {
    fn verify(self, issuer: &str, now: Timestamp) -> Option<Verified> {
        if self.iss != issuer || !self.aud.is(issuer) || self.client_id != CLIENT_ID {
            return None;
        }
        let (id, generation) = self.jti.rsplit_once('.')?;
        let _: TokenId = id.parse().ok()?;
        Some(Verified {
            user: self.sub,
            session: self.sid,
            generation: generation.parse().ok()?,
            from_socket: self.src == Some(Source::Socket),
            validity: jwt::judge(self.iat, self.exp, self.nbf, now)?,
        })
    }
}

impl Sessions {
    /// Verifies an access token and checks its session in SQL: one read, and one write the first time
    /// that a token of a new refresh generation arrives.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::SessionRevoked`] (also when it ran out), or a failure of storage.
    pub async fn authenticate(&self, bearer: &PlainToken) -> Result<Current, Error> {
        let token = match self.verify_access(bearer).await {
            Some(token) if token.validity == Validity::Live => token,
            _ => return Err(Error::InvalidToken),
        };
        let checked = store::sessions::check(&mut self.cx.db.read().await?, token.session).await?;
        let checked = checked.ok_or(Error::SessionRevoked)?;
        if checked.user_id != token.user {
            return Err(Error::InvalidToken);
        }
        let now = self.cx.now();
        if checked.ended(now).is_some() || checked.state.status != Status::Active {
            return Err(Error::SessionRevoked);
        }
        if !token.from_socket && token.generation > checked.used_generation {
            let mut single = self.cx.db.single().await?;
            store::sessions::used(&mut single, checked.id, token.generation, now).await?;
        }
        Ok(Current {
            user_id: checked.user_id,
            session_id: checked.id,
            authenticated_at: checked.authenticated_at,
            amr: checked.amr,
            from_socket: token.from_socket,
            state: checked.state,
        })
    }

    /// A fresh access token for a session whose socket is open, marked `src: "socket"`.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn mint_over_socket(&self, session: &Checked, state: &AuthState) -> Result<AccessToken, Error> {
        self.mint(&Grant {
            user: session.user_id,
            session: session.id,
            generation: session.generation,
            version: state.version,
            role: &state.role,
            authenticated_at: session.authenticated_at,
            amr: &session.amr,
            ends_at: session.expires_at.min(session.idle_expires_at),
            source: Some(Source::Socket),
        })
    }

    /// Signs an access token for `grant`.
    pub(super) fn mint(&self, grant: &Grant<'_>) -> Result<AccessToken, Error> {
        let iat = self.cx.now().seconds();
        let lifetime = i64::from(self.cx.config.tokens.access_ttl);
        let exp = (iat + lifetime).min(grant.ends_at.seconds()).max(iat);
        let issuer = self.cx.site.issuer();
        let id = TokenId::generate(&self.cx.clock, &self.cx.rng);
        let claims = NewClaims {
            iss: issuer,
            aud: issuer,
            sub: grant.user,
            client_id: CLIENT_ID,
            sid: grant.session,
            jti: format!("{id}.{}", grant.generation),
            iat,
            exp,
            ver: grant.version,
            role: grant.role,
            auth_time: grant.authenticated_at.seconds(),
            amr: grant.amr,
            src: grant.source,
        };
        Ok(AccessToken {
            token: self.keys.present().sign(TYPE, &claims)?,
            expires_in: Duration::from_secs(u64::try_from(exp - iat).unwrap_or(0)),
        })
    }

    /// The token's claims, if one of our keys signed them for this purpose. It may have expired.
    pub(super) async fn verify_access(&self, bearer: &PlainToken) -> Option<Verified> {
        let parsed = Unverified::parse(bearer.expose(), TYPE)?;
        let key = self.keys.find(&parsed.kid).await?;
        parsed
            .open::<Claims>(&key)?
            .verify(self.cx.site.issuer(), self.cx.now())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use data_encoding::BASE64URL_NOPAD;
    use jsonwebtoken::{Algorithm, EncodingKey};
    use serde_json::{Value, json};

    use super::super::signing_keys::KeySet;
    use super::super::signing_keys::tests::{NOW, key_set};
    use super::*;

    const ISSUER: &str = "https://auth.example.org";
    const ID: &str = "0190a0b0-0000-7000-8000-000000000001";

    fn claims() -> BTreeMap<&'static str, Value> {
        let now = NOW.seconds();
        BTreeMap::from([
            ("iss", json!(ISSUER)),
            ("aud", json!(ISSUER)),
            ("sub", json!(ID)),
            ("client_id", json!("portcullis")),
            ("sid", json!(ID)),
            ("jti", json!(format!("{ID}.7"))),
            ("iat", json!(now)),
            ("exp", json!(now + 300)),
            ("ver", json!(3)),
            ("role", json!("user")),
            ("auth_time", json!(now)),
            ("amr", json!(["pwd"])),
        ])
    }

    fn verify(set: &KeySet, token: &str) -> Option<Verified> {
        let parsed = Unverified::parse(token, TYPE)?;
        parsed
            .open::<Claims>(set.find(&parsed.kid, NOW)?)?
            .verify(ISSUER, NOW)
    }

    fn kid(set: &KeySet) -> String {
        let token = set.sign(TYPE, &claims()).unwrap();
        Unverified::parse(&token, TYPE).unwrap().kid
    }

    /// A token with exactly this header and payload, signed with the active key.
    fn forge(set: &KeySet, header: &str, payload: &str) -> String {
        let message = [header, payload]
            .map(|part| BASE64URL_NOPAD.encode(part.as_bytes()))
            .join(".");
        let signature = set.sign_raw(message.as_bytes());
        format!("{message}.{signature}")
    }

    fn with(name: &'static str, value: Value) -> BTreeMap<&'static str, Value> {
        let mut claims = claims();
        claims.insert(name, value);
        claims
    }

    #[test]
    fn a_good_token_is_accepted_with_and_without_extra_claims() {
        let set = key_set();
        let found = verify(&set, &set.sign(TYPE, &claims()).unwrap()).unwrap();
        assert_eq!(
            (found.generation, found.from_socket, found.validity),
            (7, false, Validity::Live)
        );
        let found = verify(&set, &set.sign(TYPE, &with("src", json!("socket"))).unwrap()).unwrap();
        assert!(found.from_socket);
        for good in [
            with("aud", json!([ISSUER])),
            with("extra", json!({"a": 1})),
            with("nbf", json!(1)),
        ] {
            assert!(
                verify(&set, &set.sign(TYPE, &good).unwrap()).is_some(),
                "{good:?}"
            );
        }
        let header = format!(
            r#"{{"typ":"application/AT+JWT","alg":"EdDSA","kid":"{}"}}"#,
            kid(&set)
        );
        assert!(verify(&set, &forge(&set, &header, &json!(claims()).to_string())).is_some());
    }

    #[test]
    fn an_expired_token_is_told_apart_from_a_bad_one() {
        let set = key_set();
        let token = set.sign(TYPE, &with("exp", json!(NOW.seconds() - 5))).unwrap();
        assert_eq!(verify(&set, &token).unwrap().validity, Validity::Expired);
    }

    #[test]
    fn t05_no_header_but_our_own_is_accepted() {
        let set = key_set();
        let kid = kid(&set);
        let payload = json!(claims()).to_string();
        let headers = [
            format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","alg":"None","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","alg":"eddsa","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","alg":["EdDSA"],"kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","alg":"HS256","alg":"EdDSA","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"x","kid":"{kid}"}}"#),
            format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#),
            format!(r#"{{"typ":null,"alg":"EdDSA","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"JWT","alg":"EdDSA","kid":"{kid}"}}"#),
            format!(r#"{{"typ":"socket+jwt","alg":"EdDSA","kid":"{kid}"}}"#),
            r#"{"typ":"at+jwt","alg":"EdDSA"}"#.to_owned(),
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":""}"#.to_owned(),
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"../../dev/null"}"#.to_owned(),
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"x' or '1'='1"}"#.to_owned(),
            r#"{"typ":"at+jwt","alg":"EdDSA","kid":"https://eve.example.org/k"}"#.to_owned(),
            format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":["{kid}"]}}"#),
            format!(r#"["at+jwt","EdDSA","{kid}"]"#),
            String::new(),
            "null".to_owned(),
        ];
        for header in headers {
            assert_eq!(verify(&set, &forge(&set, &header, &payload)), None, "{header}");
        }
        let extras = [
            r#""jku":"https://eve.example.org/jwks""#,
            r#""x5u":"https://eve.example.org/c""#,
            r#""jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#,
            r#""x5c":[]"#,
            r#""jku":null"#,
            r#""crit":["exp"],"exp":1"#,
            r#""crit":[]"#,
            r#""b64":false"#,
            r#""zip":"DEF""#,
        ];
        for extra in extras {
            let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}",{extra}}}"#);
            assert_eq!(verify(&set, &forge(&set, &header, &payload)), None, "{extra}");
        }
    }

    #[test]
    fn t05_a_mac_under_the_public_key_is_no_signature() {
        let set = key_set();
        let jwks = set.jwks(NOW);
        for key in jwks["keys"].as_array().unwrap() {
            let x = key["x"].as_str().unwrap();
            let raw = BASE64URL_NOPAD.decode(x.as_bytes()).unwrap();
            for secret in [raw.as_slice(), x.as_bytes()] {
                let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
                header.typ = Some(TYPE.to_owned());
                header.kid = key["kid"].as_str().map(str::to_owned);
                let secret = EncodingKey::from_secret(secret);
                let token = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
                assert_eq!(verify(&set, &token), None);
                // The same bytes under a header that claims our algorithm.
                let (message, mac) = token.rsplit_once('.').unwrap();
                let payload = message.split_once('.').unwrap().1;
                let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":{}}}"#, key["kid"]);
                let header = BASE64URL_NOPAD.encode(header.as_bytes());
                assert_eq!(verify(&set, &format!("{header}.{payload}.{mac}")), None);
            }
        }
    }

    #[test]
    fn t05_cve_2026_25537_a_claim_of_the_wrong_type_is_a_refusal() {
        let set = key_set();
        let (now, later) = (NOW.seconds(), NOW.seconds() + 300);
        let wrong = [
            ("exp", json!(later.to_string())),
            ("exp", json!(f64::from(2_000_000_000) + 0.5)),
            ("exp", json!(1e300)),
            ("exp", json!(u64::MAX)),
            ("exp", json!([later])),
            ("exp", json!({ "v": later })),
            ("exp", json!(true)),
            ("exp", Value::Null),
            ("nbf", json!((now + 900).to_string())),
            ("nbf", json!(f64::from(2_000_000_000) + 0.5)),
            ("nbf", json!([now + 900])),
            ("nbf", Value::Null),
            ("nbf", json!(now + 900)),
            ("iat", json!(now.to_string())),
            ("iat", json!(now + 61)),
            ("iat", Value::Null),
            ("iss", json!([ISSUER])),
            ("iss", json!("https://auth.example.org/")),
            ("iss", json!("https://eve.example.org")),
            ("aud", json!([ISSUER, "https://eve.example.org"])),
            ("aud", json!([ISSUER, ISSUER])),
            ("aud", json!([])),
            ("aud", json!([[ISSUER]])),
            ("aud", json!({ "0": ISSUER })),
            ("aud", json!(format!("{ISSUER}/ws"))),
            ("aud", Value::Null),
            ("sub", json!(1)),
            ("sub", json!("admin")),
            ("sid", json!([ID])),
            ("client_id", json!("other")),
            ("jti", json!(ID)),
            ("jti", json!(format!("{ID}.x"))),
            ("jti", json!(7)),
            ("ver", json!("3")),
            ("role", json!(["admin"])),
            ("auth_time", json!("1")),
            ("amr", json!("pwd")),
            ("src", Value::Null),
            ("src", json!("elsewhere")),
            ("src", json!(1)),
        ];
        for (name, value) in wrong {
            let token = set.sign(TYPE, &with(name, value.clone())).unwrap();
            assert_eq!(verify(&set, &token), None, "{name} = {value}");
        }
        for name in claims().into_keys() {
            let mut missing = claims();
            missing.remove(name);
            assert_eq!(
                verify(&set, &set.sign(TYPE, &missing).unwrap()),
                None,
                "without {name}"
            );
        }
    }

    #[test]
    fn t05_duplicate_claims_arrays_and_long_tokens_are_refused() {
        let set = key_set();
        let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{}"}}"#, kid(&set));
        let good = json!(claims()).to_string();
        assert!(verify(&set, &forge(&set, &header, &good)).is_some());
        for (name, value) in claims() {
            let doubled = format!(r#"{{"{name}":{value},{}"#, &good[1..]);
            assert_eq!(
                verify(&set, &forge(&set, &header, &doubled)),
                None,
                "{name} twice"
            );
        }
        for payload in ["", "{}", "[]", "null", "\"x\"", &good[1..], &format!("{good} x")] {
            assert_eq!(verify(&set, &forge(&set, &header, payload)), None, "{payload}");
        }
        let long = json!(with("extra", json!("x".repeat(8 * 1024)))).to_string();
        assert_eq!(verify(&set, &forge(&set, &header, &long)), None);
    }

    #[test]
    fn t05_a_token_for_another_purpose_is_refused() {
        let set = key_set();
        for typ in ["socket+jwt", "JWT", "", "at+jwt+x"] {
            assert_eq!(verify(&set, &set.sign(typ, &claims()).unwrap()), None, "{typ}");
        }
    }

    #[test]
    fn t05_no_mutant_of_a_good_token_is_accepted() {
        let set = key_set();
        let token = set.sign(TYPE, &claims()).unwrap();
        let mut mutants = 0;
        let mut refused = |mutant: &str| {
            assert_eq!(verify(&set, mutant), None, "{mutant}");
            mutants += 1;
        };
        let bytes = token.as_bytes();
        for at in 0..bytes.len() {
            for bit in 0..7 {
                let mut altered = bytes.to_vec();
                altered[at] ^= 1 << bit;
                refused(std::str::from_utf8(&altered).unwrap());
            }
            refused(&token[..at]);
            refused(&format!("{}{}", &token[..at], &token[at + 1..]));
            refused(&format!("{}.{}", &token[..at], &token[at..]));
        }
        let parts: Vec<&str> = token.split('.').collect();
        for mutant in [
            format!("{token}."),
            format!("{token}="),
            format!("{token}A"),
            format!(" {token}"),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{}..{}", parts[0], parts[2]),
            format!("{}.{}.{}", parts[1], parts[0], parts[2]),
            format!("{}.{}.{}", parts[0], parts[1], BASE64URL_NOPAD.encode(&[0; 64])),
            format!(
                "{}.{}.{}",
                parts[0],
                parts[1],
                BASE64URL_NOPAD.encode(&[0xff; 64])
            ),
        ] {
            refused(&mutant);
        }
        assert!(mutants > 5_000, "{mutants}");
    }
}
