"""Findings as pure rules, one family a file."""
