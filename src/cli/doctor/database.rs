//! The database: whether it is reached, how it is to be trusted, whether its schema is ours, and its clock.

use std::time::{Duration, Instant};

use super::{Finding, Patient, keys};
use crate::config::Env;
use crate::store::condition::{self, Condition, Schema};
use crate::store::{Db, Error, signing_keys};

const OF: &str = "database";
const SCHEMA: &str = "schema";
const CLOCK: &str = "clock";
/// Connections of one node, and one more while it starts.
const NEEDED: i64 = 26;
/// How far its clock may be from ours; tokens allow 5 s.
const APART: Duration = Duration::from_secs(2);

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let url = patient.config.database_url();
    let place = condition::place(&url);
    if condition::missing_file(&url).is_some() {
        return vec![missing(patient, &place)];
    }
    let began = Instant::now();
    let db = match Db::connect(&url).await {
        Ok(db) => db,
        Err(error) => return vec![unreachable(&place, &error)],
    };
    let asked = ask(&db, patient, &place, began).await;
    db.close().await;
    asked.unwrap_or_else(|error| vec![unreachable(&place, &error)])
}

async fn ask(db: &Db, patient: &Patient, place: &str, began: Instant) -> Result<Vec<Finding>, Error> {
    let mut tx = db.read().await?;
    let before = patient.clock.now();
    let asked = Instant::now();
    let condition = condition::describe(&mut tx).await?;
    let trip = asked.elapsed();
    let schema = condition::schema(&mut tx).await?;
    let mut found = vec![describe(db, &condition, place, began.elapsed())];
    if db.kind() == "postgres" {
        found.extend(doubts(&condition, patient));
        let apart = condition.now.since(before).max(before.since(condition.now));
        found.push(clock(apart, trip));
    }
    found.push(judge_schema(schema));
    if schema.there > 0 {
        let rows = signing_keys::list(&mut tx).await?;
        found.push(keys::look(patient, &rows));
    }
    Ok(found)
}

fn missing(patient: &Patient, place: &str) -> Finding {
    let what = format!("{place} does not exist yet");
    match patient.config.env {
        Env::Development => Finding::ok(OF, format!("{what}: `serve` makes it")),
        Env::Production => Finding::wrong(OF, what, "run `portcullis migrate`, or set database.url"),
    }
}

fn unreachable(place: &str, error: &Error) -> Finding {
    let text = error.to_string();
    let todo = if text.contains("password authentication failed") {
        "the user or the password in database.url is wrong"
    } else if text.contains("does not exist") {
        "make the database and its role, or mend database.url"
    } else if text.contains("certificate") || text.contains("TLS") {
        "see \"TLS to PostgreSQL and Redis\" in docs/OPERATIONS.md: sslmode and sslrootcert of database.url"
    } else if text.contains("pg_hba.conf") {
        "let this machine in: pg_hba.conf on the database's side"
    } else {
        "is it running, and does a firewall stand between? database.url says where it is looked for"
    };
    Finding::wrong(OF, format!("{place}: {text}"), todo)
}

fn describe(db: &Db, condition: &Condition, place: &str, took: Duration) -> Finding {
    let version = &condition.version;
    let what = match (db.kind(), condition.encrypted) {
        ("postgres", true) => format!("PostgreSQL {version} at {place}, with TLS"),
        ("postgres", false) => format!("PostgreSQL {version} at {place}, without TLS"),
        _ => format!("SQLite {version}, {place}"),
    };
    Finding::ok(OF, format!("{what}, reached in {} ms", took.as_millis()))
}

fn doubts(condition: &Condition, patient: &Patient) -> Vec<Finding> {
    let mut found = Vec::new();
    if condition.standby {
        found.push(Finding::wrong(
            OF,
            "this is a standby: it takes no writes",
            "point database.url at the primary; a name that follows it helps",
        ));
    }
    if condition.superuser && patient.config.env == Env::Production {
        found.push(Finding::warn(
            OF,
            "the hub's role is a superuser",
            "give it a role of its own that owns its database and nothing else",
        ));
    }
    if condition.connections < NEEDED {
        found.push(Finding::wrong(
            OF,
            format!(
                "it takes {} connections, and a node needs {NEEDED}",
                condition.connections
            ),
            "raise max_connections of PostgreSQL",
        ));
    }
    found
}

fn clock(apart: Duration, trip: Duration) -> Finding {
    let apart = apart.saturating_sub(trip);
    let what = format!("{} ms from the database's", apart.as_millis());
    if apart <= APART {
        Finding::ok(CLOCK, what)
    } else {
        Finding::wrong(
            CLOCK,
            what,
            "let NTP set the clocks of both machines: tokens of one node are too young or too old for others beyond 5 s",
        )
    }
}

fn judge_schema(Schema { there, known }: Schema) -> Finding {
    match there {
        0 => Finding::warn(SCHEMA, "empty", "run `portcullis migrate` before the first start"),
        _ if there == known => Finding::ok(SCHEMA, format!("up to date, {there}")),
        _ if there < known => Finding::wrong(
            SCHEMA,
            format!("{there}, and this release needs {known}"),
            "run `portcullis migrate`: the release before goes on meanwhile",
        ),
        _ => Finding::warn(
            SCHEMA,
            format!("{there}, newer than this release knows ({known})"),
            "fine while a newer release is rolled out; `portcullis migrate` of this one will refuse",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn clocks_may_be_as_far_apart_as_the_question_took() {
        let ms = Duration::from_millis;
        assert_eq!(clock(ms(2_100), ms(200)).verdict, Verdict::Ok);
        assert_eq!(clock(ms(2_100), ms(10)).verdict, Verdict::Wrong);
    }

    #[test]
    fn an_older_schema_is_wrong_and_a_newer_one_is_a_rolling_deployment() {
        let verdict = |there| judge_schema(Schema { there, known: 6 }).verdict;
        let verdicts = [0, 5, 6, 7].map(verdict);
        assert_eq!(
            verdicts,
            [Verdict::Warn, Verdict::Wrong, Verdict::Ok, Verdict::Warn]
        );
    }
}
