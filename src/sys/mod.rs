//! The operating system: processes, files, locks, signals; it does not know recipes.
