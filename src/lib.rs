//! ccci, a test runner for Co-op Cloud recipes.

pub(crate) mod command;
pub(crate) mod config;
pub(crate) mod lifecycle;
pub mod model;
pub(crate) mod render;
pub(crate) mod sys;
pub(crate) mod tool;
