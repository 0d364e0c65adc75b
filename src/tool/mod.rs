//! One file per outside program or service: builds its arguments, parses its output, never decides a verdict.
