//! Requests as metrics: how many, and how long each took. Series are bounded: a route is its pattern, a method one of
//! a few, a status what the hub answers.

use std::time::Duration;

use metrics::{counter, histogram};
use utoipa::openapi::OpenApi;

use crate::metric;

/// The route of a request that matched none.
pub const UNMATCHED: &str = "unmatched";

/// Counts a request that was answered.
pub fn count(method: &'static str, route: &str, status: u16, taken: Duration) {
    let labels = [("method", method.to_owned()), ("route", route.to_owned())];
    histogram!(metric::HTTP_REQUEST, &labels).record(taken.as_secs_f64());
    let [method, route] = labels;
    let labels = [method, route, ("status", status.to_string())];
    counter!(metric::HTTP_REQUESTS, &labels).increment(1);
}

/// Begins a series at 0 for each answer that `document` knows: who asks for a rate sees the first one as well.
pub fn begin(document: &OpenApi) {
    let unmatched = [("method", "GET"), ("route", UNMATCHED), ("status", "404")];
    counter!(metric::HTTP_REQUESTS, &unmatched).increment(0);
    drop(histogram!(metric::HTTP_REQUEST, &unmatched[..2]));
    for (route, item) in &document.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let labels = [("method", method.to_owned()), ("route", route.clone())];
            drop(histogram!(metric::HTTP_REQUEST, &labels));
            let [method, route] = labels;
            for status in operation.responses.responses.keys() {
                let labels = [method.clone(), route.clone(), ("status", status.clone())];
                counter!(metric::HTTP_REQUESTS, &labels).increment(0);
            }
        }
    }
}
