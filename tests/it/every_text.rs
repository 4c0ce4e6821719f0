//! T11: hostile texts in every place of every operation that takes something, as the OpenAPI document lists
//! them, and on a socket. Nothing breaks, and nothing is answered that is not documented.

use futures_util::future::join_all;
use portcullis::roles::Permission;
use serde_json::{Value, json};

use crate::authorisation::body;
use crate::support::app::{TestApp, Tuning};
use crate::support::document::{Operation, address};
use crate::support::http::Answer;
use crate::support::people::PASSWORD;
use crate::texts::{CORPUS, percent};

/// Where a text may stand.
#[derive(Clone, Debug)]
enum Place {
    Path(String),
    Query(String),
    /// A field of JSON.
    Field(String),
    /// The only item of a list in JSON.
    Item(String),
    /// A field of a form.
    Form(String),
}

fn is_list(property: &Value) -> bool {
    let kind = &property["type"];
    kind == "array"
        || kind
            .as_array()
            .is_some_and(|kinds| kinds.contains(&json!("array")))
}

/// Every place of an operation, headers left out: few of these texts fit into one.
fn places(document: &Value, operation: &Operation) -> Vec<Place> {
    let mut places = Vec::new();
    for parameter in operation.about["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap().to_owned();
        match parameter["in"].as_str().unwrap() {
            "path" => places.push(Place::Path(name)),
            "query" => places.push(Place::Query(name)),
            _ => {}
        }
    }
    let bodies = operation.about["requestBody"]["content"].as_object();
    for (kind, content) in bodies.into_iter().flatten() {
        let mut schema = &content["schema"];
        while let Some(name) = schema["$ref"].as_str() {
            schema = document.pointer(name.trim_start_matches('#')).unwrap();
        }
        for (name, property) in schema["properties"].as_object().unwrap() {
            let name = name.clone();
            places.push(match kind.as_str() {
                "application/json" if is_list(property) => Place::Item(name),
                "application/json" => Place::Field(name),
                _ => Place::Form(name),
            });
        }
    }
    places
}

struct House {
    app: TestApp,
    key: String,
    ada: String,
    /// Whom managers act on.
    eve: String,
}

impl House {
    async fn new() -> Self {
        let app = TestApp::spawn().await;
        let key = app.service_key(Permission::ALL).await;
        let (_, ada) = app.signed_in("ada@example.org", "user").await;
        let eve = app.person("eve@example.org", "user").await.id;
        let ada = ada.access;
        Self { app, key, ada, eve }
    }

    /// Who may, so that the text comes as far as it can.
    fn bearer(&self, operation: &Operation) -> Option<&str> {
        let is_asked = operation.about["security"].is_array();
        match operation.scopes() {
            Some(_) => Some(&self.key),
            // Ada stays signed in.
            None if operation.path == "/api/auth/logout" => None,
            None if is_asked => Some(&self.ada),
            None => None,
        }
    }

    /// A body that the operation takes, but for the text in this place.
    fn filled(&self, name: &str, place: &Place, text: &str) -> Value {
        let mut filled = body(name, &self.eve).unwrap_or_else(|| json!({}));
        if name == "POST /api/users/me/email" {
            filled["password"] = json!(PASSWORD);
        }
        if let ("POST /api/revocations", Place::Field(field)) = (name, place) {
            // In earnest, and with one selector.
            filled = json!({ "reason": "a test" });
            if ["reason", "message", "except_session_id"].contains(&field.as_str()) {
                filled["user_id"] = json!(self.eve);
            }
        }
        match place {
            Place::Field(field) if field == "email" => filled["email"] = json!(format!("{text}@example.org")),
            Place::Field(field) => filled[field] = json!(text),
            Place::Item(field) => filled[field] = json!([text]),
            Place::Path(_) | Place::Query(_) | Place::Form(_) => {}
        }
        filled
    }

    async fn send(&self, operation: &Operation, place: &Place, text: &str) -> Answer {
        let mut path = operation.path.clone();
        if let Place::Path(parameter) = place {
            path = path.replace(&format!("{{{parameter}}}"), &percent(text));
        }
        path = address(&path.replace("/api/users/{id}", &format!("/api/users/{}", self.eve)));
        if let Place::Query(parameter) = place {
            path = format!("{path}?{parameter}={}", percent(text));
        }
        if let Place::Form(field) = place {
            let rest = [("token", "pcr_of_nobody"), (field, text)];
            let fields = if field == "token" { &rest[1..] } else { &rest };
            return self.app.form(&path, self.bearer(operation), fields).await;
        }
        let name = operation.name();
        let takes_json = operation.about["requestBody"].is_object();
        let body = takes_json.then(|| self.filled(&name, place, text));
        self.app
            .call(&operation.method, &path, self.bearer(operation), body.as_ref())
            .await
    }
}

#[tokio::test]
async fn t11_no_text_breaks_any_place_of_any_operation() {
    let house = House::new().await;
    let document = house.app.document().await;
    let (mut count, mut faults) = (0, Vec::new());
    for operation in house.app.operations().await {
        for place in places(&document, &operation) {
            count += 1;
            // So many at once, fewer than wait for a hash.
            for texts in CORPUS.chunks(8) {
                let sent = texts.iter().map(|text| house.send(&operation, &place, text));
                for (text, answer) in texts.iter().zip(join_all(sent).await) {
                    if answer.status >= 500 || !operation.statuses().contains(&answer.status) {
                        let about = format!("{} {place:?} {text:?}", operation.name());
                        faults.push(format!("{about}: {} {}", answer.status, answer.text()));
                    }
                }
            }
        }
    }
    assert!(count > 70, "the document lists {count} places");
    assert!(
        faults.is_empty(),
        "{} of {count} places × {}:\n{}",
        faults.len(),
        CORPUS.len(),
        faults.join("\n")
    );
    house.app.get_as(&house.ada, "/api/users/me").await.expect(200);
    assert!(house.app.count("users").await > 1, "everybody is still there");
}

#[tokio::test]
async fn t11_no_text_breaks_a_frame_of_a_socket() {
    let hub = Tuning::new()
        .configure(|config| {
            config.hub.per_session = 1_000;
            config.hub.per_user = 1_000;
        })
        .spawn()
        .await;
    let (_, ada) = hub.signed_in("ada@example.org", "user").await;
    for text in CORPUS {
        let mut stranger = hub.connect().await;
        stranger.hello(text).await;
        assert_eq!(stranger.closed().await, 4102, "{text:?}");
        // Where she stopped reading is no place of this journal: she is told all, and stays.
        let token = hub.socket_token(&ada.access).await;
        let resume = json!({ "epoch": text, "sequence": 1 });
        let mut socket = hub.connect().await;
        socket
            .say(json!({ "type": "hello", "token": token, "resume": resume }))
            .await;
        socket.frame("ready").await;
        socket.say(json!({ "type": "token", "id": text })).await;
        assert_eq!(socket.frame("token").await["id"], text);
        socket.say(json!({ "type": text, "id": text })).await;
        assert_eq!(socket.frame("error").await["id"], text);
    }
    hub.get_as(&ada.access, "/api/users/me").await.expect(200);
}
