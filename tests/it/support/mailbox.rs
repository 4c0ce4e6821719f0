//! Reading caught mails, as a person at the development mailbox does.

use std::time::Duration;

use serde_json::Value;

use super::app::{TestApp, Tuning};
use super::eventually;
use super::http::Caller;
use super::smtp::SmtpSink;

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

    /// Waits until the mail to `email` stands as `status`, with `fault` as its last one.
    pub async fn mail_stands(&self, email: &str, status: &str, fault: &str) {
        let sql = format!(
            "select m.status || '|' || coalesce(m.last_error, '') || '|' ||
                case when m.content is null then 'erased' else 'sealed' end
            from mails m join users u on u.id = m.user_id where u.email = '{email}'"
        );
        let content = if status == "waiting" { "sealed" } else { "erased" };
        let wanted = format!("{status}|{fault}|{content}");
        eventually(&format!("the mail to {email} is {wanted}"), || async {
            (self.text(sql.clone()).await == wanted).then_some(())
        })
        .await;
    }

    /// Lets time pass, and has the job look what is due.
    pub fn after(&self, time: Duration) {
        self.clock.as_ref().expect("a manual clock").advance(time);
        self.app.cx.mail.wake();
    }

    /// A server on a manual clock that sends its mail to `sink`.
    pub async fn sending_to(sink: &SmtpSink) -> Self {
        Tuning::new()
            .manual_clock()
            .configure(sink.configure())
            .spawn()
            .await
    }
}
