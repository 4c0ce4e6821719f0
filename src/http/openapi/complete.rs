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
        drop_null(operation);
        bodies.extend(body_schema(operation));
    }
    if let Some(components) = &mut document.components {
        for name in bodies {
            forbid_other_fields(components, &name);
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

fn json_body(operation: &mut Operation) -> Option<&mut RefOr<Schema>> {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return None;
    };
    let RefOr::T(content) = body.content.get_mut("application/json")? else {
        return None;
    };
    content.schema.as_mut()
}

/// Of a JSON body that may be left out, utoipa says that it may be `null`; but `null` is sent, and refused.
fn drop_null(operation: &mut Operation) {
    let Some(schema) = json_body(operation) else {
        return;
    };
    if let RefOr::T(Schema::OneOf(either)) = schema
        && let Some(reference) = either.items.iter().find(|item| matches!(item, RefOr::Ref(_)))
    {
        *schema = reference.clone();
    }
}

/// The name of the schema of a JSON body.
fn body_schema(operation: &mut Operation) -> Option<String> {
    let RefOr::Ref(reference) = json_body(operation)? else {
        return None;
    };
    reference.ref_location.rsplit('/').next().map(str::to_owned)
}

fn forbid_other_fields(components: &mut Components, name: &str) {
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
