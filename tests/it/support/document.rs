//! The OpenAPI document as a list of operations that can be called.

use serde_json::Value;

use super::http::Caller;

/// An id that nothing has.
pub const NOBODY: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    pub method: String,
    /// With its parameters in braces.
    pub path: String,
    /// What the document says about it.
    pub about: Value,
}

impl Caller {
    pub async fn document(&self) -> Value {
        self.get("/api/openapi.json").await.expect(200).json()
    }

    /// Every operation of the server's document, by path.
    pub async fn operations(&self) -> Vec<Operation> {
        let document = self.document().await;
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, about) in item.as_object().unwrap() {
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    about: about.clone(),
                });
            }
        }
        operations.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
        operations
    }
}

impl Operation {
    /// `GET /api/users/{id}`
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with something in the place of each parameter: an id of nobody, a token of nothing.
    pub fn address(&self) -> String {
        address(&self.path)
    }

    /// The scopes of which a service key needs one, if the route takes service keys.
    pub fn scopes(&self) -> Option<Vec<String>> {
        let schemes = self.about["security"].as_array()?;
        let scheme = schemes.iter().find_map(|scheme| scheme.get("service_key"))?;
        let scopes = scheme.as_array().unwrap().iter();
        Some(scopes.map(|scope| scope.as_str().unwrap().to_owned()).collect())
    }

    /// The statuses that the document lists.
    pub fn statuses(&self) -> Vec<u16> {
        let responses = self.about["responses"].as_object().unwrap();
        let mut statuses: Vec<u16> = responses.keys().map(|status| status.parse().unwrap()).collect();
        statuses.sort_unstable();
        statuses
    }
}

/// `path` with something in the place of each parameter.
pub fn address(path: &str) -> String {
    let filled = path
        .replace("{id}", NOBODY)
        .replace("{name}", "nothing")
        .replace("{provider}", "nobody")
        .replace("{token}", "t0ken")
        .replace("{code}", "not_found");
    assert!(!filled.contains('{'), "a parameter without an example in {path}");
    filled
}
