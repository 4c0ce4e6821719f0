//! Changing one's own password.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;

#[tokio::test]
async fn the_session_that_changes_the_password_stays_and_every_other_ends() {
    let hub = TestApp::spawn().await;
    let (_, laptop) = hub.signed_in(ADA, "user").await;
    let phone = hub.sign_in(ADA).await;
    let (mut here, _) = hub.open(&laptop.access).await;
    let (mut there, _) = hub.open(&phone.access).await;
    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let recovery = hub.mailed_token(ADA, 1).await;

    let answer = hub
        .change_password(&laptop.access, Some(PASSWORD), OTHER_PASSWORD)
        .await;
    assert!(answer.expect(204).bytes.is_empty());
    let goodbye = there.signed_out("password_changed").await;
    assert_eq!(
        (&goodbye["code"], &goodbye["scope"]),
        (&json!(4003), &json!("user"))
    );
    hub.get_as(&phone.access, "/api/users/me")
        .await
        .problem(401, "session_revoked");
    hub.try_refresh(&phone.refresh)
        .await
        .problem(401, "session_revoked");
    hears_of_others(&mut here, "password_changed").await;
    is_open(&mut here).await;
    hub.get_as(&laptop.access, "/api/users/me").await.expect(200);
    hub.try_refresh(&laptop.refresh).await.expect(200);
    hub.try_sign_in(ADA, PASSWORD)
        .await
        .problem(401, "invalid_credentials");
    hub.try_sign_in(ADA, OTHER_PASSWORD).await.expect(200);
    let body = json!({ "password": PASSWORD });
    hub.post(&format!("/api/auth/recovery/{recovery}"), body)
        .await
        .problem(410, "token_spent");
    let notice = hub.mail_to(ADA, 2).await;
    assert_eq!(notice["subject"], "Your password was changed");
    assert!(notice["html"].as_str().unwrap().contains("all other devices"));
    assert_eq!(notice["token"], json!(null));
}

#[tokio::test]
async fn without_the_present_password_nothing_changes() {
    let hub = TestApp::spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let phone = hub.sign_in(ADA).await;
    let runs = hub.app.hasher.runs();
    hub.change_password(&ada.access, Some("not the password of ada"), OTHER_PASSWORD)
        .await
        .problem(403, "wrong_password");
    assert_eq!(
        hub.app.hasher.runs() - runs,
        1,
        "nothing is hashed for who proves nothing"
    );
    let problem = hub
        .change_password(&ada.access, None, OTHER_PASSWORD)
        .await
        .problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["field"], "current_password");
    assert_eq!(problem["errors"][0]["code"], "required");
    for weak in ["short", "password1234", ADA] {
        let answer = hub.change_password(&ada.access, Some(PASSWORD), weak).await;
        let problem = answer.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["field"], "new_password");
        assert_eq!(problem["errors"][0]["code"], "weak_password");
    }
    assert_eq!(hub.refusals("password.change").await, ["wrong_password"]);
    hub.get_as(&phone.access, "/api/users/me").await.expect(200);
    hub.sign_in(ADA).await;
    hub.outbox_is_empty().await;
    assert!(hub.mails_to(ADA).await.is_empty());
}

#[tokio::test]
async fn an_account_without_a_password_is_proven_by_a_sign_in_of_the_last_five_minutes() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let clock = hub.clock.clone().unwrap();
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.without_password(ADA).await;
    let problem = hub
        .change_password(&ada.access, Some(PASSWORD), OTHER_PASSWORD)
        .await
        .problem(422, "validation_failed");
    assert_eq!(problem["errors"][0]["code"], "unexpected");

    clock.advance(Duration::from_mins(5));
    // A refresh is no proof: the time of the sign-in stays.
    let later = Pair::of(&hub.try_refresh(&ada.refresh).await.expect(200));
    hub.change_password(&later.access, None, OTHER_PASSWORD)
        .await
        .problem(403, "reauthentication_required");
    let body = json!({ "email": NEW });
    hub.post_as(&later.access, "/api/users/me/email", body)
        .await
        .problem(403, "reauthentication_required");
    hub.delete_me(&later.access, None)
        .await
        .problem(403, "reauthentication_required");
    assert_eq!(
        hub.refusals("password.change").await,
        ["reauthentication_required"]
    );
}

#[tokio::test]
async fn a_fresh_sign_in_gives_an_account_its_first_password() {
    let hub = Tuning::new().manual_clock().spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    hub.without_password(ADA).await;
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(299));
    hub.change_password(&ada.access, None, OTHER_PASSWORD)
        .await
        .expect(204);
    hub.try_sign_in(ADA, OTHER_PASSWORD).await.expect(200);
    hub.change_password(&ada.access, None, PASSWORD)
        .await
        .problem(422, "validation_failed");
}

#[tokio::test]
async fn t08_a_stolen_access_token_makes_guessing_no_cheaper_than_signing_in() {
    // Time stands still, or a slow machine gets some back meanwhile.
    let hub = Tuning::new()
        .manual_clock()
        .configure(|config| config.limits.enabled = true)
        .spawn()
        .await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        let answer = hub.change_password(&ada.access, Some("a guess at it, nothing more"), OTHER_PASSWORD);
        statuses.push(answer.await.status);
    }
    // The sign-in itself had the right password, and cost nothing.
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 15);
    assert_eq!(statuses[19], 429);
    hub.delete_me(&ada.access, Some(&json!({ "password": PASSWORD })))
        .await
        .problem(429, "rate_limited");
}

#[tokio::test]
async fn of_sixteen_changes_at_once_one_wins_and_the_password_is_its_own() {
    let hub = roomy().spawn().await;
    let (_, ada) = hub.signed_in(ADA, "user").await;
    let (hub, ada) = (&hub, &ada);
    let wanted = |n: usize| format!("{OTHER_PASSWORD} {n}");
    let answers = join_all(
        (0..16).map(|n| async move { hub.change_password(&ada.access, Some(PASSWORD), &wanted(n)).await }),
    )
    .await;
    let won: Vec<usize> = (0..16).filter(|n| answers[*n].status == 204).collect();
    assert_eq!(won.len(), 1);
    for (n, answer) in answers.iter().enumerate() {
        // Whoever came too late proved a password that is none any more.
        let refused = matches!(answer.status, 403 | 409);
        assert!(won.contains(&n) || refused, "{}", answer.text());
    }
    hub.try_sign_in(ADA, &wanted(won[0])).await.expect(200);
    hub.mail_to(ADA, 1).await;
    hub.outbox_is_empty().await;
    assert_eq!(hub.mails_to(ADA).await.len(), 1, "one notice");
}
