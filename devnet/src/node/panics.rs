//! Turns a panic of the runtime into an error.
//!
//! A runtime reports impossible inputs (a malformed argument, a missing inherent) by panicking, because
//! in its usual home, a sandbox, that only ends one call. Here it would print to the terminal and take
//! the calling task with it.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Once,
};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic inside becomes `Err` with its message and place, printed nowhere.
pub fn guarded<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    install_hook();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    outcome.map_err(|_| MESSAGE.take().unwrap_or_else(|| "the runtime panicked without a message".into()))
}

/// Panics of guarded threads are recorded; all others go to the hook that was there before.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                MESSAGE.set(Some(describe(info)));
            } else {
                previous(info);
            }
        }));
    });
}

fn describe(info: &std::panic::PanicHookInfo<'_>) -> String {
    let text = info.payload_as_str().unwrap_or("a panic without text");
    match info.location() {
        Some(place) => format!("{text} ({}:{})", place.file(), place.line()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        let caught = guarded(|| panic!("number {}", 7)).unwrap_err();
        assert!(caught.starts_with("number 7 ("), "{caught}");
    }

    #[test]
    fn a_result_passes_through() {
        assert_eq!(guarded(|| 5), Ok(5));
    }

    #[test]
    fn guards_nest() {
        let outer = guarded(|| {
            assert!(guarded(|| panic!("inner")).is_err());
            panic!("outer")
        });
        assert!(matches!(outer, Err(message) if message.starts_with("outer")));
    }
}
