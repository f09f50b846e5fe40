//! Figures collected over the runs, and how they are printed.

use std::collections::BTreeMap;

/// Values of one cell: a row of the table, and whose value it is.
#[derive(Default)]
pub struct Figures {
    rows: Vec<String>,
    values: BTreeMap<(String, &'static str), Vec<f64>>,
}

impl Figures {
    /// Adds the value of one run.
    pub fn put(&mut self, row: &str, whose: &'static str, value: f64) {
        if !self.rows.iter().any(|r| r == row) {
            self.rows.push(row.to_owned());
        }
        eprintln!("  {row}, {whose}: {}", short(value));
        self.values.entry((row.to_owned(), whose)).or_default().push(value);
    }

    /// The median of the runs.
    pub fn median(&self, row: &str, whose: &'static str) -> Option<f64> {
        let mut values = self.values.get(&(row.to_owned(), whose))?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        Some(if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) })
    }

    /// How many runs each cell has, at most.
    pub fn runs(&self) -> usize {
        self.values.values().map(Vec::len).max().unwrap_or(0)
    }

    /// Rows in the order in which they were first met.
    pub fn rows(&self) -> &[String] {
        &self.rows
    }
}

/// Three figures that matter, no exponent.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.01 || v == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// What a figure must keep, from section 8 of the design.
pub enum Budget {
    /// Not more than.
    Most(f64),
    /// At least this many times the value of another column.
    Times(f64, &'static str),
    /// At most this many times the value of our own column in another row.
    Within(f64, &'static str),
    /// None.
    None,
}

impl Budget {
    /// The words of the column, and whether it is kept (None: cannot be said).
    fn judge(&self, figures: &Figures, row: &str, ours: &'static str) -> (String, Option<bool>) {
        let Some(own) = figures.median(row, ours) else { return (String::new(), None) };
        match self {
            Budget::Most(most) => (format!("<= {}", short(*most)), Some(own <= *most)),
            Budget::Times(times, whose) => {
                let ratio = figures.median(row, whose).map(|other| own / other);
                (format!(">= {times} x {whose}"), ratio.map(|r| r >= *times))
            }
            Budget::Within(times, other) => {
                let base = figures.median(other, ours);
                (format!("<= {times} x \"{other}\""), base.map(|b| own <= b * times))
            }
            Budget::None => (String::new(), None),
        }
    }
}

/// Prints the table; gives whether every budget is kept.
pub fn print(figures: &Figures, columns: &[&'static str], budget: impl Fn(&str) -> Vec<Budget>) -> bool {
    let ours = columns[0];
    let mut head = vec!["".to_owned()];
    head.extend(columns.iter().map(|c| (*c).to_owned()));
    head.extend(columns[1..].iter().map(|c| format!("ours / {c}")));
    head.push("budget".to_owned());
    let mut lines = vec![head];
    let mut kept = true;
    for row in figures.rows() {
        let own = figures.median(row, ours);
        let mut line = vec![row.clone()];
        line.extend(columns.iter().map(|c| figures.median(row, c).map_or("-".to_owned(), short)));
        line.extend(columns[1..].iter().map(|c| match (own, figures.median(row, c)) {
            (Some(a), Some(b)) if b > 0.0 => short(a / b),
            _ => "-".to_owned(),
        }));
        let judged: Vec<String> = budget(row)
            .iter()
            .map(|b| b.judge(figures, row, ours))
            .map(|(words, good)| {
                kept &= good != Some(false);
                match good {
                    Some(true) => format!("{words}: kept"),
                    Some(false) => format!("{words}: MISSED"),
                    None => words,
                }
            })
            .collect();
        line.push(judged.join("; "));
        lines.push(line);
    }
    markdown(&lines);
    kept
}

/// A Markdown table with straight columns.
fn markdown(lines: &[Vec<String>]) {
    let width = |n: usize| lines.iter().map(|l| l[n].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    for (n, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        println!("| {} |", cells.join(" | "));
        if n == 0 {
            println!("|{}|", widths.iter().map(|w| "-".repeat(w + 2)).collect::<Vec<_>>().join("|"));
        }
    }
}
