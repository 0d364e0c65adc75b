//! How far a snapshot is, told a few times a second.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// How long nothing is told after something was.
const PERIOD: Duration = Duration::from_millis(250);

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// What goes on.
    pub(crate) words: String,
    /// How many bytes of content are done, of all volumes.
    pub(crate) done: u64,
    /// How many there are.
    pub(crate) all: u64,
}

/// Tells how far it is.
pub(super) struct Meter<'a> {
    /// Hears of it.
    on_progress: &'a (dyn Fn(&Progress) + Sync),
    /// What is told next.
    next: Progress,
    /// When something was told last.
    told: Cell<Option<Instant>>,
}

impl<'a> Meter<'a> {
    /// Begins with so many bytes to come.
    pub(super) fn new(on_progress: &'a (dyn Fn(&Progress) + Sync), all: u64) -> Self {
        Self {
            on_progress,
            next: Progress {
                words: String::new(),
                done: 0,
                all,
            },
            told: Cell::new(None),
        }
    }

    /// Begins with a volume, and tells so.
    pub(super) fn begin(&mut self, words: String) {
        self.next.words = words;
        self.told.set(Some(Instant::now()));
        (self.on_progress)(&self.next);
    }

    /// Tells that so many bytes of the volume are done, if enough time went by.
    pub(super) fn show(&self, done: u64) {
        if self.told.get().is_some_and(|told| told.elapsed() < PERIOD) {
            return;
        }
        self.told.set(Some(Instant::now()));
        let progress = Progress {
            done: self.next.done.saturating_add(done).min(self.next.all),
            ..self.next.clone()
        };
        (self.on_progress)(&progress);
    }

    /// Ends with a volume that had so many bytes.
    pub(super) fn end(&mut self, content: u64) {
        self.next.done = self.next.done.saturating_add(content);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_volume_is_told_once_at_least_and_bytes_add_up() {
        let told = Mutex::new(Vec::new());
        let hear = |progress: &Progress| {
            let words = progress.words.clone();
            told.lock().unwrap().push((words, progress.done));
        };
        let mut meter = Meter::new(&hear, 10);
        meter.begin("a".into());
        meter.show(3);
        meter.end(4);
        meter.begin("b".into());
        drop(meter);
        let told = told.into_inner().unwrap();
        assert_eq!(told, [("a".to_owned(), 0), ("b".to_owned(), 4)]);
    }
}
