//! What others write into the stream: nothing of it is acted on, and nothing of it stops the reader.

use redis::Value;
use redis::aio::MultiplexedConnection;

use super::{Node, command};
use crate::support::redis::{connect, fresh_prefix, shared};

/// A node, its friend, and a stranger who can write to their Redis.
async fn three() -> (Node, Node, MultiplexedConnection, String) {
    let (url, prefix) = (shared(), fresh_prefix());
    let (node, friend) = (
        Node::started(&url, &prefix).await,
        Node::started(&url, &prefix).await,
    );
    let stranger = connect(&url).await.unwrap();
    (node, friend, stranger, format!("{prefix}:journal"))
}

/// Appends an entry with these fields.
async fn append(stranger: &mut MultiplexedConnection, stream: &str, fields: &[&[u8]]) {
    let mut add = command(&["XADD", stream, "*"]);
    for field in fields {
        add.arg(*field);
    }
    let _: String = add.query_async(stranger).await.unwrap();
}

/// The newest message of another kind than `probe`: its text and its proof.
async fn newest(stranger: &mut MultiplexedConnection, stream: &str) -> (String, String) {
    let all: Vec<(String, Vec<String>)> = command(&["XREVRANGE", stream, "+", "-"])
        .query_async(stranger)
        .await
        .unwrap();
    let fields = all
        .into_iter()
        .map(|(_, fields)| fields)
        .find(|fields| !fields[1].contains("probe"));
    let [_, text, _, proof] = fields.unwrap().try_into().unwrap();
    (text, proof)
}

#[tokio::test]
async fn forged_messages_do_nothing() {
    let (mut node, friend, mut stranger, stream) = three().await;
    let (user, connection) = (uuid::Uuid::from_u128(1).into(), uuid::Uuid::from_u128(2).into());
    friend.bus.shed(node.id, user, connection);
    while !matches!(node.next().await, super::News::Shed { .. }) {}
    let (text, proof) = newest(&mut stranger, &stream).await;
    let other = text.replace("000000000002", "000000000003");
    assert_ne!(text, other);
    let unproved = [
        // Another connection under the same proof, none at all, a short one, and one for another stream.
        (other.clone(), proof.clone()),
        (other.clone(), String::new()),
        (other.clone(), proof[..20].to_owned()),
        (text.to_uppercase(), proof.clone()),
    ];
    node.forget();
    for (text, proof) in &unproved {
        append(
            &mut stranger,
            &stream,
            &[b"m", text.as_bytes(), b"mac", proof.as_bytes()],
        )
        .await;
    }
    // In another order, twice, and under other names.
    let (text, proof) = (text.as_bytes(), proof.as_bytes());
    append(&mut stranger, &stream, &[b"mac", proof, b"m", text]).await;
    append(&mut stranger, &stream, &[b"m", text]).await;
    append(
        &mut stranger,
        &stream,
        &[b"m", text, b"mac", proof, b"m", other.as_bytes()],
    )
    .await;
    append(&mut stranger, &stream, &[b"M", text, b"mac", proof]).await;
    friend.commits(1);
    let epoch = super::EPOCH.to_owned();
    assert_eq!(node.next().await, super::News::Journal { epoch, sequence: 1 });
}

#[tokio::test]
async fn a_message_copied_from_another_prefix_does_nothing() {
    let (mut node, friend, mut stranger, stream) = three().await;
    let (_, elsewhere, _, other_stream) = three().await;
    elsewhere.commits(66);
    let copied = crate::support::eventually("it was told elsewhere", || async {
        let mut stranger = connect(&shared()).await.unwrap();
        let length: i64 = command(&["XLEN", &other_stream])
            .query_async(&mut stranger)
            .await
            .unwrap();
        let all: Vec<(String, Vec<String>)> = command(&["XRANGE", &other_stream, "-", "+"])
            .query_async(&mut stranger)
            .await
            .unwrap();
        assert!(length > 0);
        all.into_iter()
            .map(|(_, fields)| fields)
            .find(|fields| fields[1].contains("66]"))
    })
    .await;
    node.forget();
    append(
        &mut stranger,
        &stream,
        &[b"m", copied[1].as_bytes(), b"mac", copied[3].as_bytes()],
    )
    .await;
    friend.commits(1);
    assert_eq!(node.next_row().await, 1);
}

#[tokio::test]
async fn garbage_does_nothing_and_stops_nothing() {
    let (mut node, friend, mut stranger, stream) = three().await;
    node.forget();
    let huge = vec![b'x'; 4 * 1024 * 1024];
    let binary: Vec<u8> = (0..=255).collect();
    let odd: [&[&[u8]]; 7] = [
        &[b"", b""],
        &[&binary, &binary],
        &[b"m", &huge, b"mac", &huge],
        &[b"m", b"{}", b"mac", b"AAAA"],
        &[b"m", b"[[[[[[[[", b"mac", &binary],
        &[b"m", b"", b"mac", b""],
        &[b"m", b"null", b"mac", "\u{1F980}\u{1F980}".as_bytes()],
    ];
    for fields in odd {
        append(&mut stranger, &stream, fields).await;
    }
    let mut flood = redis::pipe();
    for _ in 0..5_000 {
        flood.cmd("XADD").arg(&stream).arg("*").arg("m").arg(&binary);
        flood.arg("mac").arg(&binary).ignore();
    }
    let () = flood.query_async(&mut stranger).await.unwrap();
    friend.commits(1);
    assert_eq!(node.next_row().await, 1);
    node.becomes("up").await;
}

/// Somebody put something else in the place of the stream. It comes back when that is gone.
#[tokio::test]
async fn a_key_of_another_type_takes_the_bus_down_until_it_is_gone() {
    let (mut node, friend, mut stranger, stream) = three().await;
    let _: Value = command(&["SET", &stream, "mine"])
        .query_async(&mut stranger)
        .await
        .unwrap();
    node.becomes("down").await;
    let _: Value = command(&["DEL", &stream])
        .query_async(&mut stranger)
        .await
        .unwrap();
    node.becomes("up").await;
    friend.becomes("up").await;
    friend.commits(1);
    assert_eq!(node.next_row().await, 1);
}
