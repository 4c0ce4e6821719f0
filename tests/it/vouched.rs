//! Accounts that an operator made or imported and that wait for their owner: whoever registers the address
//! meanwhile neither takes them over nor keeps them out.

use std::time::Duration;

use portcullis::accounts::{Error, ImportOutcome, ImportRow, ImportedUser, NewUser};
use portcullis::audit::{Actor, Origin};
use portcullis::email::Email;
use portcullis::roles::Permission;
use serde_json::{Value, json};

use crate::support::app::{TestApp, Tuning};
use crate::support::people::PASSWORD;

const EVE: &str = "eve@example.org";
const STRANGERS: &str = "what a stranger chose 7 times";
/// bcrypt at its least cost, of `password1`.
const BCRYPT: &str = "$2b$04$GkG7G9wIb3q28USjTCvYDuPEBc3IWn3h83AT8.WM.qMCYY3ZvXQay";

/// Eve as an operator makes her: with a password that is hers once she has proven the address, or invited.
fn eve(password: Option<&str>) -> NewUser {
    NewUser {
        email: Email::parse(EVE).unwrap(),
        name: Some("Eve".to_owned()),
        role: "admin".to_owned(),
        active: false,
        password: password.map(|password| password.to_owned().into()),
        invite: password.is_none(),
    }
}

/// Eve as other software knew her.
fn described(verified: bool) -> ImportRow {
    ImportRow {
        email: Some(EVE.to_owned()),
        password_hash: Some(BCRYPT.to_owned()),
        role: Some("moderator".to_owned()),
        email_verified: Some(verified),
        ..ImportRow::default()
    }
}

impl TestApp {
    async fn make(&self, user: NewUser) {
        let by = Origin::local(Actor::Operator);
        self.app.accounts.create(user, &by).await.unwrap();
    }

    async fn import_eve(&self, described: &ImportRow, dry_run: bool) -> ImportOutcome {
        let person = ImportedUser::check(described, self.now()).unwrap();
        let by = Origin::local(Actor::Operator);
        let outcomes = self.app.accounts.import(&[person], dry_run, &by).await.unwrap();
        outcomes[0]
    }

    /// Somebody who cannot read Eve's mail registers her address.
    async fn register_as_stranger(&self) {
        let body = json!({ "email": EVE, "password": STRANGERS, "name": "Mallory" });
        self.post("/api/users", body).await.expect(202);
    }

    /// So that the newest mail is the newest.
    fn a_minute_later(&self) {
        self.clock.as_ref().unwrap().advance(Duration::from_mins(1));
    }

    async fn activate_by(&self, mail: &Value) {
        let token = mail["token"].as_str().unwrap();
        let path = format!("/api/auth/activate/{token}");
        self.patch(&path).await.expect(200);
    }

    async fn recover_by(&self, mail: &Value, password: &str) {
        let token = mail["token"].as_str().unwrap();
        let path = format!("/api/auth/recovery/{token}");
        self.post(&path, json!({ "password": password }))
            .await
            .expect(204);
    }

    /// Eve has the role and the name that the operator gave her, and nothing of the stranger's.
    async fn is_eve(&self, password: &str, role: &str, name: &Value) {
        self.try_sign_in(EVE, STRANGERS)
            .await
            .problem(401, "invalid_credentials");
        let user = self.try_sign_in(EVE, password).await.expect(200).json()["user"].clone();
        assert_eq!((&user["site_role"], &user["name"]), (&json!(role), name));
    }
}

#[tokio::test]
async fn t16_a_stranger_puts_no_password_on_an_account_that_an_operator_made() {
    let hub = Tuning::new().manual_clock().spawn().await;
    hub.make(eve(Some(PASSWORD))).await;
    hub.mail_to(EVE, 1).await;
    hub.a_minute_later();
    hub.register_as_stranger().await;
    let mail = hub.mail_to(EVE, 2).await;
    assert_eq!(mail["subject"], "Confirm your e-mail address");
    assert!(!mail["text"].as_str().unwrap().contains("Mallory"));
    hub.try_sign_in(EVE, STRANGERS)
        .await
        .problem(401, "invalid_credentials");
    hub.activate_by(&mail).await;
    hub.is_eve(PASSWORD, "admin", &json!("Eve")).await;
}

#[tokio::test]
async fn t16_a_stranger_puts_no_password_on_the_account_of_somebody_invited() {
    let hub = Tuning::new().manual_clock().spawn().await;
    hub.make(eve(None)).await;
    hub.mail_to(EVE, 1).await;
    // Whether the address is registered or another mail is asked for: she chooses a password first.
    hub.a_minute_later();
    hub.post("/api/auth/activate", json!({ "email": EVE }))
        .await
        .expect(202);
    assert_eq!(
        hub.mail_to(EVE, 2).await["subject"],
        "An account was made for you"
    );
    hub.a_minute_later();
    hub.register_as_stranger().await;
    let mail = hub.mail_to(EVE, 3).await;
    assert_eq!(mail["subject"], "An account was made for you");
    hub.recover_by(&mail, PASSWORD).await;
    hub.is_eve(PASSWORD, "admin", &json!("Eve")).await;
}

#[tokio::test]
async fn t16_an_imported_password_outlives_a_stranger_s_registration() {
    let hub = Tuning::new().manual_clock().spawn().await;
    assert_eq!(
        hub.import_eve(&described(false), false).await,
        ImportOutcome::Created
    );
    hub.register_as_stranger().await;
    hub.mail_to(EVE, 1).await;
    hub.a_minute_later();
    hub.post("/api/auth/activate", json!({ "email": EVE }))
        .await
        .expect(202);
    hub.activate_by(&hub.mail_to(EVE, 2).await).await;
    hub.is_eve("password1", "moderator", &Value::Null).await;
}

#[tokio::test]
async fn who_was_made_by_an_operator_and_registers_herself_chooses_a_password_by_recovery() {
    let hub = Tuning::new().manual_clock().spawn().await;
    hub.make(eve(Some("the operator's first choice 5"))).await;
    hub.mail_to(EVE, 1).await;
    hub.a_minute_later();
    hub.register(EVE).await.expect(202);
    hub.mail_to(EVE, 2).await;
    hub.a_minute_later();
    hub.post("/api/auth/recovery", json!({ "email": EVE }))
        .await
        .expect(202);
    hub.recover_by(&hub.mail_to(EVE, 3).await, PASSWORD).await;
    hub.is_eve(PASSWORD, "admin", &json!("Eve")).await;
}

#[tokio::test]
async fn t16_who_registers_an_address_without_proof_keeps_nobody_out_of_an_import() {
    for (verified, then) in [(true, 200), (false, 403)] {
        let hub = TestApp::spawn().await;
        hub.register_as_stranger().await;
        let claim = hub.text("select password_hash from users").await;
        // A dry run tells the same, and leaves everything as it is.
        assert_eq!(
            hub.import_eve(&described(verified), true).await,
            ImportOutcome::Created
        );
        assert_eq!(hub.text("select password_hash from users").await, claim);
        let erased = "audit where action = 'user.delete' and actor = 'operator'
            and details like '%address_taken_by%'";
        assert_eq!(hub.count(erased).await, 0);

        assert_eq!(
            hub.import_eve(&described(verified), false).await,
            ImportOutcome::Created
        );
        hub.try_sign_in(EVE, "password1").await.expect(then);
        hub.try_sign_in(EVE, STRANGERS)
            .await
            .problem(401, "invalid_credentials");
        assert_eq!((hub.count("users").await, hub.count(erased).await), (1, 1));
        assert_eq!(hub.count("mailed_tokens").await, 0, "the stranger's link is dead");
        // Run again, it changes nothing, also where the owner has proven nothing yet.
        assert_eq!(
            hub.import_eve(&described(true), false).await,
            ImportOutcome::Exists
        );
    }
}

#[tokio::test]
async fn t16_who_registers_an_address_without_proof_keeps_no_operator_from_using_it() {
    let hub = Tuning::new().manual_clock().spawn().await;
    hub.register_as_stranger().await;
    hub.mail_to(EVE, 1).await;
    hub.a_minute_later();
    hub.make(eve(None)).await;
    let invitation = hub.mail_to(EVE, 2).await;
    let by = Origin::local(Actor::Operator);
    let again = hub.app.accounts.create(eve(None), &by).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    hub.recover_by(&invitation, PASSWORD).await;
    hub.is_eve(PASSWORD, "admin", &json!("Eve")).await;
    let again = hub.app.accounts.create(eve(None), &by).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");

    hub.register("ada@example.org").await.expect(202);
    let ada = hub.person("ada@example.org", "moderator").await;
    let user = hub.sign_in(&ada.email).await.body["user"].clone();
    assert_eq!(
        (&user["id"], &user["site_role"]),
        (&json!(ada.id), &json!("moderator"))
    );
}

#[tokio::test]
async fn t16_nobody_is_given_a_role_before_the_address_is_proven() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let key = hub.service_key(Permission::ALL).await;
    hub.register_as_stranger().await;
    let link = hub.mailed_token(EVE, 1).await;
    let users = hub.get_as(&key, "/api/users").await.expect(200).json();
    let eve = users["items"][0]["id"].as_str().unwrap();
    let path = format!("/api/users/{eve}/site_role");
    let role = json!({ "role": "moderator" });
    hub.put_as(&key, &path, role.clone())
        .await
        .problem(409, "conflict");
    hub.patch(&format!("/api/auth/activate/{link}")).await.expect(200);
    hub.put_as(&key, &path, role).await.expect(200);
}
