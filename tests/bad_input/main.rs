//! Gives the real `ccci` what nobody should, and asks what it did about it: nothing, and said so.

mod environment;
mod files;
mod kept;
mod left;
mod names;
mod revisions;
mod selection;
mod values;
mod world;
