//! Model to text, into the `Write` it is given: never runs anything.

pub(crate) mod block;
pub(crate) mod board;
pub(crate) mod canonicals;
pub(crate) mod clean;
pub(crate) mod dependencies;
pub(crate) mod diagnosis;
pub(crate) mod enroll;
pub(crate) mod explain;
pub(crate) mod github;
pub(crate) mod junit;
pub(crate) mod level;
pub(crate) mod line;
pub(crate) mod lines;
pub(crate) mod listing;
pub(crate) mod live;
pub(crate) mod mode;
pub(crate) mod plan;
pub(crate) mod problem_page;
pub(crate) mod reaping;
pub(crate) mod reconciling;
pub(crate) mod results;
pub(crate) mod running;
#[cfg(test)]
mod sample;
pub(crate) mod screen;
pub(crate) mod sizes;
pub(crate) mod standing;
pub(crate) mod summary;
pub(crate) mod sweeping;
pub(crate) mod terminal;
pub(crate) mod times;
