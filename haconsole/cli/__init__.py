"""One module a command; one place for stdout, one for stderr and exit codes."""
