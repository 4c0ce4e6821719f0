//! `GET /api/users/me/export`: all that is stored about the caller, as one JSON document.
//!
//! The audit log has no bound, so it is sent as it is read, page by page: the document is never whole in
//! memory. `shape` says how it looks.

mod shape;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};

use super::client::Client;
use super::extract::CurrentUser;
use super::problem::{CommonProblems, LimitProblems, Problem, UserProblems};
use crate::accounts::{self, Accounts};
use crate::app::App;
use crate::error::Code;
use crate::ids::UserId;
use shape::{ExportJson, LineJson};

/// Export all that is stored about oneself
#[utoipa::path(
    get,
    path = "/api/users/me/export",
    operation_id = "export_me",
    tag = "Own account",
    security(("access_token" = [])),
    responses(CommonProblems, UserProblems, LimitProblems, (status = 200, description = "Everything, without secrets", body = ExportJson))
)]
pub async fn export(
    State(app): State<App>,
    client: Client,
    caller: CurrentUser,
) -> Result<Response, Problem> {
    let user = caller.0.user_id;
    let export = app.accounts.export(&caller.0, &caller.origin(&client)).await?;
    let failed = |error: serde_json::Error| {
        tracing::error!(%error, "an export could not be written as JSON");
        Problem::new(Code::Internal)
    };
    let mut head = serde_json::to_string(&ExportJson::from(export)).map_err(failed)?;
    // The log becomes the last member of the object.
    head.pop();
    head.push_str(",\"audit\":[");
    let body = stream::once(async { Ok(head) })
        .chain(log(app.accounts.clone(), user))
        .chain(stream::once(async { Ok("]}".to_owned()) }));
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    let file = HeaderValue::from_static("attachment; filename=\"account.json\"");
    let headers = [(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, file)];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// The members of the list, in pieces; the connection breaks off where one cannot be read.
fn log(accounts: Accounts, user: UserId) -> impl Stream<Item = Result<String, accounts::Error>> {
    stream::try_unfold(None, move |after| {
        let accounts = accounts.clone();
        async move {
            let page = accounts.export_log(user, after).await?;
            let Some(last) = page.last().map(|line| (line.at, line.id)) else {
                return Ok(None);
            };
            let mut text = String::new();
            for line in page {
                if after.is_some() || !text.is_empty() {
                    text.push(',');
                }
                let line =
                    serde_json::to_string(&LineJson::of(line, user)).unwrap_or_else(|_| "null".to_owned());
                text.push_str(&line);
            }
            Ok(Some((text, Some(last))))
        }
    })
}
