//! What happens to one app in one run: never prints.

pub(crate) mod announce;
pub(crate) mod attempt;
pub(crate) mod backup_check;
pub(crate) mod canary;
pub(crate) mod canary_row;
pub(crate) mod classify;
pub(crate) mod convergence;
pub(crate) mod declared;
pub(crate) mod deploy;
pub(crate) mod ending;
pub(crate) mod evidence;
pub(crate) mod fetch;
pub(crate) mod images;
pub(crate) mod live;
pub(crate) mod overlay;
pub(crate) mod planting;
pub(crate) mod prepare;
pub(crate) mod reach;
pub(crate) mod record;
pub(crate) mod runner;
pub(crate) mod session;
pub(crate) mod settle;
pub(crate) mod side;
pub(crate) mod stages;
pub(crate) mod teardown;
pub(crate) mod watchdog;
