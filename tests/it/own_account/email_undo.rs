//! "It was not me": a change of address is taken back from the old address.

use std::time::Duration;

use futures_util::future::join_all;
use portcullis::email::Email;
use portcullis::ids::UserId;
use portcullis::store::users;
use serde_json::json;

use super::*;
use crate::support::{database, eventually};

impl TestApp {
    /// Moves the account of `pair`'s person to `to`; gives the link that takes it back, the `count`th mail to
    /// `from`.
    async fn move_to(&self, pair: &Pair, from: &str, to: &str, count: usize) -> String {
        self.ask_for_address(&pair.access, to).await.expect(202);
        let token = self.mailed_token(to, 1).await;
        self.tick();
        self.confirm_address(&token).await.expect(200);
        let undo = self.mailed_token(from, count).await;
        self.tick();
        undo
    }

    /// Mails of different acts have different times.
    fn tick(&self) {
        self.clock.as_ref().unwrap().advance(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn the_old_address_takes_the_account_back_and_everybody_is_signed_out() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, thief) = hub.signed_in(ADA, "user").await;
    let undo = hub.move_to(&thief, ADA, NEW, 2).await;
    // The thief locks the owner out, as far as that goes.
    hub.change_password(&thief.access, Some(PASSWORD), OTHER_PASSWORD)
        .await
        .expect(204);
    let (mut socket, _) = hub.open(&thief.access).await;
    hub.get(&format!("/email-undo/{undo}")).await.expect(200);

    let done = hub.undo_address(&undo).await.expect(200);
    assert_eq!(done.text(), r#"{"status":"restored"}"#);
    socket.signed_out("email_changed").await;
    hub.get_as(&thief.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.try_sign_in(NEW, OTHER_PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    // What the thief chose as password ends by the link that the owner got.
    let mail = hub.mail_to(ADA, 3).await;
    assert_eq!(mail["subject"], "Choose another password");
    let recovery = mail["token"].as_str().unwrap();
    assert_eq!(mail["links"], json!([hub.url(&format!("/recovery/{recovery}"))]));
    let body = json!({ "password": "the owner's passphrase 77" });
    hub.post(&format!("/api/auth/recovery/{recovery}"), body)
        .await
        .expect(204);
    let ada = Pair::of(
        &hub.try_sign_in(ADA, "the owner's passphrase 77")
            .await
            .expect(200),
    );
    assert_eq!(ada.body["user"]["version"], 3);
    hub.undo_address(&undo).await.problem(410, "token_spent");
}

#[tokio::test]
async fn a_change_that_was_only_asked_for_is_stopped_by_its_notice() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, thief) = hub.signed_in(ADA, "user").await;
    hub.ask_for_address(&thief.access, NEW).await.expect(202);
    let change = hub.mailed_token(NEW, 1).await;
    let stop = hub.mailed_token(ADA, 1).await;
    let (mut socket, _) = hub.open(&thief.access).await;
    hub.undo_address(&stop).await.expect(200);
    socket.signed_out("revoked").await;
    hub.confirm_address(&change).await.problem(410, "token_spent");
    let ada = hub.sign_in(ADA).await;
    assert_eq!(ada.body["user"]["version"], 1, "the address is the same");
}

#[tokio::test]
async fn the_notice_of_the_request_also_takes_the_confirmed_change_back() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let first = hub.mailed_token(ADA, 1).await;
    hub.tick();
    hub.confirm_address(&hub.mailed_token(NEW, 1).await)
        .await
        .expect(200);
    let second = hub.mailed_token(ADA, 2).await;
    hub.undo_address(&first).await.expect(200);
    hub.sign_in(ADA).await;
    hub.undo_address(&second).await.problem(410, "token_spent");
}

#[tokio::test]
async fn t07_the_link_lives_72_hours_and_works_once() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let undo = hub.move_to(&ada, ADA, NEW, 2).await;
    clock.advance(Duration::from_hours(72));
    let late = hub.undo_address(&undo).await;
    late.problem(410, "token_spent");
    assert_eq!(late.likeness(), hub.undo_address("pcm_unknown").await.likeness());

    let ada = Pair::of(&hub.try_sign_in(NEW, PASSWORD).await.expect(200));
    let undo = hub.move_to(&ada, NEW, "third@example.org", 3).await;
    clock.advance(Duration::from_hours(71));
    let answers = join_all((0..16).map(|_| hub.undo_address(&undo))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        lost.problem(410, "token_spent");
    }
    hub.sign_in(NEW).await;
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(NEW).await.len(), 4, "one offer of another password");
}

#[tokio::test]
async fn a_thief_who_moves_the_account_twice_neither_ends_the_owners_link_nor_has_one() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, thief) = hub.signed_in(ADA, "user").await;
    let owners = hub.move_to(&thief, ADA, "thief@example.net", 2).await;
    let thiefs = hub
        .move_to(&thief, "thief@example.net", "hideout@example.net", 3)
        .await;
    hub.undo_address(&owners).await.expect(200);
    hub.undo_address(&thiefs).await.problem(410, "token_spent");
    assert_eq!(hub.sign_in(ADA).await.body["user"]["email"], ADA);
}

#[tokio::test]
async fn an_older_link_outlives_one_that_a_thief_redeems() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, thief) = hub.signed_in(ADA, "user").await;
    let owners = hub.move_to(&thief, ADA, "thief@example.net", 2).await;
    let thiefs = hub
        .move_to(&thief, "thief@example.net", "hideout@example.net", 3)
        .await;
    hub.undo_address(&thiefs).await.expect(200);
    hub.undo_address(&owners).await.expect(200);
    hub.sign_in(ADA).await;
}

#[tokio::test]
async fn an_old_address_that_is_taken_by_now_stays_where_it_is() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let undo = hub.move_to(&ada, ADA, NEW, 2).await;
    // A registration without a proof is no obstacle …
    hub.register(ADA).await.expect(202);
    let other = hub.mailed_token(ADA, 3).await;
    hub.patch(&format!("/api/auth/activate/{other}"))
        .await
        .expect(200);
    // … but one that was proven is. Whoever signed in knew the password, and has to do so again.
    let (mut socket, _) = hub.open(&ada.access).await;
    hub.ask_for_address(&ada.access, "third@example.org")
        .await
        .expect(202);
    let change = hub.mailed_token("third@example.org", 1).await;
    hub.outbox_is_empty().await;
    let before = hub.mails_to(ADA).await.len();
    hub.undo_address(&undo).await.problem(409, "conflict");
    socket.signed_out("revoked").await;
    hub.get_as(&ada.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.confirm_address(&change).await.problem(410, "token_spent");
    hub.tick();
    hub.undo_address(&undo).await.problem(410, "token_spent");
    assert_eq!(hub.sign_in(NEW).await.body["user"]["email"], NEW);
    hub.outbox_is_empty().await;
    assert_eq!(
        hub.mails_to(ADA).await.len(),
        before,
        "no password is offered to a stranger"
    );
    assert_eq!(hub.refusals("email.undo").await, ["conflict", "token_spent"]);
    let log = "select details from audit where action = 'email.undo' and outcome = 'conflict'";
    let details: Value = serde_json::from_str(&hub.text(log).await).unwrap();
    assert_eq!(details, json!({ "sessions_revoked": 1, "returned": false }));
}

/// PostgreSQL, whatever database this run is on: elsewhere there is one writer.
#[tokio::test]
async fn an_old_address_that_an_operator_gives_away_at_that_moment_is_taken() {
    let hub = Tuning::new()
        .database(database::fresh_postgres().await)
        .manual_clock()
        .spawn()
        .await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let undo = hub.move_to(&ada, ADA, NEW, 2).await;
    let mut operators = hub.app.cx.db.begin().await.unwrap();
    let email = Email::parse(ADA).unwrap();
    let other = users::NewUser {
        id: UserId::generate(&hub.app.cx.clock, &hub.app.cx.rng),
        email: &email,
        name: None,
        status: users::Status::Active,
        site_role: "user",
        password_hash: None,
        vouched: true,
        created_at: hub.now(),
    };
    // As every operator does: first the address.
    let key = hub.app.cx.master.mac_u64("address lock", ADA.as_bytes());
    users::lock_key(&mut operators, key.cast_signed()).await.unwrap();
    assert!(users::insert_missing(&mut operators, &other).await.unwrap());
    let caller = hub.caller.clone();
    let path = format!("/api/users/email-undo/{undo}");
    let asked = tokio::spawn(async move { caller.post(&path, json!({})).await });
    let waiting = "select count(*) from pg_stat_activity where datname = current_database()
        and wait_event_type = 'Lock' and wait_event = 'advisory'";
    eventually("the address is waited for", || async {
        (hub.number(waiting).await > 0).then_some(())
    })
    .await;
    operators.commit().await.unwrap();
    asked.await.unwrap().problem(409, "conflict");
    assert!(!hub.is_live(&ada).await);
}

#[tokio::test]
async fn t16_who_squats_the_old_address_without_proof_does_not_keep_it() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (person, ada) = hub.signed_in(ADA, "user").await;
    let undo = hub.move_to(&ada, ADA, NEW, 2).await;
    hub.register(ADA).await.expect(202);
    hub.undo_address(&undo).await.expect(200);
    assert_eq!(hub.sign_in(ADA).await.body["user"]["id"], person.id.as_str());
    assert_eq!(hub.count("users").await, 1);
}
