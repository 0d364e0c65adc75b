//! Settings of ccci and declarations of recipes: what was written becomes what is meant.
