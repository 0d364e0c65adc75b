//! Pure types and decisions: never reads the clock, the disk or the environment.
