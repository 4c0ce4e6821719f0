//! What commands print: lines and JSON on stdout, safe for a terminal.

use std::io::Write as _;

use anyhow::anyhow;

use crate::error::FieldError;

/// Prints a line. A reader that has gone away (`| head`) is no failure.
pub(super) fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _gone = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
}

/// A text that people typed, fit for a terminal: control characters could move its cursor.
pub(super) fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints `rows` under `head`, each column as wide as its longest cell.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in std::iter::once(head.map(str::to_owned)).chain(rows.iter().cloned()) {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}  "));
        line(cells.collect::<String>().trim_end());
    }
}

/// The faults in fields as one error, a line each.
pub(super) fn fields(faults: &[FieldError]) -> anyhow::Error {
    let lines = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.field, fault.detail));
    anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
}
