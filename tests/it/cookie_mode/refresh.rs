//! Refresh by cookie: when it stays, when it goes, and what several of them are worth.

use std::time::Duration;

use futures_util::future::join_all;

use super::{ADA, Browser, NAME, TRUSTED, empties, limited, live, set_cookies, tuning};

#[tokio::test]
async fn a_refresh_that_is_refused_leaves_a_cookie_that_another_tab_may_just_have_got() {
    let hub = tuning().manual_clock().spawn().await;
    let ada = hub.person(ADA, "user").await;
    let mut browser = Browser::new(&hub);
    browser.sign_in(ADA).await.expect(200);
    let old = browser.tab();
    browser.refresh().await.expect(200);
    browser.refresh().await.expect(200);
    hub.clock.as_ref().unwrap().advance(Duration::from_secs(31));
    let reused = old.send("/api/auth/refresh", None, None).await;
    reused.problem(401, "refresh_reused");
    let revoked = browser.send("/api/auth/refresh", None, None).await;
    revoked.problem(401, "session_revoked");
    let unknown = Browser {
        hub: &hub,
        cookies: vec![(NAME.to_owned(), "pcr_of_nobody".to_owned())],
    };
    let unknown = unknown.send("/api/auth/refresh", None, None).await;
    unknown.problem(401, "invalid_token");
    let none = Browser::new(&hub).send("/api/auth/refresh", None, None).await;
    none.problem(401, "authentication_required");
    let mut again = Browser::new(&hub);
    again.sign_in(ADA).await.expect(200);
    hub.disable(&ada).await;
    let disabled = again.refresh().await;
    disabled.problem(401, "session_revoked");
    for answer in [&reused, &revoked, &unknown, &none, &disabled] {
        assert_eq!(set_cookies(answer), [], "{answer:?}");
    }
    // What nobody can refresh by gives way to a sign-in, and to a sign-out.
    for cookies in [&mut browser, &mut again] {
        cookies.post("/api/auth/logout", None).await.expect(204);
        assert!(cookies.cookie(NAME).is_none() && cookies.cookie(TRUSTED).is_some());
    }
}

#[tokio::test]
async fn a_refresh_that_may_pass_later_leaves_the_cookie() {
    let hub = limited().manual_clock().spawn().await;
    let unknown = Browser {
        hub: &hub,
        cookies: vec![(NAME.to_owned(), "pcr_of_nobody".to_owned())],
    };
    for _ in 0..250 {
        let answer = unknown.send("/api/auth/refresh", None, None).await;
        if answer.status == 429 {
            answer.problem(429, "rate_limited");
            assert!(answer.header("retry-after").is_some());
            assert!(!empties(&answer));
            return;
        }
        answer.problem(401, "invalid_token");
    }
    panic!("never limited");
}

#[tokio::test]
async fn tabs_that_refresh_at_once_are_given_one_cookie() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    let mut browser = Browser::new(&hub);
    browser.sign_in(ADA).await.expect(200);
    let answers = join_all((0..4).map(|_| browser.send("/api/auth/refresh", None, None))).await;
    let mut given: Vec<_> = answers
        .into_iter()
        .map(|answer| set_cookies(&answer.expect(200)).remove(0).1)
        .collect();
    given.dedup();
    assert_eq!(given.len(), 1, "{given:?}");
    assert_eq!(live(&hub).await, 1);
}

#[tokio::test]
async fn a_second_cookie_of_the_name_refreshes_nobody() {
    let hub = tuning().spawn().await;
    hub.person(ADA, "user").await;
    hub.person("eve@example.org", "user").await;
    let mut victim = Browser::new(&hub);
    victim.sign_in(ADA).await.expect(200);
    let planted = hub.sign_in("eve@example.org").await.refresh;
    for at in [0, 1] {
        let mut tossed = victim.tab();
        tossed.cookies.retain(|(name, _)| name == NAME);
        tossed.cookies.insert(at, (NAME.to_owned(), planted.clone()));
        let answer = tossed.send("/api/auth/refresh", None, None).await;
        answer.problem(401, "invalid_token");
        // Without the victim's own the planted one would be the only one, and be taken.
        assert_eq!(set_cookies(&answer), []);
    }
    assert_eq!(live(&hub).await, 2, "neither session was touched");
    let mut tossed = victim.tab();
    tossed.cookies.push((NAME.to_owned(), planted));
    let answer = tossed.post("/api/auth/logout", None).await;
    assert!(empties(&answer.expect(204)));
    assert_eq!(live(&hub).await, 0, "signing out leaves neither");
}
