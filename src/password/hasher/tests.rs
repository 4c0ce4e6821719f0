//! Proofs that every branch costs the same, and that what waits is bounded.

use super::*;
use crate::password::{Cost, ForeignHash};

fn config(memory_kib: u32, queue: usize) -> config::Passwords {
    config::Passwords {
        min_length: 8,
        memory_kib,
        iterations: 1,
        queue,
        ..config::Passwords::default()
    }
}

fn password(text: &str) -> Password {
    let checked = policy::check(text.to_owned().into(), "password", &[], None);
    checked.unwrap().unwrap()
}

const TEXT: &str = "plinth gravel otter quench";

#[tokio::test]
async fn a_hash_is_argon2id_with_the_configured_cost_and_verifies_as_typed() {
    let hasher = Hasher::new(&config(1024, 4)).unwrap();
    let hash = hasher.hash(&password(TEXT)).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"), "{hash}");
    for (typed, matches) in [(TEXT, true), ("plinth gravel otter quench ", false), ("", false)] {
        let verdict = hasher.verify(&typed.to_owned().into(), &hash).await.unwrap();
        assert_eq!(
            verdict,
            Verdict {
                matches,
                outdated: false
            },
            "{typed:?}"
        );
    }
}

#[tokio::test]
async fn t09_every_branch_of_a_verification_hashes_exactly_once() {
    let hasher = Hasher::new(&config(1024, 4)).unwrap();
    let hash = hasher.hash(&password(TEXT)).await.unwrap();
    let long = "x".repeat(MAX_BYTES + 1);
    let costly = "$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA";
    for (typed, stored, matches) in [
        (TEXT, Some(hash.as_str()), true),
        ("something else", Some(hash.as_str()), false),
        (TEXT, None, false),
        (TEXT, Some("not a hash"), false),
        (TEXT, Some(costly), false),
        (long.as_str(), Some(hash.as_str()), false),
        (long.as_str(), None, false),
    ] {
        let before = hasher.runs();
        let typed = typed.to_owned().into();
        let verdict = hasher.verify_at(&typed, stored, u64::MAX).await.unwrap();
        assert_eq!(verdict.matches, matches);
        assert_eq!(hasher.runs(), before + 1);
    }
}

#[test]
fn the_dummy_costs_what_a_new_hash_costs() {
    let hasher = Hasher::new(&config(2048, 4)).unwrap();
    let scheme = &hasher.0.scheme;
    assert!(scheme.dummy().starts_with("$argon2id$v=19$m=2048,t=1,p=1$"));
    assert!(scheme.is_current(&scheme.read(scheme.dummy()).unwrap()));
    assert_eq!(hasher.runs(), 0);
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_verified_and_called_outdated() {
    let hash = Hasher::new(&config(1024, 4))
        .unwrap()
        .hash(&password(TEXT))
        .await
        .unwrap();
    let hasher = Hasher::new(&config(2048, 4)).unwrap();
    let verdict = hasher.verify(&TEXT.to_owned().into(), &hash).await.unwrap();
    assert_eq!(
        verdict,
        Verdict {
            matches: true,
            outdated: true
        }
    );
}

#[tokio::test]
async fn t12_beyond_the_queue_work_is_refused_and_a_dropped_request_keeps_its_core() {
    let hasher = Hasher::new(&config(1024, 1)).unwrap();
    let cores = hasher.0.cores.available_permits();
    let (release, gate) = std::sync::mpsc::sync_channel::<()>(0);
    let gate = Arc::new(std::sync::Mutex::new(gate));
    for _ in 0..cores {
        let gate = Arc::clone(&gate);
        let mut request = Box::pin(hasher.queue(move || gate.lock().unwrap().recv()));
        assert!(futures_util::poll!(&mut request).is_pending());
    }
    assert_eq!(
        hasher.0.cores.available_permits(),
        0,
        "the requests are gone, their work is not"
    );
    let mut waiting = Box::pin(hasher.queue(|| ()));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert!(hasher.queue(|| ()).await.is_err());
    for _ in 0..cores {
        release.send(()).unwrap();
    }
    assert!(waiting.await.is_ok());
}

type Named<'a> = (&'a str, &'a str);

/// A hasher with this pepper for new hashes, if any, and these for others.
fn peppered(current: Option<Named<'_>>, others: &[Named<'_>]) -> Hasher {
    let pepper = |(id, secret): Named<'_>| config::Pepper {
        id: id.to_owned(),
        secret: format!("{secret:-<32}").into(),
    };
    let peppers = config::Peppers {
        current: current.map(pepper),
        others: others.iter().copied().map(pepper).collect(),
    };
    Hasher::new(&config::Passwords {
        peppers,
        ..config(1024, 4)
    })
    .unwrap()
}

/// Whether `hasher` finds that the text matches, and that the hash is outdated.
async fn verdict(hasher: &Hasher, stored: &str) -> (bool, bool) {
    let typed = TEXT.to_owned().into();
    let verdict = hasher.verify(&typed, stored).await.unwrap();
    (verdict.matches, verdict.outdated)
}

#[tokio::test]
async fn a_pepper_is_needed_to_verify_and_its_id_stands_in_the_hash() {
    let hasher = peppered(Some(("2026a", "first")), &[]);
    let hash = hasher.hash(&password(TEXT)).await.unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=1024,t=1,p=1,keyid=MjAyNmE$"),
        "{hash}"
    );
    assert_eq!(verdict(&hasher, &hash).await, (true, false));
    assert!(!verdict(&peppered(Some(("2026a", "another")), &[]), &hash).await.0);
    for without in [peppered(None, &[]), peppered(Some(("2027a", "first")), &[])] {
        let before = without.runs();
        assert!(!verdict(&without, &hash).await.0);
        assert_eq!(without.runs() - before, 1, "as much work as ever");
    }
    // Whoever has the database alone cannot leave the id out.
    let stripped = hash.replace(",keyid=MjAyNmE", "");
    assert!(!verdict(&hasher, &stripped).await.0);
}

#[tokio::test]
async fn an_older_pepper_and_none_still_verify_and_are_outdated() {
    let (first, second) = (("2026a", "first"), ("2027a", "second"));
    let plain = peppered(None, &[]).hash(&password(TEXT)).await.unwrap();
    let old = peppered(Some(first), &[]).hash(&password(TEXT)).await.unwrap();
    let rotated = peppered(Some(second), &[first]);
    assert_eq!(verdict(&rotated, &old).await, (true, true));
    assert_eq!(verdict(&rotated, &plain).await, (true, true));
    let new = rotated.rehash(&TEXT.to_owned().into()).await.unwrap();
    assert!(new.contains(",keyid=MjAyN2E$"), "{new}");
    assert_eq!(verdict(&rotated, &new).await, (true, false));
    // Known beforehand, and not used any more: other nodes may have either.
    assert_eq!(
        verdict(&peppered(Some(first), &[second]), &new).await,
        (true, true)
    );
    let none = peppered(None, &[first, second]);
    assert_eq!(verdict(&none, &new).await, (true, true));
    assert_eq!(verdict(&none, &plain).await, (true, false));
}

#[tokio::test]
async fn t12_an_estimate_waits_in_the_queue_and_counts_as_no_hash() {
    let hasher = Hasher::new(&config(1024, 1)).unwrap();
    let typed: SecretString = TEXT.to_owned().into();
    assert!(hasher.check(&typed, "password", &[]).await.unwrap().is_ok());
    assert_eq!(hasher.runs(), 0);
    let all = hasher.0.admitted.available_permits();
    let _held = hasher.0.admitted.try_acquire_many(u32::try_from(all).unwrap());
    assert!(hasher.check(&typed, "password", &[]).await.is_err());
    // What is refused by its length alone needs no place.
    let short: SecretString = "short".to_owned().into();
    let fault = hasher.check(&short, "password", &[]).await.unwrap().unwrap_err();
    assert_eq!(fault.code, "weak_password");
}

#[tokio::test]
async fn t09_without_a_hash_the_work_is_that_of_the_place_in_the_mix() {
    let hasher = Hasher::new(&config(1024, 4)).unwrap();
    let typed: SecretString = TEXT.to_owned().into();
    hasher.pretend_as(Mix::new([("", 1), ("bcrypt 4", 1)]));
    assert_eq!(hasher.0.mix.load().at(0), Some(Cost::Bcrypt { rounds: 4 }));
    for (place, foreign) in [(0, 1), (u64::MAX / 4, 1), (u64::MAX, 0)] {
        let before = (hasher.runs(), hasher.foreign_runs());
        let verdict = hasher.verify_at(&typed, None, place).await.unwrap();
        assert!(!verdict.matches);
        assert_eq!(hasher.runs() - before.0, 1);
        assert_eq!(hasher.foreign_runs() - before.1, foreign, "{place}");
    }
}

#[tokio::test]
async fn a_foreign_hash_is_verified_and_outdated() {
    let foreign = bcrypt::hash_with_salt(TEXT, 4, [7; 16]).unwrap().to_string();
    let stored = ForeignHash::parse(&foreign).unwrap();
    let hasher = Hasher::new(&config(1024, 4)).unwrap();
    assert_eq!(verdict(&hasher, stored.as_str()).await, (true, true));
    let another = "another".to_owned().into();
    let wrong = hasher.verify(&another, stored.as_str()).await.unwrap();
    assert!(!wrong.matches);
    // Not marked, it is nothing that this hub ever stored.
    assert!(!verdict(&hasher, &foreign).await.0);
}
