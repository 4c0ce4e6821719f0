//! Statements on `oauth_flows`: a sign-in through a provider, between two of its steps. A secret leads on from
//! each step, once; only its hash is stored.

use uuid::Uuid;

use super::row::{corrupt, from_row};
use super::{Error, Tx, with_conn};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::secret::TokenHash;

/// How far a flow has come. What leads on from another step is unknown here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody who is signed in has asked for an address at which to begin a link.
    Link,
    /// The browser is at the provider; `state` leads on.
    Provider,
    /// The provider has answered; the one-time code of the frontend leads on.
    Code,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Provider => "provider",
            Self::Code => "code",
        }
    }

    fn from_column(text: &str) -> sqlx::Result<Self> {
        match text {
            "link" => Ok(Self::Link),
            "provider" => Ok(Self::Provider),
            "code" => Ok(Self::Code),
            other => Err(corrupt(format!("unknown step of a flow {other:?}"))),
        }
    }
}

/// A flow at one of its steps.
#[derive(Clone, Debug)]
pub struct Flow {
    pub step: Step,
    /// The `<id>` of `oauth.<id>`.
    pub provider: String,
    /// Where the frontend gets its answer: an address of the allow-list.
    pub redirect_to: String,
    /// The frontend's (RFC 7636), by which it proves at the end that it was there at the beginning.
    pub code_challenge: String,
    /// Who links an identity, in which session; `None` where it is a sign-in.
    pub linker: Option<(UserId, SessionId)>,
    /// What the provider said, sealed.
    pub profile: Option<Vec<u8>>,
    pub expires_at: Timestamp,
}

from_row!(Flow, |row| Flow {
    step: Step::from_column(row.try_get("step")?)?,
    provider: row.try_get("provider")?,
    redirect_to: row.try_get("redirect_to")?,
    code_challenge: row.try_get("code_challenge")?,
    linker: {
        let user = row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from);
        user.zip(row.try_get::<Option<Uuid>, _>("session_id")?.map(SessionId::from))
    },
    profile: row.try_get("profile")?,
    expires_at: Timestamp::from_micros(row.try_get("expires_at")?),
});

/// Writes a flow that the secret of `hash` leads on.
pub async fn insert(tx: &mut Tx, hash: &TokenHash, flow: &Flow) -> Result<(), Error> {
    const SQL: &str = "insert into oauth_flows
        (hash, step, provider, redirect_to, code_challenge, user_id, session_id, profile, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    with_conn!(tx, conn => {
        sqlx::query(SQL)
            .bind(hash.bytes())
            .bind(flow.step.as_str())
            .bind(&flow.provider)
            .bind(&flow.redirect_to)
            .bind(&flow.code_challenge)
            .bind(flow.linker.map(|(user, _)| user.uuid()))
            .bind(flow.linker.map(|(_, session)| session.uuid()))
            .bind(flow.profile.as_deref())
            .bind(flow.expires_at.micros())
            .execute(conn)
            .await?;
    });
    Ok(())
}

/// Who links an identity with the frontend's code, which stays good; `None` where it is a sign-in, or no code.
pub async fn find_linker(tx: &mut Tx, hash: &TokenHash) -> Result<Option<UserId>, Error> {
    const SQL: &str =
        "select user_id from oauth_flows where hash = $1 and step = 'code' and user_id is not null";
    let found: Option<Uuid> = with_conn!(tx, conn => {
        sqlx::query_scalar(SQL).bind(hash.bytes()).fetch_optional(conn).await?
    });
    Ok(found.map(UserId::from))
}

/// Takes the flow out of its step: of any number of callers, one gets it.
pub async fn consume(
    tx: &mut Tx,
    hash: &TokenHash,
    step: Step,
    now: Timestamp,
) -> Result<Option<Flow>, Error> {
    const SQL: &str = "delete from oauth_flows where hash = $1 and step = $2 and expires_at > $3
        returning step, provider, redirect_to, code_challenge, user_id, session_id, profile, expires_at";
    Ok(with_conn!(tx, conn => {
        sqlx::query_as(SQL)
            .bind(hash.bytes())
            .bind(step.as_str())
            .bind(now.micros())
            .fetch_optional(conn)
            .await?
    }))
}

/// Erases what expired before `before`. Answers how many went.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    const SQL: &str = "delete from oauth_flows where expires_at < $1";
    tx.takes_long();
    Ok(with_conn!(tx, conn => sqlx::query(SQL).bind(before.micros()).execute(conn).await?.rows_affected()))
}
