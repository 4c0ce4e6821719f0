//! CSV (RFC 4180) whose first row names the columns.

use std::io::{self, BufRead};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::{FIELDS, MAX_ROW, Row, plain_password};
use crate::accounts::ImportRow;

/// The rows below the head.
pub(super) struct Table<R> {
    reader: Reader<R>,
    /// The field in each column.
    columns: Vec<&'static str>,
    /// Lines that were read before the head.
    before: u64,
    record: ByteRecord,
}

impl<R: BufRead> Table<R> {
    /// Reads the head, which stands in line `line`.
    ///
    /// # Errors
    /// When the file cannot be read, or a column is unknown, there twice, or missing.
    pub(super) fn open(input: R, line: u64) -> anyhow::Result<Self> {
        // With both ends of line allowed, the reader counts one line too few where lines end in two characters.
        let mut reader = ReaderBuilder::new()
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(input);
        let mut columns = Vec::new();
        for name in reader.byte_headers()? {
            let name = String::from_utf8_lossy(name).trim().to_owned();
            let known = FIELDS.iter().copied().find(|field| *field == name);
            match known {
                Some(field) if columns.contains(&field) => {
                    anyhow::bail!("line {line}: the column `{field}` is there twice")
                }
                Some(field) => columns.push(field),
                None if name == "password" => anyhow::bail!("line {line}: {}", plain_password(&name)),
                None => anyhow::bail!(
                    "line {line}: unknown column `{}`; the first line names the columns, of {}",
                    name.escape_debug(),
                    FIELDS.join(", ")
                ),
            }
        }
        anyhow::ensure!(
            columns.contains(&"email"),
            "line {line}: there is no column `email`"
        );
        Ok(Self {
            reader,
            columns,
            before: line - 1,
            record: ByteRecord::new(),
        })
    }

    fn described(&self) -> Result<ImportRow, String> {
        let (is, wanted) = (self.record.len(), self.columns.len());
        if self.record.as_slice().len() > MAX_ROW {
            return Err(format!(
                "longer than {MAX_ROW} bytes; is a quote opened here that is not closed?"
            ));
        }
        if is != wanted {
            return Err(format!(
                "{is} columns, {wanted} are named; put what holds commas, as hashes of argon2 do, into double quotes"
            ));
        }
        let mut described = ImportRow::default();
        for (field, cell) in self.columns.iter().zip(&self.record) {
            let cell = cell.strip_suffix(b"\r").unwrap_or(cell);
            let text = std::str::from_utf8(cell).map_err(|_| format!("{field}: not UTF-8"))?;
            let given = Some(text.to_owned());
            match *field {
                "email" => described.email = given,
                "password_hash" => described.password_hash = given,
                "name" => described.name = given,
                "role" => described.role = given,
                "email_verified" => described.email_verified = truth(text)?,
                _ => described.created_at = given,
            }
        }
        Ok(described)
    }
}

/// As databases and spreadsheets write it.
fn truth(text: &str) -> Result<Option<bool>, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "t" | "1" => Ok(Some(true)),
        "false" | "f" | "0" => Ok(Some(false)),
        _ => Err("email_verified: write true or false".to_owned()),
    }
}

impl<R: BufRead> Iterator for Table<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reader.read_byte_record(&mut self.record) {
                Ok(false) => return None,
                // An empty line.
                Ok(true) if self.record.as_slice() == b"\r" => {}
                Ok(true) => break,
                Err(error) => return Some(Err(error.into())),
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let content = self.described();
        Some(Ok(Row {
            line: self.before + line,
            content,
        }))
    }
}
