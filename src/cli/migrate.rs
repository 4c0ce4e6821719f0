//! `migrate`: brings the database up to date and does nothing else, so that it can run before the first node.

use anyhow::Context as _;

use super::{Failure, output};
use crate::config::Loaded;
use crate::store::{self, Db};
use crate::telemetry;

pub(super) async fn run(loaded: Loaded) -> Result<(), Failure> {
    telemetry::init(&loaded.config, loaded.log_filter.as_deref(), "warn");
    let db = Db::connect(&loaded.config.database_url())
        .await
        .context("database.url: cannot open the database")?;
    let done = store::migrate::migrate(&db).await;
    db.close().await;
    done.map_err(anyhow::Error::from)?;
    output::line("the database is up to date");
    Ok(())
}
