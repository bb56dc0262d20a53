//! What a request says, for a person.

use super::{Clients, Operation, Write};
use crate::clients::names::class;
use crate::odd::Refusal;
use crate::story::Tick;

impl Clients {
    pub(super) fn said(&self, operation: &Operation) -> String {
        match operation {
            Operation::Update { values, good: None, .. } => {
                format!("update {}", self.points(values))
            }
            Operation::Update { values, good: Some(good), .. } => {
                let (before, after) = values.split_at(*good);
                format!(
                    "update {}; a line that is none; {}",
                    self.points(before),
                    self.points(after)
                )
            }
            Operation::Script { values, .. } => {
                format!("script, UPDATE of {}", self.points(values))
            }
            Operation::Delete { series, query, .. } => {
                let number = |name: &str| -> Option<i64> {
                    query.split('&').find_map(|part| part.strip_prefix(name)?.parse().ok())
                };
                match number("start=").zip(number("end=")) {
                    Some((start, end)) => {
                        format!("delete of {}, {} to {}", class(series), Tick(start), Tick(end))
                    }
                    None => format!("delete of {}, all of it", class(series)),
                }
            }
            Operation::Meta { body } => format!("meta {}", body.trim()),
            Operation::Find => "find of everything".to_owned(),
            Operation::Fetch => "fetch of everything".to_owned(),
            Operation::Exec => "script, FETCH of everything".to_owned(),
            Operation::Unwritable => "script, a result that cannot be written".to_owned(),
            Operation::Limited { .. } => "script, more operations than it may".to_owned(),
            Operation::Odd(Refusal { sent: Some(sent), .. }) => {
                format!("{} {}?{}, to be refused", sent.method, sent.path, sent.query)
            }
            Operation::Odd(_) => "nothing".to_owned(),
        }
    }

    fn points(&self, values: &[i64]) -> String {
        let known = values.iter().filter_map(|value| Some((value, self.writes.get(value)?)));
        let said = known.map(|(value, Write { series, tick, .. })| {
            format!("{} {}={value}", class(series), Tick(*tick))
        });
        said.collect::<Vec<_>>().join(", ")
    }
}
