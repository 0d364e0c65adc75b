//! What the run of a required recipe and the run that requires it tell each other.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::runner::{Ended, Error};
use crate::{
    model::{
        event::{Event, EventReader, Fact},
        recipe::RecipeName,
        run::{IngressKind, RunId},
    },
    sys::{
        interrupt::Interrupt,
        wait::{Deadline, Waited, wait_until},
    },
};

/// How often either looks what the other has said.
const TURN: Duration = Duration::from_millis(50);

/// What both know.
pub(crate) struct Hold {
    /// The recipes that led to this one, the one that somebody asked for first.
    pub(crate) chain: Vec<RecipeName>,
    /// What was said so far.
    said: Mutex<Said>,
}

/// What was said so far.
#[derive(Default)]
struct Said {
    /// What the required app is, once it is there.
    up: Option<Up>,
    /// What becomes of it.
    order: Option<LetGo>,
    /// How its run ended.
    ended: Option<Result<Ended, Error>>,
    /// What goes on in its run.
    doing: String,
    /// The command that makes a stage of it again that did not pass.
    reproduce: Option<String>,
}

/// A required app that is there.
#[derive(Clone, Debug)]
pub(crate) struct Up {
    /// The run that deployed it.
    pub(crate) run_id: RunId,
    /// Its version.
    pub(crate) version: Option<String>,
    /// Its `.env`.
    pub(crate) env_file: PathBuf,
    /// How it is reached.
    pub(crate) ingress: IngressKind,
}

/// What becomes of a required app that nobody needs any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetGo {
    /// It is removed.
    Remove,
    /// It is kept as long as the app that requires it.
    Keep(Timestamp),
}

/// How a required app came to be there.
pub(crate) enum Came {
    /// It is there.
    Up(Box<Up>),
    /// Its run is over, and it never was.
    Ended,
    /// A signal came first.
    Interrupted,
}

impl Hold {
    /// Begins with nothing said.
    pub(crate) fn new(chain: Vec<RecipeName>) -> Self {
        Self {
            chain,
            said: Mutex::default(),
        }
    }

    /// Says that the app is there, and waits until it is let go or a signal comes.
    pub(crate) fn offer(&self, up: Up, interrupt: &Interrupt) -> LetGo {
        self.said().up = Some(up);
        let order = || Ok::<_, Infallible>(self.said().order);
        let far = Deadline::after(Duration::MAX);
        match wait_until(far, interrupt, order, |_| TURN) {
            Ok(Waited::Done(order)) => order,
            Ok(Waited::TimedOut | Waited::Interrupted) => LetGo::Remove,
        }
    }

    /// Waits until the app is there or never will be; `progress` hears what goes on meanwhile.
    ///
    /// `is_over` says that nobody is left who could say anything.
    pub(crate) fn wait(
        &self,
        interrupt: &Interrupt,
        is_over: &dyn Fn() -> bool,
        progress: &mut dyn FnMut(&str),
    ) -> Came {
        let mut known = String::new();
        let look = || {
            let over = is_over();
            let said = self.said();
            if let Some(up) = &said.up {
                return Ok::<_, Infallible>(Some(Came::Up(Box::new(up.clone()))));
            }
            if over || said.ended.is_some() {
                return Ok(Some(Came::Ended));
            }
            let doing = said.doing.clone();
            drop(said);
            if doing != known {
                progress(&doing);
                known = doing;
            }
            Ok(None)
        };
        let far = Deadline::after(Duration::MAX);
        match wait_until(far, interrupt, look, |_| TURN) {
            Ok(Waited::Done(came)) => came,
            Ok(Waited::TimedOut | Waited::Interrupted) => Came::Interrupted,
        }
    }

    /// Says what becomes of the app.
    pub(crate) fn let_go(&self, order: LetGo) {
        self.said().order.get_or_insert(order);
    }

    /// Says how the app's run ended.
    pub(crate) fn end(&self, ended: Result<Ended, Error>) {
        self.said().ended = Some(ended);
    }

    /// Takes how the app's run ended, and the command that makes it again.
    pub(crate) fn take_end(&self) -> (Option<Result<Ended, Error>>, Option<String>) {
        let mut said = self.said();
        (said.ended.take(), said.reproduce.clone())
    }

    /// Locks what was said.
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventReader for Hold {
    fn read(&self, event: &Event) -> std::io::Result<()> {
        let doing = match &event.fact {
            Fact::Waiting { what } => what.clone(),
            Fact::StageStarted { stage, .. } => stage.to_string(),
            Fact::StageProgress { stage, doing, .. } => format!("{stage}: {doing}"),
            Fact::DependencyProgress { required, doing } => format!("{required}: {doing}"),
            Fact::StageFinished(finished) => {
                let mut said = self.said();
                let reproduce = finished.reproduce.clone();
                said.reproduce = said.reproduce.take().or(reproduce);
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.said().doing = doing;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::interrupt::Signal;

    fn up() -> Up {
        Up {
            run_id: RunId::from_number(7),
            version: None,
            env_file: PathBuf::new(),
            ingress: IngressKind::Direct,
        }
    }

    #[test]
    fn an_app_is_offered_until_it_is_let_go() {
        let hold = Hold::new(Vec::new());
        let interrupt = Interrupt::never();
        let until = LetGo::Keep(Timestamp::UNIX_EPOCH);
        std::thread::scope(|scope| {
            let offer = scope.spawn(|| hold.offer(up(), &interrupt));
            let came = hold.wait(&interrupt, &|| false, &mut |_| {});
            assert!(matches!(came, Came::Up(_)));
            hold.let_go(until);
            hold.let_go(LetGo::Remove);
            assert_eq!(offer.join().unwrap(), until);
        });
    }

    #[test]
    fn whoever_waits_hears_of_an_end_without_an_app() {
        let hold = Hold::new(Vec::new());
        let interrupt = Interrupt::never();
        let came = hold.wait(&interrupt, &|| true, &mut |_| {});
        assert!(matches!(came, Came::Ended));
        hold.end(Err(Error::Interrupted));
        let came = hold.wait(&interrupt, &|| false, &mut |_| {});
        assert!(matches!(came, Came::Ended));
        assert!(matches!(hold.take_end().0, Some(Err(Error::Interrupted))));
    }

    #[test]
    fn a_signal_ends_both_waits() {
        let hold = Hold::new(Vec::new());
        let interrupt = Interrupt::never();
        interrupt.raise(Signal::Int);
        let came = hold.wait(&interrupt, &|| false, &mut |_| {});
        assert!(matches!(came, Came::Interrupted));
        assert_eq!(hold.offer(up(), &interrupt), LetGo::Remove);
    }
}
