//! `openapi`: prints the document, for generators of clients.

use anyhow::Context as _;

use super::{Failure, output};

pub(super) fn run() -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(&crate::http::openapi()).context("the document cannot be written")?;
    output::line(text);
    Ok(())
}
