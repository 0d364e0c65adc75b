//! What happens to one app in one run: never prints.

pub(crate) mod announce;
pub(crate) mod canary;
pub(crate) mod classify;
pub(crate) mod convergence;
pub(crate) mod teardown;
