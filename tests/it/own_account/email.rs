//! Another address for one's own account: asking and confirming.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use portcullis::email::Email;
use portcullis::limits::Mailing;
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_new_address_is_confirmed_from_there_and_every_other_session_ends() {
    let hub = TestApp::spawn().await;
    let (_, laptop) = hub.signed_in(ADA, "user").await;
    let phone = hub.sign_in(ADA).await;
    let (mut here, _) = hub.open(&laptop.access).await;
    let (mut there, _) = hub.open(&phone.access).await;
    let asked = hub.ask_for_address(&laptop.access, "Ada.New@Example.org").await;
    assert_eq!(asked.expect(202).text(), r#"{"status":"accepted"}"#);
    let mail = hub.mail_to(NEW, 1).await;
    let token = mail["token"].as_str().unwrap();
    assert_eq!(mail["links"], json!([hub.url(&format!("/email/{token}"))]));
    let notice = hub.mail_to(ADA, 1).await;
    assert!(notice["text"].as_str().unwrap().contains(NEW));
    hub.get(&format!("/email/{token}")).await.expect(200);
    let me = hub.get_as(&laptop.access, "/api/users/me").await.json();
    assert_eq!(
        (&me["email"], &me["version"]),
        (&json!(ADA), &json!(1)),
        "nothing changed yet"
    );
    hub.try_sign_in(NEW, PASSWORD)
        .await
        .problem(401, "invalid_credentials");

    let done = hub.confirm_address(token).await.expect(200);
    assert_eq!(done.text(), r#"{"status":"changed"}"#);
    let goodbye = there.signed_out("email_changed").await;
    assert_eq!(
        (&goodbye["code"], &goodbye["scope"]),
        (&json!(4003), &json!("user"))
    );
    hub.get_as(&phone.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hears_of_others(&mut here, "email_changed").await;
    let state = here.frame("state").await;
    assert_eq!(state["reason"], "email_changed");
    assert_eq!(state["state"]["version"], 2);
    let me = hub
        .get_as(&laptop.access, "/api/users/me")
        .await
        .expect(200)
        .json();
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(NEW), &json!(true)));
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    hub.sign_in(NEW).await;
    let told = hub.mail_to(ADA, 2).await;
    assert_eq!(told["subject"], "The address of your account was changed");
    let undo = told["token"].as_str().unwrap();
    assert_eq!(told["links"], json!([hub.url(&format!("/email-undo/{undo}"))]));
}

#[tokio::test]
async fn the_link_goes_where_the_site_says() {
    let hub = Tuning::new()
        .configure(|config| config.links.email = Some("https://app.example.org/email#{token}".to_owned()))
        .spawn()
        .await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let mail = hub.mail_to(NEW, 1).await;
    let token = mail["token"].as_str().unwrap();
    assert_eq!(
        mail["links"],
        json!([format!("https://app.example.org/email#{token}")])
    );
}

#[tokio::test]
async fn without_proof_or_with_ones_own_address_nothing_is_asked_for() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let ask = |body| hub.post_as(&ada.access, "/api/users/me/email", body);
    let wrong = json!({ "email": NEW, "password": "not the password of ada" });
    ask(wrong).await.problem(403, "wrong_password");
    for (body, field, code) in [
        (json!({ "email": NEW }), "password", "required"),
        (json!({ "password": PASSWORD }), "email", "required"),
        (
            json!({ "email": "no address", "password": PASSWORD }),
            "email",
            "invalid",
        ),
        (
            json!({ "email": " ADA@example.org", "password": PASSWORD }),
            "email",
            "unchanged",
        ),
        (
            json!({ "email": NEW, "password": PASSWORD, "verified": true }),
            "verified",
            "unknown_field",
        ),
    ] {
        let problem = ask(body).await.problem(422, "validation_failed");
        assert_eq!(
            (&problem["errors"][0]["field"], &problem["errors"][0]["code"]),
            (&json!(field), &json!(code))
        );
    }
    hub.outbox_is_empty().await;
    assert_eq!(hub.count("mails").await, 0);
    assert_eq!(hub.count("mailed_tokens").await, 0);
    assert_eq!(hub.refusals("email.request").await, ["wrong_password"]);
}

#[tokio::test]
async fn t07_a_token_for_an_address_works_once_in_24_hours_and_a_newer_one_ends_it() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let unknown = hub.confirm_address("pcm_unknown").await;
    unknown.problem(410, "token_spent");
    let spent = unknown.likeness();

    hub.ask_for_address(&ada.access, "first@example.org")
        .await
        .expect(202);
    let first = hub.mailed_token("first@example.org", 1).await;
    clock.advance(Duration::from_secs(1));
    hub.ask_for_address(&ada.access, "second@example.org")
        .await
        .expect(202);
    let second = hub.mailed_token("second@example.org", 1).await;
    assert_eq!(
        hub.confirm_address(&first).await.likeness(),
        spent,
        "a newer one ends the older"
    );
    let undo = hub.mailed_token(ADA, 2).await;
    assert_eq!(
        hub.confirm_address(&undo).await.likeness(),
        spent,
        "of another purpose"
    );
    hub.post(
        &format!("/api/auth/recovery/{second}"),
        json!({ "password": OTHER_PASSWORD }),
    )
    .await
    .problem(410, "token_spent");
    hub.undo_address(&second).await.problem(410, "token_spent");
    clock.advance(Duration::from_hours(24));
    assert_eq!(hub.confirm_address(&second).await.likeness(), spent, "too late");

    let ada = hub.sign_in(ADA).await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let ended = hub.mailed_token(NEW, 1).await;
    hub.change_password(&ada.access, Some(PASSWORD), OTHER_PASSWORD)
        .await
        .expect(204);
    assert_eq!(
        hub.confirm_address(&ended).await.likeness(),
        spent,
        "a change of password ends it"
    );
    hub.try_sign_in(ADA, OTHER_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn t07_of_sixteen_that_confirm_one_address_at_once_one_does() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let token = hub.mailed_token(NEW, 1).await;
    let answers = join_all((0..16).map(|_| hub.confirm_address(&token))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|answer| answer.status != 200) {
        lost.problem(410, "token_spent");
    }
    let me = hub.get_as(&ada.access, "/api/users/me").await.expect(200).json();
    assert_eq!((&me["email"], &me["version"]), (&json!(NEW), &json!(2)));
}

#[tokio::test]
async fn of_two_that_confirm_one_address_at_once_one_gets_it() {
    let hub = TestApp::spawn().await;
    for round in 0..4 {
        let wanted = format!("wanted{round}@example.org");
        let mut tokens = Vec::new();
        for (n, name) in ["ada", "bob"].into_iter().enumerate() {
            let email = format!("{name}{round}@example.org");
            let (_, pair) = hub.signed_in(&email, "user").await;
            hub.ask_for_address(&pair.access, &wanted).await.expect(202);
            tokens.push(hub.mailed_token(&wanted, n + 1).await);
        }
        let answers = join_all(tokens.iter().map(|token| hub.confirm_address(token))).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 410]);
        assert_eq!(hub.count(&format!("users where email = '{wanted}'")).await, 1);
    }
}

#[tokio::test]
async fn t09_the_owner_of_a_taken_address_is_told_and_nobody_gets_a_link() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let bob = hub.person("bob@example.org", "user").await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let older = hub.mailed_token(NEW, 1).await;
    hub.ask_for_address(&ada.access, &bob.email).await.expect(202);
    let told = hub.mail_to(&bob.email, 1).await;
    assert_eq!(told["subject"], "Somebody wanted to use your address");
    assert_eq!((&told["token"], &told["links"]), (&json!(null), &json!([])));
    assert!(
        !told["text"].as_str().unwrap().contains(ADA),
        "nobody is named to a stranger"
    );
    hub.mail_to(ADA, 2).await;
    // As with a free address: what was asked for before is over.
    hub.confirm_address(&older).await.problem(410, "token_spent");
}

#[tokio::test]
async fn t16_an_address_that_somebody_squats_without_proof_goes_to_who_proves_it() {
    let hub = TestApp::spawn().await;
    let (person, ada) = hub.signed_in(ADA, "user").await;
    let body = json!({ "email": NEW, "password": OTHER_PASSWORD, "name": "Mallory" });
    hub.post("/api/users", body).await.expect(202);
    let activation = hub.mailed_token(NEW, 1).await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let token = hub.mailed_token(NEW, 2).await;
    hub.confirm_address(&token).await.expect(200);
    assert_eq!(hub.count("users").await, 1);
    hub.patch(&format!("/api/auth/activate/{activation}"))
        .await
        .problem(410, "token_spent");
    hub.try_sign_in(NEW, OTHER_PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    hub.sign_in(NEW).await;
    let log = hub
        .texts("select details from audit where action = 'user.delete'")
        .await;
    let [Some(details)] = log.as_slice() else {
        panic!("{log:?}");
    };
    let details: Value = serde_json::from_str(details).unwrap();
    let expected = json!({ "status": "pending", "sessions_revoked": 0, "own": false,
        "address_taken_by": person.id });
    assert_eq!(details, expected);
}

#[tokio::test]
async fn an_address_that_was_activated_meanwhile_stays_with_its_account() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let token = hub.mailed_token(NEW, 1).await;
    let other = hub.person(NEW, "user").await;
    hub.confirm_address(&token).await.problem(410, "token_spent");
    let me = hub.get_as(&ada.access, "/api/users/me").await.expect(200).json();
    assert_eq!((&me["email"], &me["version"]), (&json!(ADA), &json!(1)));
    assert_eq!(hub.sign_in(NEW).await.body["user"]["id"], other.id.as_str());
    assert_eq!(hub.refusals("email.change").await, ["token_spent"]);
}

#[tokio::test]
async fn a_disabled_account_gets_no_other_address() {
    let hub = TestApp::spawn().await;
    let (person, ada) = hub.signed_in(ADA, "user").await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let token = hub.mailed_token(NEW, 1).await;
    hub.disable(&person).await;
    hub.confirm_address(&token).await.problem(410, "token_spent");
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(403, "account_disabled");
}

#[tokio::test]
async fn a_request_beyond_the_bound_of_mails_sends_none_and_leaves_the_link_that_works() {
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    let token = hub.mailed_token(NEW, 1).await;
    let email = Email::parse(NEW).unwrap();
    let mut asked = 1;
    for stranger in 0..=255 {
        let ip = Some(IpAddr::from([198, 51, 100, stranger]));
        if !hub
            .app
            .limits
            .mailing(Mailing::EmailChange, ip, &email)
            .await
            .unwrap()
        {
            break;
        }
        asked += 1;
    }
    assert_eq!(asked, 10, "strangers have used up what the address is sent");
    hub.ask_for_address(&ada.access, NEW).await.expect(202);
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(NEW).await.len(), 1);
    hub.confirm_address(&token).await.expect(200);
    let me = hub.get_as(&ada.access, "/api/users/me").await.expect(200).json();
    assert_eq!(me["email"], NEW);
}
