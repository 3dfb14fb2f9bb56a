"""An embedded cluster behind a real SSH server on loopback."""
