//! The front door of the repository: one file per task.

fn main() {}
