//! Pure types and decisions: never reads the clock, the disk or the environment.

pub mod app;
pub mod event;
pub mod level;
pub mod outcome;
pub mod plan;
pub mod recipe;
pub mod report;
pub mod resource;
pub mod run;
pub mod stage;
