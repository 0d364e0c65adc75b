//! Pure types and decisions: never reads the clock, the disk or the environment.

pub mod compose;
pub mod env_file;
pub mod resource;
pub mod secret_spec;
pub(crate) mod yaml;
