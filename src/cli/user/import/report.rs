//! What an import tells: a line for each row that was not taken, and how many were, at the end.

use serde_json::{Value, json};

use super::super::output;

/// What became of the rows.
#[derive(Debug)]
pub(super) struct Report {
    dry_run: bool,
    as_json: bool,
    created: u64,
    existing: u64,
    refused: u64,
    /// For JSON: told at the end.
    told: Vec<Value>,
}

impl Report {
    pub(super) const fn new(dry_run: bool, as_json: bool) -> Self {
        Self {
            dry_run,
            as_json,
            created: 0,
            existing: 0,
            refused: 0,
            told: Vec::new(),
        }
    }

    pub(super) fn created(&mut self) {
        self.created += 1;
    }

    pub(super) fn exists(&mut self, line: u64, email: &str) {
        self.existing += 1;
        self.tell(
            line,
            "exists",
            &format!("{email} has an account, which stays as it is"),
        );
    }

    pub(super) fn refused(&mut self, line: u64, problem: &str) {
        self.refused += 1;
        self.tell(line, "refused", problem);
    }

    fn tell(&mut self, line: u64, outcome: &str, detail: &str) {
        let detail = output::plain(detail);
        if self.as_json {
            let row = json!({ "line": line, "outcome": outcome, "detail": detail });
            return self.told.push(row);
        }
        output::line(format!("line {line}: {outcome}: {detail}"));
    }

    /// Says how many were taken.
    ///
    /// # Errors
    /// When rows were refused: whoever runs it in a script must notice.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let Self {
            created,
            existing,
            refused,
            ..
        } = self;
        if self.as_json {
            let report = json!({
                "dry_run": self.dry_run,
                "created": created,
                "existing": existing,
                "refused": refused,
                "lines": self.told,
            });
            output::line(report.to_string());
        } else {
            let written = if self.dry_run {
                "would be created"
            } else {
                "created"
            };
            output::line(format!(
                "{created} {written}, {existing} existing, {refused} refused"
            ));
        }
        anyhow::ensure!(
            refused == 0,
            "{refused} row(s) were refused; mend them and import the file again, which changes nobody who exists"
        );
        Ok(())
    }
}
