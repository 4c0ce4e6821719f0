//! T14: a copy of the database opens nothing.

use portcullis::roles::Permission;
use serde_json::json;

use crate::support::app::Tuning;
use crate::support::people::PASSWORD;
use crate::support::smtp::SmtpSink;

const ADA: &str = "ada@example.org";

#[tokio::test]
async fn t14_no_secret_stands_in_the_database() {
    let sink = SmtpSink::start().await;
    let hub = Tuning::new().configure(sink.configure()).spawn().await;
    hub.register("pending@example.org").await.expect(202);
    let activation = sink.delivery(1).await.token("activate");
    let (ada, pair) = hub.signed_in(ADA, "user").await;
    let next = hub.try_refresh(&pair.refresh).await.expect(200).json();
    let socket_token = hub.socket_token(&pair.access).await;
    let unspent = hub.socket_token(&pair.access).await;
    let mut socket = hub.connect().await;
    socket
        .say(json!({ "type": "hello", "token": socket_token }))
        .await;
    socket.frame("ready").await;
    hub.post("/api/auth/recovery", json!({ "email": ADA }))
        .await
        .expect(202);
    let recovery = sink.delivery(2).await.token("recovery");
    let setup = hub.app.accounts.offer_setup().await.unwrap().unwrap();
    let key = hub.service_key(&[Permission::UsersRead]).await;
    hub.outbox_is_empty().await;

    for shown in [ada.id.replace('-', "").as_str(), ADA] {
        let (with, without) = (hub.rows_with(&ada.id).await, hub.rows_with(shown).await);
        assert!(
            !with.is_empty() || !without.is_empty(),
            "the scan finds what is there"
        );
    }
    let secret_of_key = key.splitn(3, '_').nth(2).unwrap();
    assert!(secret_of_key.len() > 40);
    for (what, secret) in [
        ("activation token", activation.as_str()),
        ("recovery token", &recovery),
        ("set-up token", setup.expose()),
        ("refresh token", &pair.refresh),
        ("its successor", next["refresh_token"].as_str().unwrap()),
        ("access token", &pair.access),
        ("spent socket token", &socket_token),
        ("socket token", &unspent),
        ("service key", &key),
        ("secret of the service key", secret_of_key),
        ("password", PASSWORD),
        ("master secret", "a master secret for tests"),
    ] {
        assert_eq!(hub.rows_with(secret).await, Vec::<String>::new(), "{what}");
        // Without its prefix, and as the bits that it stands for.
        let prefixes = ["pcm_", "pcr_", "pcs_", "pck_"];
        let bare = prefixes.iter().find_map(|prefix| secret.strip_prefix(prefix));
        let bare = bare.unwrap_or(secret);
        assert_eq!(hub.rows_with(bare).await, Vec::<String>::new(), "{what}");
        if let Ok(bits) = data_encoding::BASE64URL_NOPAD.decode(bare.as_bytes()) {
            let hex = data_encoding::HEXLOWER.encode(&bits);
            assert_eq!(hub.rows_with(&hex).await, Vec::<String>::new(), "{what}");
        }
    }
}
