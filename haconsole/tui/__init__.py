"""The full-screen console: state -> what to show; no I/O, no decisions."""
