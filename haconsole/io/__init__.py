"""The only doors out: SSH, HTTP probes, files, capture, the clock. `io.ports` says what they offer."""
