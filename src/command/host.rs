//! What every command starts from: the flags, the environment, the settings, the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::error::Error;
use crate::{
    cli::{Global, variables},
    config::{
        environment::{Environment, GIT_TOKEN, MIRROR_TOKEN},
        load::{Machine, Sources, load},
        settings::Settings,
    },
    model::input::TypedFlag,
    sys::{
        context::Context,
        interrupt::Interrupt,
        process::{Host, fence},
        redact::Redactor,
    },
};

/// One call of ccci.
pub(crate) struct Call {
    /// The flags that every command takes.
    pub(crate) global: Global,
    /// The flags that were typed.
    typed: Vec<TypedFlag>,
    /// The command line, without the program's name.
    pub(crate) words: Vec<String>,
    /// The environment.
    env: OnceLock<Environment>,
}

/// The programs that a run needs.
pub(crate) struct Programs {
    /// Where docker is.
    pub(crate) docker: PathBuf,
    /// Where git is.
    pub(crate) git: PathBuf,
}

impl Call {
    /// Takes a command line that was understood.
    pub(crate) fn new(global: Global, typed: Vec<TypedFlag>, words: Vec<String>) -> Self {
        Self {
            global,
            typed,
            words,
            env: OnceLock::new(),
        }
    }

    /// Returns the environment, read once.
    pub(crate) fn env(&self) -> &Environment {
        self.env.get_or_init(Environment::read)
    }

    /// Returns the flag's text, when it was typed.
    pub(crate) fn typed(&self, long: &str) -> Option<&str> {
        let flag = self.typed.iter().find(|flag| flag.long == long)?;
        Some(&flag.text)
    }

    /// Returns the variables of ours that mean nothing; one that is unusable is an error.
    pub(crate) fn unknown_variables(&self) -> Result<Vec<String>, Error> {
        Ok(self.env().check(&variables())?)
    }

    /// Reads the settings, for a call that tests these checkouts.
    pub(crate) fn settings(&self, checkouts: &[PathBuf]) -> Result<Settings, Error> {
        let sources = Sources {
            env: self.env(),
            machine: &Machine::read()?,
            config_flag: self.typed("config").map(Path::new),
            flags: &self.typed,
            checkouts,
        };
        Ok(load(&sources)?)
    }

    /// Returns what commands act with; takes over the signals, so it is called once.
    pub(crate) fn context(
        &self,
        settings: Settings,
        programs: Programs,
        redactor: Redactor,
    ) -> Result<Context, Error> {
        fence::hide_ourselves();
        let interrupt = Interrupt::install()
            .map_err(|error| Error::not_given("failed to take over signals", error))?;
        // Commands that fetch nothing have no use for it, and must not show it.
        for variable in [GIT_TOKEN, MIRROR_TOKEN] {
            let token = self.env().text(variable)?;
            token.map(|token| redactor.register(token));
        }
        Ok(Context {
            git_token: None,
            mirror_token: None,
            settings,
            host: Host {
                redactor,
                interrupt,
                base_env: self.env().for_children(),
                inherit: None,
                echo: None,
            },
            docker: programs.docker,
            git: programs.git,
            own_folder: own_folder(),
            hostname: of_kernel("hostname"),
            boot_id: of_kernel("random/boot_id"),
            argv: self.words.clone(),
        })
    }
}

/// Returns the folder of the running program; nothing when the kernel does not say.
fn own_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.parent()?.to_owned())
}

/// Reads what the kernel says of this machine; the empty text where it does not.
fn of_kernel(name: &str) -> String {
    let text = fs::read_to_string(Path::new("/proc/sys/kernel").join(name));
    text.unwrap_or_default().trim().to_owned()
}
