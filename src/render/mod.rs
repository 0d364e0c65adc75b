//! Model to text, into the `Write` it is given: never runs anything.
