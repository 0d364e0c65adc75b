//! Settings of ccci and declarations of recipes: what was written becomes what is meant.

pub(crate) mod always_on;
pub(crate) mod environment;
pub(crate) mod error;
mod file;
pub(crate) mod keys;
pub(crate) mod layer;
pub(crate) mod load;
pub(crate) mod placeholder;
pub(crate) mod probe_config;
pub(crate) mod recipe_config;
pub(crate) mod reference;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod settings;
pub(crate) mod work_tree;
mod written;
