//! What happens to one app in one run: never prints.
