//! The table of runs in `sim/RECORD.md`.

use std::fmt;

/// The columns of the table.
const COLUMNS: [&str; 7] =
    ["version", "seeds", "virtual hours", "events", "faults", "acknowledged updates", "failed"];

/// What a row says.
#[derive(Clone, Debug)]
pub struct Row {
    /// The version.
    pub version: String,
    /// The first seed, and the last.
    pub seeds: (u64, u64),
    /// Virtual hours.
    pub hours: f64,
    /// Events.
    pub events: u64,
    /// Faults of any kind.
    pub faults: u64,
    /// Acknowledged updates.
    pub acknowledged: u64,
    /// Seeds that failed.
    pub failed: Vec<u64>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (grouped(self.seeds.0), grouped(self.seeds.1));
        let seeds = if first == last { first } else { format!("{first} to {last}") };
        let failed: Vec<String> = self.failed.iter().map(|seed| grouped(*seed)).collect();
        let failed = if failed.is_empty() { "none".to_owned() } else { failed.join(", ") };
        write!(
            f,
            "| {} | {seeds} | {:.1} | {} | {} | {} | {failed} |",
            self.version,
            self.hours,
            grouped(self.events),
            grouped(self.faults),
            grouped(self.acknowledged)
        )
    }
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The record with one row more in its table of runs; `None` when it has no such table.
pub fn with_row(record: &str, row: &Row) -> Option<String> {
    let header = format!("| {} |", COLUMNS.join(" | "));
    let lines: Vec<&str> = record.lines().collect();
    let begins = lines.iter().position(|line| *line == header)?;
    let length = lines[begins..].iter().take_while(|line| line.starts_with('|')).count();
    let (before, after) = lines.split_at(begins + length);
    let row = row.to_string();
    let all = before.iter().copied().chain([&row[..]]).chain(after.iter().copied());
    Some(all.map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            version: "1.2.3".to_owned(),
            seeds: (1, 2_000),
            hours: 1_234.56,
            events: 1_234_567,
            faults: 999,
            acknowledged: 1_000,
            failed: vec![17, 1_400],
        }
    }

    #[test]
    fn a_row_is_put_at_the_end_of_the_table() {
        let line = "| 1.2.3 | 1 to 2,000 | 1234.6 | 1,234,567 | 999 | 1,000 | 17, 1,400 |";
        assert_eq!(row().to_string(), line);
        let one = Row { seeds: (7, 7), failed: vec![], ..row() };
        assert_eq!(one.to_string(), "| 1.2.3 | 7 | 1234.6 | 1,234,567 | 999 | 1,000 | none |");
        let header = format!("| {} |", COLUMNS.join(" | "));
        let text = format!("# Record\n{header}\n|---|\n| x |\n\nMore.\n");
        let expected = format!("# Record\n{header}\n|---|\n| x |\n{line}\n\nMore.\n");
        assert_eq!(with_row(&text, &row()), Some(expected));
        assert_eq!(with_row("# Record\n| seeds |\n", &row()), None);
    }

    #[test]
    fn the_record_has_the_table() {
        let record = include_str!("../RECORD.md");
        let more = with_row(record, &row()).unwrap_or_default();
        assert_eq!(more.lines().count(), record.lines().count() + 1);
        assert!(more.contains(&row().to_string()));
    }
}
