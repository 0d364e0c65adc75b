//! Work that goes on beside its caller where the system has a thread for it, and in its caller's place where it has none.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
    thread::{Builder, Scope, ScopedJoinHandle},
};

/// Work that may still go on.
pub(crate) enum Beside<'scope, T> {
    /// It goes on in a thread.
    Thread(ScopedJoinHandle<'scope, T>),
    /// It was done at once.
    Done(T),
}

/// Begins work in a thread of a scope; does it at once where the system refuses one.
pub(crate) fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Beside<'scope, T> {
    // A thread that is refused takes along what it was given, so it takes the work only when it runs.
    let work = Arc::new(Mutex::new(Some(work)));
    let theirs = Arc::clone(&work);
    let thread = Builder::new().spawn_scoped(scope, move || once(&theirs));
    match thread {
        Ok(thread) => Beside::Thread(thread),
        Err(_) => Beside::Done(once(&work)),
    }
}

/// Does work that is done once, by whoever gets to it.
fn once<T>(work: &Mutex<Option<impl FnOnce() -> T>>) -> T {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    work.expect("either a thread or its caller does it")()
}

impl<T> Beside<'_, T> {
    /// Waits for the work's result; its panic goes on here.
    pub(crate) fn join(self) -> T {
        match self {
            Self::Thread(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Self::Done(result) => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_once_in_a_thread_or_in_place() {
        let numbers = [1, 2, 3];
        let sum = std::thread::scope(|scope| {
            let sum = beside(scope, || numbers.iter().sum::<i32>());
            assert!(matches!(sum, Beside::Thread(_)));
            sum.join()
        });
        assert_eq!(sum, 6);
        assert_eq!(Beside::Done(7).join(), 7);
        assert_eq!(once(&Mutex::new(Some(|| 8))), 8);
    }
}
