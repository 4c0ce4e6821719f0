//! Socket tokens: what opens one socket, once, within seconds.
//!
//! Signed, with a type and an audience of their own, so that neither kind of token passes for the other.
//! Single use: PostgreSQL spends a token by one conditional insert; SQLite serves one process, which
//! remembers what it handed out. A restart forgets that, and so refuses every token from before it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::jwt::{self, Audience, Unverified, Validity};
use super::{Current, Error, RedeemError, Sessions, SocketToken};
use crate::clock::Timestamp;
use crate::ids::{SessionId, TokenId, UserId};
use crate::jws;
use crate::secret::PlainToken;
use crate::store::Db;
use crate::store::sessions::Unspent;

const TYPE: &str = "socket+jwt";
/// How long a token is remembered beyond its `exp`: for the leeway, and for nodes whose clocks differ.
const MEMORY: Duration = Duration::from_mins(2);
/// How often the ledger forgets what has expired.
const SWEEP: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct NewClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: UserId,
    sid: SessionId,
    jti: TokenId,
    iat: i64,
    exp: i64,
    ver: i64,
}

/// The claims as they are read: each required, each of exactly this type. Others are ignored.
#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: UserId,
    sid: SessionId,
    jti: TokenId,
    iat: i64,
    exp: i64,
    #[serde(default, deserialize_with = "jws::present")]
    nbf: Option<i64>,
    #[serde(rename = "ver")]
    _version: i64,
}

impl Claims {
    fn is_good(&self, issuer: &str, audience: &str, now: Timestamp) -> bool {
        self.iss == issuer
            && self.aud.is(audience)
            && jwt::judge(self.iat, self.exp, self.nbf, now) == Some(Validity::Live)
    }
}

impl Sessions {
    /// GET /api/auth/socket: a socket token and its lifetime.
    ///
    /// # Errors
    /// [`Error::RefreshRequired`] for an access token that came over a socket itself; [`Error::Signing`].
    pub fn socket_token(&self, current: &Current) -> Result<(PlainToken, Duration), Error> {
        if current.from_socket {
            return Err(Error::RefreshRequired);
        }
        let now = self.cx.now();
        let lifetime = self.cx.config.tokens.socket_ttl;
        let claims = NewClaims {
            iss: self.cx.site.issuer(),
            aud: &self.socket_audience(),
            sub: current.user_id,
            sid: current.session_id,
            jti: TokenId::generate(&self.cx.clock, &self.cx.rng),
            iat: now.seconds(),
            exp: now.seconds() + i64::from(lifetime),
            ver: current.state.version,
        };
        let token = self.keys.present().sign(TYPE, &claims)?;
        if matches!(self.cx.db, Db::Sqlite { .. }) {
            self.ledger.issue(claims.jti, remembered_until(claims.exp), now);
        }
        Ok((PlainToken::presented(token), Duration::from_secs(lifetime.into())))
    }

    /// Verifies a socket token, and does not spend it: who is told to come back later may show it again.
    ///
    /// # Errors
    /// [`RedeemError::Invalid`] (4102).
    pub async fn verify_socket_token(&self, token: &PlainToken) -> Result<SocketToken, RedeemError> {
        let claims = self.verify_socket(token).await.ok_or(RedeemError::Invalid)?;
        Ok(SocketToken {
            user_id: claims.sub,
            session_id: claims.sid,
            unspent: Unspent {
                id: claims.jti,
                until: remembered_until(claims.exp),
            },
        })
    }

    /// Spends a token with SQLite. On PostgreSQL gives what the hub has to spend: the socket opens only for
    /// who does, see [`Hub::open`](crate::hub::Hub::open). Whether the session lives is read there too,
    /// after the connection was registered.
    ///
    /// # Errors
    /// [`RedeemError::Invalid`] (4102) when this process did not hand it out, [`RedeemError::Used`] (4103).
    pub fn redeem(&self, token: &SocketToken) -> Result<Option<Unspent>, RedeemError> {
        match &self.cx.db {
            Db::Sqlite { .. } => {
                self.ledger.spend(token.unspent.id)?;
                Ok(None)
            }
            Db::Postgres { .. } => Ok(Some(token.unspent)),
        }
    }

    async fn verify_socket(&self, token: &PlainToken) -> Option<Claims> {
        let parsed = Unverified::parse(token.expose(), TYPE)?;
        let key = self.keys.find(&parsed.kid).await?;
        let claims: Claims = parsed.open(&key)?;
        let good = claims.is_good(self.cx.site.issuer(), &self.socket_audience(), self.cx.now());
        good.then_some(claims)
    }

    fn socket_audience(&self) -> String {
        self.cx.site.link("/ws")
    }
}

fn remembered_until(exp: i64) -> Timestamp {
    Timestamp::from_micros(exp.saturating_mul(1_000_000)) + MEMORY
}

/// The socket tokens that this process handed out and that may still be presented. Clones share.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    issued: HashMap<TokenId, Entry>,
    sweep_at: Timestamp,
}

#[derive(Debug)]
struct Entry {
    until: Timestamp,
    spent: bool,
}

impl Ledger {
    fn issue(&self, id: TokenId, until: Timestamp, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= entries.sweep_at {
            entries.issued.retain(|_, entry| entry.until > now);
            entries.sweep_at = now + SWEEP;
        }
        entries.issued.insert(id, Entry { until, spent: false });
    }

    /// Ok for exactly one caller. What was not handed out by this process is invalid.
    fn spend(&self, id: TokenId) -> Result<(), RedeemError> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.issued.get_mut(&id).ok_or(RedeemError::Invalid)?;
        if std::mem::replace(&mut entry.spent, true) {
            return Err(RedeemError::Used);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::key_set::tests::{NOW, key_set};
    use super::*;
    use crate::clock::Clock;
    use crate::secret::Rng;

    const ISSUER: &str = "https://auth.example.org";
    const AUDIENCE: &str = "https://auth.example.org/ws";
    const ID: &str = "0190a0b0-0000-7000-8000-000000000001";

    fn id() -> TokenId {
        TokenId::generate(&Clock::System, &Rng::System)
    }

    #[test]
    fn t01_sixteen_redemptions_of_one_token_have_one_winner() {
        for _ in 0..200 {
            let ledger = Ledger::default();
            let id = id();
            ledger.issue(id, NOW + MEMORY, NOW);
            let won: Vec<bool> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..16)
                    .map(|_| scope.spawn(|| ledger.spend(id).is_ok()))
                    .collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            assert_eq!(won.iter().filter(|won| **won).count(), 1);
            assert!(matches!(ledger.spend(id), Err(RedeemError::Used)));
        }
    }

    #[test]
    fn t01_a_token_from_before_the_start_is_refused() {
        assert!(matches!(Ledger::default().spend(id()), Err(RedeemError::Invalid)));
    }

    #[test]
    fn the_ledger_forgets_what_has_expired_and_nothing_else() {
        let ledger = Ledger::default();
        let (old, young) = (id(), id());
        ledger.issue(old, NOW + Duration::from_secs(20), NOW);
        ledger.issue(young, NOW + Duration::from_mins(1), NOW);
        ledger.issue(id(), NOW + Duration::from_secs(90), NOW + Duration::from_secs(30));
        assert!(matches!(ledger.spend(old), Err(RedeemError::Invalid)));
        assert!(ledger.spend(young).is_ok());
    }

    fn verify(typ: &str, change: impl FnOnce(&mut Value)) -> bool {
        let set = key_set();
        let now = NOW.seconds();
        let mut claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": ID, "sid": ID, "jti": ID,
            "iat": now, "exp": now + 30, "ver": 1,
        });
        change(&mut claims);
        let token = set.sign(typ, &claims).unwrap();
        let Some(parsed) = Unverified::parse(&token, TYPE) else {
            return false;
        };
        let key = set.find(&parsed.kid, NOW).unwrap();
        parsed
            .open::<Claims>(key)
            .is_some_and(|claims| claims.is_good(ISSUER, AUDIENCE, NOW))
    }

    #[test]
    fn t05_only_a_live_socket_token_for_this_socket_is_good() {
        let now = NOW.seconds();
        assert!(verify(TYPE, |_| {}));
        assert!(!verify("at+jwt", |_| {}), "an access token opens no socket");
        for (name, value) in [
            ("aud", json!(ISSUER)),
            ("aud", json!([AUDIENCE, ISSUER])),
            ("iss", json!(AUDIENCE)),
            ("exp", json!(now - 5)),
            ("exp", json!((now + 30).to_string())),
            ("iat", json!(now + 61)),
            ("nbf", json!(now + 60)),
            ("nbf", Value::Null),
            ("jti", json!(format!("{ID}.1"))),
            ("sid", Value::Null),
            ("ver", json!("1")),
        ] {
            assert!(
                !verify(TYPE, |claims| claims[name] = value.clone()),
                "{name} = {value}"
            );
        }
    }
}
