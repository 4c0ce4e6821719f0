//! Who waits for whom in the database.

use portcullis::store::Tx;

use super::app::TestApp;
use super::eventually;

/// Waits until somebody waits for what `holder` has locked. On SQLite whoever writes waits for any writer.
pub async fn somebody_waits_for(hub: &TestApp, holder: &mut Tx) {
    const BLOCKED: &str = "select count(*) from pg_stat_activity where $1 = any(pg_blocking_pids(pid))";
    let Tx::Postgres(holder) = holder else { return };
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(holder.connection().unwrap())
        .await
        .unwrap();
    eventually("somebody waits", || async {
        let Tx::Postgres(mut other) = hub.app.cx.db.read().await.unwrap() else {
            return None;
        };
        let query = sqlx::query_scalar(BLOCKED).bind(pid);
        let blocked: i64 = query.fetch_one(other.connection().unwrap()).await.unwrap();
        (blocked > 0).then_some(())
    })
    .await;
}
