//! Error messages as clients of the reference know them: a cause in parentheses behind what it
//! caused, shortened in the middle where the whole would be too long.

/// Characters of an error message, its prefix included.
pub(crate) const MESSAGE_MAX: usize = 1_024;

/// Below this a part of a message tells nothing.
const PART_MIN: usize = 32;

/// Joins a message and its causes, outermost first, into at most `max` characters (about: a very
/// long chain of causes ends in `...`).
pub(crate) fn chain(messages: &[&str], max: usize) -> String {
    let mut parts: Vec<String> = messages.iter().map(|&part| part.to_owned()).collect();
    let joined = join(&parts);
    let length = joined.chars().count();
    if length <= max {
        return joined;
    }
    let parts_max = max / PART_MIN;
    if parts.len() > parts_max {
        parts.truncate(parts_max.saturating_sub(1));
        parts.push("...".to_owned());
    }
    // Deeper causes give way first, each down to its share.
    let share = (max / parts.len()).saturating_sub(3);
    let mut excess = length - max;
    for part in parts.iter_mut().rev() {
        let before = part.chars().count();
        *part = shorten(part, share.max(before.saturating_sub(excess)));
        excess = excess.saturating_sub(before.saturating_sub(part.chars().count()));
        if excess == 0 {
            break;
        }
    }
    join(&parts)
}

/// `prefix` and the chained messages, within [`MESSAGE_MAX`] together.
pub(crate) fn chain_after(prefix: &str, messages: &[&str]) -> String {
    let mut message = prefix.to_owned();
    message.push_str(&chain(messages, MESSAGE_MAX - prefix.len()));
    message
}

fn join(parts: &[String]) -> String {
    let mut joined = parts.join(" (");
    joined.extend(std::iter::repeat_n(')', parts.len().saturating_sub(1)));
    joined
}

/// Replaces the middle by `...` so that `length` characters remain.
fn shorten(text: &str, length: usize) -> String {
    const GAP: &str = "...";
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= length || length < GAP.len() + 2 {
        return text.to_owned();
    }
    let kept = length - GAP.len();
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let mut short: String = characters[..head].iter().collect();
    short.push_str(GAP);
    short.extend(&characters[characters.len() - tail..]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_in_parentheses() {
        assert_eq!(chain(&["a"], 100), "a");
        assert_eq!(chain(&["a", "b", "c"], 100), "a (b (c))");
    }

    #[test]
    fn deeper_causes_are_shortened_first() {
        let long = "x".repeat(200);
        let message = chain(&["outer", &long], 100);
        assert!(message.starts_with("outer (xxx"));
        assert!(message.contains("..."));
        assert!(message.chars().count() <= 100);
    }

    #[test]
    fn the_middle_goes() {
        assert_eq!(shorten("abcdefghij", 8), "abc...ij");
        assert_eq!(shorten("abc", 8), "abc");
    }
}
