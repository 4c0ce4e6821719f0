//! `docs/API.md` and `README.md` list the routes and the error codes that there are, and no others.

use std::collections::BTreeSet;

use portcullis::error::Code;

use crate::support::source::read;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// Not in the document of a production server.
const DEVELOPMENT: [&str; 2] = ["GET /dev/mailbox", "GET /dev/mailbox.json"];

/// `METHOD /path` of every route of a production server.
fn routes() -> BTreeSet<String> {
    let document = serde_json::to_value(portcullis::http::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut routes = BTreeSet::new();
    for (path, item) in paths {
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            assert!(METHODS.contains(&method.as_str()), "{path}: {method}");
            routes.insert(format!("{method} {path}"));
        }
    }
    assert!(routes.len() > 20, "the document was read");
    routes
}

/// The first cell of every row of a table, as it is written.
fn first_cells(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
}

#[test]
fn the_document_of_the_api_lists_every_route_once_and_no_other() {
    let text = read("docs/API.md");
    let cells = first_cells(&text).filter_map(|cell| {
        let (method, path) = cell.split_once(" `")?;
        let known = METHODS.contains(&method);
        known.then(|| format!("{method} {}", path.trim_end_matches('`')))
    });
    let listed: Vec<String> = cells.collect();
    let once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(once, routes(), "the document, then the server");
    assert_eq!(once.len(), listed.len(), "each once");
}

#[test]
fn the_readme_lists_every_route_and_no_other() {
    let readme = read("README.md");
    let section = readme.split("\n## Routes\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let named = section.split('`').skip(1).step_by(2);
    let listed: BTreeSet<String> = named
        .filter(|code| code.contains(" /"))
        .map(str::to_owned)
        .collect();
    let mut known = routes();
    known.extend(DEVELOPMENT.map(String::from));
    assert_eq!(listed, known, "the README, then the server");
}

#[test]
fn the_document_of_the_api_lists_every_error_code_with_its_status() {
    let text = read("docs/API.md");
    let section = text.split("\n## Errors\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| {
        let (status, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
        Some((status.parse().ok()?, rest.split('`').next()?.to_owned()))
    });
    let listed: BTreeSet<(u16, String)> = rows.collect();
    let known: BTreeSet<(u16, String)> = Code::ALL
        .iter()
        .map(|code| {
            let problem = portcullis::http::problem::Problem::new(*code);
            (problem.status().as_u16(), code.as_str().to_owned())
        })
        .collect();
    assert_eq!(listed, known, "the document, then the server");
}
