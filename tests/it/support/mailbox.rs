//! Reading caught mails, as a person at the development mailbox does.

use serde_json::Value;

use super::app::TestApp;
use super::eventually;
use super::http::Caller;

impl Caller {
    /// Every mail to `address`, newest first.
    pub async fn mails_to(&self, address: &str) -> Vec<Value> {
        let items = self.get("/dev/mailbox.json").await.expect(200).json()["items"].clone();
        let items: Vec<Value> = serde_json::from_value(items).unwrap();
        items.into_iter().filter(|mail| mail["to"] == address).collect()
    }

    /// Waits until `count` mails to `address` have arrived; gives the newest.
    pub async fn mail_to(&self, address: &str, count: usize) -> Value {
        eventually(&format!("{count} mails to {address}"), || async {
            let mails = self.mails_to(address).await;
            (mails.len() >= count).then(|| mails[0].clone())
        })
        .await
    }

    /// Waits for the `count`th mail to `address`; gives the token that it carries.
    pub async fn mailed_token(&self, address: &str, count: usize) -> String {
        self.mail_to(address, count).await["token"]
            .as_str()
            .expect("the mail has a token")
            .to_owned()
    }
}

impl TestApp {
    /// Waits until no mail waits any more: what was not sent by then never will be.
    pub async fn outbox_is_empty(&self) {
        eventually("the outbox is empty", || async {
            let waiting = "select count(*) from mails where status = 'waiting'";
            (self.number(waiting).await == 0).then_some(())
        })
        .await;
    }
}
