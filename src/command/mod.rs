//! One file per subcommand: reads state, calls lifecycle, renders; never parses another program's output.
