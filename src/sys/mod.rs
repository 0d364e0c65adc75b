//! The operating system: processes, files, locks, signals; it does not know recipes.

pub(crate) mod artifacts;
pub(crate) mod beside;
pub(crate) mod context;
pub(crate) mod durable;
pub(crate) mod interrupt;
pub(crate) mod journal;
pub(crate) mod lock;
pub(crate) mod own_program;
pub(crate) mod process;
pub(crate) mod pty;
pub(crate) mod random;
pub(crate) mod redact;
pub(crate) mod run_dir;
pub(crate) mod run_files;
pub(crate) mod tombstones;
pub(crate) mod tree;
pub(crate) mod wait;
