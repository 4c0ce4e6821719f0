//! Users, as managers read them: one, and the list by pages.

use portcullis::roles::Permission;
use serde_json::Value;

use crate::support::app::TestApp;

#[tokio::test]
async fn a_user_is_shown_with_exactly_the_fields_of_the_contract() {
    let app = TestApp::spawn().await;
    let (ada, pair) = app.signed_in("ada@example.org", "moderator").await;
    let key = app.service_key(&[Permission::UsersRead]).await;
    let user = app
        .get_as(&key, &format!("/api/users/{}", ada.id))
        .await
        .expect(200)
        .json();
    insta::assert_json_snapshot!(user, { ".id" => "[id]", ".created_at" => "[time]" }, @r#"
    {
      "avatar_url": null,
      "created_at": "[time]",
      "email": "ada@example.org",
      "email_verified": true,
      "id": "[id]",
      "locale": null,
      "name": null,
      "site_role": "moderator",
      "status": "active",
      "version": 1
    }
    "#);
    assert_eq!(user["id"], ada.id.as_str());
    let time = user["created_at"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    // The same everywhere.
    assert_eq!(pair.body["user"], user);
    assert_eq!(
        app.get_as(&pair.access, "/api/users/me").await.expect(200).json(),
        user
    );
    let list = app.get_as(&key, "/api/users").await.expect(200).json();
    assert_eq!(list["items"][0], user);
}

#[tokio::test]
async fn the_list_of_users_is_newest_first_and_its_pages_hold_each_user_once() {
    let app = TestApp::spawn().await;
    let key = app.service_key(&[Permission::UsersRead]).await;
    let empty = app.get_as(&key, "/api/users").await.expect(200).json();
    assert_eq!(empty, serde_json::json!({ "items": [], "next_cursor": null }));
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(app.person(&format!("ada{number}@example.org"), "user").await.id);
    }
    ids.sort_unstable();
    ids.reverse();
    for limit in [1, 2, 3, 6, 7, 8, 200] {
        let mut read: Vec<String> = Vec::new();
        let mut pages = 0;
        let mut cursor = None;
        loop {
            let mut path = format!("/api/users?limit={limit}");
            if let Some(cursor) = &cursor {
                path = format!("{path}&cursor={cursor}");
            }
            let page = app.get_as(&key, &path).await.expect(200).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit && !items.is_empty(), "{limit}");
            read.extend(items.iter().map(|user| user["id"].as_str().unwrap().to_owned()));
            pages += 1;
            match &page["next_cursor"] {
                Value::String(next) => cursor = Some(next.clone()),
                Value::Null => break,
                other => panic!("{other}"),
            }
            // Whoever comes meanwhile is newer, and belongs to no later page.
            if limit == 2 && pages == 1 {
                app.person("late@example.org", "user").await;
            }
        }
        read.retain(|id| ids.contains(id));
        assert_eq!(read, ids, "{limit}");
        if limit < 6 {
            assert!(pages >= 7_usize.div_ceil(limit), "{limit}");
        }
    }
}

#[tokio::test]
async fn a_user_that_does_not_exist_is_not_found() {
    let app = TestApp::spawn().await;
    let key = app.service_key(&[Permission::UsersRead]).await;
    let path = format!("/api/users/{}", crate::support::document::NOBODY);
    app.get_as(&key, &path).await.problem(404, "not_found");
    let page = format!("/api/users?cursor={}", crate::support::document::NOBODY);
    let page = app.get_as(&key, &page).await.expect(200).json();
    assert_eq!(page["items"], serde_json::json!([]));
}
