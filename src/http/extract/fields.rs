//! The fields of a request, read one by one, so that a caller hears of every fault at once.
//!
//! A request type says in [`Read`] which fields it has; what it does not ask for is unknown, and refused
//! (T28: nobody sets a role or a flag by adding a field).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::super::problem::Problem;
use crate::error::FieldError;

/// How many unknown or duplicate names an answer lists.
const MAX_FAULTS: usize = 32;
/// How much of an unknown name is said back.
const MAX_NAME: usize = 64;

/// What is wrong with one value: a stable code, and words for a person.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: &'static str,
    pub detail: String,
}

impl Fault {
    /// The fault `code`.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// `invalid_type`: the value is not `wanted`.
    pub fn kind(wanted: &str) -> Self {
        Self::new("invalid_type", format!("must be {wanted}"))
    }
}

/// A type that is read from the fields of a body or a query.
pub trait Read: Sized {
    /// Takes its fields; `None` when one of them has a fault.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// The fields not yet taken, and the faults found so far.
#[derive(Debug, Default)]
pub struct Fields {
    left: Map<String, Value>,
    faults: Vec<FieldError>,
}

impl Fields {
    /// Reads a whole `T`, or answers 422 with every fault.
    pub fn read<T: Read>(left: Map<String, Value>, duplicates: Vec<String>) -> Result<T, Problem> {
        let mut fields = Self {
            left,
            faults: Vec::new(),
        };
        for name in duplicates.into_iter().take(MAX_FAULTS) {
            fields.fault(
                &shorten(&name),
                Fault::new("duplicate_field", "appears more than once"),
            );
        }
        let read = T::read(&mut fields);
        let unknown: Vec<String> = fields
            .left
            .keys()
            .take(MAX_FAULTS)
            .map(|name| shorten(name))
            .collect();
        for name in unknown {
            fields.fault(&name, Fault::new("unknown_field", "there is no such field here"));
        }
        match read {
            Some(value) if fields.faults.is_empty() => Ok(value),
            _ => Err(Problem::fields(fields.faults)),
        }
    }

    /// A field that must be there. `null` counts as missing.
    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, Fault>) -> Option<T> {
        let value = self.left.remove(name).unwrap_or_default();
        if value.is_null() {
            self.fault(name, Fault::new("required", "is required"));
            return None;
        }
        self.keep(name, read(value))
    }

    /// A field that may be left out or `null`.
    pub fn optional<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, Fault>) -> Option<T> {
        let value = self.left.remove(name).filter(|value| !value.is_null())?;
        self.keep(name, read(value))
    }

    /// Whether the field was sent as `null`, which takes away what it stands for where a route says so.
    pub fn is_null(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(Value::is_null)
    }

    /// Whether the field was sent and not taken yet.
    pub fn holds(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(|value| !value.is_null())
    }

    /// Notes a fault in the field `name`.
    pub fn fault(&mut self, name: &str, fault: Fault) {
        self.faults.push(FieldError::new(name, fault.code, fault.detail));
    }

    fn keep<T>(&mut self, name: &str, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.fault(name, fault)).ok()
    }
}

fn shorten(name: &str) -> String {
    name.chars().take(MAX_NAME).collect()
}

/// The query, read as strictly as a body: unknown and repeated parameters are 422.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<S: Sync, T: Read> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (mut map, mut duplicates) = (Map::new(), Vec::new());
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if map
                .insert(name.clone().into_owned(), Value::String(value.into_owned()))
                .is_some()
            {
                duplicates.push(name.into_owned());
            }
        }
        Fields::read(map, duplicates).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{strict_json, values};
    use super::*;
    use axum::response::IntoResponse;

    #[derive(Debug)]
    struct Sample {
        name: String,
        size: Option<u32>,
    }

    impl Read for Sample {
        fn read(fields: &mut Fields) -> Option<Self> {
            let name = fields.required("name", values::text(5));
            let size = fields.optional("size", values::number(1..=9));
            Some(Self { name: name?, size })
        }
    }

    fn read(json: &str) -> Result<Sample, Vec<(String, &'static str)>> {
        let tree = strict_json::parse(json.as_bytes()).unwrap();
        let Value::Object(map) = tree.value else {
            panic!("an object")
        };
        Fields::read(map, tree.duplicates).map_err(|problem| {
            let response = problem.into_response();
            let problem = response.extensions().get::<Problem>().unwrap();
            problem
                .errors()
                .iter()
                .map(|error| (error.field.clone(), error.code))
                .collect()
        })
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let faults = read(r#"{"size":"3","size":[],"admin":true}"#).unwrap_err();
        let told: Vec<_> = faults
            .iter()
            .map(|(field, code)| (field.as_str(), *code))
            .collect();
        assert_eq!(
            told,
            [
                ("size", "duplicate_field"),
                ("name", "required"),
                ("size", "invalid_type"),
                ("admin", "unknown_field"),
            ]
        );
    }

    #[test]
    fn null_is_the_same_as_left_out() {
        assert_eq!(read(r#"{"name":"ada","size":null}"#).unwrap().size, None);
        assert_eq!(
            read(r#"{"name":null}"#).unwrap_err(),
            [("name".to_owned(), "required")]
        );
    }

    #[test]
    fn t28_a_field_that_is_not_asked_for_is_refused_even_when_the_rest_is_right() {
        assert_eq!(
            read(r#"{"name":"ada","role":"admin"}"#).unwrap_err(),
            [("role".to_owned(), "unknown_field")]
        );
        assert_eq!(read(r#"{"name":"ada","size":3}"#).unwrap().name, "ada");
    }
}
