//! Hashes that Django, bcrypt, scrypt, argon2 and passlib make are imported, open the account, and give way to
//! the hub's own: `tests/foreign_hashes` has those libraries make them anew in each run.

use futures_util::{StreamExt as _, stream};
use portcullis::accounts::{ImportOutcome, ImportRow, ImportedUser};
use portcullis::audit::{Actor, Origin};
use portcullis::config::Pepper;
use serde::Deserialize;

use crate::support::app::{TestApp, Tuning};
use crate::support::people::BCRYPT;
use crate::support::source::root;

/// A hash of other software.
#[derive(Debug, Deserialize)]
struct Foreign {
    form: String,
    password: String,
    hash: String,
}

async fn foreign_hashes() -> Vec<Foreign> {
    let mut program = tokio::process::Command::new(root().join("scripts/python-tool"));
    let output = program.arg("foreign_hashes").output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "foreign_hashes: {said}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Somebody with a proven address and this hash.
fn person(hub: &TestApp, email: &str, hash: &str) -> ImportedUser {
    let described = ImportRow {
        email: Some(email.to_owned()),
        password_hash: Some(hash.to_owned()),
        email_verified: Some(true),
        ..ImportRow::default()
    };
    ImportedUser::check(&described, hub.now()).unwrap()
}

async fn import(hub: &TestApp, people: &[ImportedUser]) {
    let by = Origin::local(Actor::Operator);
    let outcomes = hub.app.accounts.import(people, false, &by).await.unwrap();
    assert!(
        outcomes.iter().all(|outcome| *outcome == ImportOutcome::Created),
        "{outcomes:?}"
    );
}

async fn stored(hub: &TestApp, email: &str) -> String {
    hub.text(format!("select password_hash from users where email = '{email}'"))
        .await
}

#[tokio::test]
async fn hashes_of_other_software_open_the_account_and_give_way_to_our_own() {
    let hub = Tuning::new()
        .configure(|config| {
            config.passwords.queue = 64;
            let secret = "a pepper for tests, of some length".to_owned().into();
            let id = "2026a".to_owned();
            config.passwords.peppers.current = Some(Pepper { id, secret });
        })
        .spawn()
        .await;
    let foreign = foreign_hashes().await;
    assert!(foreign.len() > 30, "{}", foreign.len());
    let cases: Vec<(String, &Foreign)> = (0..)
        .map(|number| format!("person{number}@example.org"))
        .zip(&foreign)
        .collect();
    let people: Vec<ImportedUser> = cases
        .iter()
        .map(|(email, case)| person(&hub, email, &case.hash))
        .collect();
    import(&hub, &people).await;
    stream::iter(&cases)
        .for_each_concurrent(4, |(email, case)| give_way(&hub, email, case))
        .await;
}

async fn give_way(hub: &TestApp, email: &str, case: &Foreign) {
    let before = stored(hub, email).await;
    assert!(
        before.starts_with('~') && before.ends_with(&case.hash),
        "{before}"
    );
    let almost = &case.password[..case.password.len() - 1];
    for wrong in [almost, case.password.trim(), ""] {
        if wrong == case.password {
            continue;
        }
        hub.try_sign_in(email, wrong)
            .await
            .problem(401, "invalid_credentials");
    }
    assert_eq!(stored(hub, email).await, before, "{}", case.form);
    // Twice: by the foreign hash, then by what took its place.
    for time in ["first", "second"] {
        let answer = hub.try_sign_in(email, &case.password).await;
        assert_eq!(answer.status, 200, "{time} sign-in: {case:?}");
    }
    let after = stored(hub, email).await;
    assert!(
        after.starts_with("$argon2id$v=19$m=1024,t=1,p=1,keyid=MjAyNmE$"),
        "{}: {after}",
        case.form
    );
    hub.try_sign_in(email, almost)
        .await
        .problem(401, "invalid_credentials");
    let again = stored(hub, email).await;
    assert_eq!(again, after, "{}: once is enough", case.form);
}

#[tokio::test]
async fn sign_ins_with_one_foreign_hash_at_once_all_succeed() {
    let hub = TestApp::spawn().await;
    let email = "ada@example.org";
    import(&hub, &[person(&hub, email, BCRYPT)]).await;
    let sign_ins = (0..8).map(|_| hub.try_sign_in(email, "password1"));
    for answer in futures_util::future::join_all(sign_ins).await {
        answer.expect(200);
    }
    assert!(stored(&hub, email).await.starts_with("$argon2id$"));
}

#[tokio::test]
async fn t09_an_imported_account_answers_like_an_unknown_one_and_does_the_same_work() {
    let hub = TestApp::spawn().await;
    import(&hub, &[person(&hub, "ada@example.org", BCRYPT)]).await;
    let hasher = &hub.app.hasher;
    // Every account has a foreign hash; then, when the owner has signed in, none has.
    for foreign in [1, 0] {
        hub.app.sessions.count_hashes().await.unwrap();
        let mut answers = Vec::new();
        for email in ["ada@example.org", "unknown@example.org", "nobody@example.org"] {
            let before = (hasher.runs(), hasher.foreign_runs());
            let answer = hub.try_sign_in(email, "a wrong password").await.expect(401);
            assert_eq!(hasher.runs() - before.0, 1, "{email}");
            assert_eq!(hasher.foreign_runs() - before.1, foreign, "{email}");
            answers.push(answer.likeness());
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:#?}");
        hub.try_sign_in("ada@example.org", "password1").await.expect(200);
    }
}

#[tokio::test]
async fn t09_unknown_addresses_do_foreign_work_as_often_as_accounts_and_each_always_the_same() {
    let hub = TestApp::spawn().await;
    hub.person("own@example.org", "user").await;
    import(&hub, &[person(&hub, "ada@example.org", BCRYPT)]).await;
    hub.app.sessions.count_hashes().await.unwrap();
    let hasher = &hub.app.hasher;
    let mut rounds = Vec::new();
    for _ in 0..2 {
        let mut foreign = Vec::new();
        for number in 0..40 {
            let before = hasher.foreign_runs();
            let email = format!("unknown{number}@example.org");
            hub.try_sign_in(&email, "a wrong password").await.expect(401);
            foreign.push(hasher.foreign_runs() - before);
        }
        rounds.push(foreign);
    }
    assert_eq!(rounds[0], rounds[1], "an address keeps its place");
    // Half of the accounts; the master secret of the tests is fixed, and so are the places.
    let often: u64 = rounds[0].iter().sum();
    assert!((10..=30).contains(&often), "{often} of 40");
}

#[tokio::test]
async fn a_hash_that_was_never_proven_takes_effect_with_the_activation() {
    let hub = TestApp::spawn().await;
    let email = "ada@example.org";
    let described = ImportRow {
        email: Some(email.to_owned()),
        password_hash: Some(BCRYPT.to_owned()),
        ..ImportRow::default()
    };
    let ada = ImportedUser::check(&described, hub.now()).unwrap();
    import(&hub, &[ada]).await;
    hub.try_sign_in(email, "password1")
        .await
        .problem(403, "account_inactive");
    hub.post("/api/auth/activate", serde_json::json!({ "email": email }))
        .await
        .expect(202);
    let token = hub.mailed_token(email, 1).await;
    hub.patch(&format!("/api/auth/activate/{token}"))
        .await
        .expect(200);
    hub.try_sign_in(email, "password1").await.expect(200);
    assert!(stored(&hub, email).await.starts_with("$argon2id$"));
}
