//! What a check of files finds.

/// What a check found. Each entry says what, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What was looked at.
    pub checked: Vec<String>,
    /// What can be normal: the end of a file that a process left which was killed as it wrote.
    pub notes: Vec<String>,
    /// What no crash leaves.
    pub damage: Vec<String>,
}

impl Findings {
    /// Takes in what another check found.
    pub fn extend(&mut self, other: Self) {
        self.checked.extend(other.checked);
        self.notes.extend(other.notes);
        self.damage.extend(other.damage);
    }
}
