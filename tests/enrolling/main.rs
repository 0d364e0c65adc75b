//! Enrolls recipes with the real `ccci`, and lists where they stand, without deploying anything.

mod listed;
mod world;
