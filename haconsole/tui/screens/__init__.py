"""Screens: they ask the app for snapshots, have `view` turn them into rows, and hand these to widgets."""
