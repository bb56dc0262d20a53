//! The tables of `sim/RECORD.md`: runs, and mutants.

use std::fmt;

/// The columns of the table.
const COLUMNS: [&str; 7] =
    ["version", "seeds", "virtual hours", "events", "faults", "acknowledged updates", "failed"];

/// The head of the table of mutants.
const MUTANTS: &str = "| mutant | seed | by |";

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

/// Which seed catches a mutant, and by which invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caught<'a> {
    /// Its name.
    pub mutant: &'a str,
    /// The first seed that catches it.
    pub seed: u64,
    /// What does not hold.
    pub invariant: &'a str,
}

/// The rows of the record's table of mutants; `None` when it has no such table.
pub fn caught(record: &str) -> Option<Vec<Caught<'_>>> {
    let mut lines = record.lines().skip_while(|line| *line != MUTANTS);
    lines.next()?;
    let rows = lines.skip(1).map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| {
        let mut cells = row.split(" | ");
        let (mutant, seed, invariant) = (cells.next()?, cells.next()?, cells.next()?);
        Some(Caught { mutant, seed: seed.parse().ok()?, invariant })
    })
    .collect()
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
    fn every_mutant_is_in_the_record() {
        let caught = caught(include_str!("../RECORD.md")).unwrap_or_default();
        for mutant in crate::mutants::ALL {
            let rows = caught.iter().filter(|row| row.mutant == mutant.name()).count();
            assert_eq!(rows, 1, "{}", mutant.name());
        }
        assert!(caught.iter().all(|row| row.seed > 0 && !row.invariant.is_empty()));
    }

    #[test]
    fn what_is_no_table_of_mutants_is_none() {
        assert_eq!(caught("| a | 1 | b |"), None);
        assert_eq!(caught(&format!("{MUTANTS}\n|---|\n| a | many | b |\n")), None);
        let row = Caught { mutant: "a", seed: 7, invariant: "b" };
        assert_eq!(caught(&format!("{MUTANTS}\n|---|\n| a | 7 | b |\n\n| c |\n")), Some(vec![row]));
    }

    #[test]
    fn the_record_has_the_table() {
        let record = include_str!("../RECORD.md");
        let more = with_row(record, &row()).unwrap_or_default();
        assert_eq!(more.lines().count(), record.lines().count() + 1);
        assert!(more.contains(&row().to_string()));
    }
}
