complete --keep-order --exclusive --command ccci --arguments "(COMPLETE=fish ccci -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
