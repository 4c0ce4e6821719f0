//! What is in the database before anybody connects: users, sessions, a service key. Written by the hub's own
//! functions, not over HTTP, so that a measurement begins with the operation that it is about.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use portcullis::accounts::NewUser;
use portcullis::app::App;
use portcullis::audit::{Actor, Origin};
use portcullis::config::Config;
use portcullis::email::Email;
use portcullis::ids::{SessionId, UserId};
use portcullis::roles::Permission;
use portcullis::secret::PlainToken;
use portcullis::service_keys::NewServiceKey;
use portcullis::sessions::Current;
use portcullis::store::refresh_tokens;
use portcullis::store::sessions::{self as store, Checked, NewSession};
use portcullis::store::users::{self, Status};

use super::member::Invitation;

/// What every user signs in with.
pub const PASSWORD: &str = "a password for ten thousand";
/// The name in tokens; nobody connects to it.
pub const PUBLIC_URL: &str = "http://127.0.0.1:8080";
/// Tokens are made before a measurement and must last through it.
pub const TOKEN_SECONDS: u32 = 3600;
/// Longer than a measurement.
const LIFETIME: Duration = Duration::from_hours(24);
/// Sessions that one statement reads.
const PAGE: usize = 1000;

/// A database that is ready, and the hub's services on it.
pub struct Ground {
    app: App,
    pub service_key: String,
}

/// A session that nobody has used yet.
pub struct Session {
    pub id: SessionId,
    pub refresh_token: PlainToken,
}

impl Ground {
    /// Migrates the database and makes a service key that may do everything.
    pub async fn lay(database: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut config = Config::for_development();
        config.data_dir = folder.to_owned();
        config.public_url = Some(PUBLIC_URL.parse()?);
        config.database.url = Some(database.to_owned().into());
        config.tokens.socket_ttl = TOKEN_SECONDS;
        config.tokens.access_ttl = TOKEN_SECONDS;
        let address = config.http.listen;
        let app = App::build(Arc::new(config), address, true).await?;
        let key = NewServiceKey {
            name: "swarm".to_owned(),
            scopes: Permission::ALL.to_vec(),
            allow: Vec::new(),
            expires_in: None,
        };
        let (_, secret) = app
            .service_keys
            .create(key, &Origin::local(Actor::Operator))
            .await?;
        let service_key = secret.expose().to_owned();
        Ok(Self { app, service_key })
    }

    /// Makes users; with the production's cost of a password's hash, so not many.
    pub async fn users(&self, prefix: &str, count: usize) -> anyhow::Result<Vec<(UserId, String)>> {
        let mut users = Vec::new();
        for number in 0..count {
            let email = format!("{prefix}{number}@example.org");
            let user = NewUser {
                email: Email::parse(&email)?,
                name: None,
                role: "user".to_owned(),
                active: true,
                password: Some(PASSWORD.to_owned().into()),
                invite: false,
            };
            let id = self
                .app
                .accounts
                .create(user, &Origin::local(Actor::Operator))
                .await?;
            users.push((id, email));
        }
        Ok(users)
    }

    /// Makes users without passwords, in one transaction.
    pub async fn strangers(&self, prefix: &str, count: usize) -> anyhow::Result<Vec<UserId>> {
        let addresses = (0..count).map(|number| format!("{prefix}{number}@example.org"));
        self.accounts(addresses, Status::Active, None).await
    }

    /// A hash of [`PASSWORD`], at the production's cost.
    pub async fn hash(&self) -> anyhow::Result<String> {
        Ok(self.app.hasher.rehash(&PASSWORD.to_owned().into()).await?)
    }

    /// Makes users who share the hash of a password, if any, in one transaction.
    pub async fn accounts(
        &self,
        addresses: impl IntoIterator<Item = String>,
        status: Status,
        password_hash: Option<&str>,
    ) -> anyhow::Result<Vec<UserId>> {
        let cx = &self.app.cx;
        let (mut tx, mut made) = (cx.db.begin().await?, Vec::new());
        for address in addresses {
            let id = UserId::generate(&cx.clock, &cx.rng);
            let user = users::NewUser {
                id,
                email: &Email::parse(&address)?,
                name: None,
                status,
                site_role: "user",
                password_hash,
                vouched: false,
                created_at: cx.now(),
            };
            let missing = users::insert_missing(&mut tx, &user).await?;
            anyhow::ensure!(missing, "{address} is there already");
            made.push(id);
        }
        tx.commit().await?;
        Ok(made)
    }

    /// Begins a session for each of `users`, in one transaction.
    pub async fn sessions(&self, users: impl IntoIterator<Item = UserId>) -> anyhow::Result<Vec<Session>> {
        let cx = &self.app.cx;
        let (mut tx, mut sessions, at) = (cx.db.begin().await?, Vec::new(), cx.now());
        for user_id in users {
            let id = SessionId::generate(&cx.clock, &cx.rng);
            let session = NewSession {
                id,
                user_id,
                at,
                amr: vec!["pwd".to_owned()],
                idle_expires_at: at + LIFETIME,
                expires_at: at + LIFETIME,
                ip: Some("127.0.0.1".to_owned()),
                network: Some("127.0.0.1".to_owned()),
                user_agent: None,
                device: None,
            };
            store::insert(&mut tx, &session).await?;
            let refresh_token = PlainToken::generate("pcr_", &cx.rng);
            refresh_tokens::insert(&mut tx, &refresh_token.hash(), id, 1, at).await?;
            sessions.push(Session { id, refresh_token });
        }
        tx.commit().await?;
        Ok(sessions)
    }

    /// A socket token for each of `sessions`, which may name one more than once. On PostgreSQL alone: on
    /// SQLite a server takes only its own.
    pub async fn invitations(&self, sessions: &[SessionId]) -> anyhow::Result<Vec<Invitation>> {
        let mut invitations = Vec::with_capacity(sessions.len());
        for page in sessions.chunks(PAGE) {
            let found = store::check_many(&mut self.app.cx.db.read().await?, page).await?;
            let found: HashMap<_, _> = found.into_iter().map(|session| (session.id, session)).collect();
            for id in page {
                invitations.push(self.invite(found.get(id).context("no such session")?)?);
            }
        }
        Ok(invitations)
    }

    fn invite(&self, session: &Checked) -> anyhow::Result<Invitation> {
        let current = Current {
            user_id: session.user_id,
            session_id: session.id,
            authenticated_at: session.authenticated_at,
            amr: session.amr.clone(),
            from_socket: false,
            state: session.state.clone(),
        };
        let (token, _) = self.app.sessions.socket_token(&current)?;
        Ok(Invitation {
            session: session.id.to_string(),
            protocols: format!("portcullis.v1, portcullis.token.{}", token.expose()),
        })
    }

    /// An access token of `session`.
    pub async fn access_token(&self, session: SessionId) -> anyhow::Result<String> {
        let found = store::check(&mut self.app.cx.db.read().await?, session).await?;
        let found = found.context("no such session")?;
        let token = self
            .app
            .sessions
            .mint_over_socket(&found, found.expires_at, &found.state)?;
        Ok(token.token)
    }

    pub async fn close(self) {
        self.app.close().await;
    }
}
