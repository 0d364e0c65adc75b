//! Pure types and decisions: never reads the clock, the disk or the environment.

pub mod abra_sh;
pub mod app;
pub mod app_env;
pub mod backup;
pub mod compose;
pub mod env_file;
pub mod event;
pub mod html;
pub mod journal;
pub mod labels;
pub mod level;
pub mod lint;
pub mod outcome;
pub mod plan;
pub mod policy;
pub(crate) mod policy_objects;
pub(crate) mod policy_raw;
pub(crate) mod policy_service;
pub mod recipe;
pub mod report;
pub mod resource;
pub mod run;
pub mod secret_spec;
pub mod service;
pub mod stage;
pub(crate) mod yaml;
