"""Values and events: frozen, typed, units in names. No behaviour but derived values.

Everything else imports from here; this package imports nothing of haconsole and knows no I/O.
Times are seconds since the epoch on the console's own clock (`io.clock`), which never runs
backwards within a process; a time taken from a node says so in its name (`node_time_s`).
"""
