//! Docker's command line: one private builder, one method per verb, parsers on bytes.

pub(crate) mod birth;
pub(crate) mod bystander;
pub(crate) mod client;
pub(crate) mod container;
pub(crate) mod exec;
pub(crate) mod image;
pub(crate) mod inventory;
pub(crate) mod network;
pub(crate) mod pool;
pub(crate) mod service;
pub(crate) mod setup;
pub(crate) mod stack;
pub(crate) mod volume;
pub(crate) mod volume_container;
