//! What was measured: the medians of all rounds, as a table for people and JSON for programs.

use std::path::Path;

use serde_json::{Value, json};

/// A number with its name and unit.
#[derive(Clone, Copy)]
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub unit: &'static str,
}

pub fn figure(name: &'static str, value: f64, unit: &'static str) -> Figure {
    Figure { name, value, unit }
}

/// p50, p99 and the longest of `times` in milliseconds.
pub fn spread(mut times: Vec<f64>) -> Vec<Figure> {
    times.sort_by(f64::total_cmp);
    [("p50", 0.5), ("p99", 0.99), ("max", 1.0)]
        .map(|(name, part)| figure(name, quantile(&times, part), "ms"))
        .to_vec()
}

/// What is asked of the operation.
#[derive(Clone, Copy)]
pub enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

/// One operation in one round.
pub struct Row {
    pub operation: &'static str,
    /// Of the hub's processes for one operation, in microseconds.
    pub cpu_us: Option<f64>,
    pub wall: Vec<Figure>,
    /// What the machine itself can do, measured in the same minutes.
    pub limit: Vec<Figure>,
    /// How the two compare, and the aim.
    pub verdict: Option<(Figure, Aim)>,
}

/// Everything that was measured, in the order of the first round.
#[derive(Default)]
pub struct Report(Vec<(&'static str, Vec<Row>)>);

impl Report {
    pub fn add(&mut self, row: Row) {
        eprintln!("    {}", line(&Medians::of(std::slice::from_ref(&row))));
        match self
            .0
            .iter_mut()
            .find(|(operation, _)| *operation == row.operation)
        {
            Some((_, rows)) => rows.push(row),
            None => self.0.push((row.operation, vec![row])),
        }
    }

    pub fn print(&self, title: &str, file: &Path) -> anyhow::Result<()> {
        println!("\n{title}\n");
        println!("{HEAD}");
        let medians: Vec<_> = self.0.iter().map(|(_, rows)| Medians::of(rows)).collect();
        for row in &medians {
            println!("{}", line(row));
        }
        let operations: Vec<_> = medians.iter().map(Medians::json).collect();
        let all = json!({ "title": title, "operations": operations });
        std::fs::write(file, serde_json::to_string_pretty(&all)? + "\n")?;
        println!("\n{}", file.display());
        Ok(())
    }
}

const HEAD: &str = "operation                              hub's CPU   wall clock · the machine's own limit · compared (aim)";

/// The medians of one operation.
struct Medians {
    operation: &'static str,
    cpu_us: Option<f64>,
    wall: Vec<Figure>,
    limit: Vec<Figure>,
    verdict: Option<(Figure, Aim)>,
}

impl Medians {
    fn of(rows: &[Row]) -> Self {
        let list = |of: fn(&Row) -> Vec<Figure>| {
            let first = rows.first().map(of).unwrap_or_default();
            first
                .into_iter()
                .enumerate()
                .map(|(index, first)| {
                    let values = rows
                        .iter()
                        .filter_map(|row| of(row).get(index).map(|figure| figure.value));
                    Figure {
                        value: median(values.collect()),
                        ..first
                    }
                })
                .collect::<Vec<_>>()
        };
        let verdicts = list(|row| row.verdict.iter().map(|(figure, _)| *figure).collect());
        let aim = rows.first().and_then(|row| row.verdict).map(|(_, aim)| aim);
        let cpu: Vec<_> = rows.iter().filter_map(|row| row.cpu_us).collect();
        Self {
            operation: rows.first().map_or("", |row| row.operation),
            cpu_us: (!cpu.is_empty()).then(|| median(cpu)),
            wall: list(|row| row.wall.clone()),
            limit: list(|row| row.limit.clone()),
            verdict: verdicts.first().copied().zip(aim),
        }
    }

    fn json(&self) -> Value {
        let list = |figures: &[Figure]| -> Value {
            let entries = figures.iter().map(|figure| {
                let key = format!("{}_{}", figure.name, figure.unit).replace([' ', '/', '×'], "_");
                (key, json!(figure.value))
            });
            entries.collect::<serde_json::Map<_, _>>().into()
        };
        let verdict = self.verdict.map(|(figure, aim)| {
            let (kind, bound) = match aim {
                Aim::AtMost(bound) => ("at_most", bound),
                Aim::AtLeast(bound) => ("at_least", bound),
            };
            json!({ "what": figure.name, "value": figure.value, "unit": figure.unit, kind: bound, "met": met(figure, aim) })
        });
        json!({
            "operation": self.operation,
            "cpu_us": self.cpu_us,
            "wall": list(&self.wall),
            "limit": list(&self.limit),
            "compared": verdict,
        })
    }
}

fn met(figure: Figure, aim: Aim) -> bool {
    match aim {
        Aim::AtMost(bound) => figure.value <= bound,
        Aim::AtLeast(bound) => figure.value >= bound,
    }
}

fn line(row: &Medians) -> String {
    let texts = |figures: &[Figure]| figures.iter().map(text).collect::<Vec<_>>().join(", ");
    let cpu = row.cpu_us.map_or_else(String::new, |cpu| format!("{cpu:.1} µs"));
    let limit = if row.limit.is_empty() {
        String::new()
    } else {
        format!(" · {}", texts(&row.limit))
    };
    let verdict = row.verdict.map_or_else(String::new, |(figure, aim)| {
        let aim_text = match aim {
            Aim::AtMost(bound) => format!("at most {bound}"),
            Aim::AtLeast(bound) => format!("at least {bound}"),
        };
        let missed = if met(figure, aim) { "" } else { ": MISSED" };
        format!(" · {} ({aim_text}{missed})", text(&figure))
    });
    format!(
        "{:<37} {cpu:>11}   {}{limit}{verdict}",
        row.operation,
        texts(&row.wall)
    )
}

fn text(figure: &Figure) -> String {
    let Figure { name, value, unit } = figure;
    let digits = if *value < 100.0 { 2 } else { 0 };
    format!("{name} {value:.digits$} {unit}")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

/// The value below which `part` of the sorted values lie; 0 when there are none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index into a short list"
)]
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * part).round() as usize).copied().unwrap_or(0.0)
}
