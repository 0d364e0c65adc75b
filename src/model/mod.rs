//! Pure types and decisions: never reads the clock, the disk or the environment.

pub mod abra_sh;
pub mod backup;
pub mod compose;
pub mod env_file;
pub mod labels;
pub mod lint;
pub mod policy;
pub(crate) mod policy_objects;
pub(crate) mod policy_raw;
pub(crate) mod policy_service;
pub mod resource;
pub mod secret_spec;
pub mod service;
pub(crate) mod yaml;
