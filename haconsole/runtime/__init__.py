"""Drivers: they move events between the doors in `io` and the pure parts, and own all tasks."""
