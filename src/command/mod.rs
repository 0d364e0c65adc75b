//! One file a command: read what it needs, call `lifecycle`, render; never parses another program's output.

pub(crate) mod aftermath;
pub(crate) mod ask;
pub(crate) mod batch;
mod chosen;
pub(crate) mod complete;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod dispatch;
pub(crate) mod doctor;
pub(crate) mod enroll;
pub(crate) mod error;
pub(crate) mod exec;
pub(crate) mod explain;
pub(crate) mod help;
pub(crate) mod host;
pub(crate) mod interview;
pub(crate) mod janitor;
pub(crate) mod list;
pub(crate) mod secrets;
pub(crate) mod select;
pub(crate) mod teardown;
pub(crate) mod test;
pub(crate) mod view;
pub(crate) mod volume;
pub(crate) mod which_run;
