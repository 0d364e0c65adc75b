//! One file per outside program or service: builds its arguments, parses its output, never decides a verdict.

pub(crate) mod abra;
pub(crate) mod app;
pub(crate) mod archive;
pub(crate) mod deployer;
pub(crate) mod docker;
pub(crate) mod forge;
pub(crate) mod git;
pub(crate) mod overlay_files;
pub(crate) mod probe;
pub(crate) mod provider_hook;
pub(crate) mod rendering;
pub(crate) mod runner;
pub(crate) mod stack;
pub(crate) mod test_report;
pub(crate) mod versions;
