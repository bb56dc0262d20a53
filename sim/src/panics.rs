//! A machine that panics has failed its seed, and ends nothing else.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Where the panic that is being caught happened; `None` while nothing is caught.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does something that may panic: what it gave, or what the panic said and where.
///
/// # Errors
/// The message of the panic, and its place in the source.
pub fn catch<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |info| {
            let is_caught = PLACE.with_borrow_mut(|place| {
                let known = place.as_mut().zip(info.location());
                known.map(|(place, location)| *place = location.to_string()).is_some()
            });
            if !is_caught {
                print(info);
            }
        }));
    });
    PLACE.set(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(what));
    let place = PLACE.take().unwrap_or_default();
    result.map_err(|payload| format!("{} at {place}", message(&*payload)))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_place() {
        assert_eq!(catch(|| 3), Ok(3));
        let said = catch(|| panic!("a value")).map(|()| 0).unwrap_err();
        assert!(said.starts_with("a value at ") && said.contains("panics.rs:"), "{said}");
        let said = catch(|| panic!("{} of {}", 2, 3)).map(|()| 0).unwrap_err();
        assert!(said.starts_with("2 of 3 at "), "{said}");
    }
}
