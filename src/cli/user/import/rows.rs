//! Reads people out of a file: JSON lines, or CSV with a head. A row that cannot be read is a fault of its own
//! and stops nothing; lines count from 1.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;
use serde_json::Value;

use super::table::Table;
use super::{MAX_ROW, Row, plain_password};
use crate::accounts::ImportRow;

/// The rows of a file, whichever its form.
pub(super) enum Rows<R> {
    Lines(Lines<R>),
    Table(Box<Table<R>>),
}

impl<R: BufRead> Rows<R> {
    /// JSON lines begin with a brace; everything else is CSV.
    ///
    /// # Errors
    /// When the file cannot be read, or its head will not do: then no row would.
    pub(super) fn open(mut input: R) -> anyhow::Result<Self> {
        skip_mark(&mut input)?;
        let mut line = 1;
        loop {
            let (first, length) = match input.fill_buf()? {
                [] => anyhow::bail!("the file is empty"),
                [b'\n', ..] => (b'\n', 1),
                [space, ..] if space.is_ascii_whitespace() => (b' ', 1),
                [first, ..] => (*first, 0),
            };
            input.consume(length);
            match first {
                b'\n' => line += 1,
                b' ' => {}
                b'{' => return Ok(Self::Lines(Lines { input, line })),
                b'[' => anyhow::bail!("write JSON lines, one object on each line, instead of an array"),
                _ => return Ok(Self::Table(Box::new(Table::open(input, line)?))),
            }
        }
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Table(table) => table.next(),
        }
    }
}

/// The mark of byte order that some programs put in front of UTF-8.
fn skip_mark(input: &mut impl BufRead) -> io::Result<()> {
    if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    Ok(())
}

/// JSON lines.
pub(super) struct Lines<R> {
    input: R,
    /// The one that is read next.
    line: u64,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut text = Vec::new();
            let most = MAX_ROW as u64 + 1;
            match self.input.by_ref().take(most).read_until(b'\n', &mut text) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            let line = self.line;
            self.line += 1;
            let content = if text.len() > MAX_ROW && !text.ends_with(b"\n") {
                if let Err(error) = self.input.skip_until(b'\n') {
                    return Some(Err(error));
                }
                Err(format!("longer than {MAX_ROW} bytes"))
            } else if text.trim_ascii().is_empty() {
                continue;
            } else {
                object(&text)
            };
            return Some(Ok(Row { line, content }));
        }
    }
}

/// Values of whatever type: which one is wrong is said by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    #[serde(default)]
    email: Value,
    #[serde(default)]
    password_hash: Value,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    role: Value,
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    created_at: Value,
}

fn object(text: &[u8]) -> Result<ImportRow, String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8")?.trim();
    if !text.starts_with('{') {
        return Err("not a JSON object; write one on each line".to_owned());
    }
    let object: Object = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    let email_verified = match object.email_verified {
        Value::Null => None,
        Value::Bool(verified) => Some(verified),
        _ => return Err("email_verified: write true or false".to_owned()),
    };
    Ok(ImportRow {
        email: string("email", object.email)?,
        password_hash: string("password_hash", object.password_hash)?,
        name: string("name", object.name)?,
        role: string("role", object.role)?,
        email_verified,
        created_at: string("created_at", object.created_at)?,
    })
}

fn string(field: &str, value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(format!("{field}: write a text in quotes")),
    }
}

/// What is wrong with the JSON. Its line is always the first.
fn syntax(error: &serde_json::Error) -> String {
    let said = error.to_string().replace(" at line 1 column ", " at column ");
    match said.strip_prefix("unknown field `password`") {
        Some(_) => plain_password("password"),
        None => said,
    }
}
