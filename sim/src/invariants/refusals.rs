//! What was asked for, and nothing else, is refused; of a line that is refused it is said what stands
//! in the log before it; and no half of an answer counts as whole.

/// What the client of a request may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// Nothing is wrong with it.
    Good,
    /// It is refused so; `None` when it is refused only where there is something to read.
    Refusal {
        /// The status.
        status: u16,
        /// The message, as a format string.
        message: &'static str,
        /// Whether it is refused whatever there is.
        always: bool,
    },
    /// An update with so many datapoints before a line that is none.
    BadLine(usize),
    /// A script whose result cannot be written to its end.
    Unwritable,
}

/// Checks a refusal: its status, its message where it is known, and how many datapoints it says are
/// stored. `breaks` is whether the client broke its body off, `is_limited` whether there are limits
/// to what it may write.
pub fn check_refused(
    meant: Meant,
    breaks: bool,
    is_limited: bool,
    status: u16,
    message: Option<&'static str>,
    stored: Option<usize>,
) -> Result<(), String> {
    let is_meant = match meant {
        // What is not there now may be asked for again.
        _ if status == 503 || breaks => true,
        // Before the line that is none, or instead of all of it.
        Meant::BadLine(good) if status == 429 => {
            is_limited && stored.is_some_and(|stored| stored < good.max(1))
        }
        Meant::Good if status == 429 => is_limited && stored.is_some(),
        Meant::Refusal { status: its, message: known, .. } => {
            its == status && message == Some(known)
        }
        Meant::BadLine(good) if status == 400 => stored == Some(good),
        Meant::Good | Meant::BadLine(_) | Meant::Unwritable => status >= 500,
    };
    if is_meant { Ok(()) } else { Err(format!("{meant:?}: {status}, {stored:?} stored")) }
}

/// Checks that a complete answer of success may be one.
pub fn check_answered(meant: Meant) -> Result<(), String> {
    match meant {
        Meant::Good | Meant::Refusal { always: false, .. } => Ok(()),
        Meant::Refusal { message, .. } => Err(format!("it was not refused: {message}")),
        Meant::BadLine(_) => Err("a line that is none was not refused".to_owned()),
        Meant::Unwritable => Err("half a result counts as whole".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: Meant = Meant::Refusal { status: 403, message: "Token Expired.", always: true };

    #[test]
    fn what_was_not_meant_to_be_refused_is_seen() {
        for (meant, is_limited, stored, ok) in [
            (Meant::Good, true, Some(1), true),
            (Meant::Good, true, None, false),
            (Meant::Good, false, Some(1), false),
            (Meant::BadLine(2), true, Some(1), true),
            (Meant::BadLine(2), true, Some(2), false),
            (REFUSAL, true, Some(0), false),
        ] {
            let result = check_refused(meant, false, is_limited, 429, None, stored);
            assert_eq!(result.is_ok(), ok, "{meant:?} {is_limited} {stored:?}");
        }
        for (meant, breaks, status, message, stored, ok) in [
            (Meant::Good, false, 400, None, None, false),
            (Meant::Good, true, 400, None, None, true),
            (Meant::Good, false, 503, None, None, true),
            (Meant::Good, false, 500, None, None, true),
            (REFUSAL, false, 403, Some("Token Expired."), None, true),
            (REFUSAL, false, 403, Some("Invalid token."), None, false),
            (REFUSAL, false, 403, None, None, false),
            (REFUSAL, false, 500, Some("Token Expired."), None, false),
            (Meant::BadLine(2), false, 400, None, Some(2), true),
            (Meant::BadLine(2), false, 400, None, Some(3), false),
            (Meant::BadLine(2), false, 400, None, None, false),
            (Meant::BadLine(2), false, 404, None, Some(2), false),
        ] {
            let result = check_refused(meant, breaks, false, status, message, stored);
            assert_eq!(result.is_ok(), ok, "{meant:?} {breaks} {status} {message:?} {stored:?}");
        }
    }

    #[test]
    fn what_had_to_be_refused_is_seen() {
        assert_eq!(check_answered(Meant::Good), Ok(()));
        assert!(check_answered(REFUSAL).is_err());
        assert!(check_answered(Meant::BadLine(0)).is_err());
        assert!(check_answered(Meant::Unwritable).is_err());
        let sometimes = Meant::Refusal { status: 500, message: "", always: false };
        assert_eq!(check_answered(sometimes), Ok(()));
    }
}
