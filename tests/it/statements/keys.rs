//! `signing_keys`, `service_keys`.

use portcullis::ids::ServiceKeyId;
use portcullis::store::signing_keys::KeyStatus;
use portcullis::store::{Error, service_keys, setup_tokens, signing_keys};
use uuid::Uuid;

use super::{at, both, hash, number};

fn signing_key(kid: &str, status: KeyStatus, created: i64) -> signing_keys::Row {
    signing_keys::Row {
        kid: kid.to_owned(),
        algorithm: "EdDSA".to_owned(),
        status,
        public_key: vec![1; 32],
        private_key: vec![2; 48],
        created_at: at(created),
        verifies_until: (status == KeyStatus::Retired).then(|| at(900)),
    }
}

#[tokio::test]
async fn signing_keys_are_listed_newest_first_and_one_is_active() {
    use KeyStatus::{Active, Next, Retired, Withdrawn};
    for scene in both().await {
        let mut tx = scene.single().await;
        let all = [("w", Withdrawn), ("r", Retired), ("a", Active), ("n", Next)];
        for (created, (kid, status)) in (1..).zip(all) {
            signing_keys::insert(&mut tx, &signing_key(kid, status, created))
                .await
                .unwrap();
        }
        let rows = signing_keys::list(&mut tx).await.unwrap();
        let listed: Vec<_> = rows.iter().map(|key| (key.kid.as_str(), key.status)).collect();
        assert_eq!(
            listed,
            [("n", Next), ("a", Active), ("r", Retired), ("w", Withdrawn)]
        );
        assert_eq!(rows[2].verifies_until, Some(at(900)));
        assert_eq!((rows[0].public_key.len(), rows[0].private_key.len()), (32, 48));
        let second = signing_keys::insert(&mut tx, &signing_key("b", Active, 9)).await;
        assert!(matches!(second, Err(Error::Constraint(_))), "{second:?}");
    }
}

#[tokio::test]
async fn a_signing_key_that_is_put_away_cannot_sign_again_and_is_kept_for_a_while() {
    use KeyStatus::{Active, Next, Retired, Withdrawn};
    for scene in both().await {
        let mut tx = scene.single().await;
        for (created, (kid, status)) in (1..).zip([("a", Active), ("b", Next), ("c", Next)]) {
            signing_keys::insert(&mut tx, &signing_key(kid, status, created))
                .await
                .unwrap();
        }
        let second = signing_keys::activate(&mut tx, "b").await;
        assert!(matches!(second, Err(Error::Constraint(_))), "{second:?}");
        assert!(
            signing_keys::put_away(&mut tx, "a", Retired, at(50))
                .await
                .unwrap()
        );
        for no_next_key in ["a", "unknown"] {
            assert!(!signing_keys::activate(&mut tx, no_next_key).await.unwrap());
        }
        assert!(signing_keys::activate(&mut tx, "b").await.unwrap());
        assert!(
            signing_keys::put_away(&mut tx, "c", Withdrawn, at(60))
                .await
                .unwrap()
        );
        // Withdrawn is the end.
        assert!(
            !signing_keys::put_away(&mut tx, "c", Retired, at(70))
                .await
                .unwrap()
        );
        assert!(!signing_keys::activate(&mut tx, "c").await.unwrap());
        let rows = signing_keys::list(&mut tx).await.unwrap();
        let found: Vec<_> = rows
            .iter()
            .map(|key| {
                (
                    key.kid.as_str(),
                    key.status,
                    key.verifies_until,
                    key.private_key.len(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("c", Withdrawn, Some(at(60)), 0),
                ("b", Active, None, 48),
                ("a", Retired, Some(at(50)), 0),
            ]
        );
        assert_eq!(signing_keys::purge(&mut tx, at(50)).await.unwrap(), 0);
        assert_eq!(signing_keys::purge(&mut tx, at(60)).await.unwrap(), 1);
        assert_eq!(signing_keys::purge(&mut tx, at(1_000)).await.unwrap(), 1);
        assert_eq!(signing_keys::list(&mut tx).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn t21_a_service_key_is_found_until_the_end_and_revoked_once() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let key = |number: u128, created| service_keys::Row {
            id: ServiceKeyId::from(Uuid::from_u128(number)),
            name: "a backend".to_owned(),
            secret_hash: vec![3; 32],
            scopes: vec!["sessions:revoke".to_owned()],
            allow: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            created_at: at(created),
            expires_at: Some(at(500)),
            revoked_at: None,
        };
        for (number, created) in [(1, 10), (2, 20)] {
            service_keys::insert(&mut tx, &key(number, created))
                .await
                .unwrap();
        }
        let (first, unknown) = (Uuid::from_u128(1).into(), Uuid::from_u128(404).into());
        let found = service_keys::find(&mut tx, first).await.unwrap().unwrap();
        assert_eq!(found.allow, key(1, 10).allow);
        assert_eq!(
            (found.scopes, found.secret_hash),
            (key(1, 10).scopes, vec![3; 32])
        );
        assert_eq!((found.expires_at, found.revoked_at), (Some(at(500)), None));
        assert!(service_keys::find(&mut tx, unknown).await.unwrap().is_none());
        assert!(service_keys::revoke(&mut tx, first, at(30)).await.unwrap());
        assert!(!service_keys::revoke(&mut tx, first, at(40)).await.unwrap());
        assert!(!service_keys::revoke(&mut tx, unknown, at(40)).await.unwrap());
        let rows = service_keys::list(&mut tx).await.unwrap();
        let listed: Vec<_> = rows.iter().map(|key| (key.created_at, key.revoked_at)).collect();
        assert_eq!(listed, [(at(20), None), (at(10), Some(at(30)))]);
    }
}

/// No secret is compared byte by byte: what is stored is its SHA-256, and `matches` takes the same time
/// wherever two hashes differ.
#[tokio::test]
async fn t10_a_token_is_stored_and_found_by_its_hash_alone() {
    for scene in both().await {
        let mut tx = scene.single().await;
        let plain = "pcs_a token that nobody may find in the database";
        setup_tokens::insert(&mut tx, &hash(plain), at(1), at(100))
            .await
            .unwrap();
        assert_eq!(
            number(
                &mut tx,
                "select count(*) from setup_tokens where length(hash) = 32"
            )
            .await,
            1
        );
        assert!(setup_tokens::is_live(&mut tx, &hash(plain), at(2)).await.unwrap());
        for wrong in ["pcs_a token that nobody may find in the databasf", "", "pcs_"] {
            assert!(!setup_tokens::is_live(&mut tx, &hash(wrong), at(2)).await.unwrap());
            assert!(!hash(wrong).matches(hash(plain).bytes()));
        }
        assert!(hash(plain).matches(hash(plain).bytes()));
        assert!(!hash(plain).matches(&hash(plain).bytes()[..31]));
    }
}
