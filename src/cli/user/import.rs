//! `user import`: people from a file of other software, in batches, with a report of each row not taken.

mod report;
mod rows;
mod table;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

use anyhow::Context as _;

use crate::accounts::{ImportOutcome, ImportRow, ImportedUser};
use crate::app::App;
use crate::audit::{Actor, Origin};
use crate::email::Email;
use crate::error::FieldError;
use report::Report;
use rows::Rows;

/// How many people are written in one transaction.
const BATCH: usize = 200;
/// The most bytes of one row.
const MAX_ROW: usize = 64 * 1024;
/// The fields of a row, which are the columns of CSV.
const FIELDS: [&str; 6] = [
    "email",
    "password_hash",
    "name",
    "role",
    "email_verified",
    "created_at",
];

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// JSON lines, or CSV whose first line names the columns: email, `password_hash`, name, role, `email_verified`, `created_at`; `-` is stdin
    file: PathBuf,
    /// Check everything and report, without writing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(app: &App, args: Args, as_json: bool) -> anyhow::Result<()> {
    let shown = args.file.display();
    let input: Box<dyn Read + Send> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&args.file).with_context(|| format!("{shown} cannot be opened"))?)
    };
    let rows = Rows::open(BufReader::new(input)).with_context(|| shown.to_string())?;
    let mut import = Import {
        app,
        dry_run: args.dry_run,
        report: Report::new(args.dry_run, as_json),
        seen: HashMap::new(),
        batch: Vec::new(),
    };
    for row in rows {
        import.take(row.with_context(|| shown.to_string())?).await?;
    }
    import.write().await?;
    import.report.finish()
}

/// A row of the file.
#[derive(Debug)]
struct Row {
    line: u64,
    /// Or what is wrong with it, and what to do.
    content: Result<ImportRow, String>,
}

/// An import that runs.
struct Import<'a> {
    app: &'a App,
    dry_run: bool,
    report: Report,
    /// The line of each address.
    seen: HashMap<Email, u64>,
    /// People that wait to be written, with their lines.
    batch: Vec<(u64, ImportedUser)>,
}

impl Import<'_> {
    async fn take(&mut self, Row { line, content }: Row) -> anyhow::Result<()> {
        let checked = content.and_then(|described| {
            ImportedUser::check(&described, self.app.cx.now()).map_err(|faults| told(&faults))
        });
        let person = match checked {
            Ok(person) => person,
            Err(problem) => {
                self.report.refused(line, &problem);
                return Ok(());
            }
        };
        if let Some(first) = self.seen.get(person.email()) {
            let problem = format!("email: line {first} has the same address; leave one of them out");
            self.report.refused(line, &problem);
            return Ok(());
        }
        self.seen.insert(person.email().clone(), line);
        self.batch.push((line, person));
        if self.batch.len() < BATCH {
            return Ok(());
        }
        self.write().await
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        let (lines, people): (Vec<u64>, Vec<ImportedUser>) = self.batch.drain(..).unzip();
        let Some(first) = lines.first() else {
            return Ok(());
        };
        let by = Origin::local(Actor::Operator);
        let outcomes = self.app.accounts.import(&people, self.dry_run, &by).await;
        let outcomes = outcomes.with_context(|| {
            format!("the import stopped: nothing from line {first} on was written; run it again with the same file")
        })?;
        for ((line, person), outcome) in lines.iter().zip(&people).zip(outcomes) {
            match outcome {
                ImportOutcome::Created => self.report.created(),
                ImportOutcome::Exists => self.report.exists(*line, person.email().as_str()),
                ImportOutcome::UnknownRole => {
                    let problem = format!(
                        "role: there is no role `{}`; make it first, or leave it out",
                        person.role()
                    );
                    self.report.refused(*line, &problem);
                }
            }
        }
        Ok(())
    }
}

/// Every fault of a row, on one line.
fn told(faults: &[FieldError]) -> String {
    let told = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.field, fault.detail));
    told.collect::<Vec<_>>().join("; ")
}

/// What is said to a field that would hold a password in clear.
fn plain_password(field: &str) -> String {
    format!(
        "unknown field `{field}`: a hash stands in `password_hash`; passwords in clear are not imported, leave them out and let people recover"
    )
}

#[cfg(test)]
mod tests;
