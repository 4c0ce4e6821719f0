//! What holds for every operation, written into the document once: the headers of its answers, and that JSON in
//! a request has no fields but those listed. The router calls it when all routes are there.

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{Components, Header, Object, OpenApi, RefOr, Schema, Type};

/// Completes `document`.
pub fn complete(document: &mut OpenApi) {
    let mut bodies = Vec::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        write_headers(operation);
        bodies.extend(settle_body(operation));
    }
    if let Some(components) = &mut document.components {
        for name in bodies {
            close(components, &name);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let all = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ];
    all.into_iter().flatten()
}

/// Every answer has its request's id, and some statuses a header without which they are of little use.
fn write_headers(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        let id = (
            "X-Request-Id",
            Type::String,
            "Finds the request in the server's log",
        );
        let own = match status.as_str() {
            "401" => Some(("WWW-Authenticate", Type::String, "A challenge (RFC 6750, 3)")),
            "405" => Some(("Allow", Type::String, "The methods that are possible")),
            "429" | "503" => Some(("Retry-After", Type::Integer, "Seconds")),
            _ => None,
        };
        for (name, kind, description) in own.into_iter().chain([id]) {
            response
                .headers
                .insert(name.to_owned(), header(kind, description).into());
        }
    }
}

/// A header that is always there.
fn header(kind: Type, description: &str) -> Header {
    let mut header = Header::new(Object::with_type(kind));
    header.description = Some(description.to_owned());
    // A member of OpenAPI's own, which utoipa has no field for.
    header.extensions = Some(Extensions::from_iter([("required", true)]));
    header
}

/// The name of the schema of a JSON body. Of one that may be left out, utoipa says that it may be `null`;
/// but `null` is sent, and refused.
fn settle_body(operation: &mut Operation) -> Option<String> {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return None;
    };
    let RefOr::T(content) = body.content.get_mut("application/json")? else {
        return None;
    };
    let schema = content.schema.as_mut()?;
    if let RefOr::T(Schema::OneOf(either)) = schema {
        let reference = either.items.iter().find(|item| matches!(item, RefOr::Ref(_)));
        *schema = reference?.clone();
    }
    let RefOr::Ref(reference) = schema else {
        return None;
    };
    reference.ref_location.rsplit('/').next().map(str::to_owned)
}

/// Other fields are refused.
fn close(components: &mut Components, name: &str) {
    let only_these = |schema: &mut RefOr<Schema>| {
        if let RefOr::T(Schema::Object(object)) = schema {
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
    };
    match components.schemas.get_mut(name) {
        Some(RefOr::T(Schema::OneOf(either))) => either.items.iter_mut().for_each(only_these),
        Some(schema) => only_these(schema),
        None => {}
    }
}
